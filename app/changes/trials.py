"""What trials ask of vendors: opened, ended, removed after two weeks, or turned into something paid (CB-12).

A trial is never charged. All of this needs the distributor's scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import get_account_for_update
from app.audit.services import SYSTEM, Actor, record
from app.audit.shown import shown_name
from app.catalogue.models import Product, ProductType
from app.changes.guards import require_free
from app.changes.queries import cost_of
from app.core.db import session
from app.provisioning.complete_pictures import complete_picture, service_manager_of
from app.provisioning.models import ProvisioningTask, TaskKind
from app.provisioning.services import NewTask, nudge_tasks, request_provisioning
from app.subscriptions.add_ons import fallen_with, follow_parent, revive
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.machine import Action, Step, move
from app.subscriptions.models import (
    PriceLabel,
    Subscription,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.owner_mails import Reminder, mail_trial
from app.subscriptions.periods import add_months
from app.subscriptions.price_models import Trial
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import activate, add_event, mark_pending
from app.subscriptions.trials import GRACE, PaidTerms, extend, find_trial, make_subscription
from tenants.context import current_scope
from tenants.days import distributors_day

MOST = 200  # rows of one kind per sweep
ENDS = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED)


def open_trial(trial_id: UUID, *, at: datetime) -> Subscription | None:
    """Make the subscription of a trial that was asked for, and ask its vendor for it. A second call changes nothing."""
    trial = session.scalar(
        select(Trial)
        .where(Trial.distributor_id == current_scope().distributor_id, Trial.id == trial_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if trial is None or trial.subscription_id is not None:
        return None
    manager_id = service_manager_of(trial.product_id)
    subscription = make_subscription(
        trial,
        get_account_for_update(trial.payer_id),
        on=distributors_day(at),
        sync_status=SyncStatus.NOT_REQUIRED if manager_id is None else SyncStatus.PENDING,
        at=at,
    )
    session.flush()
    record("trial.started", actor=SYSTEM, at=at, target_kind="subscription", target_id=subscription.id)
    if manager_id is None:
        activate(subscription.id, at=at)
    else:
        nudge_tasks([_ask(subscription, TaskKind.CREATE, at=at)])
    return subscription


def trial_task_succeeded(task: ProvisioningTask, vendor_reference: str | None, *, at: datetime) -> None:
    """Take over what a vendor did for a trial: no order and no change asked for it."""
    if find_trial(task.subject_id) is not None:
        activate(
            task.subject_id, at=at, service_manager_id=task.service_manager_id,
            vendor_reference=vendor_reference if task.kind is TaskKind.CREATE else None,
        )  # fmt: skip


def extend_trial(
    subscription_id: UUID, days: int, *, by_administrator: bool, actor: Actor, at: datetime
) -> Subscription:
    """Move a running trial's last day. Raises SubscriptionNotFound, what `extend` raises, and what stands in the way."""
    subscription = _locked(subscription_id)
    require_free(subscription, Action.TRIAL)
    extend(subscription, days, by_administrator=by_administrator, at=at, actor_name=shown_name(actor) or "")
    record(
        "trial.extended", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        after={"days": days, "ends_on": str(subscription.trial_ends_on)},
    )  # fmt: skip
    return subscription


def expire_trials(*, on: date, at: datetime) -> int:
    """Let trials end whose last day is over: Expired, access off at the vendor; the customer is told. No invoice."""
    ended = _lock_trials(Subscription.trial_ends_on < on, Subscription.status.in_(ENDS))
    tasks = []
    for subscription in ended:
        trial = find_trial(subscription.id)
        was_suspended = subscription.status is SubscriptionStatus.SUSPENDED
        if was_suspended:
            move(subscription, Step.REACTIVATED)
        move(subscription, Step.EXPIRED)
        follow_parent(subscription, at=at)
        add_event(subscription, "trial_ended", "Trial ended", at=at, quantity_after=subscription.quantity)
        record("trial.expired", actor=SYSTEM, at=at, target_kind="subscription", target_id=subscription.id)
        if trial is not None:
            trial.ended_at = at
            mail_trial(trial, subscription, Reminder.ENDED, at=at)
        if not was_suspended and _stands_at_vendor(subscription) and _allows_suspension(subscription.product_id):
            tasks.append(_ask(subscription, TaskKind.SUSPEND, at=at))
            mark_pending(subscription.id)
    nudge_tasks(tasks)
    return len(ended)


