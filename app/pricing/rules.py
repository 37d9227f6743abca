"""A reseller's markups and special prices: set, change and remove them (RS-19, RS-20, GO-08).

Rules are the reseller's alone, so everything here runs in its scope. The audit trail, which the distributor reads,
tells that a rule changed and for what, never the percentage or the amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app.accounts.models import Account
from app.audit.services import Actor, record
from app.catalogue.models import BillingCycle, Category, Product, Term
from app.core.db import session
from app.core.errors import Invalid
from app.pricing.amounts import ALWAYS, Period, checked_amount, checked_percent, cost_text
from app.pricing.arithmetic import floor_price
from app.pricing.errors import RuleNotFound, TargetNotFound
from app.pricing.models import MarkupLevel, MarkupRule, SpecialPrice
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import Buyer, PriceKey, alias_buyer, explain_prices
from tenants.context import current_scope, scope


@dataclass(frozen=True, slots=True)
class MarkupTarget:
    """What a markup is for. Made by the constructors below, one for each level that is a markup."""

    level: MarkupLevel
    customer_id: UUID | None = None
    product_id: UUID | None = None
    category_id: UUID | None = None
    vendor: str | None = None

    @classmethod
    def default(cls) -> MarkupTarget:
        """Return level 8: the storefront's default."""
        return cls(MarkupLevel.DEFAULT)

    @classmethod
    def of_vendor(cls, vendor: str) -> MarkupTarget:
        """Return level 7; the vendor's name as products carry it."""
        return cls(MarkupLevel.VENDOR, vendor=vendor)

    @classmethod
    def of_category(cls, category_id: UUID) -> MarkupTarget:
        """Return level 6: a category with all below it that have no markup of their own."""
        return cls(MarkupLevel.CATEGORY, category_id=category_id)

    @classmethod
    def of_product(cls, product_id: UUID) -> MarkupTarget:
        """Return level 5."""
        return cls(MarkupLevel.PRODUCT, product_id=product_id)

    @classmethod
    def of_customer(cls, customer_id: UUID) -> MarkupTarget:
        """Return level 3: all products for one customer."""
        return cls(MarkupLevel.CUSTOMER, customer_id=customer_id)

    @classmethod
    def of_customer_product(cls, customer_id: UUID, product_id: UUID) -> MarkupTarget:
        """Return level 2."""
        return cls(MarkupLevel.CUSTOMER_PRODUCT, customer_id=customer_id, product_id=product_id)

    def conditions(self, reseller_id: UUID) -> tuple[ColumnElement[bool], ...]:
        """Return what the rules of this target have in common; every column stands in the index."""
        rule = MarkupRule
        pairs: tuple[tuple[Any, object], ...] = (
            (rule.customer_id, self.customer_id),
            (rule.product_id, self.product_id),
            (rule.category_id, self.category_id),
            (rule.vendor, self.vendor),
        )
        return (
            rule.distributor_id == current_scope().distributor_id,
            rule.reseller_id == reseller_id,
            rule.level == self.level,
            *(column.is_(None) if value is None else column == value for column, value in pairs),
        )


@dataclass(frozen=True, slots=True)
class UnitKey:
    """One term and cycle, where a markup is for that one alone."""

    term: Term
    cycle: BillingCycle


def set_markup(
    target: MarkupTarget,
    percent: Decimal,
    *,
    reseller_id: UUID,
    actor: Actor,
    at: datetime,
    only_for: UnitKey | None = None,
    period: Period = ALWAYS,
) -> MarkupRule:
    """Set the markup of a target, replacing the one for the same term, cycle and days.

    A dated markup stands above the lasting one during its days; two dated ones may not overlap. Raises Invalid (min_0,
    max_1000, decimals_2, overlap) and TargetNotFound. Source: RS-19, RS-20.
    """
    percent = checked_percent(percent)
    _require_target(target, reseller_id)
    _lock(f"markup {reseller_id} {target}")
    same_unit = [rule for rule in list_markups(target, reseller_id=reseller_id) if _unit_of(rule) == only_for]
    found = next((rule for rule in same_unit if _period_of(rule) == period), None)
    if found is None and period.is_dated:
        _refuse_overlap([_period_of(rule) for rule in same_unit if _period_of(rule).is_dated], period)
    if found is not None and found.percent == percent:
        return found
    if found is None:
        found = MarkupRule(
            reseller_id=reseller_id,
            level=target.level,
            customer_id=target.customer_id,
            product_id=target.product_id,
            category_id=target.category_id,
            vendor=target.vendor,
            term=only_for.term if only_for else None,
            cycle=only_for.cycle if only_for else None,
            percent=percent,
            valid_from=period.valid_from,
            valid_to=period.valid_to,
            created_at=at,
        )
        session.add(found)
    else:
        found.percent = percent
    session.flush()
    _audit("markup.set", found.id, target, period, actor=actor, at=at)
    return found


