"""Keeps the worker processes running: one group per kind of work, and a scheduler. Restarts what dies, ends cleanly.

Modules are loaded before the fork, connections are opened after it (architecture section 5). Jobs are short and ours,
so they run in the worker's own process.
"""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

import redis
from rq import Queue as RedisQueue

import workers.jobs
from app.core.config import settings
from app.core.db import dispose_engines
from app.core.queue import Queue, redis_connection
from workers.quiet import QuietWorker
from workers.schedule import Scheduler

log = logging.getLogger(__name__)
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a dead child is started again
STEADY_AFTER = 10.0  # a child that lived so long died by accident, not by itself
PATIENCE = 30.0  # seconds a child may take to finish its job when we end
TICK = 1.0


@dataclass(frozen=True, slots=True)
class Group:
    """Processes that do one kind of work."""

    name: str
    queues: tuple[Queue, ...]  # none: the scheduler
    processes: int = 1


GROUPS: tuple[Group, ...] = (
    Group("orders", (Queue.BILLING,)),
    Group("provisioning", (Queue.PROVISIONING,), processes=2),  # vendors are slow
    Group("mail", (Queue.MAIL,)),
    Group("default", (Queue.DEFAULT,)),
    Group("scheduler", ()),
)


@dataclass
class Child:
    """One process of ours."""

    name: str
    serve: Callable[[], None]
    pid: int | None = None
    started_at: float = 0.0
    pause: float = 0.0
    start_after: float = field(default=0.0)


class Supervisor:
    """Forks the children, starts dead ones again, and ends them all on SIGTERM or SIGINT."""

    def __init__(self, groups: Sequence[Group] = GROUPS) -> None:
        self._children = [
            Child(f"{group.name}-{number}", _server_of(group))
            for group in groups
            for number in range(1, group.processes + 1)
        ]
        self._ending = threading.Event()

    def run(self) -> int:
        """Work until told to end; returns the exit code."""
        load_jobs()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        for child in self._children:
            self._start(child)
        log.info("workers_ready", extra={"processes": [child.name for child in self._children]})
        while not self._ending.wait(0.2):
            self._reap()
            self._start_dead()
        self._stop_all()
        log.info("workers_ended")
        return 0

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending.set()

    def _start(self, child: Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become(child)
        child.pid, child.started_at = pid, time.monotonic()

    def _reap(self) -> None:
        for child in self._children:
            if child.pid is None:
                continue
            ended, status = os.waitpid(child.pid, os.WNOHANG)
            if ended == 0:
                continue
            now = time.monotonic()
            was_steady = now - child.started_at >= STEADY_AFTER
            child.pause = SHORTEST_PAUSE if was_steady else min(max(child.pause * 2, SHORTEST_PAUSE), LONGEST_PAUSE)
            child.pid, child.start_after = None, now + child.pause
            log.warning(
                "worker_ended",
                extra={"worker": child.name, "exit": os.waitstatus_to_exitcode(status), "again_in": child.pause},
            )

    def _start_dead(self) -> None:
        for child in self._children:
            if child.pid is None and time.monotonic() >= child.start_after:
                self._start(child)

    def _stop_all(self) -> None:
        for child in self._children:
            _send(child, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while any(child.pid for child in self._children) and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.05)
        for child in self._children:
            _send(child, signal.SIGKILL)
            if child.pid is not None:
                os.waitpid(child.pid, 0)


def load_jobs() -> None:
    """Import every job, so that children share the memory and a job that cannot be imported stops us at once."""
    for found in pkgutil.iter_modules(workers.jobs.__path__):
        importlib.import_module(f"workers.jobs.{found.name}")


def _server_of(group: Group) -> Callable[[], None]:
    return _tick if not group.queues else lambda: _serve(group)


def _become(child: Child) -> None:
    """Be that child from here on; never returns."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = 1
    try:
        dispose_engines()
        redis_connection.cache_clear()
        _end_with_parent(os.getppid())
        child.serve()
        code = 0
    except redis.RedisError as error:
        log.warning("worker_without_redis", extra={"worker": child.name, "reason": str(error)})
    except BaseException:
        log.exception("worker_failed", extra={"worker": child.name})
    finally:
        logging.shutdown()
        os._exit(code)


def _serve(group: Group) -> None:
    """Work off queues until SIGTERM."""
    connection = redis.Redis.from_url(settings().redis_url, socket_connect_timeout=2)
    queues = [RedisQueue(queue.value, connection=connection) for queue in group.queues]
    QuietWorker(queues, connection=connection).work(logging_level="WARNING", with_scheduler=False)


def _tick() -> None:
    """Tick until SIGTERM."""
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    scheduler = Scheduler()
    while not ending.wait(TICK):
        scheduler.tick()


def _end_with_parent(parent: int) -> None:
    """Watch for the supervisor's death: a child without one would work on unseen."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _send(child: Child, number: signal.Signals) -> None:
    if child.pid is not None:
        try:
            os.kill(child.pid, number)
        except ProcessLookupError:
            child.pid = None
