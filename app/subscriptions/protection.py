"""Locked prices: a purchase keeps its price for so many months, whatever the list says meanwhile (CB-06).

Sell price and vendor's cost are locked, so that an edited rule of the price list counts from them. A price by hand is
never protected. `app.changes.prices` renews by what stands here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert

from app.accounts.queries import get_account
from app.accounts.staff_mails import mail_account_manager
from app.audit.services import Actor, record
from app.catalogue.models import ProductPrice, VendorCost
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.notifications.services import About, AboutKind, MailTemplate
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import PriceLabel, Subscription, SubscriptionCost, SubscriptionStatus
from app.subscriptions.owner_mails import mail_owner
from app.subscriptions.periods import ONE_DAY, add_months
from app.subscriptions.price_models import ProtectedCost
from tenants.context import current_scope

REMINDED_BEFORE = timedelta(days=30)
TOLD_LATE = timedelta(days=7)  # what ended before is let be
MOST = 200
LIVE = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Protectable:
    """A subscription whose price could be locked from today on."""

    subscription: Subscription
    cost: SubscriptionCost
    months: int


def lock_price(subscription: Subscription, cost: SubscriptionCost, *, on: date) -> bool:
    """Lock the price a subscription is bought at, where its product says for how long; False where it is not locked.

    A price by hand is not. In the distributor's scope: the vendor's cost is locked with it.
    """
    if cost.user_price is not None or cost.label is PriceLabel.USER_PRICED:
        return False
    row = session.scalar(
        select(ProductPrice).where(
            ProductPrice.distributor_id == current_scope().distributor_id,
            ProductPrice.product_id == subscription.product_id,
            ProductPrice.term == subscription.term,
            ProductPrice.cycle == subscription.cycle,
            ProductPrice.currency == subscription.currency,
        )
    )
    if row is None or row.protection_months < 1:
        return False
    cost.protected_price = cost.base_cost if cost.base_cost is not None else cost.unit_cost
    cost.protected_list_price = row.list_price
    cost.protected_until = add_months(on, row.protection_months) - ONE_DAY
    cost.protection_reminded_for = None
    if cost.label is PriceLabel.LIST:
        cost.label = PriceLabel.PROTECTED
    _lock_vendor_cost(subscription)
    return True


def activate_protection(subscription_ids: Collection[UUID], *, on: date, actor: Actor, at: datetime) -> int:
    """Lock the present prices of running subscriptions and their active add-ons from a day on; all of them, or none.

    Raises SubscriptionNotFound, Invalid `hand_priced`, `no_protection_term`, `already_protected`, `not_active`.
    """
    locked = 0
    for subscription_id in dict.fromkeys(subscription_ids):
        subscription = _subscription(subscription_id)
        cost = _cost_of(subscription_id)
        if subscription.status not in LIVE or subscription.trial_ends_on is not None or cost is None:
            raise Invalid.field("subscriptions", "not_active", f"{subscription.code} is not active")
        if cost.user_price is not None:
            raise Invalid.field("subscriptions", "hand_priced", f"{subscription.code} has a price set by hand")
        if cost.protected_until is not None and cost.protected_until >= on:
            raise Invalid.field("subscriptions", "already_protected", f"{subscription.code} is protected already")
        if not lock_price(subscription, cost, on=on):
            raise Invalid.field(
                "subscriptions", "no_protection_term", f"The price of {subscription.code} has no protection term"
            )
        locked += 1
        record(
            "subscription.price_protected", actor=actor, at=at, target_kind="subscription",
            target_id=subscription.id, after={"until": cost.protected_until},
        )  # fmt: skip
        for add_on in _add_ons(subscription_id):
            own = _cost_of(add_on.id)
            if own is not None and (own.protected_until is None or own.protected_until < on):
                locked += lock_price(add_on, own, on=on)
    session.flush()
    return locked


def list_protectable(*, on: date, limit: int = MOST) -> Sequence[Protectable]:
    """Return running subscriptions whose price could be locked: a protection term, no lock, no price by hand."""
    rows = session.execute(
        select(Subscription, SubscriptionCost, ProductPrice.protection_months)
        .join(
            SubscriptionCost,
            (SubscriptionCost.distributor_id == Subscription.distributor_id)
            & (SubscriptionCost.subscription_id == Subscription.id),
        )
        .join(
            ProductPrice,
            (ProductPrice.distributor_id == Subscription.distributor_id)
            & (ProductPrice.product_id == Subscription.product_id)
            & (ProductPrice.term == Subscription.term)
            & (ProductPrice.cycle == Subscription.cycle)
            & (ProductPrice.currency == Subscription.currency),
        )
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.status.in_(LIVE),
            Subscription.trial_ends_on.is_(None),
            ProductPrice.protection_months > 0,
            SubscriptionCost.user_price.is_(None),
            SubscriptionCost.protected_until.is_(None) | (SubscriptionCost.protected_until < on),
        )
        .order_by(Subscription.created_at.desc(), Subscription.id)
        .limit(limit)
    )
    return [Protectable(*row) for row in rows]


def remind_of_protection(*, on: date, at: datetime) -> int:
    """Tell customers and account managers once of protected prices that end within 30 days; returns of how many."""
    told = _to_tell(on, on + REMINDED_BEFORE, SubscriptionCost.protection_reminded_for)
    for subscription, cost in told:
        cost.protection_reminded_for = cost.protected_until
        _tell(MailTemplate.PROTECTION_ENDING, subscription, cost, at=at)
    return len(told)


def tell_of_ended_protection(*, on: date, at: datetime) -> int:
    """Tell the same people on its last day that a protection ends: the next renewal is at its day's price (CB-06)."""
    told = _to_tell(on - TOLD_LATE, on, SubscriptionCost.protection_ended_for)
    for subscription, cost in told:
        cost.protection_ended_for = cost.protected_until
        _tell(MailTemplate.PROTECTION_ENDED, subscription, cost, at=at)
    return len(told)