def clear_markup(
    target: MarkupTarget,
    *,
    reseller_id: UUID,
    actor: Actor,
    at: datetime,
    only_for: UnitKey | None = None,
    period: Period = ALWAYS,
) -> bool:
    """Remove the markup of a target for one term, cycle and period; the next level answers. False: there was none."""
    for rule in list_markups(target, reseller_id=reseller_id):
        if _unit_of(rule) == only_for and _period_of(rule) == period:
            session.delete(rule)
            session.flush()
            _audit("markup.cleared", rule.id, target, period, actor=actor, at=at)
            return True
    return False


def remove_markup(rule_id: UUID, *, reseller_id: UUID, actor: Actor, at: datetime) -> None:
    """Remove one markup by its id; raises RuleNotFound."""
    rule = session.scalar(
        select(MarkupRule).where(
            MarkupRule.distributor_id == current_scope().distributor_id,
            MarkupRule.reseller_id == reseller_id,
            MarkupRule.id == rule_id,
        )
    )
    if rule is None:
        raise RuleNotFound
    session.delete(rule)
    session.flush()
    _audit("markup.cleared", rule.id, target_of(rule), _period_of(rule), actor=actor, at=at)


def set_special_price(
    key: PriceKey,
    amount: Decimal,
    *,
    currency: str,
    reseller_id: UUID,
    on: date,
    actor: Actor,
    at: datetime,
    customer_id: UUID | None = None,
    period: Period = ALWAYS,
) -> SpecialPrice:
    """Agree a fixed price of a product, for everybody or for one customer, replacing the one for the same days.

    `on` is today in the storefront's zone. Raises Invalid (min_0, decimals_2, currency, below_cost, not_available,
    overlap) and TargetNotFound. Source: RS-20.
    """
    if customer_id is not None:
        _require_customer(customer_id, reseller_id)
    store = alias_buyer(reseller_id, None, on)
    if currency != store.currency:
        raise Invalid.field("currency", "currency", f"This storefront sells in {store.currency}")
    amount = checked_amount(amount, currency)
    _refuse_below_cost(key, amount, store, price_list_ids_of(reseller_id))
    _lock(f"special {reseller_id} {key} {customer_id}")
    existing = list_special_prices(reseller_id=reseller_id, customer_id=customer_id, product_id=key.product_id)
    same_key = [price for price in existing if (price.term, price.cycle) == (key.term, key.cycle)]
    found = next((price for price in same_key if _period_of(price) == period), None)
    if found is None:
        _refuse_overlap([_period_of(price) for price in same_key], period)
        found = SpecialPrice(
            reseller_id=reseller_id,
            customer_id=customer_id,
            product_id=key.product_id,
            term=key.term,
            cycle=key.cycle,
            currency=currency,
            amount=amount,
            valid_from=period.valid_from,
            valid_to=period.valid_to,
            created_at=at,
        )
        session.add(found)
    else:
        found.amount, found.currency = amount, currency
    session.flush()
    _audit_special("special_price.set", found, actor=actor, at=at)
    return found


def remove_special_price(price_id: UUID, *, reseller_id: UUID, actor: Actor, at: datetime) -> None:
    """Remove one special price; the next level answers. Raises RuleNotFound."""
    price = session.scalar(
        select(SpecialPrice).where(
            SpecialPrice.distributor_id == current_scope().distributor_id,
            SpecialPrice.reseller_id == reseller_id,
            SpecialPrice.id == price_id,
        )
    )
    if price is None:
        raise RuleNotFound
    session.delete(price)
    session.flush()
    _audit_special("special_price.removed", price, actor=actor, at=at)


def list_markups(target: MarkupTarget, *, reseller_id: UUID) -> Sequence[MarkupRule]:
    """Return all rules of one target, lasting ones first."""
    statement = select(MarkupRule).where(*target.conditions(reseller_id))
    return session.scalars(statement.order_by(MarkupRule.valid_from.nulls_first(), MarkupRule.created_at)).all()


