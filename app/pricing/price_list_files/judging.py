"""What each row of a file would do to its list: compared with the catalogue and the list in four statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, String, Uuid, any_, literal, select

from app.catalogue.models import BillingCycle, Product, ProductPrice, Term, VendorCost
from app.core.db import session
from app.pricing.models import PriceList, PriceListEntry
from app.pricing.price_list_files.models import LineOutcome
from app.pricing.price_list_files.reading import FileLine
from app.pricing.price_lists.entries import EntryRule
from app.pricing.price_lists.ladders import BY_PRODUCT, Ladder, ladder_of
from app.pricing.price_lists.repricing import resolved_price

_Key = tuple[UUID, Term, BillingCycle]


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """A row with what it would do. Prices are per unit and cycle, before tiers, in the list's currency."""

    line: FileLine
    outcome: LineOutcome
    message: str = ""
    product_id: UUID | None = None
    ladder: Ladder = BY_PRODUCT
    price_before: Decimal | None = None
    price_after: Decimal | None = None


def judge_lines(lines: Iterable[FileLine], price_list: PriceList) -> Sequence[JudgedLine]:
    """Judge a file's rows for a list; of several rows with one key the first counts."""
    read = list(lines)
    known = _Known(price_list, {line.code.lower() for line in read if line.rule is not None})
    taken: dict[_Key, int] = {}
    return [_judged(line, known, taken) for line in read]


class _Known:
    """The catalogue and the list as far as a file names them."""

    def __init__(self, price_list: PriceList, codes: set[str]) -> None:
        here, currency = price_list.distributor_id, price_list.currency
        products = session.execute(
            select(Product.code_key, Product.id).where(
                Product.distributor_id == here, Product.code_key == any_(literal(sorted(codes), ARRAY(String)))
            )
        )
        self.products: dict[str, UUID] = {row.code_key: row.id for row in products}
        self.here, self.currency = here, currency
        self.list_prices = self._amounts(ProductPrice, ProductPrice.list_price, ~ProductPrice.is_withdrawn)
        self.vendor_costs = self._amounts(VendorCost, VendorCost.vendor_cost)
        entries = session.scalars(
            select(PriceListEntry).where(*self._named(PriceListEntry), PriceListEntry.price_list_id == price_list.id)
        )
        self.entries = {(each.product_id, each.term, each.cycle): each for each in entries}

    def _amounts(self, model: Any, amount: Any, *conditions: Any) -> dict[_Key, Decimal]:
        rows = session.execute(
            select(model.product_id, model.term, model.cycle, amount).where(
                *self._named(model), model.currency == self.currency, *conditions
            )
        )
        return {(product_id, term, cycle): found for product_id, term, cycle, found in rows}

    def _named(self, model: Any) -> tuple[Any, Any]:
        named = model.product_id == any_(literal(list(self.products.values()), ARRAY(Uuid)))
        return model.distributor_id == self.here, named


def _judged(line: FileLine, known: _Known, taken: dict[_Key, int]) -> JudgedLine:
    product_id, rule = known.products.get(line.code.lower()), line.rule
    if rule is None or line.term is None or line.cycle is None:
        return JudgedLine(line, LineOutcome.ERROR, line.message, product_id)
    if product_id is None:
        return JudgedLine(line, LineOutcome.ERROR, "Code: There is no such product")
    key = (product_id, line.term, line.cycle)
    entry = known.entries.get(key)
    before = entry.price if entry is not None else None
    after = resolved_price(
        rule.rule, rule.value, list_price=known.list_prices.get(key), vendor_cost=known.vendor_costs.get(key)
    )
    message = ""
    if key in taken:
        message = f"The same product, term and billing plan as row {taken[key]}"
    elif key not in known.list_prices:
        message = f"The product has no price in {known.currency} for this term and billing plan"
    elif after is None:
        message = f"Rule: There is no vendor cost in {known.currency} to mark up"
    taken.setdefault(key, line.row_number)
    if message:
        return JudgedLine(line, LineOutcome.ERROR, message, product_id, price_before=before)
    ladder = rule.ladder if rule.ladder is not None else _ladder(entry)
    return JudgedLine(line, _outcome(entry, rule, ladder, after), "", product_id, ladder, before, after)


def _outcome(entry: PriceListEntry | None, rule: EntryRule, ladder: Ladder, price: Decimal | None) -> LineOutcome:
    """Compare a row with the line there is. A price of its price group that says the same stays its group's."""
    if entry is None:
        return LineOutcome.CREATED
    is_same = (entry.rule, entry.value, entry.price) == (rule.rule, rule.value, price) and _ladder(entry) == ladder
    return LineOutcome.UNCHANGED if is_same else LineOutcome.CHANGED


def _ladder(entry: PriceListEntry | None) -> Ladder:
    return ladder_of(entry.price_scheme, entry.price_tiers) if entry is not None else BY_PRODUCT
