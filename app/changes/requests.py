"""Asking for a change of a subscription, and what people then do with it: accept, reject, withdraw (CB-24, CB-29).

What BSS asks for is done at once. What a storefront asks for is written down there and looked at by a job in the
distributor's scope, which sees what a customer must not: costs, invoices, the vendor.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import get_account_for_update
from app.audit.services import SYSTEM, Actor, record
from app.audit.shown import shown_name
from app.changes.charging import current_period, following_period_day
from app.changes.effects import Effect, NewChange
from app.changes.errors import RenewalDue, RequestKeyUsed, words_for_customers
from app.changes.future import take_back
from app.changes.guards import require_free, require_theirs
from app.changes.jobs import START_CHANGE
from app.changes.kinds import EFFECTS
from app.changes.machine import ChangeStep, advance, require_step
from app.changes.mails import mail_requested
from app.changes.queries import find_by_key, get_change, lock_change
from app.changes.renewals import catch_up, is_behind
from app.changes.starting import MAX_REASON, note_decision, reject, start
from app.changes.steps import give_up_step
from app.changes.words import words_of
from app.core.db import nudge_after_commit, session
from app.core.errors import DomainError, Invalid
from app.core.queue import Nudge
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.provisioning.queries import find_task_of_change
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.machine import SyncStep, move_sync
from app.subscriptions.models import (
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SyncStatus,
)
from app.subscriptions.problems import clear_problem
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import add_event
from tenants.context import current_scope
from tenants.days import distributors_day

MAX_COMMENT = 2000


def submit_change(new: NewChange, *, actor: Actor, at: datetime) -> SubscriptionChange:
    """Ask for a change, once per `request_key`: a repeat returns the first one as it stands.

    From BSS it is scheduled, sent to the vendor, or applied at once where nobody is to be asked. From a storefront it is
    Submitted until a job has looked. Raises SubscriptionNotFound, Invalid with the field's name, and the Conflicts
    WrongSubscriptionState, WrongSyncState, ChangePending, InvoicePending and those of the kind. Locks the subscription.
    """
    if not new.is_from_storefront:
        lock_payer(new.subscription_id)
        catch_up(EFFECTS[new.kind].concerned(new), at=at)
    subscription = _locked(new.subscription_id)
    found = find_by_key(new.request_key)
    if found is not None:
        if found.subscription_id != subscription.id:
            raise RequestKeyUsed
        return found
    effect = EFFECTS[new.kind]
    new = replace(new, effective_on=_day(new, subscription, at))
    _check(effect, subscription, new, at=at)
    change = SubscriptionChange(
        reseller_id=subscription.reseller_id,
        account_id=subscription.account_id,
        subscription_id=subscription.id,
        kind=new.kind,
        status=ChangeStatus.SUBMITTED,
        timing=new.timing,
        effective_on=new.effective_on or distributors_day(at),
        quantity_from=subscription.quantity,
        quantity_to=new.quantity_to,
        target_product_id=new.target_product_id,
        target_subscription_id=new.target_subscription_id,
        details=dict(new.details),
        reason=new.reason,
        comment=(new.comment or "").strip() or None,
        request_key=new.request_key,
        requested_by_id=actor.user_id,
        requested_by_name=(shown_name(actor) or "")[:201],
        is_from_storefront=new.is_from_storefront,
        created_at=at,
    )
    session.add(change)
    session.flush()
    record(
        "subscription.change_requested", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        after={"kind": change.kind.value, "timing": change.timing.value, "effective_on": change.effective_on},
    )  # fmt: skip
    if new.is_from_storefront:
        nudge_after_commit(Nudge(START_CHANGE, change.id, current_scope().distributor_id))
    else:
        start(effect, subscription, change, at=at)
    session.flush()
    return change


def start_submitted(change_id: UUID, *, at: datetime) -> SubscriptionChange:
    """Look at what a storefront has asked for: start it, hand it to somebody of the distributor, or refuse it.

    Of what it has withdrawn, let the vendor forget what it was told ahead. A second run changes nothing. Needs the distributor's scope. Raises ChangeNotFound.
    """
    subscription, change = lock_both(change_id, at=at)
    if change.status is ChangeStatus.WITHDRAWING:
        take_back(subscription, change, at=at)
        return change
    if change.status is not ChangeStatus.SUBMITTED or change.examined_at is not None:
        return change
    effect = EFFECTS[change.kind]
    _move_to_next_period(subscription, change)
    try:
        with session.begin_nested():
            _check(effect, subscription, _as_asked(change), at=change.created_at, but=change.id)
    except DomainError as refusal:  # something has happened since it was asked for
        reject(subscription, change, words_for_customers(refusal), actor=SYSTEM, at=at)
        return change
    change.examined_at = at
    if effect.needs_decision(subscription, change, at=at):
        mail_requested(subscription, change, at=at)
    else:
        start(effect, subscription, change, at=at)
    session.flush()
    return change


def accept_change(change_id: UUID, *, mails_customer: bool = True, actor: Actor, at: datetime) -> SubscriptionChange:
    """Agree to a customer's request: it is scheduled for its day, sent to the vendor, or applied.

    What was asked for the end of a period that is over by now is for the end of the one that runs (CB-24).

    Raises ChangeNotFound, WrongChangeState, and what `submit_change` raises where it is not possible any more.
    """
    subscription, change = lock_both(change_id, at=at)
    effect = EFFECTS[change.kind]
    require_step(change, ChangeStep.SCHEDULE if change.timing is ChangeTiming.PERIOD_END else ChangeStep.ACCEPT)
    _move_to_next_period(subscription, change)
    _check(effect, subscription, _as_asked(change), at=change.created_at, but=change.id)
    note_decision(change, actor, at=at)
    change.details = {**change.details, "mails_customer": mails_customer}
    record(
        "subscription.change_accepted", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        after={"kind": change.kind.value},
    )  # fmt: skip
    start(effect, subscription, change, at=at)
    session.flush()
    return change


def reject_change(change_id: UUID, reason: str, *, actor: Actor, at: datetime) -> SubscriptionChange:
    """Decline a request, or give up one the vendor refused: the subscription stays as it is (CB-29).

    Raises ChangeNotFound, WrongChangeState, Invalid `required`, `length`.
    """
    reason = reason.strip()
    if not reason:
        raise Invalid.field("reason", "required", "Say why, the customer reads it")
    if len(reason) > MAX_REASON:
        raise Invalid.field("reason", "length", f"Use at most {MAX_REASON} characters")
    task = find_task_of_change(change_id, for_update=True)  # a task is locked before its subscription
    subscription, change = lock_both(change_id, at=at)
    was_failed = change.status is ChangeStatus.FAILED
    reject(subscription, change, reason, actor=actor, at=at)
    if was_failed:
        _give_up(subscription, change, task, at=at)
    session.flush()
    return change


def withdraw_change(change_id: UUID, *, actor: Actor, at: datetime) -> SubscriptionChange:
    """Take a request back that has not started yet. Raises ChangeNotFound, WrongChangeState, RenewalDue once its day has come.

    What the vendor was told ahead is taken back there first (CB-24). Also for the customer, in its own scope.
    """
    subscription = _locked(get_change(change_id).subscription_id)
    change = lock_change(change_id)
    require_theirs(change)
    if change.status is ChangeStatus.SCHEDULED and is_behind(subscription, distributors_day(at)):
        raise RenewalDue(subscription.code)
    if change.status is ChangeStatus.SCHEDULED and change.is_at_vendor:
        return _take_back(subscription, change, actor=actor, at=at)
    was_scheduled = change.status is ChangeStatus.SCHEDULED
    advance(change, ChangeStep.WITHDRAW)
    note_decision(change, actor, at=at)
    change.completed_at = at
    if was_scheduled:
        EFFECTS[change.kind].withdrawn(subscription, change, at=at)
    add_event(subscription, "request_withdrawn", f"{words_of(change)}: withdrawn", at=at, actor_name=shown_name(actor))
    record(
        "subscription.change_withdrawn", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        after={"kind": change.kind.value},
    )  # fmt: skip
    session.flush()
    return change


def _take_back(
    subscription: Subscription, change: SubscriptionChange, *, actor: Actor, at: datetime
) -> SubscriptionChange:
    """Let a job ask the vendor: a customer's scope does not know it. Withdrawn once it has confirmed."""
    advance(change, ChangeStep.TAKE_BACK)
    note_decision(change, actor, at=at)
    words = f"{words_of(change)}: the provider is asked to withdraw it"
    add_event(subscription, "request_withdrawing", words, at=at, actor_name=shown_name(actor))
    record(
        "subscription.change_withdrawing", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        after={"kind": change.kind.value},
    )  # fmt: skip
    nudge_after_commit(Nudge(START_CHANGE, change.id, current_scope().distributor_id))
    session.flush()
    return change


