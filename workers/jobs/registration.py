"""Registrations become accounts here, away from the visitor who waits for an answer (SF-04)."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from app.accounts.registration.jobs import SETTLE_REGISTRATION
from app.accounts.registration.settling import due, postpone, settle
from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.errors import Invalid
from app.core.queue import Nudge
from tenants.context import current_scope
from workers.runtime import scoped_job

log = logging.getLogger(__name__)
MOST = 200  # nudged at a time


@scoped_job(SETTLE_REGISTRATION)
def settle_registration(request_id: UUID) -> None:
    """Take a registration one step further; what cannot be done now is tried again in an hour."""
    at = utc_now()
    try:
        with unit_of_work():
            settle(request_id, at=at)
    except Invalid as refusal:
        log.warning("registration_postponed", extra={"reason": [error.code for error in refusal.errors]})
        with unit_of_work():
            postpone(request_id, at=at)


def nudge_registrations(at: datetime) -> None:
    """Registrations nobody has looked at, decisions not carried out, owners to be reminded."""
    distributor_id = current_scope().distributor_id
    for request_id in due(at, limit=MOST):
        nudge_after_commit(Nudge(SETTLE_REGISTRATION, request_id, distributor_id))