def list_special_prices(
    *, reseller_id: UUID, customer_id: UUID | None, product_id: UUID | None = None
) -> Sequence[SpecialPrice]:
    """Return the special prices of one customer, or of everybody, by product and first day."""
    price = SpecialPrice
    statement = select(price).where(
        price.distributor_id == current_scope().distributor_id,
        price.reseller_id == reseller_id,
        price.customer_id.is_(None) if customer_id is None else price.customer_id == customer_id,
    )
    if product_id is not None:
        statement = statement.where(price.product_id == product_id)
    return session.scalars(statement.order_by(price.product_id, price.valid_from.nulls_first(), price.id)).all()


def target_of(rule: MarkupRule) -> MarkupTarget:
    """Return what a stored markup is for."""
    return MarkupTarget(rule.level, rule.customer_id, rule.product_id, rule.category_id, rule.vendor)


def _unit_of(rule: MarkupRule) -> UnitKey | None:
    return UnitKey(rule.term, rule.cycle) if rule.term is not None and rule.cycle is not None else None


def _period_of(rule: MarkupRule | SpecialPrice) -> Period:
    return Period(rule.valid_from, rule.valid_to)


def _lock(name: str) -> None:
    """Let one change of a target finish before the next is judged: overlaps are not a constraint of the table."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _refuse_overlap(existing: Sequence[Period], period: Period) -> None:
    if any(other.overlaps(period) for other in existing):
        raise Invalid.field("valid_from", "overlap", "There is already a price for some of these days")


def _refuse_below_cost(key: PriceKey, amount: Decimal, store: Buyer, lists: tuple[UUID, ...]) -> None:
    with scope(current_scope().with_price_lists(lists)):
        found = explain_prices([key], store).get(key)
    if found is None:
        raise Invalid.field("key", "not_available", "This product is not available to you for that term and cycle")
    if amount < found.cost:
        floor = floor_price(found.cost, found.currency)
        message = f"Your cost is {cost_text(found.cost, found.currency)} {found.currency}: enter at least {floor}"
        raise Invalid.field("amount", "below_cost", message)


def _require_customer(customer_id: UUID, reseller_id: UUID) -> None:
    found = session.scalar(
        select(Account.id).where(
            Account.distributor_id == current_scope().distributor_id,
            Account.reseller_id == reseller_id,
            Account.id == customer_id,
            Account.id != reseller_id,
        )
    )
    if found is None:
        raise TargetNotFound("customer")


def _require_target(target: MarkupTarget, reseller_id: UUID) -> None:
    distributor_id = current_scope().distributor_id
    if target.customer_id is not None:
        _require_customer(target.customer_id, reseller_id)
    checks = (
        (target.product_id, "product", select(Product.id).where(Product.id == target.product_id), Product),
        (target.category_id, "category", select(Category.id).where(Category.id == target.category_id), Category),
        (target.vendor, "vendor", select(Product.id).where(Product.vendor == target.vendor).limit(1), Product),
    )
    for value, what, statement, model in checks:
        if value is not None and (
            not value or session.scalar(statement.where(model.distributor_id == distributor_id)) is None
        ):
            raise TargetNotFound(what)


def _audit(action: str, rule_id: UUID, target: MarkupTarget, period: Period, *, actor: Actor, at: datetime) -> None:
    about = {
        "level": target.level.value,
        "customer_id": target.customer_id,
        "product_id": target.product_id,
        "category_id": target.category_id,
        "vendor": target.vendor,
        "valid_from": period.valid_from,
        "valid_to": period.valid_to,
    }
    told = {name: value for name, value in about.items() if value is not None}
    record(action, actor=actor, at=at, target_kind="markup_rule", target_id=rule_id, after=told)


def _audit_special(action: str, price: SpecialPrice, *, actor: Actor, at: datetime) -> None:
    about = {
        "customer_id": price.customer_id,
        "product_id": price.product_id,
        "term": price.term.value,
        "cycle": price.cycle.value,
        "valid_from": price.valid_from,
        "valid_to": price.valid_to,
    }
    told = {name: value for name, value in about.items() if value is not None}
    record(action, actor=actor, at=at, target_kind="special_price", target_id=price.id, after=told)
