"""Telling the distributor's billing people that usage is missing (CB-13)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.accounts.models import Account
from app.accounts.staff_mails import mail_people
from app.core.db import session
from app.identity.recipients import BILLS, people_with_right
from app.notifications.models import OutboundMail
from app.notifications.services import About, AboutKind, MailTemplate
from app.subscriptions.models import Subscription
from app.subscriptions.periods import Period
from tenants.context import current_scope


def is_told(subscription: Subscription, period: Period) -> bool:
    """Whether a mail about a subscription's period is in the outbox already."""
    statement = select(OutboundMail.id).where(
        OutboundMail.distributor_id == current_scope().distributor_id,
        OutboundMail.template == MailTemplate.USAGE_MISSING.value,
        OutboundMail.fields["subscription_code"].as_string() == subscription.code,
        OutboundMail.fields["period"].as_string() == _words(period),
    )
    return session.scalar(statement.limit(1)) is not None


def mail_usage_missing(subscription: Subscription, payer: Account, period: Period, *, at: datetime) -> None:
    """Queue one mail for each of the distributor's billing people."""
    fields = {
        "subscription_code": subscription.code,
        "friendly_name": subscription.friendly_name,
        "account_name": payer.name,
        "period": _words(period),
    }
    mail_people(
        MailTemplate.USAGE_MISSING,
        people_with_right(BILLS),
        fields,
        link=("usage_url", "/usage"),
        about=About(AboutKind.SUBSCRIPTION, subscription.id),
        at=at,
    )


def _words(period: Period) -> str:
    return f"{period.first:%Y-%m-%d} – {period.last:%Y-%m-%d}"
