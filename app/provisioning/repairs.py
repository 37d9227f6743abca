"""Repairing drift (GO-03): look first what would happen, then do it, as often as wanted: each difference once.

What the vendor shall change is a provisioning task like any other; what we take over is written at once.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.accounts.models import Account
from app.audit.services import Actor, record
from app.audit.shown import PROVIDER
from app.core.db import session
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.drift import DriftFilter, DriftRow, drifts_by_id
from app.provisioning.kinds import offers
from app.provisioning.models import (
    Drift,
    DriftKind,
    DriftState,
    ProvisioningTask,
    ServiceManager,
    TaskKind,
    VendorAccountLink,
    VendorService,
)
from app.provisioning.pictures import ResourcePicture, company_picture
from app.provisioning.queries import OPEN, get_service_manager
from app.provisioning.reconciliation import get_run
from app.provisioning.services import NewTask, nudge_tasks, request_provisioning
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import activate, add_event, change_quantity, mark_pending
from tenants.context import current_scope

MOST = 500  # differences repaired at once
UNDER_WAY = "Work on this subscription is under way, or has failed: finish that first"


class Repair(enum.Enum):
    """What may be done about a difference."""

    SEND_OURS = "send_ours"  # the vendor shall have what we have
    TAKE_THEIRS = "take_theirs"  # we shall have what the vendor has
    CANCEL_THERE = "cancel_there"  # the vendor shall end it
    LEAVE = "leave"  # it is known, and right as it is


ALLOWED: Mapping[DriftKind, frozenset[Repair]] = {
    DriftKind.MISSING_AT_VENDOR: frozenset({Repair.SEND_OURS, Repair.LEAVE}),
    DriftKind.UNKNOWN_HERE: frozenset({Repair.CANCEL_THERE, Repair.LEAVE}),
    DriftKind.QUANTITY: frozenset({Repair.SEND_OURS, Repair.TAKE_THEIRS, Repair.LEAVE}),
    DriftKind.PRODUCT: frozenset({Repair.SEND_OURS, Repair.LEAVE}),
    DriftKind.STATUS: frozenset({Repair.SEND_OURS, Repair.LEAVE}),
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a repair would do to one difference: an effect in words, or why not."""

    row: DriftRow
    effect: str
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What a repair has done."""

    done: int
    refused: int


@dataclass(frozen=True, slots=True)
class _Plan:
    effect: str
    carry_out: Callable[[datetime], ProvisioningTask | None]


class _CannotRepair(Exception):
    """This repair does not fit this difference, now."""


def preview(
    run_id: UUID, wanted: DriftFilter, drift_ids: Collection[UUID] | None, repair: Repair
) -> Sequence[Proposal]:
    """Say what a repair would do to chosen differences, or to all that the filter finds (500 at most). Changes nothing."""
    manager = get_service_manager(get_run(run_id).service_manager_id)
    rows = drifts_by_id(run_id, wanted, drift_ids)[:MOST]
    proposals = []
    for row in rows:
        try:
            proposals.append(Proposal(row, _plan(row.drift, manager, repair).effect))
        except _CannotRepair as refusal:
            proposals.append(Proposal(row, "", str(refusal)))
    return proposals


def apply_repair(run_id: UUID, drift_ids: Collection[UUID], repair: Repair, *, actor: Actor, at: datetime) -> Applied:
    """Do it: each difference once, whoever else does it at the same time. What does not fit any more is left."""
    manager = get_service_manager(get_run(run_id).service_manager_id)
    rows = session.scalars(
        select(Drift)
        .where(Drift.distributor_id == current_scope().distributor_id, Drift.run_id == run_id, Drift.id.in_(drift_ids))
        .order_by(Drift.id)
        .limit(MOST)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    tasks, done = [], 0
    for drift in rows:
        try:
            plan = _plan(drift, manager, repair)
        except _CannotRepair:
            continue
        task = plan.carry_out(at)
        drift.repair, drift.decided_by_name, drift.decided_at = repair.value, actor.name, at
        drift.task_id = task.id if task else None
        drift.state = DriftState.REPAIRING if task else DriftState.REPAIRED
        if repair is Repair.LEAVE:
            drift.state = DriftState.LEFT
        record(
            "drift.repaired", actor=actor, at=at, target_kind="drift", target_id=drift.id,
            after={"repair": repair.value, "reference": drift.vendor_reference, "effect": plan.effect},
        )  # fmt: skip
        tasks += [task] if task else []
        done += 1
    session.flush()
    nudge_tasks(tasks)
    return Applied(done, len(set(drift_ids)) - done)


def repair_succeeded(task: ProvisioningTask, vendor_reference: str | None, *, at: datetime) -> bool:
    """Take over what a repair's task has achieved; False where the task is no repair."""
    drift = session.scalar(
        select(Drift)
        .where(Drift.distributor_id == current_scope().distributor_id, Drift.task_id == task.id)
        .with_for_update()
    )
    if drift is None:
        return False
    drift.state = DriftState.REPAIRED
    if drift.subscription_id is not None:
        activate(
            drift.subscription_id,
            at=at,
            service_manager_id=task.service_manager_id,
            vendor_reference=vendor_reference if task.kind is TaskKind.CREATE else None,
        )
    return True


