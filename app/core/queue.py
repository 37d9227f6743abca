"""The queue carries ids of rows, nothing else: losing all of Redis loses no work (architecture section 1)."""

from __future__ import annotations

import enum
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
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


def send_nudges(nudges: Sequence[Nudge]) -> None:
    """Put nudges on their queues. A Redis that is down is logged and survived: the rows are committed."""
    for nudge in nudges:
        try:
            RedisQueue(nudge.job.queue.value, connection=redis_connection()).enqueue(
                nudge.job.path,
                str(nudge.row_id),
                distributor_id=str(nudge.distributor_id),
                job_timeout=nudge.job.timeout,
                result_ttl=0,
                failure_ttl=86_400,
            )
        except redis.RedisError:
            log.warning("nudge_not_sent", extra={"job": nudge.job.path, "row_id": str(nudge.row_id)})
            return
