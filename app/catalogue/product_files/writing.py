"""Writing planned rows into the catalogue: a chunk at once, and row by row where the chunk is refused (CB-14)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError

from app.catalogue.models import BillingType, Product, ProductPrice, VendorCost
from app.catalogue.product_files.models import FileChargeType, ProductFile, RowOutcome
from app.catalogue.product_files.planning import Plan
from app.catalogue.product_files.reading import Draft
from app.catalogue.text import search_text, slugified
from app.core.db import session
from app.core.ids import new_id
from tenants.context import current_scope

log = logging.getLogger(__name__)
REFUSED = "The catalogue refuses this row: something changed meanwhile. Import it again."


def write_plans(file: ProductFile, plans: Sequence[Plan], *, at: datetime) -> Sequence[UUID]:
    """Write what was planned and return the products whose prices depend on it; a refused row becomes an error."""
    wanted = [plan for plan in plans if plan.outcome in (RowOutcome.CREATED, RowOutcome.UPDATED)]
    try:
        with session.begin_nested():
            _write(file, wanted, at=at)
    except (IntegrityError, DataError):
        log.warning("product_chunk_refused", extra={"file_id": str(file.id), "first_row": plans[0].draft.number})
        for plan in wanted:
            _write_alone(file, plan, at=at)
    return [plan.product.id for plan in wanted if plan.product is not None and plan.outcome is not RowOutcome.ERROR]


def _write_alone(file: ProductFile, plan: Plan, *, at: datetime) -> None:
    if plan.outcome is RowOutcome.CREATED:
        plan.product = None
    try:
        with session.begin_nested():
            _write(file, [plan], at=at)
    except (IntegrityError, DataError) as error:
        log.warning("product_row_refused", extra={"row": plan.draft.number, "reason": str(error.orig)})
        plan.outcome, plan.message = RowOutcome.ERROR, REFUSED


def _write(file: ProductFile, plans: Sequence[Plan], *, at: datetime) -> None:
    created = [plan for plan in plans if plan.outcome is RowOutcome.CREATED]
    slugs = _slugs([plan.draft for plan in created])
    for plan in created:
        plan.product = _new_product(file, plan.draft, slugs[plan.draft.number], at=at)
        session.add(plan.product)
    session.flush()
    for plan in plans:
        product = plan.product
        if product is None:
            continue
        if plan.columns:
            for name, value in plan.columns.items():
                setattr(product, name, value)
            product.search_text = search_text(name=product.name, code=product.code, vendor=product.vendor)
        if plan.outcome is RowOutcome.UPDATED:
            product.version, product.updated_at = product.version + 1, at
        _set_prices(file, plan, product)
    session.flush()


def _new_product(file: ProductFile, draft: Draft, slug: str, *, at: datetime) -> Product:
    is_published = bool(file.defaults.get("is_published")) and any(each.list_price is not None for each in draft.prices)
    vendor = draft.columns.get("vendor", "")
    return Product(
        id=new_id(),
        code=draft.code,
        code_key=draft.code.lower(),
        name=draft.name,
        slug=slug,
        search_text=search_text(name=draft.name, code=draft.code, vendor=vendor),
        product_type_id=draft.type_id,
        billing_type=(BillingType.ON_END if file.charge_type is FileChargeType.PAY_PER_USE else BillingType.ON_START),
        is_active=True,
        is_published=is_published,
        published_at=at if is_published else None,
        characteristics=dict(draft.characteristics),
        created_at=at,
        updated_at=at,
        **draft.columns,
    )


def _set_prices(file: ProductFile, plan: Plan, product: Product) -> None:
    """Prices of a person's own sheet are set by hand: a vendor's sheet does not overwrite them."""
    for each in plan.draft.prices:
        key = {"product_id": product.id, "term": each.term, "cycle": each.cycle, "currency": file.currency}
        at = (product.id, each.term, each.cycle)
        price, cost = plan.prices.get(at), plan.costs.get(at)
        if each.list_price is not None:
            if price is None:
                price = ProductPrice(id=new_id(), list_price=each.list_price, is_manual=True, **key)
                session.add(price)
            elif price.list_price != each.list_price or price.is_withdrawn:
                price.list_price, price.term_list_price = each.list_price, None
                price.is_manual, price.is_withdrawn = True, False
        if each.setup_fee is not None and price is not None:
            price.setup_fee = each.setup_fee
        if each.cost is None:
            continue
        if cost is None:
            session.add(VendorCost(id=new_id(), vendor_cost=each.cost, **key))
        elif cost.vendor_cost != each.cost:
            cost.vendor_cost, cost.term_vendor_cost = each.cost, None


def _slugs(drafts: Sequence[Draft]) -> dict[int, str]:
    """Return a free address for each new product: its name, with its code where the name is taken."""
    wanted = {draft.number: slugified(draft.name, otherwise=draft.code) for draft in drafts}
    taken = set(
        session.scalars(
            select(Product.slug).where(
                Product.distributor_id == current_scope().distributor_id, Product.slug.in_(set(wanted.values()))
            )
        )
    )
    found: dict[int, str] = {}
    for draft in drafts:
        slug = wanted[draft.number]
        if slug in taken:
            slug = f"{slug}-{slugified(draft.code, otherwise='product')}"
        taken.add(slug)
        found[draft.number] = slug
    return found
