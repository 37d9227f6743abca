"""Owners are told of questions about products, away from who asked (SF-18)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.support.enquiries.jobs import TELL_ENQUIRY
from app.support.enquiries.queries import untold
from app.support.enquiries.services import tell
from tenants.context import current_scope
from workers.runtime import scoped_job

GRACE = timedelta(seconds=10)
MOST = 200  # nudged at a time


@scoped_job(TELL_ENQUIRY)
def tell_enquiry(enquiry_id: UUID) -> None:
    """Mail the owner and a copy to who asked, once."""
    with unit_of_work():
        tell(enquiry_id, at=utc_now())


def nudge_enquiries(at: datetime) -> None:
    """Questions that nobody was told of: their nudge was lost."""
    distributor_id = current_scope().distributor_id
    for enquiry_id in untold(at - GRACE, limit=MOST):
        nudge_after_commit(Nudge(TELL_ENQUIRY, enquiry_id, distributor_id))
