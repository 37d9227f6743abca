"""The demo's assortment: the vendor price sheet through the import wizard's services, a few products typed by hand."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.catalogue.imports.runs import confirm_import
from app.catalogue.imports.upload import upload_sheet
from app.catalogue.jobs import RUN_IMPORT
from app.catalogue.material import Question, set_questions
from app.catalogue.models import BillingCycle, Product, ProductKind, Term
from app.catalogue.product_lists import ProductFilter
from app.catalogue.services.categories import CategoryDetails, RuleDetails, add_rule, create_category
from app.catalogue.services.pictures import set_picture
from app.catalogue.services.prices import PriceDetails, set_price
from app.catalogue.services.product_details import ProductDetails
from app.catalogue.services.product_types import ProductTypeDetails, create_product_type
from app.catalogue.services.products import (
    NewProduct,
    ProductMark,
    create_product,
    mark_products,
    update_product,
)
from app.core.clock import local_date, utc_now
from app.core.config import settings
from app.core.db import session, unit_of_work
from app.core.secrets import encrypt
from app.pricing.models import PriceRule
from app.pricing.price_lists.entries import EntryRule, add_matching, add_products
from app.pricing.price_lists.services import PriceListDetails, create_price_list
from app.provisioning.models import ServiceManager
from app.resellers.plans import plan_products
from app.seed.cast import CATEGORIES
from app.seed.drawing import tile
from app.seed.stage import OPEN_FOR, Stage
from app.seed.work import run
from app.subscriptions.asset_models import AssetFieldKind
from app.subscriptions.custom_fields import FieldDetails, create_field
from tenants.context import scope

SHEET = "vendor_price_sheet_us.csv"
HAND_VENDOR = "Papyrus Works"  # never the distributor's own name: vendors stand on every storefront
VENDOR_KEY = "demo-vendor-key"
FEATURED = ("Microsoft 365 Business Premium", "Microsoft 365 Business Basic", "Microsoft 365 E3", "Power BI Pro")
ONCE, A_YEAR = (Term.NONE, BillingCycle.ONE_TIME), (Term.P1Y, BillingCycle.ANNUAL)
TRIED = ("Microsoft 365 Business Premium", "Power BI Pro")
ASKED = (
    Question("How soon can we work with it?", "Licences are set up within minutes of your order; a mail tells when."),
    Question("May we have more later?", "Yes. What is added is charged from its day to the end of the running period."),
    Question("Can we try it first?", "Yes, for 30 days and once. Nothing is charged, and it ends by itself."),
)
NEW = ("Microsoft 365 Copilot", "Microsoft Defender for Business", "Visio Plan 2")


def fill_catalogue(stage: Stage) -> None:
    """Set up the vendor, import the sheet, add consulting by hand, make and fill the price list."""
    with scope(stage.scope):
        _register_vendor(stage)
        _make_categories(stage)
        if stage.cast.imports_sheet:
            _import_sheet(stage)
        _add_by_hand(stage)
        _mark(stage)
        _let_try(stage)
        _answer_questions(stage)
        _give_pictures(stage)
        _make_price_list(stage)


def _register_vendor(stage: Stage) -> None:
    with unit_of_work():
        manager = ServiceManager(
            name="Demo vendor",
            kind="service_manager" if settings().demo_vendor_url else "manual",
            base_url=f"{settings().demo_vendor_url}/api" if settings().demo_vendor_url else None,
            application_id=f"app-{stage.cast.host.split('.')[1]}",
            api_key_encrypted=encrypt(VENDOR_KEY),
            created_at=utc_now(),
        )
        session.add(manager)
        session.flush()
        stage.service_manager_id = manager.id


def _make_categories(stage: Stage) -> None:
    with unit_of_work():
        for position, (name, icon, rules) in enumerate(CATEGORIES):
            category = create_category(
                CategoryDetails(name, icon=icon, position=position), actor=stage.manager, at=utc_now()
            )
            session.flush()
            for field, words in rules:
                add_rule(RuleDetails(field, words, category.id), actor=stage.manager, at=utc_now())


def _import_sheet(stage: Stage) -> None:
    sheet = Path(str(files("app.local"))) / "demo_data" / SHEET
    with sheet.open("rb") as stream, unit_of_work():
        run_id = upload_sheet(
            stream, SHEET, service_manager_id=stage.service_manager_id, actor=stage.manager, at=utc_now()
        ).id
    run(RUN_IMPORT, run_id, stage.distributor_id)
    with unit_of_work():
        confirm_import(run_id, segments=["Commercial"], actor=stage.manager, at=utc_now())
    run(RUN_IMPORT, run_id, stage.distributor_id)


def _add_by_hand(stage: Stage) -> None:
    """Add a service that people deliver, a one-off licence, and a domain: kinds the sheet does not have."""
    with unit_of_work():
        consulting = create_product_type(
            ProductTypeDetails("Consulting", ProductKind.ONE_OFF, non_automatic=True), actor=stage.manager, at=utc_now()
        )
        software = create_product_type(
            ProductTypeDetails("Perpetual software", ProductKind.ONE_OFF, service_manager_id=stage.service_manager_id),
            actor=stage.manager,
            at=utc_now(),
        )
        domains = create_product_type(
            ProductTypeDetails("Domain names", ProductKind.DOMAIN), actor=stage.manager, at=utc_now()
        )
        session.flush()
        for code, name, text, type_id, unit, cost, price, term in (
            (
                "MIG-DAY", "Migration day", "One day of an engineer who moves mail, files and people.",
                consulting.id, "day", "620", "980", ONCE,
            ),
            (
                "SCAN-PRO", "DocuScan Pro", "Turns paper into searchable documents. Licence without end.",
                software.id, "device", "74.50", "119", ONCE,
            ),
            (
                "DOM-EXAMPLE", "Domain .example", "A name of your own for a year: registered or moved to us.",
                domains.id, "domain", "9", "14", A_YEAR,
            ),
        ):  # fmt: skip
            _product(stage, code, name, text, type_id, unit, Decimal(cost), Decimal(price), term)
        create_field(
            FieldDetails(
                code="licence-key",
                name="Licence key",
                kind=AssetFieldKind.TEXT,
                is_searchable=True,
                shows_in_storefront=True,
                product_type_ids=frozenset({software.id}),
            ),
            actor=stage.manager,
            at=utc_now(),
        )


def _product(
    stage: Stage,
    code: str,
    name: str,
    text: str,
    type_id: UUID,
    unit: str,
    cost: Decimal,
    price: Decimal,
    term: tuple[Term, BillingCycle],
) -> None:
    details = ProductDetails(
        name=name, product_type_id=type_id, description=text, vendor=HAND_VENDOR, unit_of_measure=unit
    )
    product = create_product(NewProduct(code, details), actor=stage.manager, at=utc_now())
    session.flush()
    set_price(
        product.id,
        PriceDetails(*term, "USD", list_price=price, vendor_cost=cost),
        actor=stage.manager,
        at=utc_now(),
    )
    session.flush()
    mark_products(ProductMark.PUBLISH, ProductFilter(), product_ids=[product.id], actor=stage.manager, at=utc_now())


def _mark(stage: Stage) -> None:
    for names, mark in ((FEATURED, ProductMark.FEATURE), (NEW, ProductMark.MARK_NEW)):
        with unit_of_work():
            found = session.scalars(
                select(Product.id).where(
                    Product.distributor_id == stage.distributor_id, Product.name.in_(names), Product.is_published
                )
            ).all()
            if found:
                mark_products(mark, ProductFilter(), product_ids=found, actor=stage.manager, at=utc_now())


def _let_try(stage: Stage) -> None:
    """Give two products of the sheet a trial of 30 days."""
    with unit_of_work():
        found = session.scalars(
            select(Product).where(
                Product.distributor_id == stage.distributor_id, Product.name.in_(TRIED), Product.is_published
            )
        ).all()
        for product in found:
            known: dict[str, Any] = {each.name: getattr(product, each.name, None) for each in fields(ProductDetails)}
            columns = {name: value for name, value in known.items() if value is not None}
            columns |= {"description": product.short_description, "trial_days": 30}
            details = ProductDetails(**columns)
            update_product(product.id, details, version=product.version, actor=stage.manager, at=utc_now())


def _answer_questions(stage: Stage) -> None:
    with unit_of_work():
        for product in session.scalars(
            select(Product).where(
                Product.distributor_id == stage.distributor_id, Product.name.in_(TRIED), Product.is_published
            )
        ).all():
            set_questions(product.id, ASKED, version=product.version, actor=stage.manager, at=utc_now())


def _give_pictures(stage: Stage) -> None:
    with unit_of_work():
        for product in session.scalars(
            select(Product).where(Product.distributor_id == stage.distributor_id, Product.is_published)
        ).all():
            set_picture(product.id, tile(product.name), actor=stage.manager, at=utc_now())


def _make_price_list(stage: Stage) -> None:
    today = local_date(utc_now(), stage.cast.time_zone)
    with unit_of_work():
        price_list = create_price_list(
            PriceListDetails(stage.cast.list_name, "USD", today - OPEN_FOR), actor=stage.manager, at=utc_now()
        )
        session.flush()
        add_matching(
            price_list.id,
            ProductFilter(),
            EntryRule(PriceRule.MARKUP, stage.cast.list_markup),
            actor=stage.manager,
            at=utc_now(),
        )
        plans = [plan.id for plan in plan_products()]
        add_products(price_list.id, plans, EntryRule(PriceRule.SAME), actor=stage.manager, at=utc_now())
        stage.price_list_id = price_list.id
