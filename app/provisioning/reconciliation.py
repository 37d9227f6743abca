"""Comparing our subscriptions with a vendor's services (GO-03): one run at a time per service manager, in pages.

A run keeps where it is after each page, so one whose worker died or whose vendor was away goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.audit.services import Actor, record
from app.catalogue.models import Product
from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from app.provisioning.access import ManagerAccess, access_of
from app.provisioning.adoption_finding import find_candidates
from app.provisioning.drift import compare
from app.provisioning.errors import CannotBeCompared, RunNotFound, RunUnderWay
from app.provisioning.jobs import RECONCILE
from app.provisioning.kinds import Capability, can
from app.provisioning.models import ReconciliationRun, RunState, ServiceManager, VendorService
from app.provisioning.queries import get_service_manager
from app.subscriptions.models import Subscription, SubscriptionStatus, SubscriptionVendorLink
from tenants.context import current_scope
from tenants.days import distributors_day

LEASE = timedelta(minutes=10)
RETRIES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30))
OPEN_RUNS = (RunState.QUEUED, RunState.RUNNING)
STANDING = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED, SubscriptionStatus.PENDING_CANCELLATION)
RUNS_KEPT = 50
MAX_MESSAGE = 500
UNREADABLE = "Could not be read: "


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run this worker holds; `cursor` is where it goes on."""

    id: UUID
    lease_token: UUID
    manager: ManagerAccess
    cursor: str | None


@dataclass(frozen=True, slots=True)
class SeenService:
    """A service as the vendor has it; None stands for what it does not tell."""

    reference: str
    name: str
    product_code: str
    quantity: int | None
    is_active: bool
    term: str | None
    billing_cycle: str | None
    account_reference: str | None
    account_code: str | None
    account_name: str | None
    account_email: str | None


@dataclass(frozen=True, slots=True)
class OwnService:
    """One of our subscriptions, for vendors that can only be asked for one service after the other."""

    subscription_id: UUID
    reference: str
    product_code: str


def start_run(manager_id: UUID, *, actor: Actor, at: datetime) -> ReconciliationRun:
    """Ask for a comparison; a worker makes it. Raises ServiceManagerNotFound, CannotBeCompared, RunUnderWay."""
    manager = session.scalar(
        select(ServiceManager)
        .where(
            ServiceManager.distributor_id == current_scope().distributor_id,
            ServiceManager.id == get_service_manager(manager_id).id,
        )
        .with_for_update()  # two clicks meet here
    )
    assert manager is not None
    if not (can(manager.kind, Capability.LIST_SERVICES) or can(manager.kind, Capability.READ_SERVICES)):
        raise CannotBeCompared
    under_way = session.scalar(_runs(manager_id).where(ReconciliationRun.state.in_(OPEN_RUNS)))
    if under_way is not None:
        raise RunUnderWay(under_way.id)
    run = ReconciliationRun(
        id=new_id(), service_manager_id=manager_id, started_by_name=actor.name, created_at=at, attempts=0
    )
    session.add(run)
    session.flush()
    record("reconciliation.started", actor=actor, at=at, target_kind="service_manager", target_id=manager_id)
    nudge_after_commit(Nudge(RECONCILE, run.id, run.distributor_id))
    return run


def claim_run(run_id: UUID, *, at: datetime) -> ClaimedRun | None:
    """Take a run for one worker, or None: it is over, or another holds it."""
    run = session.scalar(
        select(ReconciliationRun)
        .where(
            ReconciliationRun.distributor_id == current_scope().distributor_id,
            ReconciliationRun.id == run_id,
            ReconciliationRun.state.in_(OPEN_RUNS),
            (ReconciliationRun.lease_until.is_(None)) | (ReconciliationRun.lease_until <= at),
        )
        .with_for_update(skip_locked=True)
    )
    if run is None:
        return None
    run.state, run.lease_token, run.lease_until = RunState.RUNNING, new_id(), at + LEASE
    return ClaimedRun(run.id, run.lease_token, access_of(get_service_manager(run.service_manager_id)), run.cursor)


def record_page(
    run: ClaimedRun,
    seen: Sequence[SeenService],
    *,
    asked: int,
    cursor: str | None,
    total: int | None,
    at: datetime,
    unreadable: str = "",
) -> bool:
    """Keep a page of what the vendor has, and where the run is; False where another worker holds it by now.

    `asked` is how many services the page was about: those of ours that the vendor does not have count too. `unreadable`
    says which one the vendor would not tell of, and why; the run then ends with errors.
    """
    held = _held(run)
    if held is None:
        return False
    if seen:
        _keep(run, seen)
    held.done, held.cursor, held.lease_until, held.attempts = held.done + asked, cursor, at + LEASE, 0
    held.total = total if total is not None else held.total
    had_errors = (held.message or "").startswith(UNREADABLE)
    if unreadable and not had_errors:
        held.message = f"{UNREADABLE}{unreadable}"[:MAX_MESSAGE]
    elif not had_errors:
        held.message = None
    return True


def complete_run(run: ClaimedRun, *, at: datetime) -> bool:
    """Compare what was read with what we have; False where another worker holds the run by now."""
    held = _held(run)
    if held is None:
        return False
    suspends = can(run.manager.kind, Capability.SUSPEND)
    held.matching = compare(held.id, held.service_manager_id, on=distributors_day(at), suspends=suspends)
    find_candidates(held.id, held.service_manager_id, at=at)
    session.execute(
        delete(VendorService).where(
            VendorService.distributor_id == held.distributor_id,
            VendorService.service_manager_id == held.service_manager_id,
            VendorService.run_id != held.id,
        )
    )
    _end(held, RunState.WITH_ERRORS if held.message else RunState.COMPLETED, held.message, at)
    _forget_old(held.service_manager_id)
    return True


