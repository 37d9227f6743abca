from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from rq import Queue as RedisQueue

from app.core import queue
from app.core.ids import new_id
from app.core.queue import Job, Nudge, Queue, redis_connection, send_nudges

JOB = Job("workers.jobs.provisioning.provision_order_item", Queue.PROVISIONING, timeout=300)
OTHER = Job("workers.jobs.provisioning.provision_batch", Queue.PROVISIONING, timeout=540)


@pytest.fixture
def waiting() -> Iterator[RedisQueue]:
    """The queue of the tests' Redis, empty before and after."""
    found = RedisQueue(Queue.PROVISIONING.value, connection=redis_connection())
    found.empty()
    yield found
    found.empty()


def test_a_row_waits_once_however_often_it_is_nudged(waiting: RedisQueue) -> None:
    """CB-F72 (partly): sweeps nudge all day while workers are dead; Redis does not grow."""
    rows = [Nudge(JOB, new_id(), new_id()) for _ in range(20)]
    for _ in range(5):
        send_nudges([*rows, *rows])

    assert len(waiting) == 20


def test_another_job_of_the_same_row_is_nudged_too(waiting: RedisQueue) -> None:
    row, here = new_id(), new_id()
    send_nudges([Nudge(JOB, row, here), Nudge(OTHER, row, here)])

    assert [job.func_name for job in waiting.jobs] == [JOB.path, OTHER.path]


def test_a_row_is_nudged_again_once_a_worker_has_taken_it(waiting: RedisQueue) -> None:
    """Its row may have changed since the job looked, or the worker died with it."""
    nudge = Nudge(JOB, new_id(), new_id())
    send_nudges([nudge])
    redis_connection().lpop(waiting.key)
    send_nudges([nudge])

    assert len(waiting) == 1


def test_a_redis_that_was_emptied_is_nudged_anew(waiting: RedisQueue) -> None:
    nudge = Nudge(JOB, new_id(), new_id())
    send_nudges([nudge])
    waiting.empty()
    send_nudges([nudge])

    assert len(waiting) == 1


def test_a_redis_that_is_down_is_survived(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    dead = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(queue, "redis_connection", lambda: dead)
    send_nudges([Nudge(JOB, new_id(), new_id())])

    assert "nudges_not_sent" in caplog.text
