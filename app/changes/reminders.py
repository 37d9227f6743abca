"""Telling customers that a term ends: 30, 7 and 1 days before, once each (CB-28).

A term shorter than a year that renews by itself is not announced: it would be a mail a month that asks for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.catalogue.models import Term
from app.catalogue.words import YEAR
from app.changes.mails import to_customer
from app.core.db import session
from app.core.ids import new_id
from app.notifications.templates import MailTemplate
from app.subscriptions.models import RenewalReminder, Subscription, SubscriptionRole, SubscriptionStatus
from app.subscriptions.periods import ONE_DAY
from tenants.context import current_scope

LONG, SHORT = (30, 7, 1), (7, 1)  # days before; of terms of a year and more, and of shorter ones
LONG_TERMS = tuple(term for term in Term if term.months >= YEAR)
MOST = 200  # of one look


def remind_of_renewals(on: date, *, at: datetime) -> int:
    """Mail the customers whose terms end so many days after a day of the distributor; returns how many subscriptions.

    A reminder is a row before it is a mail, so that it goes out once. Those that could not be sent in time are left out.
    """
    reminded = 0
    for days in LONG:
        for subscription in _ending(on + timedelta(days=days), days):
            if _remember(subscription, days, at=at):
                _mail(subscription, at=at)
                reminded += 1
    return reminded


def mail_expired(subscription: Subscription, on: date, *, at: datetime) -> None:
    """Tell the customer that a subscription has ended because nobody wanted another term."""
    fields = {**_fields(subscription), "expired_on": on.isoformat()}
    to_customer(MailTemplate.SUBSCRIPTION_EXPIRED, subscription, fields, at=at)


def _ending(day: date, days: int) -> Sequence[Subscription]:
    announced: ColumnElement[bool] = Subscription.term.in_(LONG_TERMS)
    if days in SHORT:
        announced = or_(announced, Subscription.auto_renew.is_(False))
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.renews_on == day,
            Subscription.status == SubscriptionStatus.ACTIVE,
            Subscription.role == SubscriptionRole.MAIN,
            Subscription.trial_ends_on.is_(None),
            announced,
            ~exists().where(
                and_(
                    RenewalReminder.distributor_id == Subscription.distributor_id,
                    RenewalReminder.subscription_id == Subscription.id,
                    RenewalReminder.renews_on == day,
                    RenewalReminder.days_before == days,
                )
            ),
        )
        .order_by(Subscription.id)
        .limit(MOST)
    ).all()


def _remember(subscription: Subscription, days: int, *, at: datetime) -> bool:
    """Write the reminder down; False where somebody else has."""
    written = session.execute(
        insert(RenewalReminder)
        .values(
            id=new_id(),
            distributor_id=subscription.distributor_id,
            subscription_id=subscription.id,
            renews_on=subscription.renews_on,
            days_before=days,
            created_at=at,
        )
        .on_conflict_do_nothing(index_elements=["distributor_id", "subscription_id", "renews_on", "days_before"])
        .returning(RenewalReminder.id)
    )
    return written.first() is not None


def _mail(subscription: Subscription, *, at: datetime) -> None:
    what = (
        "It renews by itself for another term. Nothing has to be done."
        if subscription.auto_renew
        else "It does not renew by itself: it expires on the day after. Switch automatic renewal on to keep it."
    )
    last = subscription.renews_on - ONE_DAY if subscription.renews_on else None
    fields = {**_fields(subscription), "term_ends": last.isoformat() if last else "-", "what_happens": what}
    to_customer(MailTemplate.RENEWAL_REMINDER, subscription, fields, at=at)


def _fields(subscription: Subscription) -> dict[str, str]:
    return {
        "friendly_name": subscription.friendly_name,
        "quantity": str(subscription.quantity),
        "subscription_url": "",
    }
