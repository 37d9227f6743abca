"""What some rows of a file would do: matched with the catalogue, compared, nothing changed. A few statements per chunk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.catalogue.models import BillingCycle, Product, ProductPrice, Term, VendorCost
from app.catalogue.product_files.models import ProductFile, RowOutcome
from app.catalogue.product_files.reading import Draft
from app.core.db import session
from tenants.context import current_scope

KEPT = frozenset({"category_id", "industry_id", "price_group_id", "is_add_on"})  # with code, type and charge type
WORDS = {
    "name": "name",
    "short_description": "description",
    "vendor": "vendor",
    "unit_of_measure": "unit",
    "tags": "tags",
    "group_id": "group",
    "min_quantity": "smallest quantity",
    "max_quantity": "largest quantity",
    "step_quantity": "step",
    "trial_days": "trial days",
    "trial_months": "trial months",
    "tax_code": "tax code",
}
PriceAt = tuple[UUID, Term, BillingCycle]


@dataclass(slots=True)
class Plan:
    """What one row does: to which product, with which columns and prices."""

    draft: Draft
    outcome: RowOutcome
    message: str = ""
    product: Product | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    prices: dict[PriceAt, ProductPrice] = field(default_factory=dict)
    costs: dict[PriceAt, VendorCost] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What earlier rows of the same file are about: a second row about the same is an error."""

    codes: dict[str, int] = field(default_factory=dict)
    products: dict[UUID, int] = field(default_factory=dict)


def plan_rows(file: ProductFile, drafts: Sequence[Draft], seen: Seen) -> list[Plan]:
    """Match and judge some rows; `seen` goes from chunk to chunk. No hit creates, one updates, several are an error."""
    good = [draft for draft in drafts if not draft.problems]
    hits = _hits(file, good)
    matched = {ids[0] for ids in hits.values() if len(ids) == 1}
    products = {row.id: row for row in _products(Product.id.in_(matched))} if matched else {}
    prices, costs = _prices(file, matched)
    taken = _taken_codes({draft.code.lower() for draft in good})
    plans = []
    for draft in drafts:
        ids = hits.get(draft.number, [])
        if draft.problems:
            plans.append(Plan(draft, RowOutcome.ERROR, "; ".join(draft.problems)))
        elif len(ids) > 1:
            words = " and ".join(file.match_by)
            plans.append(
                Plan(draft, RowOutcome.ERROR, f"{len(ids)} products have this {words}; the row is passed over")
            )
        elif ids:
            plans.append(_update(draft, products[ids[0]], prices, costs, seen))
        else:
            plans.append(_create(draft, taken, seen))
    return plans


def _create(draft: Draft, taken: Collection[str], seen: Seen) -> Plan:
    key = draft.code.lower()
    if key in taken:
        return Plan(draft, RowOutcome.ERROR, "Another product has this code")
    if key in seen.codes:
        return Plan(draft, RowOutcome.ERROR, f"Row {seen.codes[key]} has this code")
    seen.codes[key] = draft.number
    return Plan(draft, RowOutcome.CREATED)


def _update(
    draft: Draft,
    product: Product,
    prices: dict[PriceAt, ProductPrice],
    costs: dict[PriceAt, VendorCost],
    seen: Seen,
) -> Plan:
    if product.id in seen.products:
        return Plan(draft, RowOutcome.ERROR, f"Row {seen.products[product.id]} is about the same product", product)
    seen.products[product.id] = draft.number
    wanted = {"name": draft.name, **{name: value for name, value in draft.columns.items() if name not in KEPT}}
    columns = {name: value for name, value in wanted.items() if getattr(product, name) != value}
    lowest = columns.get("min_quantity", product.min_quantity)
    highest = columns.get("max_quantity", product.max_quantity)
    if highest is not None and highest < lowest:
        return Plan(draft, RowOutcome.ERROR, "Largest quantity: below the smallest one", product)
    words = [WORDS.get(name, name) for name in columns]
    characteristics = {**product.characteristics, **draft.characteristics}
    if characteristics != product.characteristics:
        columns["characteristics"] = characteristics
        words.append("characteristics")
    if _moves_prices(draft, product, prices, costs):
        words.append("prices")
    if not words:
        return Plan(draft, RowOutcome.SKIPPED, "Nothing differs", product)
    return Plan(draft, RowOutcome.UPDATED, ", ".join(words), product, columns, prices, costs)


def _moves_prices(
    draft: Draft, product: Product, prices: dict[PriceAt, ProductPrice], costs: dict[PriceAt, VendorCost]
) -> bool:
    for each in draft.prices:
        key = (product.id, each.term, each.cycle)
        price, cost = prices.get(key), costs.get(key)
        if each.list_price is not None and (price is None or price.list_price != each.list_price or price.is_withdrawn):
            return True
        if each.setup_fee is not None and price is not None and price.setup_fee != each.setup_fee:
            return True
        if each.cost is not None and (cost is None or cost.vendor_cost != each.cost):
            return True
    return False


def _hits(file: ProductFile, drafts: Sequence[Draft]) -> dict[int, list[UUID]]:
    """Return the products each row matches by all chosen criteria."""
    by, found = set(file.match_by), defaultdict(list)
    statement = select(Product.id, Product.code_key, func.lower(Product.name), Product.product_type_id).where(
        Product.distributor_id == current_scope().distributor_id
    )
    if "code" in by:
        statement = statement.where(Product.code_key.in_({draft.code.lower() for draft in drafts}))
    if "name" in by:
        statement = statement.where(func.lower(Product.name).in_({draft.name.lower() for draft in drafts}))
    if "type" in by:
        statement = statement.where(Product.product_type_id.in_({draft.type_id for draft in drafts}))

    def key(code: str, name: str, type_id: UUID | None) -> tuple[object, ...]:
        return (code if "code" in by else "", name if "name" in by else "", type_id if "type" in by else None)

    products: dict[tuple[object, ...], list[UUID]] = defaultdict(list)
    for product_id, code_key, name, type_id in session.execute(statement):
        products[key(code_key, name, type_id)].append(product_id)
    for draft in drafts:
        found[draft.number] = products.get(key(draft.code.lower(), draft.name.lower(), draft.type_id), [])
    return found


def _prices(
    file: ProductFile, product_ids: Collection[UUID]
) -> tuple[dict[PriceAt, ProductPrice], dict[PriceAt, VendorCost]]:
    if not product_ids:
        return {}, {}
    here = current_scope().distributor_id
    prices = session.scalars(
        select(ProductPrice).where(
            ProductPrice.distributor_id == here,
            ProductPrice.product_id.in_(product_ids),
            ProductPrice.currency == file.currency,
        )
    )
    costs = session.scalars(
        select(VendorCost).where(
            VendorCost.distributor_id == here,
            VendorCost.product_id.in_(product_ids),
            VendorCost.currency == file.currency,
        )
    )
    return (
        {(row.product_id, row.term, row.cycle): row for row in prices},
        {(row.product_id, row.term, row.cycle): row for row in costs},
    )


def _taken_codes(codes: Collection[str]) -> frozenset[str]:
    if not codes:
        return frozenset()
    return frozenset(
        session.scalars(
            select(Product.code_key).where(
                Product.distributor_id == current_scope().distributor_id, Product.code_key.in_(codes)
            )
        )
    )


def _products(condition: Any) -> Sequence[Product]:
    return session.scalars(
        select(Product)
        .where(Product.distributor_id == current_scope().distributor_id, condition)
        .order_by(Product.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
