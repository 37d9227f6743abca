"""What a buyer pays: the only place that answers it, with one SQL statement whatever the number of rules.

`buyer_prices` is safe to show to customers. `explain_prices` holds cost and rules: for staff, order snapshots and jobs
only (decisions section 3). Both need the payer's price lists named in the scope (`Scope.with_price_lists`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.catalogue.charging import Tier, tiers_from_json
from app.catalogue.models import BillingCycle, PriceScheme, Term
from app.core.db import session
from app.core.money import round_money, round_unit
from app.pricing.arithmetic import marked_up, rounded, special_price, with_percent
from app.pricing.buyers import Buyer, alias_buyer, root_buyer, root_visitor
from app.pricing.hits import quoted_rows
from app.pricing.levels import (
    MARKUP_SOURCES,
    PriceSource,
    parameters,
    usable_lists,
    wanted_products,
)
from app.pricing.models import PriceRule
from app.pricing.schemes import ListRule, counted_from, line_price
from tenants.context import current_scope

__all__ = [
    "Buyer",
    "BuyerPrice",
    "ExplainedPrice",
    "PriceKey",
    "PriceSource",
    "alias_buyer",
    "buyer_price",
    "buyer_prices",
    "explain_prices",
    "explain_products",
    "explained",
    "root_buyer",
    "root_visitor",
]


@dataclass(frozen=True, slots=True)
class PriceKey:
    """What one unit price is of."""

    product_id: UUID
    term: Term
    cycle: BillingCycle


@dataclass(frozen=True, slots=True)
class BuyerPrice:
    """A price as its buyer may see it, net, per unit and billing cycle; and nothing behind it."""

    unit_price: Decimal
    currency: str
    retail_price: Decimal | None  # for comparison, where the storefront shows it


@dataclass(frozen=True, slots=True)
class ExplainedPrice:
    """A price with everything it came from. Never for customers: it holds the cost."""

    cost: Decimal  # 4 decimals, what the seller of this storefront pays
    list_price: Decimal | None
    rule: PriceSource
    rule_id: UUID | None
    percent: Decimal | None  # None: a special price, or no rule at the root
    before_rounding: Decimal  # cost plus markup exactly, or the special price as agreed
    unit_price: Decimal
    currency: str
    floor_applied: bool  # what the rule gave was below cost
    price_list_id: UUID | None  # None: the cost is the list price
    retail_price: Decimal | None
    quoted: Row[Any] = field(repr=False, compare=False)  # what the rest is read of, where somebody asks

    @property
    def said(self) -> ListRule | None:
        """What that price list says of it."""
        return _said(self.quoted)

    @property
    def is_special(self) -> bool:
        """Whether the price is agreed rather than worked out."""
        return self.rule in (PriceSource.CUSTOMER_PRODUCT_SPECIAL, PriceSource.PRODUCT_SPECIAL)

    @property
    def counted_from(self) -> tuple[Decimal, ListRule | None]:
        """What a line of any quantity is counted from (`schemes.line_price`): the cost above is one unit's, after tiers."""
        if (said := self.said) is not None:
            return counted_from(said, self.list_price)
        return self.list_price if self.list_price is not None else self.cost, None

    def for_buyer(self) -> BuyerPrice:
        """Return what the buyer may know of it."""
        return BuyerPrice(self.unit_price, self.currency, self.retail_price)


def _statement(*, with_rules: bool) -> Any:
    return quoted_rows(wanted_products(), usable_lists(), with_rules=with_rules)


ROOT_QUOTE = _statement(with_rules=False)
ALIAS_QUOTE = _statement(with_rules=True)


def explained(row: Row[Any], buyer: Buyer) -> ExplainedPrice:
    """Work out the price of one row of a quote."""
    list_price = row.list_price
    cost = round_unit(row.cost) if not row.first_percent else _cost_of_one(row, buyer.currency)
    percent: Decimal | None = None
    if buyer.reseller_id is None:
        rule = PriceSource.LIST if row.price_list_id is None else PriceSource.COST
        before, price, is_floored = cost, cost, False
    else:
        if row.special_amount is not None:
            is_own = row.special_customer_id is not None
            rule = PriceSource.CUSTOMER_PRODUCT_SPECIAL if is_own else PriceSource.PRODUCT_SPECIAL
            before = row.special_amount
            unfloored = round_money(before, buyer.currency)
            price = special_price(before, cost, buyer.currency)
        else:
            rule = MARKUP_SOURCES[row.level] if row.level is not None else PriceSource.DEFAULT_MARKUP
            percent = row.percent if row.percent is not None else buyer.default_markup
            before = with_percent(cost, percent)
            unfloored = rounded(before, buyer.rounding, buyer.currency)
            price = marked_up(cost, percent, buyer.rounding, buyer.currency)
        is_floored = price > unfloored
    retail = list_price if list_price is not None and list_price > price else None  # equal, it would say nothing
    return ExplainedPrice(
        cost=cost,
        list_price=list_price,
        rule=rule,
        rule_id=row.rule_id,
        percent=percent,
        before_rounding=before,
        unit_price=price,
        currency=buyer.currency,
        floor_applied=is_floored,
        price_list_id=row.price_list_id,
        retail_price=retail if buyer.show_retail else None,
        quoted=row,
    )


def _said(row: Row[Any]) -> ListRule | None:
    if row.list_rule is None:
        return None
    scheme = PriceScheme(row.list_scheme) if row.list_scheme is not None else None
    return ListRule(PriceRule(row.list_rule), row.list_value, row.cost, scheme, tiers_from_json(row.list_tiers))


def _cost_of_one(row: Row[Any], currency: str) -> Decimal:
    """Return the unit cost of a line of one where a tier lowers it; most rows have none, and cost what they say."""
    said, tiers = _said(row), (Tier(1, row.first_percent),)
    base, rule = (row.cost, None) if said is None else counted_from(said, row.list_price)
    return line_price(base, 1, currency, scheme=PriceScheme.VOLUME, tiers=tiers, rule=rule).unit_price


def _rows(product_ids: Iterable[UUID], buyer: Buyer) -> Sequence[Row[Any]]:
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        return ()
    statement = ROOT_QUOTE if buyer.reseller_id is None else ALIAS_QUOTE
    given = parameters(buyer, current_scope().distributor_id)
    return session.execute(statement, {**given, "product_ids": wanted}).all()


def explain_products(product_ids: Iterable[UUID], buyer: Buyer) -> dict[PriceKey, ExplainedPrice]:
    """Explain every price the products have for a buyer; what cannot be bought is missing. One statement."""
    return {PriceKey(row.product_id, row.term, row.cycle): explained(row, buyer) for row in _rows(product_ids, buyer)}


def explain_prices(keys: Iterable[PriceKey], buyer: Buyer) -> dict[PriceKey, ExplainedPrice]:
    """Explain the prices of some keys; a key that cannot be bought is missing. One statement."""
    asked = list(keys)
    found = explain_products((key.product_id for key in asked), buyer)
    return {key: found[key] for key in asked if key in found}


def buyer_prices(product_ids: Iterable[UUID], buyer: Buyer) -> dict[PriceKey, BuyerPrice]:
    """Price products for a buyer, all terms and cycles; what cannot be bought is missing. One statement."""
    return {key: price.for_buyer() for key, price in explain_products(product_ids, buyer).items()}


def buyer_price(key: PriceKey, buyer: Buyer) -> BuyerPrice | None:
    """Price one key for a buyer, or None where it is not offered."""
    return buyer_prices((key.product_id,), buyer).get(key)
