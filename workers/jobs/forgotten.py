"""Forgotten passwords are answered here, away from whoever asked: whether anybody was mailed takes them no time (SF-13)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, unit_of_work
from app.core.queue import Nudge
from app.identity.providers.forgotten import answer_request, due_requests
from app.identity.providers.jobs import ANSWER_PASSWORD_REQUEST
from tenants.context import current_scope
from workers.runtime import scoped_job

MOST = 200  # nudged at a time


@scoped_job(ANSWER_PASSWORD_REQUEST)
def answer_password_request(request_id: UUID) -> None:
    """Answer one; a second run finds nothing."""
    with unit_of_work():
        answer_request(request_id, at=utc_now())


def nudge_password_requests(at: datetime) -> None:  # noqa: ARG001 - as everything periodic
    """Requests whose message was lost."""
    distributor_id = current_scope().distributor_id
    for request_id in due_requests(limit=MOST):
        nudge_after_commit(Nudge(ANSWER_PASSWORD_REQUEST, request_id, distributor_id))
