"""Importing services that run at a vendor already: no vendor is called, each row stands or falls alone."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.errors import DomainError
from app.core.queue import Nudge
from app.provisioning.adoption import fail_one, import_one, take_queued
from app.provisioning.adoption_queries import managers_with_queued
from app.provisioning.jobs import ADOPT
from tenants.context import current_scope
from workers.runtime import scoped_job

log = logging.getLogger(__name__)
BATCH = 100


@scoped_job(ADOPT)
def adopt(manager_id: UUID) -> None:
    """Import what is queued of a service manager, so many rows to a transaction. Run twice, it finds nothing to do."""
    while True:
        with unit_of_work():
            rows = take_queued(manager_id, limit=BATCH)
            for row in rows:
                try:
                    with session.begin_nested():  # a row that cannot be does not harm the others
                        import_one(row, at=utc_now())
                except DomainError as refusal:
                    fail_one(row, str(refusal))
                except Exception as error:
                    log.exception("service_not_taken_over", extra={"adoption_id": str(row.id)})
                    fail_one(row, f"{type(error).__name__}: it was written to the log")
        if len(rows) < BATCH:
            return


def nudge_adoptions(at: datetime) -> None:
    """Rows whose worker died, or was never told."""
    del at
    for manager_id in managers_with_queued():
        nudge_after_commit(Nudge(ADOPT, manager_id, current_scope().distributor_id))
