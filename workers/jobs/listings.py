"""Large bulk changes of resellers' catalogues, a hundred products per transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.resellers import listings_below_cost
from app.resellers.jobs import APPLY_LISTING_RUN
from app.resellers.listings_bulk import claim_run, continue_run
from workers.runtime import scoped_job


@scoped_job(APPLY_LISTING_RUN)
def apply_listing_run(run_id: UUID) -> None:
    """Work through one bulk change.

    Safe to run any number of times: one run holds the lease, what has a result is left alone, and a run that broke off
    is taken up where it stopped.
    """
    with unit_of_work():
        is_claimed = claim_run(run_id, at=utc_now())
    while is_claimed:
        with unit_of_work():
            is_claimed = continue_run(run_id, at=utc_now())


def tell_of_prices_below_cost(at: datetime) -> None:
    """Special prices that the cost has overtaken: their resellers' Admins, once a day (RSN-19)."""
    listings_below_cost.tell_of_prices_below_cost(at=at)
