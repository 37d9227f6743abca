"""One calendar of what will happen by itself: scheduled orders, renewals, ends, changes for the next period (GO-12)."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Date, String, Uuid, case, cast, func, literal, null, or_, select, union_all

from app.accounts.models import Account
from app.core.db import session
from app.orders.models import Order, OrderStatus
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionRole,
    SubscriptionStatus,
)
from tenants.context import current_scope

SHORTEST_SEARCH = 2
RUNNING = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED)


class AgendaKind(enum.Enum):
    """What will happen on a day."""

    ORDER = "order"  # is executed
    RENEWAL = "renewal"  # a new term begins
    EXPIRY = "expiry"  # the term ends and nobody wants another one
    TRIAL_END = "trial_end"
    CANCELLATION = "cancellation"  # the first day without it
    CHANGE = "change"  # of quantity, product or add-ons, from this day on


@dataclass(frozen=True, slots=True)
class AgendaItem:
    """Something that happens on a day of the distributor. `code` is the order's number or the subscription's code."""

    day: date
    kind: AgendaKind
    code: str
    name: str
    account_name: str
    text: str  # of a change: its kind; of an order: nothing
    quantity_to: int | None
    change_id: UUID | None


@dataclass(frozen=True, slots=True)
class AgendaFilter:
    """What to list, both days included. A search under two characters is ignored; it looks into code, name and account."""

    first: date
    last: date
    kind: AgendaKind | None = None
    search: str = ""


def list_agenda(wanted: AgendaFilter, *, limit: int, offset: int = 0) -> Sequence[AgendaItem]:
    """Return what happens on some days, in order; one statement."""
    found = _found(wanted).subquery()
    rows = session.execute(select(found).order_by(found.c.day, found.c.kind, found.c.code).limit(limit).offset(offset))
    return [
        AgendaItem(row.day, AgendaKind(row.kind), row.code, row.name, row.account_name, row.text, row.quantity_to,
                   row.change_id)
        for row in rows
    ]  # fmt: skip


def count_agenda(wanted: AgendaFilter) -> int:
    """Return how much happens."""
    return session.scalar(select(func.count()).select_from(_found(wanted).subquery())) or 0


def _found(wanted: AgendaFilter) -> Any:
    first, last = wanted.first, wanted.last
    kinds = {wanted.kind} if wanted.kind else set(AgendaKind)
    parts = []
    if AgendaKind.ORDER in kinds:
        parts.append(_orders(first, last))
    if kinds & {AgendaKind.RENEWAL, AgendaKind.EXPIRY}:
        parts.append(_terms(first, last, kinds))
    if AgendaKind.TRIAL_END in kinds:
        parts.append(_trials(first, last))
    if kinds & {AgendaKind.CANCELLATION, AgendaKind.CHANGE}:
        parts.append(_changes(first, last, kinds))
    found = union_all(*parts).subquery()
    text = wanted.search.strip().lower()
    if len(text) < SHORTEST_SEARCH:
        return select(found)
    searched = (found.c.code, found.c.name, found.c.account_name)
    return select(found).where(or_(*(func.lower(column).contains(text, autoescape=True) for column in searched)))


def _columns(day: Any, kind: Any, code: Any, name: Any, text: Any, quantity: Any, change_id: Any) -> Any:
    return select(
        cast(day, Date).label("day"),
        cast(kind, String).label("kind"),
        code.label("code"),
        name.label("name"),
        Account.name.label("account_name"),
        cast(text, String).label("text"),
        quantity.label("quantity_to"),
        cast(change_id, Uuid).label("change_id"),
    )


def _orders(first: date, last: date) -> Any:
    kind = literal(AgendaKind.ORDER.value)
    return (
        _columns(Order.execute_on, kind, Order.number, Order.name, literal(""), cast(null(), Subscription.quantity.type), null())
        .join(Account, (Account.distributor_id == Order.distributor_id) & (Account.id == Order.account_id))
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.status == OrderStatus.SCHEDULED,
            Order.execute_on.between(first, last),
        )
    )  # fmt: skip


def _terms(first: date, last: date, wanted: Collection[AgendaKind]) -> Any:
    kind = case((Subscription.auto_renew, AgendaKind.RENEWAL.value), else_=AgendaKind.EXPIRY.value)
    statement = _of_subscriptions(
        _columns(
            Subscription.renews_on, kind, Subscription.code, Subscription.friendly_name, literal(""),
            Subscription.quantity, null(),
        )
    ).where(Subscription.trial_ends_on.is_(None), Subscription.renews_on.between(first, last))  # fmt: skip
    if AgendaKind.RENEWAL not in wanted:
        statement = statement.where(Subscription.auto_renew.is_(False))
    if AgendaKind.EXPIRY not in wanted:
        statement = statement.where(Subscription.auto_renew.is_(True))
    return statement


def _trials(first: date, last: date) -> Any:
    return _of_subscriptions(
        _columns(
            Subscription.trial_ends_on + literal(timedelta(days=1)), literal(AgendaKind.TRIAL_END.value),
            Subscription.code, Subscription.friendly_name, literal(""), Subscription.quantity, null(),
        )
    ).where(Subscription.trial_ends_on.between(first - timedelta(days=1), last - timedelta(days=1)))  # fmt: skip


def _of_subscriptions(statement: Any) -> Any:
    return statement.join(
        Account, (Account.distributor_id == Subscription.distributor_id) & (Account.id == Subscription.account_id)
    ).where(
        Subscription.distributor_id == current_scope().distributor_id,
        Subscription.status.in_(RUNNING),
        Subscription.role == SubscriptionRole.MAIN,
    )


def _changes(first: date, last: date, wanted: Collection[AgendaKind]) -> Any:
    is_end = SubscriptionChange.kind == ChangeKind.CANCELLATION
    kind = case((is_end, AgendaKind.CANCELLATION.value), else_=AgendaKind.CHANGE.value)
    statement = (
        _columns(
            SubscriptionChange.effective_on, kind, Subscription.code, Subscription.friendly_name,
            SubscriptionChange.kind, SubscriptionChange.quantity_to, SubscriptionChange.id,
        )
        .join(
            Subscription,
            (Subscription.distributor_id == SubscriptionChange.distributor_id)
            & (Subscription.id == SubscriptionChange.subscription_id),
        )
        .join(
            Account, (Account.distributor_id == Subscription.distributor_id) & (Account.id == Subscription.account_id)
        )
        .where(
            SubscriptionChange.distributor_id == current_scope().distributor_id,
            SubscriptionChange.status == ChangeStatus.SCHEDULED,
            SubscriptionChange.effective_on.between(first, last),
        )
    )  # fmt: skip
    if AgendaKind.CANCELLATION not in wanted:
        statement = statement.where(~is_end)
    if AgendaKind.CHANGE not in wanted:
        statement = statement.where(is_end)
    return statement
