"""A PostgreSQL, a Valkey, a demo vendor and `python -m workers` of a test's own, to be killed and restarted at will."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from app.core import db
from app.core.config import settings
from app.core.queue import redis_connection
from app.local import environment, places, postgres, processes, services, state
from app.local.places import CHECKOUT, Places
from app.local.state import State
from tests.conftest import migrate_to_head
from tests.fakes.demo_vendor import DemoVendor, demo_vendor_process


class Machine:
    """Everything runs on ports and in a directory of its own."""

    def __init__(self, home: Places, known: State, vendor: DemoVendor) -> None:
        self.home, self.known, self.vendor = home, known, vendor
        self.backing = services.embedded_backing(known)
        self.database = services.start_postgres(home, known, settings=postgres.THROWAWAY)
        self.queue = services.start_valkey(home, known, durable=True)
        self.workers: subprocess.Popen[bytes] | None = None
        self.targets = [vendor.target]  # private addresses that mail and connectors may reach

    @property
    def variables(self) -> dict[str, str]:
        own = environment.for_tests(self.known, self.backing, media=self.home.var / "media")
        return {**own, "ALLOWED_PRIVATE_TARGETS": ",".join(self.targets), "PYTHONUNBUFFERED": "1"}

    @property
    def log(self) -> Path:
        return self.home.logs / "workers.log"

    def start_workers(self) -> None:
        variables = environment.without_owner({**os.environ, **self.variables})
        self.workers = processes.start(
            [sys.executable, "-m", "workers"], environment=variables, log=self.log, directory=CHECKOUT
        )
        eventually(lambda: "workers_ready" in self.words(), 30, self.words)

    def words(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def stop_workers(self) -> int:
        """End them as a service manager does; returns the exit code."""
        assert self.workers is not None
        self.workers.send_signal(signal.SIGTERM)
        code = self.workers.wait(40)
        self.workers = None
        self.log.unlink(missing_ok=True)
        return code

    def children(self) -> list[int]:
        """The worker processes of the supervisor."""
        assert self.workers is not None
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.workers.pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return found

    def kill_children(self) -> None:
        """kill -9 every worker process; the supervisor lives."""
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)

    def restart_database(self) -> None:
        """Stop PostgreSQL as an operator does, with connections open, and start it again."""
        processes.stop(self.database, end_with=postgres.STOP_SIGNAL)
        self.database = services.start_postgres(self.home, self.known, settings=postgres.THROWAWAY)

    def stop_queue(self) -> None:
        processes.stop(self.queue)

    def start_queue(self) -> None:
        self.queue = services.start_valkey(self.home, self.known, durable=True)

    def empty_queue(self) -> None:
        redis.Redis.from_url(self.backing.redis_url).flushall()

    def end(self) -> None:
        if self.workers is not None:
            self.workers.kill()
            self.workers.wait(10)
        processes.stop(self.queue)
        processes.stop(self.database, end_with=postgres.STOP_SIGNAL)


@contextmanager
def machine_of_its_own(tmp: Path) -> Iterator[Machine]:
    """Run a machine, migrated, with this process's settings pointing at it."""
    var = places.places().var
    var.mkdir(parents=True, exist_ok=True)
    home = Places(Path(tempfile.mkdtemp(prefix="machine-", dir=var)))
    home.var.chmod(0o711)  # the database's user passes through, nobody lists it
    with demo_vendor_process(tmp) as vendor:
        machine = Machine(home, state.generate(), vendor)
        try:
            with _settings(machine.variables):
                migrate_to_head()
                yield machine
        finally:
            machine.end()
            shutil.rmtree(home.elsewhere, ignore_errors=True)
            shutil.rmtree(home.var, ignore_errors=True)


@contextmanager
def _settings(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    _forget()
    os.environ.update(variables)
    try:
        yield
    finally:
        _forget()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _forget() -> None:
    db.session.remove()
    for role in db.Role:
        db.engine(role).dispose()
    db.engine.cache_clear()
    settings.cache_clear()
    redis_connection.cache_clear()


def eventually(condition: Callable[[], Any], seconds: float, words: str | Callable[[], str]) -> Any:
    """Return what the condition answers once it is true; fail with `words` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, words() if callable(words) else words
        time.sleep(0.1)
    return answer
