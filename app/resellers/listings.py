"""A reseller's own catalogue: list products with or without a markup of their own, unlist them, allow trials (RS-19).

One bulk change is set-based: a handful of statements whatever the number of products; what cannot be done to one
product is told for that product and leaves the others alone. Everything runs in the reseller's scope with its price
lists named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.audit.services import Actor, record
from app.catalogue.models import Product
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.pricing.amounts import CENT, MAX_PERCENT, checked_percent
from app.pricing.levels import PRODUCTS, parameters, usable_lists
from app.pricing.models import MarkupLevel, MarkupRule
from app.pricing.offered import available_to_reseller
from app.pricing.quotes import Buyer, alias_buyer, explain_products
from app.resellers.models import Listing, ListingAction
from tenants.context import current_scope

NEEDS_PERCENT = (ListingAction.SET_MARKUP, ListingAction.ADD_POINTS)
AUDITED_IDS = 100
_AVAILABLE = select(Product.id).where(Product.id == func.any(PRODUCTS), *available_to_reseller(usable_lists()))


@dataclass(frozen=True, slots=True)
class ListingChange:
    """What to do to each product. `percent`: the markup, or for ADD_POINTS what to add to it (may be negative).

    Listing without a percent inherits the markup of category, vendor or storefront.
    """

    action: ListingAction
    percent: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a change that cannot be meant: Invalid with required, min_0, max_1000 or decimals_2."""
        if self.percent is None:
            if self.action in NEEDS_PERCENT:
                raise Invalid.field("percent", "required", "Enter a percentage, such as 15")
        elif self.action is ListingAction.ADD_POINTS:
            checked_percent(abs(self.percent))
        else:
            checked_percent(self.percent)


@dataclass(frozen=True, slots=True)
class RowResult:
    """What came of one product of a change. `reason` None: done."""

    product_id: UUID
    reason: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the product was changed."""
        return self.reason is None


REASONS = {
    "not_available": "Not available: withdrawn, or not in your price list",
    "already_listed": "Already in your catalogue",
    "not_listed": "Not in your catalogue",
    "special_price": "Has a special price and no markup to add to",
    "min_0": "The markup would be negative",
    "max_1000": "The markup would be above 1000 %",
    "no_trial": "The product has no trial",
}


def list_products(
    product_ids: Sequence[UUID],
    *,
    reseller_id: UUID,
    percent: Decimal | None = None,
    trial_enabled: bool = True,
    on: date,
    actor: Actor,
    at: datetime,
) -> tuple[RowResult, ...]:
    """Put products into the reseller's catalogue. A percent makes a markup of each product; without one it inherits.

    `on` is today in the storefront's zone. Raises Invalid for a percent that is none; refusals of single products are
    in the result. Source: RS-19.
    """
    change = ListingChange(ListingAction.LIST, percent)
    results = apply_change(change, product_ids, reseller_id=reseller_id, on=on, actor=actor, at=at)
    if not trial_enabled:
        done = [result.product_id for result in results if result.is_done]
        apply_change(ListingChange(ListingAction.TRIALS_OFF), done, reseller_id=reseller_id, on=on, actor=actor, at=at)
    return results


def unlist(
    product_ids: Sequence[UUID], *, reseller_id: UUID, on: date, actor: Actor, at: datetime
) -> tuple[RowResult, ...]:
    """Take products out of the reseller's catalogue; their markups stay, should they return. Source: RS-19."""
    return apply_change(
        ListingChange(ListingAction.UNLIST), product_ids, reseller_id=reseller_id, on=on, actor=actor, at=at
    )


def set_trials(
    product_ids: Sequence[UUID], *, is_enabled: bool, reseller_id: UUID, on: date, actor: Actor, at: datetime
) -> tuple[RowResult, ...]:
    """Allow or forbid trials of listed products."""
    action = ListingAction.TRIALS_ON if is_enabled else ListingAction.TRIALS_OFF
    return apply_change(ListingChange(action), product_ids, reseller_id=reseller_id, on=on, actor=actor, at=at)


def apply_change(
    change: ListingChange,
    product_ids: Sequence[UUID],
    *,
    reseller_id: UUID,
    on: date,
    actor: Actor,
    at: datetime,
) -> tuple[RowResult, ...]:
    """Do one change to many products, in order; each has its own result, and a refused one does not undo others."""
    wanted = list(dict.fromkeys(product_ids))
    if not wanted:
        return ()
    buyer = alias_buyer(reseller_id, None, on)
    facts = _facts(wanted, buyer)
    percents = _percents(change, wanted, facts, buyer)
    results = tuple(RowResult(product_id, _refusal(change, facts[product_id], percents)) for product_id in wanted)
    done = [result.product_id for result in results if result.is_done]
    if done:
        _change_listings(change.action, done, reseller_id=reseller_id, at=at)
        _write_markups({product: percents[product] for product in done if product in percents}, reseller_id, at)
        told = {"action": change.action.value, "products": len(done)}
        if len(done) <= AUDITED_IDS:
            told["product_ids"] = ", ".join(map(str, done))
        record("listings.changed", actor=actor, at=at, target_kind="reseller", target_id=reseller_id, after=told)
    session.flush()
    return results


@dataclass(frozen=True, slots=True)
class _Fact:
    product_id: UUID
    is_available: bool
    is_listed: bool
    has_trial: bool
    markup: Decimal | None  # of the product itself, lasting and for all terms


