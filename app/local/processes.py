"""Starting, recognising and ending processes that we started ourselves."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from app.local.accounts import Account, run_as

PR_SET_PDEATHSIG = 1
# As the last line of a traceback: sqlalchemy.exc.OperationalError: …
EXCEPTION = re.compile(r"(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Incomplete)\b: ")


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process by number and by birth, so that a reused number is not taken for it."""

    pid: int
    born: str

    def is_alive(self) -> bool:
        return birth(self.pid) == self.born


def birth(pid: int) -> str | None:
    """Return when the process began (in the system's own words), or None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return _birth_by_ps(pid) if not Path("/proc/self/stat").exists() else None
    except OSError:
        return None
    # The name in brackets may itself hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def _birth_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return answer or None


def record(pid: int) -> ProcessRecord:
    return ProcessRecord(pid, birth(pid) or "gone")


def start(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    directory: Path,
    account: Account | None = None,
    end_with: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a server of ours in a session of its own (so Ctrl-C reaches only us); it gets `end_with` if we die.

    Its log begins anew, the one before is kept beside it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.is_file():
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
            preexec_fn=_die_with_parent(end_with),  # noqa: PLW1509  one libc call, looked up before the fork
            **run_as(account),
        )


def _die_with_parent(end_with: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(end_with), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return tie


def run_in_foreground(argv: Sequence[str], *, environment: Mapping[str, str], directory: Path) -> int:
    """Run a program on our terminal and return its exit code. Signals are the program's to answer; we clean up after."""
    process = subprocess.Popen(list(argv), env=dict(environment), cwd=directory)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        # The terminal has sent Ctrl-C to the program as well.
        if number != signal.SIGINT:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(
    process: subprocess.Popen[bytes], *, end_with: signal.Signals = signal.SIGTERM, patience_seconds: float = 20
) -> None:
    """End a child politely, then firmly."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(end_with)
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    end_group(process.pid)


def end_group(pid: int) -> None:
    """End what an ended process of ours left behind: each leads a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def stop_recorded(known: ProcessRecord, *, patience_seconds: float = 30) -> bool:
    """End a process by its record; returns False if it was gone already. A reused number is left alone."""
    if not known.is_alive():
        return False
    os.kill(known.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    while known.is_alive():
        if time.monotonic() > deadline:
            os.kill(known.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    return True


def last_words(log: Path) -> str:
    """Return the line of a log that names the reason: the last exception, else the last line that says something."""
    if not log.exists():
        return "it wrote nothing"
    said = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    exceptions = [line for line in said if EXCEPTION.match(line)]
    return (exceptions or said or ["it wrote nothing"])[-1]