def remove_expired_trials(*, on: date, at: datetime) -> int:
    """Ask vendors to remove trials that ended more than 14 days ago and were not taken up."""
    distributor_id = current_scope().distributor_id
    rows = session.execute(
        select(Trial, Subscription)
        .join(
            Subscription,
            (Subscription.distributor_id == Trial.distributor_id) & (Subscription.id == Trial.subscription_id),
        )
        .where(
            Trial.distributor_id == distributor_id,
            Trial.ended_at.is_not(None),
            Trial.converted_at.is_(None),
            Trial.deprovisioned_at.is_(None),
            Subscription.status == SubscriptionStatus.EXPIRED,
            Subscription.trial_ends_on < on - GRACE,
        )
        .order_by(Trial.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    tasks = []
    for trial, subscription in rows:
        trial.deprovisioned_at = at
        if _stands_at_vendor(subscription):
            tasks.append(_ask(subscription, TaskKind.CANCEL, at=at))
            mark_pending(subscription.id)
    nudge_tasks(tasks)
    return len(rows)


def remind_of_trials(*, on: date, at: datetime) -> int:
    """Tell of trials that end in 7 days and in 1 day, once each; a new last day is told anew."""
    told = 0
    running = _lock_trials(
        Subscription.trial_ends_on >= on,
        Subscription.trial_ends_on <= on + timedelta(days=Reminder.WEEK.days_before),
        Subscription.status.in_(ENDS),
    )
    for subscription in running:
        trial, last = find_trial(subscription.id), subscription.trial_ends_on
        if trial is None or last is None:
            continue
        is_last_day_near = (last - on).days <= Reminder.DAY.days_before
        if is_last_day_near and trial.day_reminded_for != last:
            trial.day_reminded_for = trial.week_reminded_for = last
            mail_trial(trial, subscription, Reminder.DAY, at=at)
        elif not is_last_day_near and trial.week_reminded_for != last:
            trial.week_reminded_for = last
            mail_trial(trial, subscription, Reminder.WEEK, at=at)
        else:
            continue
        told += 1
    return told


def convert(subscription: Subscription, paid: PaidTerms, *, on: date, at: datetime, actor_name: str | None) -> bool:
    """Go on with a trial as something paid, at the same vendor's reference; whoever calls charges it.

    Returns whether it had expired: access is to be switched on again at the vendor. The quantity is the caller's to take
    over once the vendor has confirmed it. The caller has locked it and knows that it can be converted.
    """
    had_expired = subscription.status is SubscriptionStatus.EXPIRED
    if had_expired:
        parts = fallen_with(subscription)
        move(subscription, Step.RENEWED)
        for part in parts:
            revive(part, subscription)
            add_event(part, "converted", f"With “{subscription.friendly_name}”", at=at, quantity_after=part.quantity)
    subscription.trial_ends_on = None
    subscription.friendly_name = paid.friendly_name or subscription.friendly_name
    subscription.term, subscription.cycle, subscription.unit_price = paid.term, paid.cycle, paid.unit_price
    subscription.starts_on = on
    subscription.renews_on = add_months(on, paid.term.months) if paid.term.months else None
    subscription.auto_renew = True
    cost = cost_of(subscription.id)
    if cost is not None:
        cost.unit_cost, cost.price_list_id, cost.rule = paid.unit_cost, paid.price_list_id, paid.rule
        cost.markup_percent, cost.label = paid.markup_percent, PriceLabel.LIST
    trial = find_trial(subscription.id)
    if trial is not None:
        trial.converted_at = at
    add_event(
        subscription, "converted", "Trial upgraded to paid", at=at,
        quantity_after=paid.quantity, actor_name=actor_name,
    )  # fmt: skip
    return had_expired


def ask_for_access(subscription: Subscription, *, at: datetime) -> ProvisioningTask | None:
    """Ask the vendor to switch a trial on again that had been switched off with its last day."""
    if not _stands_at_vendor(subscription) or not _allows_suspension(subscription.product_id):
        return None
    mark_pending(subscription.id)
    return _ask(subscription, TaskKind.ACTIVATE, at=at)


def _ask(subscription: Subscription, kind: TaskKind, *, at: datetime) -> ProvisioningTask:
    return request_provisioning(
        NewTask(
            kind=kind,
            subject_id=subscription.id,
            picture=complete_picture(subscription),
            service_manager_id=service_manager_of(subscription.product_id),
            order_id=None,
            order_item_id=None,
        ),
        at=at,
    )


def _lock_trials(*conditions: object) -> Sequence[Subscription]:
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.trial_ends_on.is_not(None),
            *conditions,  # type: ignore[arg-type]
        )
        .order_by(Subscription.trial_ends_on, Subscription.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _locked(subscription_id: UUID) -> Subscription:
    found = find_subscription_for_update(subscription_id)
    if found is None:
        raise SubscriptionNotFound(subscription_id)
    return found


def _stands_at_vendor(subscription: Subscription) -> bool:
    return subscription.sync_status is not SyncStatus.NOT_REQUIRED and (
        session.scalar(
            select(SubscriptionVendorLink.id).where(
                SubscriptionVendorLink.distributor_id == subscription.distributor_id,
                SubscriptionVendorLink.subscription_id == subscription.id,
            )
        )
        is not None
    )


def _allows_suspension(product_id: UUID) -> bool:
    return bool(
        session.scalar(
            select(ProductType.allows_suspension)
            .join(
                Product,
                (Product.distributor_id == ProductType.distributor_id) & (Product.product_type_id == ProductType.id),
            )
            .where(Product.distributor_id == current_scope().distributor_id, Product.id == product_id)
        )
    )
