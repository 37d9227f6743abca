"""Our worker: jobs that are done leave nothing in Redis, failures are kept, and time-outs are failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from rq import Queue as RedisQueue

from app.core.ids import new_id
from app.core.queue import redis_connection
from workers.quiet import QuietWorker

seen: list[str] = []


def note(text: str) -> None:
    """Do something that shows."""
    seen.append(text)


def fail() -> None:
    """Break off."""
    raise LookupError("there is no such row")


def last() -> None:
    """Take longer than allowed."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        pass


@pytest.fixture
def queue(database: None) -> Iterator[RedisQueue]:
    made = RedisQueue(f"quiet-tests-{new_id()}", connection=redis_connection())
    seen.clear()
    yield made
    made.failed_job_registry.cleanup(2**40)
    made.delete(delete_jobs=True)


def keys() -> set[bytes]:
    return {key for key in redis_connection().keys("rq:*") if b"worker" not in key}


def work_off(queue: RedisQueue) -> None:
    QuietWorker([queue], connection=redis_connection()).work(burst=True, logging_level="CRITICAL")


def test_a_job_that_is_done_leaves_nothing(queue: RedisQueue) -> None:
    ours = [queue.enqueue(note, f"row {number}", result_ttl=0).id.encode() for number in range(3)]
    work_off(queue)
    assert seen == ["row 0", "row 1", "row 2"]
    assert {key for key in keys() if queue.name.encode() in key or any(each in key for each in ours)} == set()
    assert redis_connection().llen(queue.intermediate_queue_key) == 0


@pytest.mark.parametrize(("job", "words"), [(fail, "there is no such row"), (last, "exceeded maximum timeout")])
def test_a_job_that_fails_is_kept_and_the_next_one_is_run(
    queue: RedisQueue, job: Callable[[], None], words: str
) -> None:
    failing = queue.enqueue(job, result_ttl=0, failure_ttl=60, job_timeout=1)
    queue.enqueue(note, "next", result_ttl=0)
    work_off(queue)
    assert seen == ["next"]
    assert failing.id in queue.failed_job_registry.get_job_ids()
    result = failing.latest_result()
    assert result is not None
    assert words in (result.exc_string or "")
