"""Requests of all customers for the distributor's staff: those that wait for a decision first (CB-29)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select

from app.accounts.models import Account
from app.core.db import session
from app.subscriptions.models import ChangeKind, ChangeStatus, Subscription, SubscriptionChange
from tenants.context import current_scope

SHORTEST_SEARCH = 2


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What to list. A search under two characters is ignored; it looks into code, name and account."""

    search: str = ""
    kind: ChangeKind | None = None
    status: ChangeStatus | None = None


@dataclass(frozen=True, slots=True)
class ListedRequest:
    """A request with the subscription and the account it is about."""

    change: SubscriptionChange
    subscription_code: str
    subscription_name: str
    account_name: str


def list_requests(wanted: RequestFilter, *, limit: int | None, offset: int = 0) -> Sequence[ListedRequest]:
    """Return one page of requests: what waits for a decision first, then the newest."""
    columns = select(SubscriptionChange, Subscription.code, Subscription.friendly_name, Account.name)
    statement = _filtered(columns, wanted).order_by(
        _waits().desc(), SubscriptionChange.created_at.desc(), SubscriptionChange.id.desc()
    )
    rows = session.execute(statement.offset(offset).limit(limit))
    return [ListedRequest(*row) for row in rows]


def count_requests(wanted: RequestFilter) -> int:
    """Return how many requests the filter finds."""
    return session.scalar(_filtered(select(func.count()).select_from(SubscriptionChange), wanted)) or 0


def count_undecided() -> int:
    """Return how many requests wait for somebody of the distributor."""
    return (
        session.scalar(
            select(func.count())
            .select_from(SubscriptionChange)
            .where(SubscriptionChange.distributor_id == current_scope().distributor_id, _waits())
        )
        or 0
    )


def _waits() -> Any:
    return (SubscriptionChange.status == ChangeStatus.SUBMITTED) & SubscriptionChange.examined_at.is_not(None)


def _filtered(statement: Any, wanted: RequestFilter) -> Any:
    statement = (
        statement.join(
            Subscription,
            (Subscription.distributor_id == SubscriptionChange.distributor_id)
            & (Subscription.id == SubscriptionChange.subscription_id),
        )
        .join(
            Account, (Account.distributor_id == Subscription.distributor_id) & (Account.id == Subscription.account_id)
        )
        .where(SubscriptionChange.distributor_id == current_scope().distributor_id)
    )
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        searched = (Subscription.code, Subscription.friendly_name, Account.name)
        statement = statement.where(or_(*(func.lower(column).contains(text, autoescape=True) for column in searched)))
    if wanted.kind is not None:
        statement = statement.where(SubscriptionChange.kind == wanted.kind)
    if wanted.status is not None:
        statement = statement.where(SubscriptionChange.status == wanted.status)
    return statement
