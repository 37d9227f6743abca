"""What a vendor's answer does to the change that was asked for: vendor first, then money (CB-22)."""

from __future__ import annotations

from datetime import datetime

from app.changes.effects import Effect
from app.changes.future import has_begun
from app.changes.kinds import EFFECTS
from app.changes.machine import ChangeStep, advance
from app.changes.mails import mail_failed
from app.changes.queries import get_change
from app.changes.requests import lock_both
from app.changes.starting import await_day, finish
from app.changes.steps import ask_next, settle_component, step_failed, step_retried, step_succeeded
from app.changes.words import words_of
from app.core.db import session
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.provisioning.parts import parts_succeeded
from app.subscriptions.add_ons import list_add_ons, set_sync
from app.subscriptions.machine import SyncStep, move_sync
from app.subscriptions.models import ChangeStatus, Subscription, SubscriptionChange, SyncStatus
from app.subscriptions.problems import clear_problem
from app.subscriptions.services import add_event

SOFTENED = "Not done yet: the provider has been informed"
TRIED_AGAIN = "Not done yet: it is tried again by itself, there is nothing to do"
STANDS = "it could not be withdrawn any more, so it happens on its day"
BY_A_PERSON = "In progress: it is done by a person at the provider"


def change_succeeded(task: ProvisioningTask, vendor_reference: str | None, *, at: datetime) -> None:
    """Apply and charge a change the vendor has confirmed. A second call changes nothing."""
    subscription, change = _of(task, at=at)
    if task.kind is TaskKind.WITHDRAW:
        _taken_back(subscription, change, at=at)
        return
    if change.status not in (ChangeStatus.PROCESSING, ChangeStatus.FAILED):
        return
    effect = EFFECTS[change.kind]
    if task.kind is TaskKind.SCHEDULE:
        _announced(effect, subscription, change, at=at)
        return
    step_succeeded(task, subscription, vendor_reference, at=at)
    if ask_next(effect.steps(subscription, change), subscription, change, at=at):
        if change.status is ChangeStatus.FAILED:  # a person did this step; the next one is the vendor's again
            advance(change, ChangeStep.RETRY)
        return
    move_sync(subscription, SyncStep.CONFIRMED)
    clear_problem(subscription.id)
    finish(effect, subscription, change, at=at)
    settle_component(subscription)
    if task.subject_id == subscription.id and task.request.get(
        "add_ons"
    ):  # after the charges, which compare with what was
        parts_succeeded(task, vendor_reference, at=at)


def change_failed(task: ProvisioningTask, reason: str, *, at: datetime) -> None:
    """Leave the subscription as it was, sync Failed: the vendor's words for staff, a softened line for the customer."""
    subscription, change = _of(task, at=at)
    if task.kind is TaskKind.WITHDRAW:
        _not_taken_back(task, subscription, change, reason, at=at)
        return
    if change.status is not ChangeStatus.PROCESSING:
        return
    advance(change, ChangeStep.REFUSE)
    move_sync(subscription, SyncStep.REFUSED)
    step_failed(task, subscription, reason)
    add_event(subscription, "change_failed", SOFTENED, at=at)
    mail_failed(subscription, change, reason, task.id, at=at)
    session.flush()


def change_retried(task: ProvisioningTask, *, at: datetime) -> None:
    """Say that an operator lets the vendor be asked again."""
    subscription, change = _of(task, at=at)
    if change.status is not ChangeStatus.FAILED:
        return
    advance(change, ChangeStep.RETRY)
    move_sync(subscription, SyncStep.ASKED)
    step_retried(task, subscription)
    add_event(subscription, "change_retried", "It is tried again", at=at)
    session.flush()


def change_delayed(task: ProvisioningTask, *, at: datetime) -> None:
    """Tell the customer that it is tried again: once, whatever the number of tries."""
    subscription, change = _of(task, at=at)
    if change.status is ChangeStatus.PROCESSING and task.attempts <= 1:
        add_event(subscription, "change_delayed", TRIED_AGAIN, at=at)


def change_waits_for_person(task: ProvisioningTask, *, at: datetime) -> None:
    """Tell the customer that people do it."""
    subscription, change = _of(task, at=at)
    if change.status is ChangeStatus.PROCESSING:
        add_event(subscription, "change_by_a_person", BY_A_PERSON, at=at)


def _announced(effect: Effect, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    """The vendor has it scheduled: it waits for its day here, too, or holds at once where that day has passed."""
    move_sync(subscription, SyncStep.CONFIRMED)
    clear_problem(subscription.id)
    set_sync(subscription.id, {each.product_id for each in list_add_ons(subscription.id)}, SyncStatus.SYNCHRONISED)
    change.is_at_vendor = True
    if has_begun(subscription, change):
        finish(effect, subscription, change, at=at)
        return
    advance(change, ChangeStep.BOOK)
    await_day(effect, subscription, change, at=at)
    session.flush()


def _taken_back(subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    if change.status is not ChangeStatus.WITHDRAWING:
        return
    move_sync(subscription, SyncStep.CONFIRMED)
    advance(change, ChangeStep.CONFIRM)
    change.is_at_vendor, change.completed_at = False, at
    EFFECTS[change.kind].withdrawn(subscription, change, at=at)
    add_event(subscription, "request_withdrawn", f"{words_of(change)}: withdrawn", at=at)
    session.flush()


def _not_taken_back(
    task: ProvisioningTask, subscription: Subscription, change: SubscriptionChange, reason: str, *, at: datetime
) -> None:
    """It stands at the vendor, so it stands here. Nothing has failed that could be tried again: withdraw it anew."""
    task.status = TaskStatus.CANCELED
    if change.status is not ChangeStatus.WITHDRAWING:
        return
    move_sync(subscription, SyncStep.CONFIRMED)
    advance(change, ChangeStep.REFUSE)
    change.decided_by_id = change.decided_by_name = change.decided_at = None
    add_event(subscription, "request_stands", f"{words_of(change)}: {STANDS}", at=at)
    mail_failed(subscription, change, f"It could not be withdrawn: {reason}", task.id, at=at)
    session.flush()


def _of(task: ProvisioningTask, *, at: datetime) -> tuple[Subscription, SubscriptionChange]:
    if task.change_id is None:
        raise ValueError(f"Task {task.id} carries no change out")
    return lock_both(get_change(task.change_id).id, at=at)
