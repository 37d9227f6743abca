"""Billing what runs on: each payer by itself, day by day, oldest first (CB-32)."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from uuid import UUID

from app.billing.jobs import BILL_PAYER
from app.changes.reminders import remind_of_renewals
from app.changes.renewals import bill_day, next_day, payers_with_due
from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from tenants.context import current_scope
from tenants.days import distributors_day
from workers.runtime import scoped_job

log = logging.getLogger(__name__)
RUN_AT = timedelta(hours=2)  # of the distributor's day
MOST_DAYS = 400  # of one job; the next tick goes on


def billing_date(at: datetime) -> date:
    """Return the day to bill until: the distributor's, from 02:00 on; the day before until then."""
    return distributors_day(at - RUN_AT)


def nudge_billing(at: datetime) -> None:
    """Payers with a period that is over, or a charge whose day has come; and customers whose terms end soon."""
    distributor_id = current_scope().distributor_id
    remind_of_renewals(billing_date(at), at=at)
    for payer_id in payers_with_due(billing_date(at)):
        nudge_after_commit(Nudge(BILL_PAYER, payer_id, distributor_id))


@scoped_job(BILL_PAYER)
def bill_payer(payer_id: UUID) -> None:
    """Bill a payer up to today; a day each in its own transaction. A second run finds nothing left."""
    bill_until(payer_id, utc_now())


def bill_until(payer_id: UUID, at: datetime) -> None:
    """Bill a payer's days up to the distributor's day of an instant."""
    until, day = billing_date(at), None
    for _ in range(MOST_DAYS):
        with unit_of_work():
            day = next_day(payer_id, until=until, after=day)
            if day is None:
                return
            billed = bill_day(payer_id, day, at=at)
        log.info(
            "payer_billed",
            extra={
                "payer_id": str(payer_id), "day": f"{day:%Y-%m-%d}", "renewed": billed.renewed,
                "expired": billed.expired, "waiting": billed.waiting, "papers": len(billed.papers),
            },
        )  # fmt: skip
