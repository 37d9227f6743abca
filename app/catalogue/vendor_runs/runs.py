"""The life of a run: queued, running with a heartbeat, ended. Each service manager has one at a time (CB-15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError

from app.audit.services import Actor, record
from app.catalogue.jobs import READ_DEFINITION
from app.catalogue.vendor_runs.errors import RunLost, VendorRunAtWork, VendorRunIsOver
from app.catalogue.vendor_runs.machine import AT_WORK, RunEvent, after
from app.catalogue.vendor_runs.mails import mail_run_failed
from app.catalogue.vendor_runs.models import EntryAction, EntryLevel, VendorRun, VendorRunEntry, VendorRunState
from app.catalogue.vendor_runs.queries import get_run, run_at_work, runs_of
from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from tenants.context import current_scope

SILENCE = timedelta(minutes=10)  # a run without a heartbeat for so long has failed
KEPT = 50  # runs of one service manager
COUNTERS = {
    EntryAction.CREATED: "items_created",
    EntryAction.UPDATED: "items_updated",
    EntryAction.UNCHANGED: "items_unchanged",
    EntryAction.RETIRED: "items_retired",
    EntryAction.ERROR: "items_failed",
}
LEVELS = {EntryAction.ERROR: EntryLevel.ERROR, EntryAction.RETIRED: EntryLevel.WARNING}


@dataclass(frozen=True, slots=True)
class Claim:
    """A run in the hands of one worker; `attempt` is the fence."""

    run_id: UUID
    service_manager_id: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Happened:
    """What a run did to one thing, for its log."""

    entity_kind: str
    external_id: str
    action: EntryAction
    message: str = ""


def start_run(service_manager_id: UUID, manager_name: str, *, actor: Actor, at: datetime) -> VendorRun:
    """Ask for a vendor's definition; returns at once, a worker reads it.

    Raises VendorRunAtWork while another run of this service manager is not over. One that has been silent for ten
    minutes is Failed first. Beyond the last fifty, runs and their logs are deleted.
    """
    fail_silent_runs(at=at)
    if (other := run_at_work(service_manager_id)) is not None:
        raise VendorRunAtWork(other.id, other.started_by_name)
    run = VendorRun(
        id=new_id(),
        service_manager_id=service_manager_id,
        manager_name=manager_name,
        started_by_id=actor.user_id,
        started_by_name=actor.name,
        heartbeat_at=at,
        created_at=at,
    )
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError as error:  # somebody else was faster
        faster = run_at_work(service_manager_id)
        if faster is None:
            raise
        raise VendorRunAtWork(faster.id, faster.started_by_name) from error
    _forget_old(service_manager_id)
    record("catalogue.definition_asked", actor=actor, at=at, target_kind="service_manager",
           target_id=service_manager_id, after={"name": manager_name})  # fmt: skip
    nudge_after_commit(Nudge(READ_DEFINITION, run.id, current_scope().distributor_id))
    return run


def claim_run(run_id: UUID, *, at: datetime) -> Claim | None:
    """Take a queued run; None where it has been taken, canceled, or is over."""
    run = session.scalar(_run(run_id).with_for_update(skip_locked=True).execution_options(populate_existing=True))
    if run is None or (state := after(run.state, RunEvent.CLAIMED)) is None:
        return None
    run.state, run.attempt, run.started_at, run.heartbeat_at = state, run.attempt + 1, at, at
    session.flush()
    return Claim(run.id, run.service_manager_id, run.attempt)


def held_run(claim: Claim, *, at: datetime) -> VendorRun:
    """Return the run of a claim, locked until the transaction ends, and keep it alive. Raises RunLost."""
    run = session.scalar(_run(claim.run_id).with_for_update().execution_options(populate_existing=True))
    if run is None or run.state is not VendorRunState.RUNNING or run.attempt != claim.attempt:
        raise RunLost(claim.run_id)
    run.heartbeat_at = at
    return run


def note(run: VendorRun, happened: Sequence[Happened], *, items: int = 0, at: datetime) -> None:
    """Write down what was done, in the transaction that did it; `items` of the feed are done with it."""
    written = sum(getattr(run, name) for name in COUNTERS.values())
    for position, each in enumerate(happened, start=written + 1):
        counter = COUNTERS[each.action]
        setattr(run, counter, getattr(run, counter) + 1)
        session.add(
            VendorRunEntry(
                run_id=run.id,
                position=position,
                at=at,
                level=LEVELS.get(each.action, EntryLevel.INFO),
                entity_kind=each.entity_kind,
                external_id=each.external_id[:200],
                action=each.action,
                message=each.message[:500],
            )
        )
    run.items_done += items


def finish_run(claim: Claim, *, at: datetime) -> VendorRun:
    """End a run that got to its end. Raises RunLost."""
    run = held_run(claim, at=at)
    run.items_done = run.items_total
    _end(run, RunEvent.ENDED_WITH_ERRORS if run.items_failed else RunEvent.ENDED_WELL, at=at)
    return run


def fail_run(claim: Claim, message: str, *, at: datetime) -> None:
    """End a run that cannot go on, with a sentence for people; its starter gets a mail. Raises RunLost."""
    _fail(held_run(claim, at=at), message, at=at)


def cancel_run(run_id: UUID, *, actor: Actor, at: datetime) -> VendorRun:
    """Stop a run; what it has taken over stays. Raises VendorRunNotFound, VendorRunIsOver."""
    get_run(run_id)
    run = session.scalars(_run(run_id).with_for_update().execution_options(populate_existing=True)).one()
    if after(run.state, RunEvent.CANCELED) is None:
        raise VendorRunIsOver(run_id)
    _end(run, RunEvent.CANCELED, at=at)
    run.message = f"Canceled by {actor.name}"
    record("catalogue.definition_canceled", actor=actor, at=at, target_kind="vendor_run", target_id=run.id)
    return run


def fail_silent_runs(*, at: datetime) -> int:
    """Give up runs whose worker has been silent for ten minutes; returns how many. They can be started again."""
    silent = session.scalars(
        select(VendorRun)
        .where(
            VendorRun.distributor_id == current_scope().distributor_id,
            VendorRun.state == VendorRunState.RUNNING,
            VendorRun.heartbeat_at < at - SILENCE,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for run in silent:
        _fail(run, "The run was interrupted. Start it again; nothing is taken twice.", at=at)
    session.flush()
    return len(silent)


def _fail(run: VendorRun, message: str, *, at: datetime) -> None:
    run.message = message[:500]
    _end(run, RunEvent.BROKE_OFF, at=at)
    mail_run_failed(run, at=at)


def _end(run: VendorRun, event: RunEvent, *, at: datetime) -> None:
    state = after(run.state, event)
    if state is None:
        raise VendorRunIsOver(run.id)
    run.state, run.phase, run.finished_at = state, "", at


def _forget_old(service_manager_id: UUID) -> None:
    kept = runs_of(service_manager_id).with_only_columns(VendorRun.id).limit(KEPT)
    session.flush()
    session.execute(
        delete(VendorRun)
        .where(
            VendorRun.distributor_id == current_scope().distributor_id,
            VendorRun.service_manager_id == service_manager_id,
            VendorRun.state.not_in(AT_WORK),
            VendorRun.id.not_in(kept),
        )
        .execution_options(synchronize_session=False)
    )


def _run(run_id: UUID) -> Select[VendorRun]:
    return select(VendorRun).where(VendorRun.distributor_id == current_scope().distributor_id, VendorRun.id == run_id)


def queued_runs(*, at: datetime, grace: timedelta) -> Sequence[UUID]:
    """Return runs no worker has taken: their nudge was lost. For the sweep."""
    return session.scalars(
        select(VendorRun.id).where(
            VendorRun.distributor_id == current_scope().distributor_id,
            VendorRun.state == VendorRunState.QUEUED,
            VendorRun.created_at <= at - grace,
        )
    ).all()
