"""Reads of changes. What the scope does not reach does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.changes.errors import ChangeNotFound
from app.changes.machine import OPEN
from app.core.db import session
from app.subscriptions.models import ChangeStatus, SubscriptionChange, SubscriptionCost
from tenants.context import current_scope


def get_change(change_id: UUID) -> SubscriptionChange:
    """Return a change; raises ChangeNotFound."""
    found = session.scalar(
        select(SubscriptionChange).where(
            SubscriptionChange.distributor_id == current_scope().distributor_id, SubscriptionChange.id == change_id
        )
    )
    if found is None:
        raise ChangeNotFound(change_id)
    return found


def lock_change(change_id: UUID) -> SubscriptionChange:
    """Return a change as it stands, locked until the transaction ends; its subscription is locked before."""
    found = session.scalar(
        select(SubscriptionChange)
        .where(SubscriptionChange.distributor_id == current_scope().distributor_id, SubscriptionChange.id == change_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise ChangeNotFound(change_id)
    return found


def find_by_key(request_key: UUID) -> SubscriptionChange | None:
    """Return what was made of a request that may have been sent before."""
    return session.scalar(
        select(SubscriptionChange).where(
            SubscriptionChange.distributor_id == current_scope().distributor_id,
            SubscriptionChange.request_key == request_key,
        )
    )


def open_change(subscription_id: UUID) -> SubscriptionChange | None:
    """Return the change of a subscription that is not settled yet: asked for, scheduled, under way or failed.

    There is one, or the suspension of a whole account beside it: that one then.
    """
    return next(iter(open_changes(subscription_id)), None)


def open_changes(subscription_id: UUID) -> Sequence[SubscriptionChange]:
    """Return what is not settled yet of a subscription, the newest first."""
    return session.scalars(
        select(SubscriptionChange)
        .where(
            SubscriptionChange.distributor_id == current_scope().distributor_id,
            SubscriptionChange.subscription_id == subscription_id,
            SubscriptionChange.status.in_(OPEN),
        )
        .order_by(SubscriptionChange.created_at.desc(), SubscriptionChange.id.desc())
        .execution_options(populate_existing=True)
    ).all()


def changes_of(subscription_id: UUID, *, limit: int = 100) -> Sequence[SubscriptionChange]:
    """Return what was wanted of a subscription, the newest first."""
    return session.scalars(
        select(SubscriptionChange)
        .where(
            SubscriptionChange.distributor_id == current_scope().distributor_id,
            SubscriptionChange.subscription_id == subscription_id,
        )
        .order_by(SubscriptionChange.created_at.desc(), SubscriptionChange.id.desc())
        .limit(limit)
    ).all()


def due_changes(subscription_id: UUID, on: date) -> Sequence[SubscriptionChange]:
    """Lock what is scheduled for a day up to `on`; the subscription is locked by the caller."""
    return session.scalars(
        select(SubscriptionChange)
        .where(
            SubscriptionChange.distributor_id == current_scope().distributor_id,
            SubscriptionChange.subscription_id == subscription_id,
            SubscriptionChange.status == ChangeStatus.SCHEDULED,
            SubscriptionChange.effective_on <= on,
        )
        .order_by(SubscriptionChange.created_at, SubscriptionChange.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def cost_of(subscription_id: UUID) -> SubscriptionCost | None:
    """Return what the payer pays per unit and cycle; None for bundle components, and out of an end customer's reach."""
    return session.scalar(
        select(SubscriptionCost).where(
            SubscriptionCost.distributor_id == current_scope().distributor_id,
            SubscriptionCost.subscription_id == subscription_id,
        )
    )