def _plan(drift: Drift, manager: ServiceManager, repair: Repair) -> _Plan:
    """Work out a repair. Raises _CannotRepair."""
    if drift.state is not DriftState.OPEN:
        raise _CannotRepair("Somebody has decided about this already")
    if repair not in ALLOWED[drift.kind]:
        raise _CannotRepair("This repair does not fit this difference")
    if repair is Repair.LEAVE:
        return _Plan("Left as it is", lambda _: None)
    if drift.kind is DriftKind.UNKNOWN_HERE:
        return _cancel_unknown(drift, manager)
    subscription = find_subscription_for_update(drift.subscription_id) if drift.subscription_id else None
    if subscription is None or subscription.role is not SubscriptionRole.MAIN:
        raise _CannotRepair("Only subscriptions that stand alone can be repaired here")
    if _has_open_task(subscription.id):
        raise _CannotRepair(UNDER_WAY)
    if repair is Repair.TAKE_THEIRS:
        return _take_quantity(drift, subscription)
    return _send_ours(drift, subscription, manager)


def _send_ours(drift: Drift, subscription: Subscription, manager: ServiceManager) -> _Plan:
    kind, effect = _task_for(drift, subscription)
    if not offers(manager.kind, kind):
        raise _CannotRepair("This service manager does not offer to suspend services")

    def carry_out(at: datetime) -> ProvisioningTask:
        if subscription.status not in (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED):
            mark_pending(subscription.id)
        picture = complete_picture(subscription)
        if kind is TaskKind.CREATE:  # nothing of it stands there any more, its add-ons neither
            picture = replace(picture, add_ons=tuple(replace(each, action="create") for each in picture.add_ons))
        return request_provisioning(_task(kind, subscription.id, picture, manager), at=at)

    return _Plan(effect, carry_out)


def _task_for(drift: Drift, subscription: Subscription) -> tuple[TaskKind, str]:
    """Return what the vendor is asked for so that it has what we have today, and that in words."""
    match drift.kind, subscription.status:
        case DriftKind.STATUS, SubscriptionStatus.CANCELED | SubscriptionStatus.EXPIRED:
            return TaskKind.CANCEL, "The vendor is asked to cancel it"
        case DriftKind.STATUS, SubscriptionStatus.SUSPENDED:
            return TaskKind.SUSPEND, "The vendor is asked to suspend it"
        case DriftKind.STATUS, SubscriptionStatus.ACTIVE | SubscriptionStatus.PENDING_CANCELLATION:
            return TaskKind.ACTIVATE, "The vendor is asked to activate it"
        case _, SubscriptionStatus.CANCELED | SubscriptionStatus.EXPIRED | SubscriptionStatus.PENDING_ACTIVATION:
            raise _CannotRepair("The subscription does not run any more")
        case DriftKind.MISSING_AT_VENDOR, _:
            return (
                TaskKind.CREATE,
                f"The vendor is asked to create it again, with a quantity of {subscription.quantity}",
            )
        case DriftKind.QUANTITY, _:
            return TaskKind.UPDATE, f"The vendor is asked for a quantity of {subscription.quantity}"
        case _:
            return TaskKind.UPDATE, f"The vendor is asked to change the product to {drift.ours}"


def _take_quantity(drift: Drift, subscription: Subscription) -> _Plan:
    quantity = int(drift.theirs) if drift.theirs.isdecimal() else 0
    if quantity < 1:
        raise _CannotRepair("The vendor has none of it: cancel the subscription instead")

    def carry_out(at: datetime) -> None:
        change_quantity(subscription.id, quantity, at=at)
        add_event(subscription, "reconciled", "Quantity taken over from the provider", at=at, actor_name=PROVIDER)

    return _Plan(f"The subscription gets a quantity of {quantity}, billed from its next period", carry_out)


def _cancel_unknown(drift: Drift, manager: ServiceManager) -> _Plan:
    service = session.scalar(
        select(VendorService).where(
            VendorService.distributor_id == drift.distributor_id,
            VendorService.service_manager_id == manager.id,
            VendorService.vendor_reference == drift.vendor_reference,
        )
    )
    account = _account_of(service, manager) if service else None
    if service is None or account is None:
        raise _CannotRepair("Nobody here has this account: cancel the service at the vendor")
    if _has_open_task(drift.id):
        raise _CannotRepair(UNDER_WAY)

    def carry_out(at: datetime) -> ProvisioningTask:
        picture = ResourcePicture(
            service_type=service.product_code or service.name,
            product_code=service.product_code,
            product_name=service.name or service.vendor_reference,
            quantity=service.quantity or 1,
            term=service.term or "P1M",
            billing_cycle=service.billing_cycle or "monthly",
            currency=account.currency,
            account=company_picture(account),
        )
        task = request_provisioning(_task(TaskKind.CANCEL, drift.id, picture, manager), at=at)
        task.vendor_reference = drift.vendor_reference
        return task

    return _Plan(f"The vendor is asked to cancel it, in the name of {account.name}", carry_out)


def _account_of(service: VendorService, manager: ServiceManager) -> Account | None:
    """Return the account here that the vendor has the service for, by its name there, else by our code."""
    here = current_scope().distributor_id
    linked = select(VendorAccountLink.account_id).where(
        VendorAccountLink.distributor_id == here,
        VendorAccountLink.service_manager_id == manager.id,
        VendorAccountLink.vendor_reference == service.account_reference,
    )
    found = session.scalar(select(Account).where(Account.distributor_id == here, Account.id.in_(linked)))
    if found is not None or not service.account_code:
        return found
    return session.scalar(
        select(Account).where(Account.distributor_id == here, func.lower(Account.code) == service.account_code.lower())
    )


def _has_open_task(subject_id: UUID) -> bool:
    found = session.scalar(
        select(ProvisioningTask.id)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.subject_id == subject_id,
            ProvisioningTask.status.in_(OPEN),
        )
        .limit(1)
    )
    return found is not None


def _task(kind: TaskKind, subject_id: UUID, picture: ResourcePicture, manager: ServiceManager) -> NewTask:
    return NewTask(
        kind=kind,
        subject_id=subject_id,
        picture=picture,
        service_manager_id=manager.id,
        order_id=None,
        order_item_id=None,
    )
