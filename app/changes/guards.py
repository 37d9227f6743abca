"""What stands in the way of a change before its kind is asked: the subscription's states and its other requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import select

from app.changes.errors import ChangePending, WrongChangeState
from app.changes.machine import OPEN, ChangeStep, may
from app.changes.queries import open_change
from app.core.db import session
from app.subscriptions.machine import Action, allows, require
from app.subscriptions.models import ChangeKind, ChangeStatus, Subscription, SubscriptionChange
from tenants.context import Reach, current_scope

BESIDE_A_REQUEST = frozenset({Action.RENAME})  # the only thing that does not wait for an open request (CB-F78)


def require_free(
    subscription: Subscription,
    action: Action,
    *,
    but: UUID | None = None,
    beside: frozenset[ChangeStatus] = frozenset(),
) -> None:
    """Refuse an action the subscription's states do not allow, or beside an open request (but for `but`, its own).

    Requests in a status of `beside` are not waited for.

    Raises WrongSubscriptionState, WrongSyncState, ChangePending.
    """
    require(subscription, action)
    if action in BESIDE_A_REQUEST:
        return
    found = open_change(subscription.id)
    if found is None or found.id == but or found.status in beside:
        return
    if not (action is Action.CHARACTERISTICS and found.status is ChangeStatus.FAILED):  # so that it can be repaired
        raise ChangePending(subscription.code, found.status)


def is_free(subscription: Subscription, action: Action) -> bool:
    """Whether an action is possible now."""
    return action in free_actions(subscription)


def free_actions(subscription: Subscription) -> frozenset[Action]:
    """Return all that is possible now; for pages. One statement."""
    allowed = frozenset(action for action in Action if allows(subscription, action))
    found = open_change(subscription.id)
    if found is None:
        return allowed
    beside = BESIDE_A_REQUEST | ({Action.CHARACTERISTICS} if found.status is ChangeStatus.FAILED else frozenset())
    return allowed & beside


def may_withdraw(change: SubscriptionChange) -> bool:
    """Whether whoever's scope is in force may take a request back now; for pages."""
    return _is_theirs(change) and may(change, ChangeStep.WITHDRAW)


def require_theirs(change: SubscriptionChange) -> None:
    """Refuse to let customers and resellers take back what the distributor has decided. Raises WrongChangeState."""
    if not _is_theirs(change):
        raise WrongChangeState(change.status, ChangeStep.WITHDRAW.value)


def _is_theirs(change: SubscriptionChange) -> bool:
    """A price is set by the distributor's staff alone (CB-26)."""
    return change.kind is not ChangeKind.PRICE or current_scope().reseller is Reach.ALL


def waiting_requests(subscription_ids: Collection[UUID]) -> Mapping[UUID, ChangeStatus]:
    """Return which of some subscriptions have an open request; one statement, none for no ids."""
    if not subscription_ids:
        return {}
    rows = session.execute(
        select(SubscriptionChange.subscription_id, SubscriptionChange.status).where(
            SubscriptionChange.distributor_id == current_scope().distributor_id,
            SubscriptionChange.subscription_id.in_(subscription_ids),
            SubscriptionChange.status.in_(OPEN),
        )
    )
    return {row.subscription_id: row.status for row in rows}