def available_ids(product_ids: Sequence[UUID], buyer: Buyer) -> frozenset[UUID]:
    """Return which products the reseller may list and sell: published for it and priced by its lists."""
    given = parameters(buyer, current_scope().distributor_id) | {"product_ids": list(product_ids)}
    return frozenset(session.scalars(_AVAILABLE, given))


def _facts(product_ids: Sequence[UUID], buyer: Buyer) -> dict[UUID, _Fact]:
    distributor_id, reseller_id = current_scope().distributor_id, buyer.reseller_id
    available = available_ids(product_ids, buyer)
    listed = set(
        session.scalars(
            select(Listing.product_id).where(
                Listing.distributor_id == distributor_id,
                Listing.reseller_id == reseller_id,
                Listing.product_id.in_(product_ids),
            )
        )
    )
    trials = set(
        session.scalars(
            select(Product.id).where(
                Product.distributor_id == distributor_id,
                Product.id.in_(product_ids),
                or_(Product.trial_days > 0, Product.trial_months > 0),
            )
        )
    )
    markups = {rule.product_id: rule.percent for rule in _lasting_markups(product_ids, reseller_id)}
    return {
        product_id: _Fact(
            product_id, product_id in available, product_id in listed, product_id in trials, markups.get(product_id)
        )
        for product_id in product_ids
    }


def _lasting_markups(product_ids: Sequence[UUID], reseller_id: UUID | None) -> Sequence[MarkupRule]:
    """Return the products' own markups without term and dates, the ones a bulk change sets; oldest first."""
    rule = MarkupRule
    statement = select(rule).where(
        rule.distributor_id == current_scope().distributor_id,
        rule.reseller_id == reseller_id,
        rule.level == MarkupLevel.PRODUCT,
        rule.customer_id.is_(None),
        rule.product_id.in_(product_ids),
        rule.term.is_(None),
        rule.valid_from.is_(None),
        rule.valid_to.is_(None),
    )
    return session.scalars(statement.order_by(rule.created_at, rule.id)).all()


def _percents(
    change: ListingChange, product_ids: Sequence[UUID], facts: dict[UUID, _Fact], buyer: Buyer
) -> dict[UUID, Decimal]:
    """Return the markup each product shall have; a product without one keeps inheriting."""
    if change.percent is None:
        return {}
    if change.action is not ListingAction.ADD_POINTS:
        return dict.fromkeys(product_ids, change.percent.quantize(CENT))
    own = {product: fact.markup for product, fact in facts.items() if fact.markup is not None}
    inherited = {
        key.product_id: price.percent
        for key, price in explain_products([product for product in product_ids if product not in own], buyer).items()
        if price.percent is not None
    }
    return {product: percent + change.percent for product, percent in (inherited | own).items()}


def _refusal(change: ListingChange, fact: _Fact, percents: dict[UUID, Decimal]) -> str | None:
    """Return why a change cannot be made to a product, or None."""
    action = change.action
    if action is ListingAction.LIST:
        return "not_available" if not fact.is_available else "already_listed" if fact.is_listed else None
    if not fact.is_listed:
        return "not_listed"
    if action in NEEDS_PERCENT:
        return _refused_percent(fact, percents.get(fact.product_id))
    return "no_trial" if action is ListingAction.TRIALS_ON and not fact.has_trial else None


def _refused_percent(fact: _Fact, percent: Decimal | None) -> str | None:
    if not fact.is_available:
        return "not_available"
    if percent is None:
        return "special_price"
    return "min_0" if percent < 0 else "max_1000" if percent > MAX_PERCENT else None


def _change_listings(action: ListingAction, product_ids: Sequence[UUID], *, reseller_id: UUID, at: datetime) -> None:
    distributor_id = current_scope().distributor_id
    mine = (
        Listing.distributor_id == distributor_id,
        Listing.reseller_id == reseller_id,
        Listing.product_id.in_(product_ids),
    )
    if action is ListingAction.LIST:
        rows = [
            {
                "distributor_id": distributor_id,
                "id": new_id(),
                "reseller_id": reseller_id,
                "product_id": product_id,
                "trial_enabled": True,
                "is_featured": False,
                "listed_at": at,
            }
            for product_id in product_ids
        ]
        session.execute(upsert(Listing).on_conflict_do_nothing(), rows)
    elif action is ListingAction.UNLIST:
        session.execute(delete(Listing).where(*mine))
    elif action in (ListingAction.TRIALS_ON, ListingAction.TRIALS_OFF):
        session.execute(update(Listing).where(*mine).values(trial_enabled=action is ListingAction.TRIALS_ON))


def _write_markups(percents: dict[UUID, Decimal], reseller_id: UUID, at: datetime) -> None:
    """Give products markups of their own, lasting and for all terms: change what stands, insert what does not."""
    if not percents:
        return
    distributor_id = current_scope().distributor_id
    existing = _lasting_markups(list(percents), reseller_id)
    changed: list[dict[str, Any]] = [
        {"distributor_id": distributor_id, "id": rule.id, "percent": percents[rule.product_id]}
        for rule in existing
        if rule.product_id is not None
    ]
    if changed:
        session.execute(update(MarkupRule), changed)
    known = {rule.product_id for rule in existing}
    rows = [
        {
            "distributor_id": distributor_id,
            "id": new_id(),
            "reseller_id": reseller_id,
            "level": MarkupLevel.PRODUCT,
            "product_id": product_id,
            "percent": percent,
            "created_at": at,
        }
        for product_id, percent in percents.items()
        if product_id not in known
    ]
    if rows:
        session.execute(insert(MarkupRule), rows)