def _check(
    effect: Effect, subscription: Subscription, new: NewChange, *, at: datetime, but: UUID | None = None
) -> None:
    require_free(subscription, effect.action_of(new), but=but, beside=effect.beside(new.details))
    if len((new.comment or "").strip()) > MAX_COMMENT:
        raise Invalid.field("comment", "length", f"Use at most {MAX_COMMENT} characters")
    if new.timing is ChangeTiming.PERIOD_END and current_period(subscription) is None:
        raise Invalid.field("timing", "no_period", "This subscription has no billing period; choose now")
    effect.check(subscription, new, at=at)


def _day(new: NewChange, subscription: Subscription, at: datetime) -> date:
    if new.timing is ChangeTiming.PERIOD_END:
        return following_period_day(subscription) or distributors_day(at)
    if new.timing is ChangeTiming.ON_DATE:
        if new.effective_on is None:
            raise Invalid.field("effective_on", "required", "Choose a date")
        return new.effective_on
    return distributors_day(at)


def _move_to_next_period(subscription: Subscription, change: SubscriptionChange) -> None:
    """Let what was for the end of a period that was renewed before anybody agreed wait for the end of the running one."""
    following = following_period_day(subscription)
    if change.timing is ChangeTiming.PERIOD_END and following is not None and change.effective_on < following:
        change.effective_on = following