def postpone_run(run: ClaimedRun, reason: str, *, at: datetime) -> None:
    """Let go of a run whose vendor was away: again after 1, 5, 15 and 30 minutes, then it has failed."""
    held = _held(run)
    if held is None:
        return
    if held.attempts >= len(RETRIES):
        _end(held, RunState.FAILED, reason, at)
        return
    held.lease_until, held.lease_token = at + RETRIES[held.attempts], None
    held.attempts, held.message = held.attempts + 1, reason[:MAX_MESSAGE]


def hand_back_run(run: ClaimedRun, *, at: datetime) -> None:
    """Let go of a run that takes longer than a job may: another job goes on with it at once."""
    held = _held(run)
    if held is not None:
        held.lease_until, held.lease_token = at, None
        nudge_after_commit(Nudge(RECONCILE, held.id, held.distributor_id))


def fail_run(run: ClaimedRun, reason: str, *, at: datetime) -> None:
    """The vendor refused to tell. What was found before stays away: half a list would show drift that is none."""
    held = _held(run)
    if held is not None:
        _end(held, RunState.FAILED, reason, at)


def own_services(manager_id: UUID, *, after: str | None, limit: int) -> Sequence[OwnService]:
    """Return our standing subscriptions at a service manager, by id; `after` is the last one's id."""
    here = current_scope().distributor_id
    statement = (
        select(
            Subscription.id,
            SubscriptionVendorLink.vendor_reference,
            func.coalesce(Product.external_id, Product.code),
        )
        .join(
            SubscriptionVendorLink,
            (SubscriptionVendorLink.distributor_id == here)
            & (SubscriptionVendorLink.subscription_id == Subscription.id),
        )
        .join(Product, (Product.distributor_id == here) & (Product.id == Subscription.product_id))
        .where(
            Subscription.distributor_id == here,
            SubscriptionVendorLink.service_manager_id == manager_id,
            Subscription.status.in_(STANDING),
        )
        .order_by(Subscription.id)
        .limit(limit)
    )
    if after:
        statement = statement.where(Subscription.id > UUID(after))
    return [OwnService(*row) for row in session.execute(statement)]


def due_runs(at: datetime) -> Sequence[UUID]:
    """Return runs whose worker died, whose nudge was lost, or whose vendor shall be asked again."""
    return session.scalars(
        select(ReconciliationRun.id).where(
            ReconciliationRun.distributor_id == current_scope().distributor_id,
            ReconciliationRun.state.in_(OPEN_RUNS),
            (ReconciliationRun.lease_until <= at)
            | (ReconciliationRun.lease_until.is_(None) & (ReconciliationRun.created_at <= at - timedelta(seconds=30))),
        )
    ).all()


def get_run(run_id: UUID) -> ReconciliationRun:
    """Return a run; raises RunNotFound."""
    found = session.get(ReconciliationRun, (current_scope().distributor_id, run_id))
    if found is None:
        raise RunNotFound(run_id)
    return found


def list_runs(manager_id: UUID | None = None, *, limit: int = RUNS_KEPT) -> Sequence[ReconciliationRun]:
    """Return runs, the newest first."""
    return session.scalars(_runs(manager_id).order_by(ReconciliationRun.created_at.desc()).limit(limit)).all()


def _runs(manager_id: UUID | None) -> Select[ReconciliationRun]:
    statement = select(ReconciliationRun).where(ReconciliationRun.distributor_id == current_scope().distributor_id)
    return statement if manager_id is None else statement.where(ReconciliationRun.service_manager_id == manager_id)


def _held(run: ClaimedRun) -> ReconciliationRun | None:
    return session.scalar(
        select(ReconciliationRun)
        .where(
            ReconciliationRun.distributor_id == current_scope().distributor_id,
            ReconciliationRun.id == run.id,
            ReconciliationRun.lease_token == run.lease_token,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _keep(run: ClaimedRun, seen: Collection[SeenService]) -> None:
    """A vendor that lists a service twice is taken at its last word."""
    rows = {
        each.reference: {
            "distributor_id": current_scope().distributor_id,
            "id": new_id(),
            "service_manager_id": run.manager.id,
            "run_id": run.id,
            "vendor_reference": each.reference,
            "name": each.name,
            "product_code": each.product_code,
            "quantity": each.quantity,
            "is_active": each.is_active,
            "term": each.term[:10] if each.term else None,
            "billing_cycle": each.billing_cycle[:20] if each.billing_cycle else None,
            "account_reference": each.account_reference,
            "account_code": each.account_code,
            "account_name": each.account_name,
            "account_email": each.account_email,
        }
        for each in seen
    }
    statement = insert(VendorService).values(list(rows.values()))
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["distributor_id", "service_manager_id", "vendor_reference"],
            set_={
                column.name: statement.excluded[column.name]
                for column in VendorService.__table__.columns
                if column.name not in {"distributor_id", "id", "service_manager_id", "vendor_reference"}
            },
        )
    )


def _end(run: ReconciliationRun, state: RunState, message: str | None, at: datetime) -> None:
    run.state, run.message, run.finished_at = state, message[:MAX_MESSAGE] if message else None, at
    run.lease_until = run.lease_token = None


def _forget_old(manager_id: UUID) -> None:
    """Keep the newest 50 runs of a service manager."""
    old = session.scalars(
        _runs(manager_id).with_only_columns(ReconciliationRun.id).order_by(ReconciliationRun.created_at.desc())
        .offset(RUNS_KEPT)
    ).all()  # fmt: skip
    if old:
        session.execute(
            delete(ReconciliationRun).where(
                ReconciliationRun.distributor_id == current_scope().distributor_id, ReconciliationRun.id.in_(old)
            )
        )
