"""How a subscription's two states move: commercially (CB-23), and at its vendor (CB-22). What is not in a table is refused.

`ACTIONS` says what may be wanted of a subscription in which state: BSS, storefront and jobs all ask here.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from app.subscriptions.errors import WrongSubscriptionState, WrongSyncState
from app.subscriptions.models import Subscription, SubscriptionStatus, SyncStatus

S = SubscriptionStatus
Y = SyncStatus


class Step(enum.Enum):
    """What happens to a subscription commercially."""

    ACTIVATED = "activated"  # the vendor has confirmed it, or people have delivered it
    ABANDONED = "abandoned"  # never activated
    SUSPENDED = "suspended"
    REACTIVATED = "reactivated"
    ENDING = "ending"  # to be canceled at its period's end
    KEPT = "kept"  # that was withdrawn
    KEPT_SUSPENDED = "kept_suspended"  # withdrawn, and it had been suspended
    CANCELED = "canceled"  # now, the vendor has confirmed it
    ENDED = "ended"  # canceled at the end of its period
    EXPIRED = "expired"
    RENEWED = "renewed"  # expired, and taken up again


MOVES: Mapping[tuple[SubscriptionStatus, Step], SubscriptionStatus] = {
    (S.PENDING_ACTIVATION, Step.ACTIVATED): S.ACTIVE,
    (S.PENDING_ACTIVATION, Step.ABANDONED): S.CANCELED,
    (S.ACTIVE, Step.SUSPENDED): S.SUSPENDED,
    (S.ACTIVE, Step.ENDING): S.PENDING_CANCELLATION,
    (S.ACTIVE, Step.CANCELED): S.CANCELED,
    (S.ACTIVE, Step.EXPIRED): S.EXPIRED,
    (S.SUSPENDED, Step.REACTIVATED): S.ACTIVE,
    (S.SUSPENDED, Step.ENDING): S.PENDING_CANCELLATION,
    (S.SUSPENDED, Step.CANCELED): S.CANCELED,
    (S.SUSPENDED, Step.EXPIRED): S.EXPIRED,
    (S.PENDING_CANCELLATION, Step.KEPT): S.ACTIVE,
    (S.PENDING_CANCELLATION, Step.KEPT_SUSPENDED): S.SUSPENDED,
    (S.PENDING_CANCELLATION, Step.ENDED): S.CANCELED,
    (S.EXPIRED, Step.RENEWED): S.ACTIVE,
}


class SyncStep(enum.Enum):
    """What happens between us and the vendor."""

    ASKED = "asked"  # a task is on its way: the first one, a change, a retry
    CONFIRMED = "confirmed"
    REFUSED = "refused"  # or could not be reached in time
    GIVEN_UP = "given_up"  # the failed change is not wanted any more; the vendor still has what it had


SYNC_MOVES: Mapping[tuple[SyncStatus, SyncStep], SyncStatus] = {
    (Y.UNSYNCHRONISED, SyncStep.ASKED): Y.PENDING,
    (Y.UNSYNCHRONISED, SyncStep.CONFIRMED): Y.SYNCHRONISED,  # a person did it, without a task
    (Y.UNSYNCHRONISED, SyncStep.REFUSED): Y.FAILED,
    (Y.PENDING, SyncStep.ASKED): Y.PENDING,  # added seats while the first ones are under way
    (Y.PENDING, SyncStep.CONFIRMED): Y.SYNCHRONISED,
    (Y.PENDING, SyncStep.REFUSED): Y.FAILED,
    (Y.FAILED, SyncStep.ASKED): Y.PENDING,
    (Y.FAILED, SyncStep.CONFIRMED): Y.SYNCHRONISED,  # a person did what the machine could not
    (Y.FAILED, SyncStep.REFUSED): Y.FAILED,
    (Y.FAILED, SyncStep.GIVEN_UP): Y.SYNCHRONISED,
    (Y.SYNCHRONISED, SyncStep.ASKED): Y.PENDING,
    (Y.SYNCHRONISED, SyncStep.CONFIRMED): Y.SYNCHRONISED,
    (Y.SYNCHRONISED, SyncStep.REFUSED): Y.FAILED,  # the second of two tasks that were asked for together
}


class Action(enum.Enum):
    """What somebody may want of a subscription: the one list of CB-23."""

    BUY = "buy"  # more licences, by an order
    QUANTITY = "quantity"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    ADD_ON = "add_on"
    PRICE = "price"
    CHARACTERISTICS = "characteristics"
    AUTO_RENEW = "auto_renew"
    RENEW = "renew"
    TRIAL = "trial"  # convert or extend
    SUSPEND = "suspend"
    ACTIVATE = "activate"
    CANCEL = "cancel"
    WITHDRAW = "withdraw"  # the cancellation at its period's end
    RENAME = "rename"
    ABANDON = "abandon"


_ALWAYS = frozenset({Action.RENAME})
ACTIONS: Mapping[SubscriptionStatus, frozenset[Action]] = {
    S.PENDING_ACTIVATION: _ALWAYS | {Action.CHARACTERISTICS, Action.ABANDON},
    S.ACTIVE: _ALWAYS
    | {
        Action.BUY, Action.QUANTITY, Action.UPGRADE, Action.DOWNGRADE, Action.ADD_ON, Action.PRICE,
        Action.CHARACTERISTICS, Action.AUTO_RENEW, Action.TRIAL, Action.SUSPEND, Action.CANCEL,
    },
    S.SUSPENDED: _ALWAYS | {Action.ACTIVATE, Action.CANCEL},
    S.PENDING_CANCELLATION: _ALWAYS | {Action.WITHDRAW},
    S.EXPIRED: _ALWAYS | {Action.RENEW, Action.TRIAL},
    S.CANCELED: _ALWAYS,
}  # fmt: skip
WITH_FAILED_SYNC = frozenset(
    {Action.CHARACTERISTICS, Action.RENAME, Action.AUTO_RENEW, Action.WITHDRAW, Action.ABANDON}
)
WITH_PENDING_SYNC = frozenset({Action.RENAME, Action.AUTO_RENEW, Action.BUY, Action.WITHDRAW})


def move(subscription: Subscription, step: Step) -> None:
    """Take a commercial step; raises WrongSubscriptionState, naming the state, where the table knows no such step."""
    found = MOVES.get((subscription.status, step))
    if found is None:
        raise WrongSubscriptionState(subscription.code, subscription.status, step.value)
    subscription.status = found


def move_sync(subscription: Subscription, step: SyncStep) -> None:
    """Take a step at the vendor; raises WrongSyncState where the table knows no such step."""
    found = SYNC_MOVES.get((subscription.sync_status, step))
    if found is None:
        raise WrongSyncState(subscription.code, subscription.sync_status, step.value)
    subscription.sync_status = found


def allows(subscription: Subscription, action: Action) -> bool:
    """Whether an action is possible in the subscription's two states."""
    if action not in ACTIONS[subscription.status]:
        return False
    if subscription.sync_status is SyncStatus.FAILED:
        return action in WITH_FAILED_SYNC
    if subscription.sync_status is SyncStatus.PENDING:
        return action in WITH_PENDING_SYNC
    return True


def require(subscription: Subscription, action: Action) -> None:
    """Refuse an action its states do not allow: WrongSubscriptionState or WrongSyncState, naming the state (CB-F70)."""
    if action not in ACTIONS[subscription.status]:
        raise WrongSubscriptionState(subscription.code, subscription.status, action.value)
    if not allows(subscription, action):
        raise WrongSyncState(subscription.code, subscription.sync_status, action.value)
