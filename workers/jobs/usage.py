"""Taking files of usage in, and looking after what is missing (CB-13)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import select

from app.billing.jobs import IMPORT_USAGE, PULL_USAGE
from app.billing.usage import importing
from app.billing.usage.importing import Claim
from app.billing.usage.leftovers import charge_left_usage
from app.billing.usage.mails import is_told, mail_usage_missing
from app.billing.usage.missing import unreported
from app.billing.usage.pulling import Told, close_import, managers_to_ask, open_import, rows_of_news
from app.billing.usage.rating import rate_and_estimate
from app.billing.usage.reading import UsageRow, read_rows, sheet_of
from app.catalogue.errors import SheetRefused
from app.catalogue.product_files.storing import stored_file
from app.core.clock import local_date, utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.queue import Nudge
from app.provisioning.access import access_to
from app.provisioning.claims import RecordedCall, record_calls
from app.provisioning.queries import get_service_manager
from app.subscriptions.models import Subscription
from tenants.context import current_scope
from tenants.models import Distributor
from workers.connectors.base import ConnectorError
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind
from workers.connectors.usage import ReportsUsage, UsageSeen
from workers.runtime import scoped_job
from workers.vendor_access import open_connector

log = logging.getLogger(__name__)
CHUNK = 1000
WARNED_BEFORE = timedelta(days=3)
ASKED_BACK = timedelta(days=35)  # a cycle of a month, and what came late
SECONDS_FOR_ALL = 120


@scoped_job(IMPORT_USAGE)
def import_usage(import_id: UUID) -> None:
    """Take one file in, a thousand rows at a time, and rate what it is about.

    Safe to run any number of times: one worker holds the lease, and a resumed import goes on after its last chunk.
    """
    with unit_of_work():
        claim = importing.claim_import(import_id, at=utc_now())
    if claim is None:
        return
    try:
        _import(claim)
    except importing.ImportLost:
        return
    except (SheetRefused, FileNotFoundError) as refusal:
        message = refusal.message if isinstance(refusal, SheetRefused) else "The uploaded file is no longer there"
        with unit_of_work():
            importing.fail_import(claim, message, at=utc_now())


@scoped_job(PULL_USAGE)
def pull_usage(manager_id: UUID) -> None:
    """Ask one service manager what was used lately, and take in what is news. Safe to run any number of times."""
    with unit_of_work():
        access, name = access_to(manager_id), get_service_manager(manager_id).name
        yesterday = _today(utc_now()) - timedelta(days=1)
    first = yesterday - ASKED_BACK
    calls: list[RecordedCall] = []
    try:
        connector = open_connector(access, calls, seconds_for_all=SECONDS_FOR_ALL, connectors=CONNECTORS)
        seen = connector.usage(first, yesterday) if isinstance(connector, ReportsUsage) else ()
    except (ConnectorError, UnknownConnectorKind, ValueError) as error:  # asked again with the next tick
        log.warning("usage_not_told", extra={"service_manager_id": str(manager_id), "reason": str(error)})
        seen = ()
    with unit_of_work():
        record_calls(None, manager_id, calls)
    _take_in(manager_id, f"{name}, {first} – {yesterday}", seen)


def nudge_usage_pulls(at: datetime) -> None:
    """Service managers that provision something whose usage is charged."""
    del at
    distributor_id = current_scope().distributor_id
    for manager_id in managers_to_ask():
        nudge_after_commit(Nudge(PULL_USAGE, manager_id, distributor_id))


def nudge_usage_imports(at: datetime) -> None:
    """Files whose worker died, or was never told."""
    distributor_id = current_scope().distributor_id
    for import_id in importing.due_imports(at=at):
        nudge_after_commit(Nudge(IMPORT_USAGE, import_id, distributor_id))


def charge_usage_of_ended(at: datetime) -> None:
    """Charge what subscriptions used that have ended since; no renewal would."""
    charge_left_usage(on=_today(at), at=at)


def warn_of_missing_usage(at: datetime) -> None:
    """Three days before a cycle ends without any usage reported, tell the distributor's billing people, once."""
    for subscription, payer, period in unreported(ends_on=_today(at) + WARNED_BEFORE):
        if not is_told(subscription, period):
            mail_usage_missing(subscription, payer, period, at=at)


def _take_in(manager_id: UUID, name: str, seen: Sequence[UsageSeen]) -> None:
    with unit_of_work():
        at = utc_now()
        told = [Told(each.reference, each.resource, each.quantity, each.first_day, each.last_day) for each in seen]
        rows = rows_of_news(manager_id, told)
        if not rows:
            return
        found = open_import(name, len(rows), at=at)
        for subscription in _locked(importing.import_rows(found, rows, at=at)):
            rate_and_estimate(subscription, at=at)
        close_import(found, at=at)


def _today(at: datetime) -> date:
    distributor = session.get_one(Distributor, current_scope().distributor_id)
    return local_date(at, distributor.time_zone)


def _import(claim: Claim) -> None:
    with unit_of_work():
        found = importing.held_import(claim, at=utc_now())
        path, done = stored_file(found.file_path), found.rows_done
    rows = islice(read_rows(path, sheet_of(path)), done, None)
    while some := tuple(islice(rows, CHUNK)):
        _take(claim, some)
    with unit_of_work():
        importing.finish_import(claim, at=utc_now())


def _take(claim: Claim, rows: tuple[UsageRow, ...]) -> None:
    with unit_of_work():
        at = utc_now()
        touched = importing.import_rows(importing.held_import(claim, at=at), rows, at=at)
        for subscription in _locked(touched):
            rate_and_estimate(subscription, at=at)


def _locked(subscription_ids: Collection[UUID]) -> Iterator[Subscription]:
    yield from session.scalars(
        select(Subscription)
        .where(Subscription.distributor_id == current_scope().distributor_id, Subscription.id.in_(subscription_ids))
        .order_by(Subscription.id)
    ).all()
