"""Starts the parts of an installation one after the other, keeps them alive and ends them in reverse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals

from app.local import processes, state
from app.local.processes import ProcessRecord
from app.local.surroundings import Unsuitable

# More deaths than this within a minute are no accident.
RESTARTS_PER_MINUTE = 5
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A part that keeps running. `launch` may itself wait; `is_ready` is asked until it says so."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    log: Path
    is_ready: Callable[[], bool] = lambda: True
    patience_seconds: float = 60
    settle_seconds: float = 0  # how long it has to live before it counts as ready
    end_with: Signals = SIGTERM


@dataclass(frozen=True, slots=True)
class Task:
    """A part that does its work and ends, such as the migrations."""

    name: str
    run: Callable[[], None]


@dataclass(slots=True)
class Running:
    """A server with its process and when it was started anew."""

    server: Server
    process: subprocess.Popen[bytes]
    restarted_at: list[float] = field(default_factory=list)


class Supervisor:
    """Owns every process it started; `record` tells `make down` about them."""

    def __init__(self, record: Path, *, port: int) -> None:
        self._record = record
        self._port = port
        self._running: list[Running] = []
        self._is_ready = False

    def start(self, parts: Sequence[Server | Task]) -> None:
        """Go through the parts in order, telling each; raises Unsuitable at the first that fails."""
        self._write_record()
        for number, part in enumerate(parts, start=1):
            _say(f"  [{number}/{len(parts)}] {part.name} … ", end="")
            began = time.monotonic()
            try:
                if isinstance(part, Task):
                    part.run()
                else:
                    self._launch(part)
            except BaseException:
                _say("failed")
                raise
            _say(f"{time.monotonic() - began:.1f} s")
        self._is_ready = True
        self._write_record()

    def _launch(self, server: Server) -> None:
        running = Running(server, server.launch())
        self._running.append(running)
        self._write_record()
        wait_until_ready(running)

    def watch(self) -> None:
        """Restart what dies until a signal ends us; raises Unsuitable if one part keeps dying."""
        while True:
            self.restart_what_ended()
            time.sleep(0.5)

    def restart_what_ended(self) -> None:
        for running in self._running:
            if running.process.poll() is not None:
                self._restart(running)

    def _restart(self, running: Running) -> None:
        name, now = running.server.name, time.monotonic()
        running.restarted_at = [*(at for at in running.restarted_at if now - at < MINUTE), now]
        reason = processes.last_words(running.server.log)
        if len(running.restarted_at) > RESTARTS_PER_MINUTE:
            raise Unsuitable(f"{name} keeps ending: {reason} (see {running.server.log})")
        processes.end_group(running.process.pid)
        _say(f"  {name} ended unexpectedly and is started again: {reason}")
        running.process = running.server.launch()
        self._write_record()
        wait_until_ready(running)

    def stop(self) -> None:
        """End every part, the last started first."""
        while self._running:
            running = self._running.pop()
            processes.stop(running.process, end_with=running.server.end_with)
        self._record.unlink(missing_ok=True)

    def _write_record(self) -> None:
        own = processes.record(os.getpid())
        children = {running.server.name: processes.record(running.process.pid) for running in self._running}
        content = {
            "supervisor": [own.pid, own.born],
            "port": self._port,
            "ready": self._is_ready,
            "parts": {name: [known.pid, known.born] for name, known in children.items()},
        }
        state.write_private(self._record, json.dumps(content, indent=2))


@dataclass(frozen=True, slots=True)
class InstallationRecord:
    """What an earlier `make up` left: which processes it started."""

    supervisor: ProcessRecord
    port: int
    is_ready: bool
    parts: Mapping[str, ProcessRecord]


def read_record(path: Path) -> InstallationRecord | None:
    """Return the record of a supervisor, dead or alive, or None if there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return InstallationRecord(
            ProcessRecord(*content["supervisor"]),
            content["port"],
            content["ready"],
            {name: ProcessRecord(*known) for name, known in content["parts"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def wait_until_ready(running: Running) -> None:
    """Return when the server says it is ready; raises Unsuitable with its last words if it ends or takes too long."""
    server = running.server
    began = time.monotonic()
    deadline = began + server.patience_seconds
    while not (server.is_ready() and time.monotonic() >= began + server.settle_seconds):
        if running.process.poll() is not None:
            raise Unsuitable(f"{server.name} ended: {processes.last_words(server.log)} (see {server.log})")
        if time.monotonic() > deadline:
            raise Unsuitable(f"{server.name} was not ready after {server.patience_seconds:.0f} s (see {server.log})")
        time.sleep(0.1)


def run_to_end(argv: Sequence[str], *, name: str, environment: Mapping[str, str], directory: Path, log: Path) -> None:
    """Run a task's program; raises Unsuitable with its last words if it fails."""
    process = processes.start(argv, environment=environment, log=log, directory=directory)
    try:
        code = process.wait()
    except BaseException:
        processes.stop(process)
        raise
    if code:
        raise Unsuitable(f"{name} failed: {processes.last_words(log)} (see {log})")


def _say(words: str, *, end: str = "\n") -> None:
    sys.stdout.write(words + end)
    sys.stdout.flush()
