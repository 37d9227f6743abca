"""Reading what a vendor has, page by page, and comparing it with what we have (GO-03). Nothing is changed there."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.provisioning import reconciliation
from app.provisioning.claims import RecordedCall, record_calls
from app.provisioning.jobs import RECONCILE
from app.provisioning.reconciliation import ClaimedRun, OwnService, SeenService
from tenants.context import current_scope
from workers.connectors.base import (
    Connector,
    ConnectorRejected,
    ConnectorUnavailable,
    ListsServices,
    NotOffered,
    ReadsServices,
    ServiceSeen,
)
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind
from workers.runtime import scoped_job
from workers.vendor_access import open_connector

log = logging.getLogger(__name__)
READS_FOR = timedelta(minutes=5)  # then another job goes on: a job may take nine minutes, a lease is ten
READ_AT_ONCE, PAGE_FOR = 20, timedelta(seconds=60)  # a slow vendor's page ends earlier, so that what was read is kept


class LostRun(Exception):
    """Another worker holds the run by now."""


@scoped_job(RECONCILE)
def reconcile(run_id: UUID) -> None:
    """Make one comparison, or go on with it. Safe to run any number of times: one worker holds a run."""
    with unit_of_work():
        run = reconciliation.claim_run(run_id, at=utc_now())
    if run is None:
        return
    calls: list[RecordedCall] = []
    try:
        is_whole = _read(run, calls)
        with unit_of_work():
            if is_whole:
                reconciliation.complete_run(run, at=utc_now())
            else:
                reconciliation.hand_back_run(run, at=utc_now())
    except LostRun:
        return
    except ConnectorUnavailable as error:
        with unit_of_work():
            record_calls(None, run.manager.id, calls)
            reconciliation.postpone_run(run, error.reason, at=utc_now())
    except (ConnectorRejected, UnknownConnectorKind, ValueError) as error:
        with unit_of_work():
            record_calls(None, run.manager.id, calls)
            reconciliation.fail_run(run, str(error), at=utc_now())
    except Exception as error:
        log.exception("comparison_broke_off", extra={"run_id": str(run_id)})
        with unit_of_work():
            record_calls(None, run.manager.id, calls)
            reconciliation.postpone_run(run, f"{type(error).__name__}: it was written to the log", at=utc_now())


def nudge_runs(at: datetime) -> None:
    """Comparisons whose worker died, whose nudge was lost, or whose vendor shall be asked again."""
    for run_id in reconciliation.due_runs(at):
        nudge_after_commit(Nudge(RECONCILE, run_id, current_scope().distributor_id))


def _read(run: ClaimedRun, calls: list[RecordedCall]) -> bool:
    """Read pages until there are no more (True), or the time is over (False). Calls that succeed are not kept."""
    connector = open_connector(run.manager, calls, seconds_for_all=None, connectors=CONNECTORS)
    until, cursor = time.monotonic() + READS_FOR.total_seconds(), run.cursor
    while time.monotonic() < until:
        page = _page(connector, run, cursor)
        cursor = page.cursor
        with unit_of_work():
            if not reconciliation.record_page(
                run,
                page.seen,
                asked=page.asked,
                cursor=cursor,
                total=page.total,
                at=utc_now(),
                unreadable=page.unreadable,
            ):
                raise LostRun
        calls.clear()
        if cursor is None:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Page:
    """What one page told; `asked` is how many services it was about."""

    seen: list[SeenService]
    asked: int
    cursor: str | None
    total: int | None = None
    unreadable: str = ""


def _page(connector: Connector, run: ClaimedRun, cursor: str | None) -> Page:
    """Ask for a page of all services; of vendors without a list, for some of those we know, one after the other."""
    if isinstance(connector, ListsServices):
        page = connector.list_services(cursor)
        if page.following is not None and page.following == cursor:
            raise ConnectorRejected("endless", "The vendor's list of services does not end")
        return Page([_seen(each) for each in page.services], len(page.services), page.following, page.total)
    if not isinstance(connector, ReadsServices):
        raise NotOffered("telling which services it has")
    with unit_of_work():
        ours = reconciliation.own_services(run.manager.id, after=cursor, limit=READ_AT_ONCE)
    found, unreadable, until = [], "", time.monotonic() + PAGE_FOR.total_seconds()
    asked = 0
    for each in ours:
        if asked and time.monotonic() > until:
            break
        asked += 1
        try:
            seen = connector.read_service(each.reference)
        except ConnectorRejected as refusal:  # one the vendor does not tell of is not one that it does not have
            unreadable = unreadable or f"{each.reference}: {refusal.reason}"
            seen = ServiceSeen(reference=each.reference)
        if seen is not None:
            found.append(_seen(seen, each))
    is_last = asked == len(ours) < READ_AT_ONCE
    return Page(found, asked, None if is_last else str(ours[asked - 1].subscription_id), None, unreadable)


def _seen(service: ServiceSeen, ours: OwnService | None = None) -> SeenService:
    """Return a service as it is kept; a product that has several names there has ours, if it is one of them."""
    code = service.product_code
    if ours is not None and ours.product_code.casefold() in {each.casefold() for each in service.also_called}:
        code = ours.product_code
    return SeenService(
        reference=service.reference,
        name=service.name,
        product_code=code,
        quantity=service.quantity,
        is_active=service.is_active,
        term=service.term,
        billing_cycle=service.billing_cycle,
        account_reference=service.account_reference,
        account_code=service.account_code,
        account_name=service.account_name,
        account_email=service.account_email,
    )
