"""Resolved prices of price-list entries, set-based: made when an entry is, and again whenever its ground has moved.

fixed: the value · discount: list price less percent · markup: vendor cost plus percent · same: the list price.
All at 4 decimals, half-up. An entry whose list price or vendor cost has gone keeps its last price.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Numeric,
    Subquery,
    Uuid,
    and_,
    any_,
    case,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB

from app.catalogue.bulk import many_rows
from app.catalogue.bundles.services import reprice_bundles
from app.catalogue.models import ProductPrice, VendorCost
from app.core.db import session
from app.core.money import round_unit
from app.pricing.models import PriceList, PriceListEntry, PriceListGroupLine, PriceRule
from app.pricing.price_lists.ladders import Ladder
from app.pricing.price_lists.queries import same_key
from tenants.context import current_scope

HUNDRED = Decimal(100)
FEW = 50  # products whose entries are better looked up one by one


def resolved_price(
    rule: PriceRule, value: Decimal | None, *, list_price: Decimal | None, vendor_cost: Decimal | None
) -> Decimal | None:
    """Return what a rule makes of a list price and a vendor cost; None where what it rests on is missing.

    `resolved_column` says the same in SQL.
    """
    if rule is PriceRule.FIXED:
        return value
    base = vendor_cost if rule is PriceRule.MARKUP else list_price
    if base is None or rule is PriceRule.SAME:
        return base
    percent = value or Decimal(0)
    signed = percent if rule is PriceRule.MARKUP else -percent
    return round_unit(base * (HUNDRED + signed) / HUNDRED)


def resolved_column(rule: Any, value: Any) -> ColumnElement[Decimal]:
    """Return the price of an entry in a statement that joins ProductPrice and VendorCost; NULL where ground is missing.

    PostgreSQL's round() of numeric is half away from zero: half-up for amounts that are never negative.
    """
    return case(
        (rule == PriceRule.FIXED, value),
        (rule == PriceRule.DISCOUNT, func.round(ProductPrice.list_price * (100 - value) / 100, 4)),
        (rule == PriceRule.MARKUP, func.round(VendorCost.vendor_cost * (100 + value) / 100, 4)),
        else_=ProductPrice.list_price,
    )


def rule_literals(rule: PriceRule, value: Decimal | None) -> tuple[Any, Any]:
    """Return a rule and its value as bound literals of the entry's column types."""
    kind = PriceListEntry.rule.type
    return sql_cast(literal(rule, kind), kind), sql_cast(literal(value, Numeric(18, 4)), Numeric(18, 4))


def ladder_literals(ladder: Ladder) -> tuple[Any, Any]:
    """Return a line's scheme and tiers as bound literals of the entry's column types."""
    scheme = PriceListEntry.price_scheme.type
    tiers = JSONB(none_as_null=True)
    return sql_cast(literal(ladder.scheme, scheme), scheme), sql_cast(literal(ladder.as_json(), tiers), tiers)


def _resolve(rule: Any, value: Any, *conditions: ColumnElement[bool]) -> Subquery:
    """Return the prices that a rule makes of the entries that fit; one without ground has none."""
    return (
        select(PriceListEntry.id.label("entry_id"), resolved_column(rule, value).label("price"))
        .join(
            PriceList,
            and_(
                PriceList.distributor_id == PriceListEntry.distributor_id,
                PriceList.id == PriceListEntry.price_list_id,
            ),
        )
        .outerjoin(ProductPrice, same_key(ProductPrice))
        .outerjoin(VendorCost, same_key(VendorCost))
        .where(PriceListEntry.distributor_id == current_scope().distributor_id, *conditions)
        .subquery()
    )


