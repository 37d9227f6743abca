"""The worker that runs our jobs: hints about rows, which are forgotten once done.

RQ's own bookkeeping (states, registries, counters, several heartbeats per job) costs more than such a job. What it is
for, our rows do better: they say what is due, who has it and how often it was tried.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.timeouts import JobTimeoutException
from rq.utils import now
from rq.worker import WorkerStatus

BEATS_EVERY = 5.0  # seconds; a worker is taken for dead after minutes


class QuietWorker(SimpleWorker):
    """A worker that only its supervisor ends, that comes back soon after Redis does, and that keeps failures alone."""

    max_connection_wait_time = 5.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._beat_at = 0.0

    def _install_signal_handlers(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
        signal.signal(signal.SIGTERM, self.request_stop)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job within its time; done, nothing of it is left. A failure is kept as RQ keeps it, for a day."""
        with self.connection.pipeline(transaction=False) as pipeline:
            self.heartbeat(self.get_heartbeat_ttl(job), pipeline=pipeline)
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.execute()
        job.started_at = now()
        self._state = WorkerStatus.BUSY  # known here alone: who ends us lets the job be done first
        try:
            with self.death_penalty_class(job.timeout or queue.DEFAULT_TIMEOUT, JobTimeoutException, job_id=job.id):
                job.perform()
        except BaseException:  # noqa: BLE001 - whatever a job raises, time-outs and exits too, is its failure
            self._finalize_failure(job, queue, self.prepare_execution(job), sys.exc_info())
        else:
            self.connection.delete(job.key)
        finally:
            self._state = WorkerStatus.IDLE

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that we live: with each job for as long as it may take, and between jobs every few seconds."""
        if pipeline is None and timeout is None and time.monotonic() - self._beat_at < BEATS_EVERY:
            return
        self._beat_at = time.monotonic()
        super().heartbeat(timeout, pipeline)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Write the state down where it is another one."""
        if state != self._state:
            super().set_state(state, pipeline)
