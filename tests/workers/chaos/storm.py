"""What goes wrong while orders are worked on: seeded choices of vendor moods, killed workers, an emptied Redis, restarts.

Hours pass in seconds: what waits for its next try is made due, and leases end soon after they were taken, also those of
workers that live. So late answers of runs that lost their lease are part of it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from random import Random

import psycopg
import redis
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.local import databases, services
from tests.workers.processes.machine import Machine

MOODS = (("timeout_after", 30), ("fail", 30), ("twice", 20), ("slow", 12), ("garbage", 6), ("reject", 2))
EVENTS = (("mood", 64), ("kill one", 5), ("kill all", 1), ("empty redis", 4), ("time", 26))
LEASE_SECONDS = 6  # what is left of ten minutes
BETWEEN = (0.15, 0.45)  # seconds from one event to the next

HOURS = f"""
UPDATE provisioning_tasks SET next_attempt_at = now() WHERE id IN (
    SELECT id FROM provisioning_tasks WHERE status IN ('pending', 'at_vendor') AND next_attempt_at > now()
    FOR UPDATE SKIP LOCKED);
UPDATE provisioning_tasks SET next_attempt_at = now(), lease_until = now() WHERE id IN (
    SELECT id FROM provisioning_tasks
    WHERE status = 'running' AND lease_until < now() + interval '10 minutes' - interval '{LEASE_SECONDS} seconds'
    FOR UPDATE SKIP LOCKED);
UPDATE order_works SET next_attempt_at = now() WHERE id IN (
    SELECT id FROM order_works WHERE state = 'pending' AND attempts > 0 AND next_attempt_at > now()
    FOR UPDATE SKIP LOCKED);
UPDATE outbound_mails SET next_attempt_at = now() WHERE id IN (
    SELECT id FROM outbound_mails WHERE state = 'pending' AND next_attempt_at > now() FOR UPDATE SKIP LOCKED);
UPDATE outbound_mails SET lease_until = now() WHERE id IN (
    SELECT id FROM outbound_mails
    WHERE state = 'pending' AND lease_until > now()
      AND lease_until < now() + interval '5 minutes' - interval '20 seconds'
    FOR UPDATE SKIP LOCKED);
"""


def superuser(machine: Machine) -> psycopg.Connection:
    """A connection that sees every row, and that row security does not stop."""
    name = machine.backing.databases.owner.rpartition("/")[2]
    url = databases.with_database(services.superuser_url(machine.known), name)
    return psycopg.connect(databases.plain_url(url), autocommit=True)


@dataclass
class Post:
    """A mail server that takes most of what it is handed, and counts it by Message-ID."""

    random: Random
    taken: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        if self.random.random() < 0.03:
            self.refused += 1
            return "451 Try again later"
        message = message_from_bytes(envelope.original_content or b"")
        self.taken[str(message["Message-ID"])] += 1
        return "250 Taken"

    def serve(self, port: int) -> Controller:
        return Controller(self, hostname="127.0.0.1", port=port)


class Storm:
    """A thread that breaks things until it is told to stop."""

    def __init__(self, machine: Machine, *, seed: int, restarts: int, share_done: Callable[[], float]) -> None:
        """`share_done` tells how much of the work has been asked for: restarts are spread over it."""
        self.machine = machine
        self._share_done = share_done
        self.random = Random(seed)
        self.counts: Counter[str] = Counter()
        self._restarts = restarts
        self._stopped = threading.Event()
        self._calm = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm")
        self._busy = threading.Lock()

    def start(self) -> None:
        self._thread.start()

    def calm(self) -> None:
        """From here on only time passes: nothing breaks any more."""
        with self._busy:
            self._calm.set()
            self.machine.vendor.behave("ok", count=None)

    def stop(self) -> None:
        """End the thread, and with it a database it has started: servers of ours die with who began them."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self.random.uniform(*BETWEEN)):
            with self._busy, suppress(psycopg.Error, redis.RedisError, requests.RequestException, ProcessLookupError):
                self._do("time" if self._calm.is_set() else self._next())

    def _next(self) -> str:
        restarted = self.counts["database restarts"]
        if restarted < self._restarts and self._share_done() >= (restarted + 0.5) / self._restarts:
            return "restart"
        if not self.counts["workers killed"] and self._share_done() >= 1 / 3:  # also where chance is merciful
            return "kill all"
        return _chosen(self.random, EVENTS)

    def _do(self, event: str) -> None:
        if event == "mood":
            mood, count = _chosen(self.random, MOODS), self.random.randint(1, 3)
            if not self._calm.is_set():
                self.machine.vendor.behave(mode=mood, count=count, seconds=1.0 if mood == "slow" else 0)
        elif event == "time":
            with superuser(self.machine) as connection:
                connection.execute(HOURS)
        elif event == "restart":
            self.counts["database restarts"] += 1
            self.machine.restart_database()
        elif event == "empty redis":
            self.machine.empty_queue()
            self.counts["redis emptied"] += 1
        else:
            children = self.machine.children()
            most = len(children) if event == "kill all" else 1
            for pid in self.random.sample(children, min(most, len(children))):
                os.kill(pid, signal.SIGKILL)
                self.counts["workers killed"] += 1


def _chosen(random: Random, weighted: tuple[tuple[str, int], ...]) -> str:
    names, weights = zip(*weighted, strict=True)
    return random.choices(names, weights)[0]
