"""What people have asked for of subscriptions: started, handed to a person, or refused; and what follows an account."""

from __future__ import annotations

from uuid import UUID

from app.accounts.jobs import FOLLOW_ACCOUNT
from app.changes.account_suspension import follow_account
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


@scoped_job(FOLLOW_ACCOUNT)
def follow_account_status(account_id: UUID) -> None:
    """Suspend an account's subscriptions with it, or activate those again. Safe to run any number of times."""
    with unit_of_work():
        follow_account(account_id, at=utc_now())