def count_priced_by(price_list_id: UUID) -> int:
    """Return how many running subscriptions pay by a price list."""
    statement = (
        select(func.count())
        .select_from(SubscriptionCost)
        .join(
            Subscription,
            (Subscription.distributor_id == SubscriptionCost.distributor_id)
            & (Subscription.id == SubscriptionCost.subscription_id),
        )
        .where(
            SubscriptionCost.distributor_id == current_scope().distributor_id,
            SubscriptionCost.price_list_id == price_list_id,
            Subscription.status.in_(LIVE),
        )
    )
    return session.scalar(statement) or 0


def _to_tell(first: date, last: date, told_for: Any) -> Sequence[Row[Subscription, SubscriptionCost]]:
    return session.execute(
        select(Subscription, SubscriptionCost)
        .join(
            SubscriptionCost,
            (SubscriptionCost.distributor_id == Subscription.distributor_id)
            & (SubscriptionCost.subscription_id == Subscription.id),
        )
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.status.in_(LIVE),
            SubscriptionCost.protected_until.between(first, last),
            told_for.is_distinct_from(SubscriptionCost.protected_until),
        )
        .order_by(Subscription.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _tell(template: MailTemplate, subscription: Subscription, cost: SubscriptionCost, *, at: datetime) -> None:
    """Mail the account manager, and the customer where it pays itself: a reseller's pays by its own prices."""
    fields = {
        "product_name": subscription.friendly_name,
        "quantity": str(subscription.quantity),
        "protected_until": cost.protected_until.isoformat() if cost.protected_until else "-",
    }
    if subscription.account_id == subscription.payer_id:
        path = f"/billing/subscriptions/{subscription.code}"
        mail_owner(template, subscription, fields, path=path, link="subscription_url", at=at)
    mail_account_manager(
        template,
        get_account(subscription.payer_id),
        fields,
        link=("subscription_url", f"/subscriptions/{subscription.code}"),
        about=About(AboutKind.SUBSCRIPTION, subscription.id),
        at=at,
    )


def locked_vendor_cost(subscription_id: UUID) -> ProtectedCost | None:
    """Return what the vendor charged when the price was locked."""
    return session.scalar(
        select(ProtectedCost).where(
            ProtectedCost.distributor_id == current_scope().distributor_id,
            ProtectedCost.subscription_id == subscription_id,
        )
    )


def _lock_vendor_cost(subscription: Subscription) -> None:
    vendor_cost = session.scalar(
        select(VendorCost.vendor_cost).where(
            VendorCost.distributor_id == current_scope().distributor_id,
            VendorCost.product_id == subscription.product_id,
            VendorCost.term == subscription.term,
            VendorCost.cycle == subscription.cycle,
            VendorCost.currency == subscription.currency,
        )
    )
    if vendor_cost is None:
        return
    statement = insert(ProtectedCost).values(
        distributor_id=subscription.distributor_id,
        id=new_id(),
        subscription_id=subscription.id,
        vendor_cost=vendor_cost,
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[ProtectedCost.distributor_id, ProtectedCost.subscription_id],
            set_={"vendor_cost": statement.excluded.vendor_cost},
        )
    )


def _subscription(subscription_id: UUID) -> Subscription:
    found = session.scalar(
        select(Subscription)
        .where(Subscription.distributor_id == current_scope().distributor_id, Subscription.id == subscription_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise SubscriptionNotFound(subscription_id)
    return found


def _cost_of(subscription_id: UUID) -> SubscriptionCost | None:
    return session.scalar(
        select(SubscriptionCost).where(
            SubscriptionCost.distributor_id == current_scope().distributor_id,
            SubscriptionCost.subscription_id == subscription_id,
        )
    )


def _add_ons(subscription_id: UUID) -> Sequence[Subscription]:
    return session.scalars(
        select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.parent_id == subscription_id,
            Subscription.status == SubscriptionStatus.ACTIVE,
        )
    ).all()
