"""`python -m tests.journeys.stage`: what stands before the journeys begin, made in the installation's database.

Meridian (`MAIN`) has staff, a vendor and plans and nothing else: the main job makes the rest by hand. Aurora (`READY`)
sells already: a reseller with a storefront and customers, and a Basic reseller.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import BillingCycle, Product, ProductKind, Term
from app.catalogue.product_lists import ProductFilter
from app.catalogue.services.prices import PriceDetails, set_price
from app.catalogue.services.product_details import ProductDetails
from app.catalogue.services.product_types import ProductTypeDetails, create_product_type
from app.catalogue.services.products import NewProduct, ProductMark, create_product, mark_products
from app.core.clock import local_date, utc_now
from app.core.config import settings
from app.core.db import session, unit_of_work
from app.core.secrets import encrypt
from app.notifications.settings import save_mail_settings
from app.pricing.models import PriceRule
from app.pricing.price_lists.entries import EntryRule, add_products
from app.pricing.price_lists.services import PriceListDetails, create_price_list
from app.pricing.queries import price_list_ids_of
from app.pricing.rules import MarkupTarget, set_markup
from app.provisioning.models import ServiceManager
from app.resellers.listings import list_products
from app.resellers.plans import plan_products
from app.seed.cast import Cast, Customer, Person, Reseller, Style
from app.seed.companies import open_accounts
from app.seed.distributors import create_distributor, demo_mail_server
from app.seed.stage import Stage
from tenants.context import reseller_scope, scope
from tests.fakes.demo_vendor import API_KEY

STYLE = Style("base", "cobalt", "system", "Software for your business", "Ordered in minutes.", ("#2353d6", "#0b7a75"))

MAIN = Cast(
    name="Meridian Cloud Supply",
    host="cloud.disti.localhost",
    time_zone="Europe/Athens",
    style=STYLE,
    staff=((Person("Mara", "Lind", "mara@meridian.example"), "administrator"),),
    resellers=(),
    direct=Customer("Agora Retail", "Athens", "GR", Person("Sofia", "Raptis", "sofia@agora.example")),
    list_name="Partner prices",
    list_markup=Decimal(25),
)
SHOPKEEPER = Person("Jonas", "Petersen", "jonas@hafen-it.example")
BUYER = Person("Britta", "Sommer", "britta@elbtal.example")
BASIC_RESELLER = Person("Louis", "Garnier", "louis@basic-resale.example")
UPGRADING_RESELLER = Person("Ines", "Duarte", "ines@riverside.example")
READY = Cast(
    name="Aurora Distribution",
    host="cloud.aurora.localhost",
    time_zone="Europe/Stockholm",
    style=STYLE,
    staff=((Person("Astrid", "Holm", "astrid@aurora.example"), "administrator"),),
    resellers=(
        Reseller(
            "Hafen IT", "Hamburg", "DE", "standard", "hafen-it", SHOPKEEPER,
            customers=(Customer("Elbtal Logistik", "Hamburg", "DE", BUYER),),
        ),
        Reseller(
            "Basic Resale", "Lyon", "FR", "basic", None, BASIC_RESELLER,
            customers=(Customer("Atelier Soleil", "Lyon", "FR", Person("Jeanne", "Petit", "jeanne@soleil.example")),),
        ),
        Reseller("Riverside Cloud", "Porto", "PT", "basic", None, UPGRADING_RESELLER),
    ),
    direct=Customer("Lindqvist Bygg", "Uppsala", "SE", Person("Emil", "Lindqvist", "emil@lindqvist.example")),
    list_name="Partners",
    list_markup=Decimal(25),
)  # fmt: skip
MAILBOX = "Contoso Mailbox"
SCANNER = "DocuScan Pro"


def main() -> None:
    """Make both distributors."""
    _with_vendor(create_distributor(MAIN))
    ready = create_distributor(READY)
    _with_vendor(ready)
    _fill(ready)
    open_accounts(ready)
    _open_shop(ready)


def _with_vendor(stage: Stage) -> None:
    with scope(stage.scope), unit_of_work():
        manager = ServiceManager(
            name="Demo vendor",
            kind="service_manager",
            base_url=f"{settings().demo_vendor_url}/api",
            application_id=f"app-{stage.cast.host.split('.')[1]}",
            api_key_encrypted=encrypt(API_KEY),
            created_at=utc_now(),
        )
        session.add(manager)
        session.flush()
        stage.service_manager_id = manager.id


def _fill(stage: Stage) -> None:
    """Two products with prices, and a price list of them and the plans."""
    at = utc_now()
    with scope(stage.scope), unit_of_work():
        made = [
            _product(stage, MAILBOX, ProductKind.SUBSCRIPTION, Term.P1M, BillingCycle.MONTHLY, "8", "12"),
            _product(stage, SCANNER, ProductKind.ONE_OFF, Term.NONE, BillingCycle.ONE_TIME, "40", "60"),
        ]
        today = local_date(at, stage.cast.time_zone)
        partners = create_price_list(PriceListDetails(stage.cast.list_name, "USD", today), actor=stage.manager, at=at)
        session.flush()
        add_products(partners.id, made, EntryRule(PriceRule.MARKUP, stage.cast.list_markup), actor=stage.manager, at=at)
        plans = [plan.id for plan in plan_products()]
        add_products(partners.id, plans, EntryRule(PriceRule.SAME), actor=stage.manager, at=at)
        stage.price_list_id = partners.id


def _product(
    stage: Stage, name: str, kind: ProductKind, term: Term, cycle: BillingCycle, cost: str, price: str
) -> UUID:
    at = utc_now()
    product_type = create_product_type(
        ProductTypeDetails(f"{name} type", kind, service_manager_id=stage.service_manager_id),
        actor=stage.manager,
        at=at,
    )
    session.flush()
    details = ProductDetails(name=name, product_type_id=product_type.id, vendor="Contoso", unit_of_measure="user")
    product = create_product(NewProduct(name.upper().replace(" ", "-"), details), actor=stage.manager, at=at)
    session.flush()
    prices = PriceDetails(term, cycle, "USD", list_price=Decimal(price), vendor_cost=Decimal(cost))
    set_price(product.id, prices, actor=stage.manager, at=at)
    session.flush()
    mark_products(ProductMark.PUBLISH, ProductFilter(), product_ids=[product.id], actor=stage.manager, at=at)
    return product.id


def _open_shop(stage: Stage) -> None:
    """List both products at a markup of 20 % and let mail leave."""
    reseller_id = stage.accounts["Hafen IT"]
    inside = reseller_scope(stage.distributor_id, reseller_id)
    with scope(inside):
        lists = price_list_ids_of(reseller_id)
        session.rollback()
    at = utc_now()
    with scope(inside.with_price_lists(lists)), unit_of_work():
        set_markup(MarkupTarget.default(), Decimal(20), reseller_id=reseller_id, actor=stage.manager, at=at)
        found = session.scalars(
            select(Product.id).where(Product.distributor_id == stage.distributor_id, Product.plan_edition.is_(None))
        ).all()
        server = demo_mail_server("Hafen IT", "shop@hafen-it.example")
        assert server is not None
        save_mail_settings(server, reseller_id=reseller_id, actor=stage.manager, at=at)
        list_products(
            found, reseller_id=reseller_id, on=local_date(at, stage.cast.time_zone), actor=stage.manager, at=at
        )


if __name__ == "__main__":
    main()
