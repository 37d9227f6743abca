"""A suspended account's subscriptions are suspended with it, and only those come back with it (CB-30)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, select

from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_account
from app.audit.services import SYSTEM
from app.changes.effects import NewChange
from app.changes.kinds.suspension import WITH_ACCOUNT
from app.changes.requests import submit_change
from app.core.db import session
from app.core.errors import Conflict
from app.subscriptions.models import ChangeKind, Subscription, SubscriptionRole, SubscriptionStatus
from tenants.context import current_scope

MOST = 500  # subscriptions at a time; the sweep brings the rest


def follow_account(account_id: UUID, *, at: datetime) -> int:
    """Suspend, or activate again, what has to follow an account's status; returns how many were asked for.

    What something is under way for, or has failed, is left to the next run. Raises AccountNotFound.
    """
    account = get_account(account_id)
    if account.status is AccountStatus.SUSPENDED:
        return sum(_ask(each, ChangeKind.SUSPENSION, at) for each in _to_suspend(account))
    if account.status is AccountStatus.ACTIVE:
        return sum(_ask(each, ChangeKind.ACTIVATION, at) for each in _to_activate(account))
    return 0


def accounts_to_follow(limit: int) -> Sequence[UUID]:
    """Return accounts whose subscriptions do not stand as their account does; for the sweep."""
    return session.scalars(
        select(Account.id)
        .join(
            Subscription,
            (Subscription.distributor_id == Account.distributor_id) & (Subscription.account_id == Account.id),
        )
        .where(
            Account.distributor_id == current_scope().distributor_id,
            (
                (Account.status == AccountStatus.SUSPENDED)
                & (Subscription.status == SubscriptionStatus.ACTIVE)
                & Subscription.is_suspended_with_account.is_(False)
            )
            | (
                (Account.status == AccountStatus.ACTIVE)
                & (Subscription.status == SubscriptionStatus.SUSPENDED)
                & Subscription.is_suspended_with_account.is_(True)
            ),
            *_main(),
        )
        .distinct()
        .limit(limit)
    ).all()


def _to_suspend(account: Account) -> Sequence[Subscription]:
    return _of(account, Subscription.status == SubscriptionStatus.ACTIVE)


def _to_activate(account: Account) -> Sequence[Subscription]:
    return _of(
        account,
        Subscription.status == SubscriptionStatus.SUSPENDED,
        Subscription.is_suspended_with_account.is_(True),
    )


def _of(account: Account, *conditions: ColumnElement[bool]) -> Sequence[Subscription]:
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == account.distributor_id,
            Subscription.account_id == account.id,
            *_main(),
            *conditions,
        )
        .order_by(Subscription.id)
        .limit(MOST)
    ).all()


def _main() -> tuple[ColumnElement[bool], ...]:
    return Subscription.role == SubscriptionRole.MAIN, Subscription.plan_edition.is_(None)


def _ask(subscription: Subscription, kind: ChangeKind, at: datetime) -> int:
    """Ask for it once per instant and subscription; 0 where its state does not allow it now."""
    wanted = NewChange(
        subscription_id=subscription.id,
        kind=kind,
        request_key=uuid5(subscription.id, f"{kind.value}:{at.isoformat()}"),
        details={WITH_ACCOUNT: True},
    )
    try:
        with session.begin_nested():
            submit_change(wanted, actor=SYSTEM, at=at)
    except Conflict:
        return 0
    return 1
