"""The queue carries ids of rows, nothing else: losing all of Redis loses no work (architecture section 1)."""

from __future__ import annotations

import enum
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

import redis
from redis.client import Pipeline
from rq import Queue as RedisQueue
from rq.job import Job as RedisJob
from rq.job import JobStatus

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
# A worker takes a job off the list as it begins, and a worker that dies loses it.
_SEND = """
local waits = redis.call('get', KEYS[1])
if waits and redis.call('lpos', KEYS[2], waits) then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('hset', KEYS[3], unpack(ARGV, 3))
redis.call('sadd', KEYS[4], KEYS[2])
redis.call('rpush', KEYS[2], ARGV[1])
return 1
"""


def send_nudges(nudges: Sequence[Nudge]) -> None:
    """Put nudges on their queues, each unless it waits there already: without workers nothing piles up.

    All of them in one round trip. A job that has begun does not count as waiting, for its row may have changed since it
    looked. A Redis that is down is logged and survived: the rows are committed.
    """
    if not nudges:
        return
    wanted = dict.fromkeys(nudges)
    try:
        with redis_connection().pipeline(transaction=False) as pipeline:
            for nudge in wanted:
                _send(nudge, pipeline)
            pipeline.execute()
    except redis.RedisError:
        log.warning("nudges_not_sent", extra={"jobs": sorted({nudge.job.path for nudge in wanted})})


def _send(nudge: Nudge, pipeline: Pipeline) -> None:
    """Ask for what RQ's own `enqueue` does in four round trips. The mark names the job that was queued."""
    queue = RedisQueue(nudge.job.queue.value, connection=redis_connection())
    made = RedisJob.create(
        nudge.job.path,
        [str(nudge.row_id)],
        {"distributor_id": str(nudge.distributor_id)},
        connection=redis_connection(),
        origin=queue.name,
        status=JobStatus.QUEUED,
        timeout=nudge.job.timeout,
        result_ttl=0,
        failure_ttl=86_400,
    )
    made.enqueued_at = made.created_at
    fields = [part for pair in made.to_dict().items() for part in pair]
    keys = (_mark(nudge), queue.key, made.key, queue.redis_queues_keys)
    pipeline.eval(_SEND, len(keys), *keys, made.id, MARKED_FOR, *fields)


def _mark(nudge: Nudge) -> str:
    return f"nudge:{nudge.job.path}:{nudge.distributor_id}:{nudge.row_id}"
