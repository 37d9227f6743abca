"""What every job runs in: its distributor's scope, log fields, a session of its own. RQ's retry is not used."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import structlog

from app.core.db import session
from app.core.queue import Job
from tenants.context import distributor_scope, scope

log = logging.getLogger(__name__)


class RunnableJob(Protocol):
    """A job as the queue calls it: ids are texts there."""

    job: Job

    def __call__(self, row_id: str, *, distributor_id: str) -> None: ...


class WrongJobPath(RuntimeError):
    """A job function does not stand where its `Job` says: nudges would find nothing."""


def scoped_job(job: Job) -> Callable[[Callable[[UUID], None]], RunnableJob]:
    """Make a function of a row's id the job that `job` names; it runs in the distributor's scope.

    The function opens its own units of work and may be run any number of times. What it raises is logged and handed
    on to RQ, which keeps it for a day and does nothing else: the row's own clock brings the work back.
    """

    def decorate(function: Callable[[UUID], None]) -> RunnableJob:
        place = f"{function.__module__}.{function.__name__}"
        if place != job.path:
            raise WrongJobPath(f"{place} is named {job.path}")

        @functools.wraps(function)
        def run(row_id: str, *, distributor_id: str) -> None:
            fields = {"job": job.path, "row_id": row_id, "distributor_id": distributor_id}
            began = time.monotonic()
            try:
                with structlog.contextvars.bound_contextvars(**fields), scope(distributor_scope(UUID(distributor_id))):
                    function(UUID(row_id))
            except BaseException:
                log.exception("job_failed", extra=fields)
                raise
            finally:
                session.remove()
            log.info("job_done", extra={**fields, "milliseconds": round((time.monotonic() - began) * 1000)})

        run.job = job  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return decorate
