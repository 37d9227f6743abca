"""List prices and vendor costs of a product, by term, cycle and currency (CB-03).

What rests on them, entries of price lists, is recomputed by the caller: `app.pricing.price_lists.repricing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.catalogue.errors import ProductNotFound
from app.catalogue.imports.sheet import MAX_PRICE, is_currency
from app.catalogue.models import BillingCycle, ProductPrice, Term, VendorCost
from app.catalogue.services.products import get_product_for_update
from app.catalogue.units import ONCE, Unit, instalments, sold_units
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.money import round_unit

MAX_PROTECTION = 120  # months


@dataclass(frozen=True, slots=True)
class PriceDetails:
    """One price key with its amounts, per billing cycle and unit, at most 4 decimals."""

    term: Term
    cycle: BillingCycle
    currency: str
    list_price: Decimal
    vendor_cost: Decimal | None = None
    is_manual: bool = True  # a sheet leaves the list price alone from now on
    is_withdrawn: bool = False
    setup_fee: Decimal | None = None  # once, with the first charge; None: as it is
    protection_months: int | None = None  # how long a purchase keeps its price (CB-06); None: as it is


def set_price(product_id: UUID, price: PriceDetails, *, actor: Actor, at: datetime) -> ProductPrice:
    """Add a price to a product, or change it. Raises ProductNotFound, Invalid."""
    product = get_product_for_update(product_id)
    _require_valid(price)
    times = instalments(price.term, price.cycle) or 1
    found: ProductPrice | None = _find(ProductPrice, product_id, price)
    if found is None:
        if price.is_manual and Unit(price.term, price.cycle) not in sold_units():
            raise Invalid.field("cycle", "unit_not_sold", "You do not sell this term and billing plan; see the setup")
        found = ProductPrice(product_id=product_id, term=price.term, cycle=price.cycle, currency=price.currency)
        session.add(found)
        before: Decimal | None = None
    else:
        before = found.list_price
    found.list_price, found.is_manual, found.is_withdrawn = price.list_price, price.is_manual, price.is_withdrawn
    found.term_list_price = round_unit(price.list_price * times)
    if price.setup_fee is not None:
        found.setup_fee = price.setup_fee
    if price.protection_months is not None:
        found.protection_months = price.protection_months
    _set_cost(product_id, price, times)
    product.updated_at = at
    session.flush()
    key = f"{price.term.value} {price.cycle.value} {price.currency}"
    record("catalogue.price_set", actor=actor, at=at, target_kind="product", target_id=product_id,
           before={key: before} if before is not None else None,
           after={key: price.list_price, f"{key} vendor cost": price.vendor_cost})  # fmt: skip
    return found


def remove_price(
    product_id: UUID, term: Term, cycle: BillingCycle, currency: str, *, actor: Actor, at: datetime
) -> None:
    """Withdraw a price: nothing new is sold at it, what runs keeps it. Raises ProductNotFound."""
    product = get_product_for_update(product_id)
    found = _find(ProductPrice, product_id, PriceDetails(term, cycle, currency, Decimal(0)))
    if found is None:
        raise ProductNotFound(product_id)
    found.is_withdrawn, product.updated_at = True, at
    record("catalogue.price_withdrawn", actor=actor, at=at, target_kind="product", target_id=product_id,
           before={f"{term.value} {cycle.value} {currency}": found.list_price})  # fmt: skip


def _find(model: Any, product_id: UUID, price: PriceDetails) -> Any:
    return session.scalar(
        select(model).filter_by(product_id=product_id, term=price.term, cycle=price.cycle, currency=price.currency)
    )


def _set_cost(product_id: UUID, price: PriceDetails, times: int) -> None:
    cost = _find(VendorCost, product_id, price)
    if price.vendor_cost is None:
        if cost is not None:
            session.delete(cost)
        return
    if cost is None:
        cost = VendorCost(product_id=product_id, term=price.term, cycle=price.cycle, currency=price.currency)
        session.add(cost)
    cost.vendor_cost, cost.term_vendor_cost = price.vendor_cost, round_unit(price.vendor_cost * times)


def _require_valid(price: PriceDetails) -> None:
    errors: list[FieldError] = []
    amounts = (
        ("list_price", price.list_price),
        ("vendor_cost", price.vendor_cost),
        ("setup_fee", price.setup_fee),
    )
    if price.protection_months is not None and not 0 <= price.protection_months <= MAX_PROTECTION:
        message = f"Enter 0 to {MAX_PROTECTION} months; 0 protects nothing"
        errors.append(FieldError("protection_months", "months_range", message))
    for field, amount in amounts:
        if amount is None:
            continue
        if not amount.is_finite() or not 0 <= amount <= MAX_PRICE:
            errors.append(FieldError(field, "price_range", "Enter an amount from 0 to 99,999,999.9999"))
        elif amount != round_unit(amount):
            errors.append(FieldError(field, "price_decimals", "Enter at most 4 decimals"))
    if not is_currency(price.currency):
        errors.append(FieldError("currency", "currency_unknown", "Choose a currency"))
    if Unit(price.term, price.cycle) != ONCE and instalments(price.term, price.cycle) is None:
        message = "This billing plan does not fit into the term a whole number of times"
        errors.append(FieldError("cycle", "cycle_does_not_fit", message))
    if errors:
        raise Invalid(*errors)
