"""Checking and applying product files, chunk by chunk, each its own transaction (CB-14)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import dropwhile, islice
from uuid import UUID

from app.catalogue.errors import SheetRefused
from app.catalogue.jobs import RUN_PRODUCT_FILE
from app.catalogue.product_files import files
from app.catalogue.product_files.errors import FileLost
from app.catalogue.product_files.files import MOST_ROWS, Claim
from app.catalogue.product_files.models import ProductFile, ProductFileState
from app.catalogue.product_files.planning import Seen, plan_rows
from app.catalogue.product_files.queries import get_file
from app.catalogue.product_files.reading import lookups_for, read_row
from app.catalogue.product_files.storing import stored_file
from app.catalogue.product_files.tables import TableRow, rows_of
from app.catalogue.product_files.writing import write_plans
from app.core.clock import utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.queue import Nudge
from app.pricing.price_lists.repricing import reprice_products
from tenants.context import current_scope
from workers.runtime import scoped_job

CHUNK = 500


@scoped_job(RUN_PRODUCT_FILE)
def run_product_file(file_id: UUID) -> None:
    """Take a product file one step further: the dry run of a mapped one, or the application of a confirmed one.

    Safe to run any number of times: one worker holds the lease, a dry run begins anew, an application goes on after its
    last chunk, and a finished file is left alone.
    """
    with unit_of_work():
        claim = files.claim_file(file_id, at=utc_now())
    if claim is None:
        return
    try:
        if claim.state is ProductFileState.CHECKING:
            _check(claim)
        else:
            _apply(claim)
    except FileLost:
        return
    except (SheetRefused, FileNotFoundError) as refusal:
        message = refusal.message if isinstance(refusal, SheetRefused) else "The uploaded file is no longer there"
        session.rollback()
        with unit_of_work():
            files.fail_file(claim, message, at=utc_now())


def nudge_product_files(at: datetime) -> None:
    """Files whose worker died, or was never told."""
    distributor_id = current_scope().distributor_id
    for file_id in files.due_files(at=at):
        nudge_after_commit(Nudge(RUN_PRODUCT_FILE, file_id, distributor_id))


def _check(claim: Claim) -> None:
    with unit_of_work():
        file = files.begin_check(claim, at=utc_now())
    seen = Seen()
    for rows in _chunks(file):
        with unit_of_work():
            file = files.held_file(claim, at=utc_now())
            known = lookups_for(file)
            files.note_planned(file, plan_rows(file, [read_row(row, file, known) for row in rows], seen))
        session.expunge_all()
    with unit_of_work():
        files.finish_check(claim, at=utc_now())


def _apply(claim: Claim) -> None:
    file = get_file(claim.file_id)
    done = file.applied_to
    session.rollback()
    seen = Seen()
    for rows in _chunks(file, after=done):
        with unit_of_work():
            at = utc_now()
            file = files.held_file(claim, at=at)
            known = lookups_for(file)
            plans = plan_rows(file, [read_row(row, file, known) for row in rows], seen)
            if moved := write_plans(file, plans, at=at):
                reprice_products(tuple(moved))
            files.note_applied(file, plans)
        session.expunge_all()
    with unit_of_work():
        files.finish_apply(claim, at=utc_now())


def _chunks(file: ProductFile, *, after: int = 0) -> Iterator[Sequence[TableRow]]:
    path, sheet = stored_file(file.file_path), file.sheet
    rows = dropwhile(lambda row: row.number <= after, rows_of(path, sheet, most=MOST_ROWS))
    while some := tuple(islice(rows, CHUNK)):
        yield some
