"""The life of an import run: uploaded, checked, previewed, confirmed, applied. Two workers never hold one run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, and_, or_, select, update

from app.accounts.staff_mails import mail_starter
from app.audit.services import Actor, record
from app.catalogue.errors import ImportAlreadyRunning, ImportInWrongState, ImportNotFound
from app.catalogue.imports.applying import AppliedRange
from app.catalogue.imports.judging import judge
from app.catalogue.imports.models import ImportRun, ImportState
from app.catalogue.imports.report import write_report
from app.catalogue.imports.staging import Batch, forget_issues, forget_rows, settle
from app.catalogue.imports.upload import media_file
from app.catalogue.jobs import RUN_IMPORT
from app.core.db import nudge_after_commit, session
from app.core.errors import Invalid
from app.core.queue import Nudge
from tenants.context import current_scope

LEASE = timedelta(minutes=10)  # a run without a heartbeat for so long is taken over
GRACE = timedelta(seconds=10)  # a new run was nudged when it was committed; its job may just be on its way
MAX_ATTEMPTS = 5
WAITING = (ImportState.UPLOADED, ImportState.QUEUED)
WORKING = (ImportState.CHECKING, ImportState.APPLYING)
BUSY = (ImportState.QUEUED, ImportState.APPLYING)


class LeaseLost(RuntimeError):
    """Another worker has taken the run over; whoever raises this stops without a trace."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A run in the hands of one worker. `attempt` is the fence: a later claim has a higher one."""

    run_id: UUID
    state: ImportState  # CHECKING or APPLYING
    attempt: int


def get_run(run_id: UUID) -> ImportRun:
    """Return a run; raises ImportNotFound."""
    run = session.scalar(_run(run_id))
    if run is None:
        raise ImportNotFound(run_id)
    return run


def claim_run(run_id: UUID, *, at: datetime) -> Claim | None:
    """Take a run that waits, or whose worker has been silent for ten minutes. None: nothing to do.

    After five tries the run is Failed: what keeps killing its worker would do so once more.
    """
    run = session.scalar(_run(run_id).with_for_update(skip_locked=True))
    if run is None or not _is_due(run, at):
        return None
    if run.attempts >= MAX_ATTEMPTS:
        _end_failed(
            run, "The import was interrupted several times. Upload the sheet again; nothing is taken twice.", at
        )
        return None
    run.state = (
        ImportState.CHECKING if run.state in {ImportState.UPLOADED, ImportState.CHECKING} else ImportState.APPLYING
    )
    run.attempts += 1
    run.lease_until = at + LEASE
    session.flush()
    return Claim(run.id, run.state, run.attempts)


