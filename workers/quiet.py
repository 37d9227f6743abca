"""The worker that runs our jobs: hints about rows, which are forgotten once done.

RQ's own bookkeeping (states, registries, counters, several heartbeats per job) costs more than such a job. What it is
for, our rows do better: they say what is due, who has it and how often it was tried.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable
from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.timeouts import JobTimeoutException
from rq.utils import now
from rq.worker import WorkerStatus

BEATS_EVERY = 5.0  # seconds; a worker is taken for dead after minutes
# The first job of several queues, off its list with all that is known of it: what remains to do is in its row.
_TAKE = """
for _, queue in ipairs(KEYS) do
    local id = redis.call('lpop', queue)
    while id do
        local job = redis.call('hgetall', ARGV[1] .. id)
        redis.call('del', ARGV[1] .. id)
        if #job > 0 then return {queue, id, job} end
        id = redis.call('lpop', queue)
    end
end
return false
"""


class QuietQueue(Queue):
    """Gives jobs away for good."""

    @classmethod
    def dequeue_any(
        cls, queues: Iterable[Queue], timeout: int | None, connection: Redis, *rest: Any, **named: Any
    ) -> tuple[Job, Queue] | None:
        """Take the first job in one round trip; where none waits, wait for one as RQ does, if it may take time."""
        asked = list(queues)
        found: Any = connection.eval(_TAKE, len(asked), *(each.key for each in asked), Job.redis_job_namespace_prefix)
        if found:
            key, job_id, fields = found
            job = Job(job_id.decode(), connection=connection)
            job.restore(dict(zip(fields[::2], fields[1::2], strict=True)))
            return job, next(each for each in asked if each.key == key.decode())
        if timeout is None:
            return None
        waited = super().dequeue_any(asked, timeout, connection, *rest, **named)
        if waited is not None:
            job, queue = waited
            with connection.pipeline(transaction=False) as pipeline:
                pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
                pipeline.delete(job.key)
                pipeline.execute()
        return waited


class QuietWorker(SimpleWorker):
    """A worker that only its supervisor ends, that comes back soon after Redis does, and that keeps failures alone."""

    max_connection_wait_time = 5.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.queue_class = QuietQueue
        self._beat_at = self._looked_at = 0.0

    def _install_signal_handlers(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
        signal.signal(signal.SIGTERM, self.request_stop)

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - as RQ calls it
        """Look every few seconds whether workers are to rest."""
        if time.monotonic() - self._looked_at >= BEATS_EVERY:
            self._looked_at = time.monotonic()
            super().check_for_suspension(burst)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job within its time; nothing of it is left. A failure is kept as RQ keeps it, for a day."""
        lasts = int(job.timeout or queue.DEFAULT_TIMEOUT)
        self.heartbeat(lasts + 60 if lasts > self.worker_ttl else None)
        job.started_at = now()
        self._state = WorkerStatus.BUSY  # known here alone: who ends us lets the job be done first
        try:
            with self.death_penalty_class(lasts, JobTimeoutException, job_id=job.id):
                job.perform()
        except BaseException:  # noqa: BLE001 - whatever a job raises, time-outs and exits too, is its failure
            job.save()
            self._finalize_failure(job, queue, self.prepare_execution(job), sys.exc_info())
        finally:
            self._state = WorkerStatus.IDLE

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that we live: before a job that may take longer than usual, and else every few seconds."""
        if pipeline is None and timeout is None and time.monotonic() - self._beat_at < BEATS_EVERY:
            return
        self._beat_at = time.monotonic()
        super().heartbeat(timeout, pipeline)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Write the state down where it is another one."""
        if state != self._state:
            super().set_state(state, pipeline)
