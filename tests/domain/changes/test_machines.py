"""The state tables, walked through: every state with everything that can happen to it, allowed or refused by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from app.changes.errors import WrongChangeState
from app.changes.machine import MOVES as CHANGE_MOVES
from app.changes.machine import OPEN, ChangeStep, advance, may
from app.subscriptions.errors import WrongSubscriptionState, WrongSyncState
from app.subscriptions.machine import (
    ACTIONS,
    MOVES,
    SYNC_MOVES,
    Action,
    Step,
    SyncStep,
    allows,
    move,
    move_sync,
    require,
)
from app.subscriptions.models import ChangeStatus, Subscription, SubscriptionChange, SubscriptionStatus, SyncStatus


def subscription(status: SubscriptionStatus, sync: SyncStatus = SyncStatus.SYNCHRONISED) -> Subscription:
    return cast("Subscription", SimpleNamespace(code="SUB-000142", status=status, sync_status=sync))


@pytest.mark.parametrize("status", list(SubscriptionStatus))
@pytest.mark.parametrize("step", list(Step))
def test_a_subscription_moves_by_its_table_alone(status, step):
    found = subscription(status)
    wanted = MOVES.get((status, step))
    if wanted is None:
        with pytest.raises(WrongSubscriptionState) as refused:
            move(found, step)
        assert status.value.replace("_", " ") in str(refused.value)
        assert found.status is status
    else:
        move(found, step)
        assert found.status is wanted


@pytest.mark.parametrize("status", list(SyncStatus))
@pytest.mark.parametrize("step", list(SyncStep))
def test_the_vendors_side_moves_by_its_table_alone(status, step):
    found = subscription(SubscriptionStatus.ACTIVE, status)
    wanted = SYNC_MOVES.get((status, step))
    if wanted is None:
        with pytest.raises(WrongSyncState):
            move_sync(found, step)
        assert found.sync_status is status
    else:
        move_sync(found, step)
        assert found.sync_status is wanted


@pytest.mark.parametrize("status", list(ChangeStatus))
@pytest.mark.parametrize("step", list(ChangeStep))
def test_a_request_moves_by_its_table_alone(status, step):
    found = cast("SubscriptionChange", SimpleNamespace(status=status))
    wanted = CHANGE_MOVES.get((status, step))
    assert may(found, step) is (wanted is not None)
    if wanted is None:
        with pytest.raises(WrongChangeState) as refused:
            advance(found, step)
        assert status.value in str(refused.value)
        assert found.status is status
    else:
        advance(found, step)
        assert found.status is wanted


@pytest.mark.parametrize("status", list(SubscriptionStatus))
@pytest.mark.parametrize("sync", list(SyncStatus))
@pytest.mark.parametrize("action", list(Action))
def test_an_action_is_possible_or_refused_naming_the_state(status, sync, action):
    found = subscription(status, sync)
    if allows(found, action):
        require(found, action)
        assert action in ACTIONS[status]
        return
    with pytest.raises((WrongSubscriptionState, WrongSyncState)):
        require(found, action)


def test_with_a_failed_vendor_only_what_repairs_or_needs_no_vendor_is_possible():
    """CB-F70 (partly): with Failed sync quantity, billing and add-on actions are refused; characteristics remain editable."""
    found = subscription(SubscriptionStatus.ACTIVE, SyncStatus.FAILED)
    refused = {action for action in ACTIONS[SubscriptionStatus.ACTIVE] if not allows(found, action)}
    assert refused >= {Action.QUANTITY, Action.BUY, Action.PRICE, Action.ADD_ON, Action.UPGRADE, Action.CANCEL}
    assert Action.CHARACTERISTICS not in refused


def test_ends_are_final():
    """CB-F97 (partly): nothing leads out of Canceled, and settled requests stay settled."""
    assert not [step for status, step in MOVES if status is SubscriptionStatus.CANCELED]
    settled = set(ChangeStatus) - set(OPEN)
    assert not [step for status, step in CHANGE_MOVES if status in settled]


def test_every_state_can_be_reached():
    assert {*MOVES.values(), SubscriptionStatus.PENDING_ACTIVATION} == set(SubscriptionStatus)
    assert {*CHANGE_MOVES.values(), ChangeStatus.SUBMITTED} == set(ChangeStatus)