def due_run_ids(*, at: datetime, limit: int) -> Sequence[UUID]:
    """Return runs of the scope's distributor that wait for a worker, were never told to one, or have lost theirs.

    For the sweep: rows somebody works on are passed over.
    """
    is_free = or_(ImportRun.lease_until.is_(None), ImportRun.lease_until <= at)
    return session.scalars(
        select(ImportRun.id)
        .where(
            ImportRun.distributor_id == current_scope().distributor_id,
            or_(
                and_(ImportRun.state.in_(WAITING), ImportRun.created_at <= at - GRACE, is_free),
                and_(ImportRun.state.in_(WORKING), ImportRun.lease_until <= at),
            ),
        )
        .order_by(ImportRun.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def begin_check(claim: Claim, *, at: datetime) -> ImportRun:
    """Clear what an interrupted check has left. Raises LeaseLost."""
    run = _held(claim, at)
    forget_rows(run)
    forget_issues(run)
    run.rows_done = 0
    return run


def note_checked(claim: Claim, batch: Batch, *, at: datetime) -> None:
    """Record a staged batch as progress and keep the lease. Raises LeaseLost."""
    _beat(claim, at, rows_done=ImportRun.rows_done + batch.rows_read)


def finish_check(claim: Claim, *, at: datetime) -> ImportRun:
    """Judge the staged rows and wait for a person. Raises LeaseLost."""
    run = _held(claim, at)
    settle(run)
    judge(run)
    run.rows_done = run.rows_total
    run.state, run.lease_until, run.attempts = ImportState.READY, None, 0
    return run


def confirm_import(run_id: UUID, *, segments: Collection[str], actor: Actor, at: datetime) -> ImportRun:
    """Agree to a preview: the sheet will be applied, new products of `segments` published.

    Raises ImportInWrongState, ImportAlreadyRunning, Invalid for a segment that is not in the sheet.
    """
    run = _lock(run_id)
    if run.state is not ImportState.READY:
        raise ImportInWrongState(run.id, run.state.value, "This import was already decided")
    if unknown := sorted(set(segments) - set(run.summary.get("segments", {}))):
        raise Invalid.field("segments", "segment_unknown", f"The sheet has no segment {', '.join(unknown)}")
    if not run.rows_created + run.rows_changed + run.rows_unchanged:
        raise ImportInWrongState(
            run.id, run.state.value, "No row of this sheet can be imported. Mend it and upload it again."
        )
    other = session.scalar(
        select(ImportRun).where(
            ImportRun.distributor_id == run.distributor_id, ImportRun.state.in_(BUSY), ImportRun.id != run.id
        )
    )
    if other is not None:
        raise ImportAlreadyRunning(other.id, other.file_name)
    run.segments = sorted(segments)
    run.state, run.applied_to, run.rows_done = ImportState.QUEUED, 0, run.rows_failed
    record("catalogue.import_confirmed", actor=actor, at=at, target_kind="import_run", target_id=run.id,
           after={"segments": ", ".join(run.segments)})  # fmt: skip
    nudge_after_commit(Nudge(RUN_IMPORT, run.id, run.distributor_id))
    return run


def discard_import(run_id: UUID, *, actor: Actor, at: datetime) -> ImportRun:
    """Put a preview aside; nothing of the sheet is taken. Raises ImportInWrongState."""
    run = _lock(run_id)
    if run.state is not ImportState.READY:
        raise ImportInWrongState(run.id, run.state.value, "This import was already decided")
    run.state, run.finished_at = ImportState.DISCARDED, at
    forget_rows(run)
    media_file(run.file_path).unlink(missing_ok=True)
    record("catalogue.import_discarded", actor=actor, at=at, target_kind="import_run", target_id=run.id)
    return run


def begin_apply(claim: Claim, *, at: datetime) -> ImportRun:
    """Judge once more before the first range: the catalogue may have changed since the preview. Raises LeaseLost."""
    run = _held(claim, at)
    if run.applied_to == 0:
        judge(run)
    return run


def note_applied(claim: Claim, done: AppliedRange, *, at: datetime) -> None:
    """Record a range as done, in the transaction that wrote it, and keep the lease. Raises LeaseLost."""
    _beat(claim, at, rows_done=ImportRun.rows_done + done.rows, applied_to=done.applied_to)


def finish_apply(claim: Claim, *, at: datetime) -> ImportRun:
    """Write the row-by-row report, drop the staged rows, end the run. Raises LeaseLost."""
    run = _held(claim, at)
    run.report_path = write_report(run)
    forget_rows(run)
    run.rows_done = run.rows_total
    run.state, run.lease_until, run.finished_at = ImportState.COMPLETED, None, at
    media_file(run.file_path).unlink(missing_ok=True)
    outcome = (
        f"{run.rows_created:,} rows created, {run.rows_changed:,} changed, {run.rows_unchanged:,} as they were, "
        f"{run.rows_failed:,} refused"
    )
    mail_starter(run.started_by_id, file_name=run.file_name, outcome=outcome, path=f"/imports/{run.id}", at=at)
    return run


def fail_run(claim: Claim, message: str, *, at: datetime) -> ImportRun:
    """End a run that cannot go on, with a sentence for people. Raises LeaseLost."""
    run = _held(claim, at)
    _end_failed(run, message, at)
    return run


def held_run(claim: Claim, *, at: datetime) -> ImportRun:
    """Return the run of a claim, locked until the transaction ends. Raises LeaseLost."""
    return _held(claim, at)


def _end_failed(run: ImportRun, message: str, at: datetime) -> None:
    run.state, run.message, run.lease_until, run.finished_at = ImportState.FAILED, message, None, at
    forget_rows(run)


def _is_due(run: ImportRun, at: datetime) -> bool:
    if run.state in WAITING:
        return True
    return run.state in WORKING and (run.lease_until is None or run.lease_until < at)


def _run(run_id: UUID) -> Select[ImportRun]:
    return select(ImportRun).where(ImportRun.distributor_id == current_scope().distributor_id, ImportRun.id == run_id)


def _lock(run_id: UUID) -> ImportRun:
    run = session.scalar(_run(run_id).with_for_update().execution_options(populate_existing=True))
    if run is None:
        raise ImportNotFound(run_id)
    return run


def _held(claim: Claim, at: datetime) -> ImportRun:
    run = _lock(claim.run_id)
    if run.attempts != claim.attempt or run.state is not claim.state:
        raise LeaseLost(claim.run_id)
    run.lease_until = at + LEASE
    return run


def _beat(claim: Claim, at: datetime, **progress: object) -> None:
    result = session.execute(
        update(ImportRun)
        .where(
            ImportRun.distributor_id == current_scope().distributor_id,
            ImportRun.id == claim.run_id,
            ImportRun.state == claim.state,
            ImportRun.attempts == claim.attempt,
        )
        .values(lease_until=at + LEASE, **progress)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[object]", result).rowcount != 1:
        raise LeaseLost(claim.run_id)
