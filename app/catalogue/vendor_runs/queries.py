"""Reads of runs and their logs for BSS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from app.catalogue.vendor_runs.errors import VendorRunNotFound
from app.catalogue.vendor_runs.machine import AT_WORK
from app.catalogue.vendor_runs.models import EntryAction, EntryLevel, VendorRun, VendorRunEntry, VendorRunState
from app.core.db import session
from tenants.context import current_scope

EXPORT_CHUNK = 500


def get_run(run_id: UUID) -> VendorRun:
    """Return a run; raises VendorRunNotFound."""
    found = session.scalar(
        select(VendorRun).where(VendorRun.distributor_id == current_scope().distributor_id, VendorRun.id == run_id)
    )
    if found is None:
        raise VendorRunNotFound(run_id)
    return found


def runs_of(service_manager_id: UUID) -> Select[VendorRun]:
    """Say which are a service manager's runs, the latest first."""
    return (
        select(VendorRun)
        .where(
            VendorRun.distributor_id == current_scope().distributor_id,
            VendorRun.service_manager_id == service_manager_id,
        )
        .order_by(VendorRun.created_at.desc(), VendorRun.id.desc())
    )


def list_runs(service_manager_id: UUID, *, limit: int) -> Sequence[VendorRun]:
    """Return a service manager's runs, the latest first."""
    return session.scalars(runs_of(service_manager_id).limit(limit)).all()


def run_at_work(service_manager_id: UUID) -> VendorRun | None:
    """Return the run of a service manager that is not over."""
    return session.scalar(runs_of(service_manager_id).where(VendorRun.state.in_(AT_WORK)))


def last_run(service_manager_id: UUID) -> VendorRun | None:
    """Return the newest run of a service manager."""
    return session.scalar(runs_of(service_manager_id).limit(1))


def count_last_failed() -> int:
    """Return how many service managers' newest run ended badly: Failed, or with errors."""
    here = current_scope().distributor_id
    newest = (
        select(VendorRun.state)
        .where(VendorRun.distributor_id == here)
        .ext(distinct_on(VendorRun.service_manager_id))
        .order_by(VendorRun.service_manager_id, VendorRun.created_at.desc(), VendorRun.id.desc())
        .subquery()
    )
    bad = (VendorRunState.FAILED, VendorRunState.COMPLETED_WITH_ERRORS)
    return session.scalar(select(func.count()).select_from(newest).where(newest.c.state.in_(bad))) or 0


def list_entries(
    run_id: UUID,
    *,
    level: EntryLevel | None = None,
    action: EntryAction | None = None,
    search: str = "",
    limit: int,
    offset: int = 0,
) -> Sequence[VendorRunEntry]:
    """Return one page of a run's log, in the order things were done."""
    return session.scalars(
        _entries(run_id, level, action, search).order_by(VendorRunEntry.position).limit(limit).offset(offset)
    ).all()


def count_entries(
    run_id: UUID, *, level: EntryLevel | None = None, action: EntryAction | None = None, search: str = ""
) -> int:
    """Return how many lines of a log a filter finds."""
    return session.scalar(_entries(run_id, level, action, search).with_only_columns(func.count())) or 0


def export_entries(
    run_id: UUID, *, level: EntryLevel | None = None, action: EntryAction | None = None, search: str = ""
) -> Iterator[VendorRunEntry]:
    """Read a log line by line."""
    yield from session.scalars(
        _entries(run_id, level, action, search).order_by(VendorRunEntry.position),
        execution_options={"yield_per": EXPORT_CHUNK},
    )


def _entries(run_id: UUID, level: EntryLevel | None, action: EntryAction | None, search: str) -> Select[VendorRunEntry]:
    statement = select(VendorRunEntry).where(
        VendorRunEntry.distributor_id == current_scope().distributor_id, VendorRunEntry.run_id == run_id
    )
    if level is not None:
        statement = statement.where(VendorRunEntry.level == level)
    if action is not None:
        statement = statement.where(VendorRunEntry.action == action)
    if search.strip():
        statement = statement.where(
            or_(
                VendorRunEntry.external_id.icontains(search.strip(), autoescape=True),
                VendorRunEntry.message.icontains(search.strip(), autoescape=True),
            )
        )
    return statement