def _as_asked(change: SubscriptionChange) -> NewChange:
    return NewChange(
        subscription_id=change.subscription_id,
        kind=change.kind,
        request_key=change.request_key,
        timing=change.timing,
        effective_on=change.effective_on,
        quantity_to=change.quantity_to,
        target_product_id=change.target_product_id,
        target_subscription_id=change.target_subscription_id,
        details=change.details,
        reason=change.reason,
        comment=change.comment,
        is_from_storefront=change.is_from_storefront,
    )


def _give_up(
    subscription: Subscription, change: SubscriptionChange, task: ProvisioningTask | None, *, at: datetime
) -> None:
    """Leave the vendor's side as it is: what it refused is not wanted any more."""
    if task is not None and task.status is TaskStatus.FAILED:
        task.status, task.finished_at = TaskStatus.CANCELED, at
        give_up_step(task, subscription)
    if subscription.sync_status is SyncStatus.FAILED:
        move_sync(subscription, SyncStep.GIVEN_UP)
        clear_problem(subscription.id)
    EFFECTS[change.kind].withdrawn(subscription, change, at=at)


def lock_both(change_id: UUID, *, at: datetime) -> tuple[Subscription, SubscriptionChange]:
    """Lock a subscription's payer, the subscription, then its change: everybody does it in this order.

    The subscription is billed up to the day of the instant then, as it would be had the run just come. Needs the
    distributor's scope.
    """
    change = get_change(change_id)
    lock_payer(change.subscription_id)
    catch_up(EFFECTS[change.kind].concerned(change), at=at)
    return _locked(change.subscription_id), lock_change(change_id)


def lock_payer(subscription_id: UUID) -> None:
    """Lock the account that pays for a subscription, as the billing of a day does, before anything else."""
    payer_id = session.scalar(
        select(Subscription.payer_id).where(
            Subscription.distributor_id == current_scope().distributor_id, Subscription.id == subscription_id
        )
    )
    if payer_id is None:
        raise SubscriptionNotFound(subscription_id)
    get_account_for_update(payer_id)


def _locked(subscription_id: UUID) -> Subscription:
    found = find_subscription_for_update(subscription_id)
    if found is None:
        raise SubscriptionNotFound(subscription_id)
    return found
