"""A vendor's prices in ours: cost and suggested price per term, on their day (CB-15)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, select

from app.catalogue.models import BillingCycle, ProductPrice, Term, VendorCost
from app.catalogue.vendor_runs.definition import DefinedPrice
from app.catalogue.vendor_runs.models import VendorPriceChange
from app.core.db import session
from app.core.ids import new_id
from tenants.context import current_scope

Row = TypeVar("Row", ProductPrice, VendorCost, VendorPriceChange)
Key = tuple[Term, BillingCycle, str]


def merge_prices(product_id: UUID, defined: Sequence[DefinedPrice], *, today: date) -> list[str]:
    """Take over a product's costs, suggested prices and terms; returns what changed, in words.

    A list price set by hand stays. A term the vendor names no more is withdrawn from new orders. A price that begins
    later than `today` waits, where the product has one for the same term already.
    """
    prices = {_key(row): row for row in _of(ProductPrice, product_id)}
    costs = {_key(row): row for row in _of(VendorCost, product_id)}
    waiting = {_key(row): row for row in _of(VendorPriceChange, product_id)}
    changed: set[str] = set()
    for each in defined:
        key = (each.term, each.cycle, each.currency)
        price = prices.pop(key, None)
        later = waiting.pop(key, None)
        if price is not None and each.valid_from is not None and each.valid_from > today:
            if _is_news(each, price, costs.get(key)):
                changed |= _plan(product_id, each, later)
            elif later is not None:
                session.delete(later)
            continue
        if later is not None:
            session.delete(later)
        changed |= _set_price(product_id, each, price)
        changed |= _set_cost(product_id, each, costs.get(key))
    for row in prices.values():
        if not row.is_withdrawn and not row.is_manual:
            row.is_withdrawn = True
            changed.add("terms")
    for left in waiting.values():
        session.delete(left)
    session.flush()
    return sorted(changed)


def apply_due_prices(*, today: date, limit: int = 500) -> Collection[UUID]:
    """Let planned prices whose day has come take the place of the present ones; returns the products to re-price."""
    due = session.scalars(
        select(VendorPriceChange)
        .where(
            VendorPriceChange.distributor_id == current_scope().distributor_id, VendorPriceChange.valid_from <= today
        )
        .order_by(VendorPriceChange.valid_from)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        each = DefinedPrice(
            row.term, row.cycle, row.currency, row.vendor_cost, row.list_price, row.term_vendor_cost,
            row.term_list_price, row.valid_from,
        )  # fmt: skip
        prices = {_key(price): price for price in _of(ProductPrice, row.product_id)}
        costs = {_key(cost): cost for cost in _of(VendorCost, row.product_id)}
        key = (row.term, row.cycle, row.currency)
        _set_price(row.product_id, each, prices.get(key))
        _set_cost(row.product_id, each, costs.get(key))
    session.execute(
        delete(VendorPriceChange).where(
            VendorPriceChange.distributor_id == current_scope().distributor_id,
            VendorPriceChange.id.in_([row.id for row in due]),
        )
    )
    session.flush()
    return {row.product_id for row in due}


def _set_price(product_id: UUID, each: DefinedPrice, price: ProductPrice | None) -> set[str]:
    if price is None:
        session.add(
            ProductPrice(
                id=new_id(),
                product_id=product_id,
                term=each.term,
                cycle=each.cycle,
                currency=each.currency,
                list_price=each.price,
                term_list_price=each.term_price,
                valid_from=each.valid_from,
            )
        )
        return {"terms"}
    changed = set()
    if not price.is_manual and (price.list_price, price.term_list_price) != (each.price, each.term_price):
        price.list_price, price.term_list_price = each.price, each.term_price
        changed.add("suggested price")
    if price.is_withdrawn:
        price.is_withdrawn = False
        changed.add("terms")
    if each.valid_from is not None and price.valid_from != each.valid_from:
        price.valid_from = each.valid_from
        changed.add("start date")
    return changed


def _set_cost(product_id: UUID, each: DefinedPrice, cost: VendorCost | None) -> set[str]:
    if cost is None:
        session.add(
            VendorCost(
                id=new_id(),
                product_id=product_id,
                term=each.term,
                cycle=each.cycle,
                currency=each.currency,
                vendor_cost=each.cost,
                term_vendor_cost=each.term_cost,
            )
        )
        return {"cost"}
    if (cost.vendor_cost, cost.term_vendor_cost) == (each.cost, each.term_cost):
        return set()
    cost.vendor_cost, cost.term_vendor_cost = each.cost, each.term_cost
    return {"cost"}


def _plan(product_id: UUID, each: DefinedPrice, later: VendorPriceChange | None) -> set[str]:
    row = later or VendorPriceChange(
        id=new_id(), product_id=product_id, term=each.term, cycle=each.cycle, currency=each.currency
    )
    before = (row.vendor_cost, row.list_price, row.valid_from) if later is not None else None
    row.vendor_cost, row.term_vendor_cost = each.cost, each.term_cost
    row.list_price, row.term_list_price = each.price, each.term_price
    row.valid_from = each.valid_from or date.min
    session.add(row)
    return set() if before == (each.cost, each.price, each.valid_from) else {f"price from {each.valid_from}"}


def _is_news(each: DefinedPrice, price: ProductPrice, cost: VendorCost | None) -> bool:
    present: tuple[Decimal | None, Decimal | None] = (cost.vendor_cost if cost else None, price.list_price)
    return present != (each.cost, each.price)


def _of(model: type[Row], product_id: UUID) -> Sequence[Row]:
    statement = select(model).where(
        model.distributor_id == current_scope().distributor_id, model.product_id == product_id
    )
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def _key(row: ProductPrice | VendorCost | VendorPriceChange) -> Key:
    return row.term, row.cycle, row.currency
