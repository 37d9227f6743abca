"""Asking a server over one kept connection, and reading from the kernel what an answer cost it and its database."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

import psycopg

READY_SECONDS = 60


class ServerFailed(RuntimeError):
    """The server did not come up; the message is the end of its log."""


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class Connection:
    """A kept connection that does nothing but send and receive, so that the client weighs little."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> Answer:
        self._socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        raw_head, _, body = received.partition(b"\r\n\r\n")
        head = raw_head.decode("latin-1")
        answer = Answer(int(head.split(" ", 2)[1]), head, b"")
        length = int(answer.header("content-length") or 0)
        parts, have = [body], len(body)
        while have < length:
            parts.append(self._more())
            have += len(parts[-1])
        return Answer(answer.status, head, b"".join(parts))

    def _more(self) -> bytes:
        found = self._socket.recv(262_144)
        if not found:
            raise ConnectionError("The server closed the connection")
        return found


def request_of(path: str, host: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a GET."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{key}: {value}" for key, value in (headers or {}).items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _descendants(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return [pid, *(found for child in children for found in _descendants(int(child)))]
    return [pid]


def cpu_seconds(pids: Sequence[int]) -> float:
    """Time the kernel has given to all threads of these processes, in seconds, to the nanosecond."""
    spent = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                spent += int(thread.read_text(encoding="ascii").split()[0])
    return spent / 1e9


class Server:
    """Granian with the product and the bare view, one worker, on a free port."""

    def __init__(self, urls: Mapping[str, str], folder: Path, *, caches: bool = True, workers: int = 1) -> None:
        self.port = free_port()
        self._owner_url = urls["DATABASE_URL"].replace("+psycopg", "")
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {name: value for name, value in urls.items() if name != "DATABASE_URL"}
        environment |= {"BENCH_BYTES": str(folder), "BENCH_CACHES": "on" if caches else "off"}
        argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)]
        argv += ["--workers", str(workers), "--blocking-threads", "1", "--no-ws", "tests.bench.server:app"]
        self._log = (folder / f"server-{self.port}.log").open("wb")
        self._process = subprocess.Popen(argv, env=environment, stdout=self._log, stderr=self._log)
        self._backends: list[int] = []

    def __enter__(self) -> Self:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.connection = Connection(self.port)
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.__exit__()
                    raise ServerFailed(Path(self._log.name).read_text(encoding="utf-8")[-3000:]) from None
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.1)
            else:
                return self

    def __exit__(self, *_error: object) -> None:
        if hasattr(self, "connection"):
            self.connection.close()
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    def watch_database(self) -> None:
        """Count the work of the backends that serve this server from now on; ours are those of its database."""
        with psycopg.connect(self._owner_url, autocommit=True) as owner:
            rows = owner.execute(
                """SELECT pid FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND client_port IS NOT NULL"""
            ).fetchall()
        self._backends = [pid for (pid,) in rows if Path(f"/proc/{pid}/task").exists()]

    @property
    def is_database_watched(self) -> bool:
        return bool(self._backends)

    def cpu(self) -> float:
        return cpu_seconds(_descendants(self._process.pid)) + cpu_seconds(self._backends)


@dataclass(frozen=True)
class Subject:
    """One thing to ask for, and of whom."""

    name: str
    server: Server
    request: bytes
    status: int = 200


@dataclass(frozen=True)
class Sample:
    """One run of one subject."""

    per_second: float
    cpu_milliseconds: float
    p99_milliseconds: float


def run(subject: Subject, requests: int) -> Sample:
    """Ask a bounded number of times, one after the other."""
    ask, clock = subject.server.connection.ask, time.perf_counter
    taken = []
    cpu, began = subject.server.cpu(), clock()
    for _ in range(requests):
        asked = clock()
        answer = ask(subject.request)
        taken.append(clock() - asked)
        assert answer.status == subject.status, f"{subject.name}: {answer.status} {answer.body[:300]!r}"
    seconds, spent = clock() - began, subject.server.cpu() - cpu
    return Sample(requests / seconds, spent / requests * 1000, sorted(taken)[int(len(taken) * 0.99)] * 1000)


def alternate(subjects: Sequence[Subject], *, rounds: int, requests: int) -> dict[str, list[Sample]]:
    """Run every subject once per round, in turn, so that what else the machine does falls on all of them."""
    for subject in subjects:
        run(subject, 50)
        subject.server.watch_database()
    found: dict[str, list[Sample]] = {subject.name: [] for subject in subjects}
    for _ in range(rounds):
        for subject in subjects:
            found[subject.name].append(run(subject, requests))
    return found


def ratio(samples: Sequence[Sample], to: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """Median over the rounds of one subject's figure to another's of the same round."""
    return median(of(one) / of(other) for one, other in zip(samples, to, strict=True))


@contextlib.contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Measure a block: the yielded function returns seconds since its start."""
    began = time.perf_counter()
    yield lambda: time.perf_counter() - began