def _update(resolved: Subquery, *conditions: ColumnElement[bool], **values: Any) -> int:
    result = session.execute(
        update(PriceListEntry)
        .where(
            PriceListEntry.distributor_id == current_scope().distributor_id,
            PriceListEntry.id == resolved.c.entry_id,
            resolved.c.price.is_not(None),
            *conditions,
        )
        .values(price=resolved.c.price, **values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount


def reprice(*conditions: ColumnElement[bool]) -> int:
    """Recompute the entries that fit the conditions on `PriceListEntry`; returns how many prices moved. One statement."""
    resolved = _resolve(PriceListEntry.rule, PriceListEntry.value, *conditions)
    return _update(resolved, PriceListEntry.price != resolved.c.price)


def rule_anew(rule: PriceRule, value: Decimal | None, ladder: Ladder | None, *conditions: ColumnElement[bool]) -> int:
    """Give the entries that fit another rule and its price; returns how many. Those without ground for it stay.

    A ladder takes the place of their tiers; None leaves them.
    """
    resolved = _resolve(*rule_literals(rule, value), *conditions)
    tiers = {} if ladder is None else {"price_scheme": ladder.scheme, "price_tiers": ladder.as_json()}
    with many_rows():  # what staff says of an entry is the product's own from then on
        return _update(resolved, rule=rule, value=value, group_line_id=None, **tiers)


def reprice_products(product_ids: Collection[UUID]) -> int:
    """Recompute the entries of some products, and of bundles that hold them, in all lists; returns how many moved.

    Standing lines of price groups take in what is new of them.
    """
    if not product_ids:
        return 0
    if held := reprice_bundles(product_ids):
        product_ids = {*product_ids, *held}
    if len(product_ids) > FEW:
        with many_rows():
            return _reprice_products(product_ids) + follow_groups(product_ids=product_ids)
    return _reprice_products(product_ids) + follow_groups(product_ids=product_ids)


# The entries that standing lines make: of two lines the one that names the unit wins, a product's own entry over both.
_MAKE = """
INSERT INTO price_list_entries AS e
    (distributor_id, id, price_list_id, product_id, term, cycle, rule, value, price, group_line_id,
     price_scheme, price_tiers)
SELECT DISTINCT ON (f.price_list_id, f.product_id, f.term, f.cycle)
       :here, gen_random_uuid(), f.price_list_id, f.product_id, f.term, f.cycle, f.rule, f.value, f.price, f.line_id,
       f.price_scheme, f.price_tiers
FROM (
    SELECT g.price_list_id, p.product_id, p.term, p.cycle, g.rule, g.value, g.id AS line_id, g.term AS line_term,
           g.price_scheme, g.price_tiers,
           CASE g.rule WHEN 'fixed' THEN g.value
                       WHEN 'discount' THEN round(p.list_price * (100 - g.value) / 100, 4)
                       WHEN 'markup' THEN round(c.vendor_cost * (100 + g.value) / 100, 4)
                       ELSE p.list_price END AS price
    FROM price_list_group_lines g
    JOIN price_lists l ON l.distributor_id = g.distributor_id AND l.id = g.price_list_id
    JOIN products q ON q.distributor_id = g.distributor_id AND q.price_group_id = g.price_group_id
    JOIN product_prices p ON p.distributor_id = q.distributor_id AND p.product_id = q.id AND p.currency = l.currency
         AND NOT p.is_withdrawn AND (g.term IS NULL OR (g.term, g.cycle) = (p.term, p.cycle))
    LEFT JOIN vendor_costs c ON c.distributor_id = p.distributor_id AND c.product_id = p.product_id
         AND c.term = p.term AND c.cycle = p.cycle AND c.currency = p.currency
    WHERE g.distributor_id = :here AND {which}) f
WHERE f.price IS NOT NULL
ORDER BY f.price_list_id, f.product_id, f.term, f.cycle, f.line_term IS NULL
ON CONFLICT ON CONSTRAINT uq_price_list_entries_key DO UPDATE
SET rule = excluded.rule, value = excluded.value, price = excluded.price, group_line_id = excluded.group_line_id,
    price_scheme = excluded.price_scheme, price_tiers = excluded.price_tiers
WHERE e.group_line_id IS NOT NULL
  AND (e.group_line_id, e.rule, e.value, e.price, e.price_scheme, e.price_tiers) IS DISTINCT FROM
      (excluded.group_line_id, excluded.rule, excluded.value, excluded.price, excluded.price_scheme, excluded.price_tiers)
"""
_LEAVE = """
DELETE FROM price_list_entries e
USING price_list_group_lines g, products q
WHERE e.distributor_id = :here AND g.distributor_id = e.distributor_id AND g.id = e.group_line_id
  AND q.distributor_id = e.distributor_id AND q.id = e.product_id
  AND q.price_group_id IS DISTINCT FROM g.price_group_id AND {which}
"""


def follow_groups(*, product_ids: Collection[UUID] | None = None, price_list_id: UUID | None = None) -> int:
    """Bring what standing lines have made to where it should be, of some products or of one list; returns how many moved.

    Products that joined a group get its entries, those that left it lose them (CB-05). Nothing but a look where no list
    has such a line.
    """
    here = current_scope().distributor_id
    lines = select(PriceListGroupLine.id).where(PriceListGroupLine.distributor_id == here)
    if not session.scalar(select(lines.exists())):
        return 0
    given: dict[str, object] = {"here": here}
    if product_ids is not None:
        which, given["these"] = "q.id = ANY(:these)", list(product_ids)
    else:
        which, given["these"] = "g.price_list_id = :these", price_list_id
    moved = 0
    with many_rows():
        for statement in (_LEAVE, _MAKE):
            result = session.execute(text(statement.format(which=which)), given)
            moved += cast("CursorResult[Any]", result).rowcount
    return moved


def _reprice_products(product_ids: Collection[UUID]) -> int:
    return reprice(PriceListEntry.product_id == any_(literal(list(product_ids), ARRAY(Uuid))))
