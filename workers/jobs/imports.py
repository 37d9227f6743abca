"""Checking and applying vendor price sheets, as role bulk: batch by batch, each its own transaction."""

from __future__ import annotations

from uuid import UUID

from app.catalogue.errors import SheetRefused
from app.catalogue.imports import runs
from app.catalogue.imports.applying import apply_next_range
from app.catalogue.imports.models import ImportState
from app.catalogue.imports.staging import batches_of_file, stage
from app.catalogue.imports.upload import media_file
from app.catalogue.jobs import RUN_IMPORT
from app.core.clock import utc_now
from app.core.db import Role, unit_of_work, using_role
from app.pricing.price_lists.repricing import reprice_products
from workers.runtime import scoped_job


@scoped_job(RUN_IMPORT)
def run_import(run_id: UUID) -> None:
    """Take an import run one step further: check an uploaded sheet, or apply a confirmed one.

    Safe to run any number of times, at once or after a crash: one worker holds the lease, a check begins anew, an
    application goes on after the last committed range, and a finished run is left alone.
    """
    with using_role(Role.BULK):
        with unit_of_work():
            claim = runs.claim_run(run_id, at=utc_now())
        if claim is None:
            return
        try:
            if claim.state is ImportState.CHECKING:
                check(claim)
            else:
                apply(claim)
        except runs.LeaseLost:
            return
        except SheetRefused as refusal:
            with unit_of_work():
                runs.fail_run(claim, refusal.message, at=utc_now())


def check(claim: runs.Claim) -> None:
    """Stage the sheet and find out what it would change. Progress is visible after each batch."""
    with unit_of_work():
        run = runs.begin_check(claim, at=utc_now())
    for batch in batches_of_file(media_file(run.file_path)):
        with unit_of_work():
            runs.note_checked(claim, batch, at=utc_now())
            stage(run, batch)
    with unit_of_work():
        runs.finish_check(claim, at=utc_now())


def apply(claim: runs.Claim) -> None:
    """Write the confirmed sheet range by range; price lists follow in the same transaction."""
    with unit_of_work():
        runs.begin_apply(claim, at=utc_now())
    while _apply_range(claim):
        pass
    with unit_of_work():
        runs.finish_apply(claim, at=utc_now())


def _apply_range(claim: runs.Claim) -> bool:
    with unit_of_work():
        done = apply_next_range(runs.held_run(claim, at=utc_now()), at=utc_now())
        if done is None:
            return False
        reprice_products(done.product_ids)
        runs.note_applied(claim, done, at=utc_now())
    return True
