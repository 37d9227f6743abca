"""Taking files of usage in, and looking after what is missing (CB-13)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import select

from app.billing.jobs import IMPORT_USAGE
from app.billing.usage import importing
from app.billing.usage.importing import Claim
from app.billing.usage.mails import is_told, mail_usage_missing
from app.billing.usage.missing import unreported
from app.billing.usage.rating import rate_and_estimate
from app.billing.usage.reading import UsageRow, read_rows, sheet_of
from app.catalogue.errors import SheetRefused
from app.catalogue.product_files.storing import stored_file
from app.core.clock import local_date, utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.queue import Nudge
from app.subscriptions.models import Subscription
from tenants.context import current_scope
from tenants.models import Distributor
from workers.runtime import scoped_job

CHUNK = 1000
WARNED_BEFORE = timedelta(days=3)


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


def nudge_usage_imports(at: datetime) -> None:
    """Files whose worker died, or was never told."""
    distributor_id = current_scope().distributor_id
    for import_id in importing.due_imports(at=at):
        nudge_after_commit(Nudge(IMPORT_USAGE, import_id, distributor_id))


def warn_of_missing_usage(at: datetime) -> None:
    """Three days before a cycle ends without any usage reported, tell the distributor's billing people, once."""
    distributor = session.get_one(Distributor, current_scope().distributor_id)
    today = local_date(at, distributor.time_zone)
    for subscription, payer, period in unreported(ends_on=today + WARNED_BEFORE):
        if not is_told(subscription, period):
            mail_usage_missing(subscription, payer, period, at=at)


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
