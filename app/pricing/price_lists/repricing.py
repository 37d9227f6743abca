"""Resolved prices of price-list entries, recomputed set-based whenever what their rule rests on has changed.

fixed: the value · discount: list price less percent · markup: vendor cost plus percent · same: the list price.
All at 4 decimals, half-up. An entry whose list price or vendor cost has gone keeps its last price.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import cast
from uuid import UUID

from sqlalchemy import CursorResult, TextClause, text

from app.core.db import session
from app.core.money import round_unit
from app.pricing.models import PriceRule
from tenants.context import current_scope

HUNDRED = Decimal(100)

# numeric's round() is half away from zero, which is half-up for amounts that are never negative.
RESOLVED = """CASE {rule}
    WHEN 'fixed' THEN {value}
    WHEN 'discount' THEN round(lp.list_price * (100 - {value}) / 100, 4)
    WHEN 'markup' THEN round(vc.vendor_cost * (100 + {value}) / 100, 4)
    ELSE lp.list_price END"""

_REPRICE = """
    UPDATE price_list_entries e SET price = n.price
    FROM (
        SELECT o.id, {resolved} AS price
        FROM price_list_entries o
        JOIN price_lists l ON l.distributor_id = o.distributor_id AND l.id = o.price_list_id
        LEFT JOIN product_prices lp ON lp.distributor_id = o.distributor_id AND lp.product_id = o.product_id
             AND lp.term = o.term AND lp.cycle = o.cycle AND lp.currency = l.currency
        LEFT JOIN vendor_costs vc ON vc.distributor_id = o.distributor_id AND vc.product_id = o.product_id
             AND vc.term = o.term AND vc.cycle = o.cycle AND vc.currency = l.currency
        WHERE o.distributor_id = :distributor_id AND {condition}
    ) n
    WHERE e.distributor_id = :distributor_id AND e.id = n.id AND n.price IS NOT NULL AND e.price <> n.price
"""


def _statement(condition: str) -> str:
    return _REPRICE.format(resolved=RESOLVED.format(rule="o.rule", value="o.value"), condition=condition)


_OF_PRODUCTS = text(_statement("o.product_id = ANY (CAST(:product_ids AS uuid[]))"))
_OF_LIST = text(_statement("o.price_list_id = :price_list_id"))


def resolved_price(
    rule: PriceRule, value: Decimal | None, *, list_price: Decimal | None, vendor_cost: Decimal | None
) -> Decimal | None:
    """Return what a rule makes of a list price and a vendor cost; None where what it rests on is missing.

    CB-F14: 15 % markup on cost 8.00 is 9.20, 20 % discount on 11.00 is 8.80. The statements above say the same in SQL.
    """
    if rule is PriceRule.FIXED:
        return value
    base = vendor_cost if rule is PriceRule.MARKUP else list_price
    if base is None or rule is PriceRule.SAME:
        return base
    percent = value or Decimal(0)
    signed = percent if rule is PriceRule.MARKUP else -percent
    return round_unit(base * (HUNDRED + signed) / HUNDRED)


def reprice_products(product_ids: Collection[UUID]) -> int:
    """Recompute the entries of some products in all lists; returns how many prices moved. One statement."""
    if not product_ids:
        return 0
    return _run(_OF_PRODUCTS, product_ids=list(product_ids))


def reprice_list(price_list_id: UUID) -> int:
    """Recompute every entry of one list; returns how many prices moved. One statement."""
    return _run(_OF_LIST, price_list_id=price_list_id)


def _run(statement: TextClause, **parameters: object) -> int:
    result = session.execute(statement, {"distributor_id": current_scope().distributor_id, **parameters})
    return cast("CursorResult[object]", result).rowcount
