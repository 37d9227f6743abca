"""The queue carries ids of rows, nothing else: losing all of Redis loses no work (architecture section 1)."""

from __future__ import annotations

import enum
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import redis
from rq import Queue as RedisQueue

from app.core.config import settings

log = logging.getLogger(__name__)


class Queue(enum.Enum):
    """One queue per kind of work, so that a slow vendor never holds up mail."""

    PROVISIONING = "provisioning"
    MAIL = "mail"
    BILLING = "billing"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Job:
    """What a domain may ask of the workers: the function's path, its queue and how many seconds it may take."""

    path: str
    queue: Queue
    timeout: int


@dataclass(frozen=True, slots=True)
class Nudge:
    """A hint that a row of a distributor waits for a job. Sweeps find rows whose nudge was lost."""

    job: Job
    row_id: UUID
    distributor_id: UUID


@cache
def redis_connection() -> redis.Redis:
    """Return this process's connection to Redis or Valkey; it connects when first used."""
    return redis.Redis.from_url(settings().redis_url, socket_timeout=5, socket_connect_timeout=2)


MARKED_FOR = 86_400  # seconds; a job that waits longer is queued once more a day


def send_nudges(nudges: Sequence[Nudge]) -> None:
    """Put nudges on their queues, each unless it waits there already: without workers nothing piles up.

    A job that has begun does not count as waiting, for its row may have changed since it looked. A Redis that is down
    is logged and survived: the rows are committed.
    """
    wanted = list(dict.fromkeys(nudges))
    try:
        waiting = _waiting(wanted)
        sent = {nudge: _send(nudge) for nudge in wanted if nudge not in waiting}
        with redis_connection().pipeline(transaction=False) as pipeline:
            for nudge, job_id in sent.items():
                pipeline.set(_mark(nudge), job_id, ex=MARKED_FOR)
            pipeline.execute()
    except redis.RedisError:
        log.warning("nudges_not_sent", extra={"jobs": sorted({nudge.job.path for nudge in wanted})})


def _send(nudge: Nudge) -> str:
    sent = RedisQueue(nudge.job.queue.value, connection=redis_connection()).enqueue(
        nudge.job.path,
        str(nudge.row_id),
        distributor_id=str(nudge.distributor_id),
        job_timeout=nudge.job.timeout,
        result_ttl=0,
        failure_ttl=86_400,
    )
    return str(sent.id)


def _waiting(nudges: Sequence[Nudge]) -> frozenset[Nudge]:
    """Return those that were sent before and that no worker has taken yet. A mark names the job that was queued."""
    connection = redis_connection()
    marks: Any = connection.mget([_mark(nudge) for nudge in nudges]) if nudges else []
    marked = [(nudge, mark.decode()) for nudge, mark in zip(nudges, marks, strict=True) if mark]
    if not marked:
        return frozenset()
    with connection.pipeline(transaction=False) as pipeline:
        for nudge, job_id in marked:  # a worker takes a job off the list as it begins, and a worker that dies loses it
            pipeline.lpos(RedisQueue(nudge.job.queue.value, connection=connection).key, job_id)
        places = pipeline.execute()
    return frozenset(nudge for (nudge, _), place in zip(marked, places, strict=True) if place is not None)


def _mark(nudge: Nudge) -> str:
    return f"nudge:{nudge.job.path}:{nudge.distributor_id}:{nudge.row_id}"
