"""All subscriptions for the distributor's staff, to look at: at the payer's price, never at a sell price (decisions section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.catalogue.models import Product
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionStatus, SyncStatus
from app.subscriptions.wholesale import COLUMNS, WholesaleSubscription, joined

SHORTEST_SEARCH = 2
PAYER = aliased(Account)


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """What to list. A search under two characters is ignored; it looks into code, names, product and account."""

    search: str = ""
    status: SubscriptionStatus | None = None
    sync_status: SyncStatus | None = None


@dataclass(frozen=True, slots=True)
class ListedSubscription:
    """A subscription in the list, with who pays for it."""

    subscription: WholesaleSubscription
    payer_name: str


def list_subscriptions(
    wanted: SubscriptionFilter, *, limit: int | None, offset: int = 0
) -> Sequence[ListedSubscription]:
    """Return one page of all subscriptions in reach, the newest first."""
    statement = _filtered(select(*COLUMNS, PAYER.name.label("payer_name")), wanted)
    statement = statement.order_by(Subscription.created_at.desc(), Subscription.id.desc()).offset(offset)
    if limit is not None:
        statement = statement.limit(limit)
    found = []
    for row in session.execute(statement).mappings():
        values = dict(row)
        payer_name = values.pop("payer_name")
        found.append(ListedSubscription(WholesaleSubscription(**values), payer_name))
    return found


def count_subscriptions(wanted: SubscriptionFilter) -> int:
    """Return how many subscriptions the filter finds."""
    return session.scalar(_filtered(select(func.count()).select_from(Subscription), wanted)) or 0


def _filtered(statement: Any, wanted: SubscriptionFilter) -> Any:
    statement = joined(statement).join(
        PAYER, (PAYER.distributor_id == Subscription.distributor_id) & (PAYER.id == Subscription.payer_id)
    )
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        searched = (Subscription.code, Subscription.friendly_name, Product.name, Account.name)
        statement = statement.where(or_(*(func.lower(column).contains(text, autoescape=True) for column in searched)))
    if wanted.status is not None:
        statement = statement.where(Subscription.status == wanted.status)
    if wanted.sync_status is not None:
        statement = statement.where(Subscription.sync_status == wanted.sync_status)
    return statement
