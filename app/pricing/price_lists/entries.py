"""Entries of price lists: added, re-ruled and removed set-based, however many products are chosen (CB-05)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Uuid,
    and_,
    any_,
    delete,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from app.audit.services import Actor, record
from app.catalogue.bulk import many_rows
from app.catalogue.models import Product, ProductPrice, VendorCost
from app.catalogue.product_lists import ProductFilter
from app.core.db import session
from app.core.errors import Invalid
from app.pricing.models import PriceList, PriceListEntry, PriceRule
from app.pricing.price_lists.ladders import BY_PRODUCT, Ladder, ladder_text
from app.pricing.price_lists.queries import EntryFilter
from app.pricing.price_lists.repricing import (
    follow_groups,
    ladder_literals,
    resolved_column,
    rule_anew,
    rule_literals,
)
from app.pricing.price_lists.services import get_price_list_for_update
from tenants.context import current_scope

MAX_PRICE = Decimal("99999999.9999")
HUNDRED, MAX_MARKUP = Decimal(100), Decimal(1000)
NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class EntryRule:
    """How an entry makes its price. `value` is money for FIXED, percent for DISCOUNT and MARKUP, nothing for SAME.

    `ladder` None leaves an entry its tiers; a new one is priced as its product.
    """

    rule: PriceRule
    value: Decimal | None = None
    ladder: Ladder | None = None

    def require_valid(self) -> None:
        """Raise Invalid at `value` or `tiers`. Prices 0-99,999,999.9999; discounts 0-100, markups 0-1,000, 2 decimals."""
        self._require_value()
        if self.ladder is not None:
            self.ladder.require_valid()

    def _require_value(self) -> None:
        if self.rule is PriceRule.SAME:
            if self.value is not None:
                raise Invalid.field("value", "value_not_wanted", "This rule takes the list price and needs no value")
            return
        if self.value is None or not self.value.is_finite() or self.value < 0:
            raise Invalid.field("value", "value_required", "Enter a number of 0 or more")
        if self.rule is PriceRule.FIXED:
            highest, decimals = MAX_PRICE, 4
        else:
            highest, decimals = HUNDRED if self.rule is PriceRule.DISCOUNT else MAX_MARKUP, 2
        if self.value > highest:
            raise Invalid.field("value", "value_too_large", f"Enter at most {highest:,}")
        if self.value != round(self.value, decimals):
            raise Invalid.field("value", "value_decimals", f"Enter at most {decimals} decimals")


def add_products(
    price_list_id: UUID, product_ids: Collection[UUID], rule: EntryRule, *, actor: Actor, at: datetime
) -> int:
    """Add every price of some products in the list's currency; returns how many entries were made.

    Raises PriceListNotFound, Invalid: products without a price in the currency, without vendor cost for a markup, or
    already in the list. Nothing is added then.
    """
    rule.require_valid()
    price_list = get_price_list_for_update(price_list_id)
    chosen = _any_of(product_ids)
    wanted = select(Product.id).where(Product.distributor_id == current_scope().distributor_id, Product.id == chosen)
    if len(set(session.scalars(wanted))) != len(set(product_ids)) or not product_ids:
        raise Invalid.field("products", "product_unknown", "Choose products of your catalogue")
    _require_priced(price_list, product_ids, rule)
    added = _insert(price_list, rule, Product.id == chosen)
    if not added:
        raise Invalid.field("products", "already_in_list", "These products are already in the list")
    _changed(price_list, "pricing.entries_added", rule, added, actor, at)
    return added


def add_matching(price_list_id: UUID, wanted: ProductFilter, rule: EntryRule, *, actor: Actor, at: datetime) -> int:
    """Add every product of a filter that has a price in the list's currency and is not in the list; returns how many.

    One INSERT … SELECT, whether it finds ten products or ten thousand.
    """
    rule.require_valid()
    price_list = get_price_list_for_update(price_list_id)
    added = _insert(price_list, rule, *wanted.conditions())
    _changed(price_list, "pricing.entries_added", rule, added, actor, at)
    return added


def set_rule(
    wanted: EntryFilter, rule: EntryRule, *, entry_ids: Collection[UUID] | None = None, actor: Actor, at: datetime
) -> int:
    """Give chosen entries, or all that match, another rule, and resolve their prices; returns how many were touched.

    Entries without what the rule rests on, such as a vendor cost for a markup, stay as they are.
    """
    rule.require_valid()
    price_list = get_price_list_for_update(wanted.price_list_id)
    touched = rule_anew(rule.rule, rule.value, rule.ladder, *_chosen(wanted, entry_ids))
    _changed(price_list, "pricing.entries_changed", rule, touched, actor, at)
    return touched


def remove_entries(
    wanted: EntryFilter, *, entry_ids: Collection[UUID] | None = None, actor: Actor, at: datetime
) -> int:
    """Take chosen entries, or all that match, out of a list; returns how many. Running subscriptions keep their price.

    What a standing line has made stays while the line does, and comes back where a product's own entry goes.
    """
    price_list = get_price_list_for_update(wanted.price_list_id)
    result = session.execute(
        delete(PriceListEntry)
        .where(*_chosen(wanted, entry_ids), PriceListEntry.group_line_id.is_(None))
        .execution_options(synchronize_session=False)
    )
    removed = cast("CursorResult[Any]", result).rowcount
    follow_groups(price_list_id=price_list.id)
    _changed(price_list, "pricing.entries_removed", None, removed, actor, at)
    return removed


def _insert(price_list: PriceList, rule: EntryRule, *conditions: ColumnElement[bool]) -> int:
    kind, value = rule_literals(rule.rule, rule.value)
    price = resolved_column(kind, value)
    rows = (
        select(
            literal(price_list.distributor_id, Uuid),
            func.gen_random_uuid(),
            literal(price_list.id, Uuid),
            ProductPrice.product_id,
            ProductPrice.term,
            ProductPrice.cycle,
            kind,
            value,
            price,
            *ladder_literals(rule.ladder or BY_PRODUCT),
        )
        .select_from(Product)
        .join(
            ProductPrice,
            and_(ProductPrice.distributor_id == Product.distributor_id, ProductPrice.product_id == Product.id),
        )
        .outerjoin(VendorCost, _cost_of(ProductPrice))
        .where(
            Product.distributor_id == price_list.distributor_id,
            ProductPrice.currency == price_list.currency,
            ProductPrice.is_withdrawn.is_(False),
            price.is_not(None),
            *conditions,
        )
    )
    said = ("rule", "value", "price", "price_scheme", "price_tiers")
    columns = ("distributor_id", "id", "price_list_id", "product_id", "term", "cycle", *said)
    made = insert(PriceListEntry).from_select(columns, rows, include_defaults=False)
    statement = made.on_conflict_do_update(  # a product's own entry takes the place of a standing line's
        constraint="uq_price_list_entries_key",
        set_={name: made.excluded[name] for name in said} | {"group_line_id": None},
        where=PriceListEntry.group_line_id.is_not(None),
    ).execution_options(preserve_rowcount=True)
    with many_rows():
        return cast("CursorResult[Any]", session.execute(statement)).rowcount


def _require_priced(price_list: PriceList, product_ids: Collection[UUID], rule: EntryRule) -> None:
    unpriced = _names_without(ProductPrice, price_list.currency, product_ids)
    if unpriced:
        raise Invalid.field(
            "products",
            "no_price_in_currency",
            f"{_listed(unpriced)}: no price in {price_list.currency}, the list's currency",
        )
    if rule.rule is PriceRule.MARKUP and (costless := _names_without(VendorCost, price_list.currency, product_ids)):
        raise Invalid.field(
            "products", "no_vendor_cost", f"{_listed(costless)}: no vendor cost in {price_list.currency} to mark up"
        )


def _names_without(amounts: Any, currency: str, product_ids: Collection[UUID]) -> Sequence[str]:
    has = exists().where(
        amounts.distributor_id == Product.distributor_id,
        amounts.product_id == Product.id,
        amounts.currency == currency,
    )
    if amounts is ProductPrice:
        has = has.where(ProductPrice.is_withdrawn.is_(False))
    return session.scalars(
        select(Product.name)
        .where(Product.distributor_id == current_scope().distributor_id, Product.id == _any_of(product_ids), ~has)
        .order_by(Product.name)
    ).all()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown


def _any_of(product_ids: Collection[UUID]) -> Any:
    return any_(literal(list(product_ids), ARRAY(Uuid)))


def _chosen(wanted: EntryFilter, entry_ids: Collection[UUID] | None) -> list[ColumnElement[bool]]:
    conditions = wanted.conditions()
    if entry_ids is not None:
        conditions.append(PriceListEntry.id == _any_of(entry_ids))
    return conditions


def _cost_of(price: Any) -> ColumnElement[bool]:
    return and_(
        VendorCost.distributor_id == price.distributor_id,
        VendorCost.product_id == price.product_id,
        VendorCost.term == price.term,
        VendorCost.cycle == price.cycle,
        VendorCost.currency == price.currency,
    )


def _changed(
    price_list: PriceList, action: str, rule: EntryRule | None, entries: int, actor: Actor, at: datetime
) -> None:
    after: dict[str, object] = {"price_list": price_list.name, "entries": entries}
    if rule is not None:
        after |= {"rule": rule.rule.value, "value": rule.value}
        if rule.ladder is not None:
            after["tiers"] = ladder_text(rule.ladder)
    record(action, actor=actor, at=at, target_kind="price_list", target_id=price_list.id, after=after)
