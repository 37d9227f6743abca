"""Looking at what storefronts have asked for: started, handed to a person, or refused."""

from __future__ import annotations

from uuid import UUID

from app.changes.jobs import START_CHANGE
from app.changes.requests import start_submitted
from app.core.clock import utc_now
from app.core.db import unit_of_work
from workers.runtime import scoped_job


@scoped_job(START_CHANGE)
def start_change(change_id: UUID) -> None:
    """Look at one request. Safe to run any number of times: what was looked at is left alone."""
    with unit_of_work():
        start_submitted(change_id, at=utc_now())
