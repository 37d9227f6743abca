"""`make up`, `make down` and `make reset`: an installation's life on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from app.local import demo_file, given, processes, services, supervisor
from app.local.environment import given_backing
from app.local.installation import Installation, installation, require_ports
from app.local.places import CHECKOUT, Places
from app.local.supervisor import InstallationRecord, Supervisor
from app.local.surroundings import Unsuitable, require_disk_space, require_writable

DEFAULT_PORT = 8080
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(home: Places, port: int, surrounding: Mapping[str, str]) -> int:
    """Run everything until a signal ends it."""
    wanted = _prepare(home, port, surrounding)
    with _signals_end_us():
        owner = Supervisor(home.running, port=port)
        try:
            print(f"Starting Galleria (logs in {home.logs})")
            owner.start(wanted.parts())
            print(f"\n{demo_file.table(demo_file.read(home.demo))}\n\nReady. {_how_to_end()}", flush=True)
            owner.watch()
        except KeyboardInterrupt:
            print("\nStopping", flush=True)
        finally:
            _ignore_signals()
            owner.stop()
    return 0


def _prepare(home: Places, port: int, surrounding: Mapping[str, str]) -> Installation:
    """Check the surroundings before anything is started; raises Unsuitable."""
    require_writable(home.var)
    require_disk_space(home.var)
    known = running(home)
    if known:
        raise Unsuitable(
            f"Galleria already runs on port {known.port} (process {known.supervisor.pid}): make down stops it"
        )
    _end_leftovers(home)
    wanted = installation(home, port, surrounding)
    require_ports(wanted)
    return wanted


def _how_to_end() -> str:
    return "Ctrl-C ends it." if sys.stdout.isatty() else "make down ends it."


def _signals_end_us() -> contextlib.AbstractContextManager[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    @contextlib.contextmanager
    def handling() -> Iterator[None]:
        heeded = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # nohup stays nohup
        before = {number: signal.signal(number, end) for number in heeded}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    return handling()


def _ignore_signals() -> None:
    """An impatient second Ctrl-C must not leave half of it running."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def up_detached(home: Places, port: int, surrounding: Mapping[str, str]) -> int:
    """Start everything in the background, show its progress and return when it is ready or has failed."""
    _prepare(home, port, surrounding)
    log = home.logs / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.local", "up", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=CHECKOUT,
            env=dict(surrounding),
            start_new_session=True,
        )
    try:
        _follow(process, log, home)
    except BaseException:
        processes.stop(process)
        raise
    return process.poll() or 0


def _follow(process: subprocess.Popen[bytes], log: Path, home: Places) -> None:
    with log.open(encoding="utf-8", errors="replace") as stream:
        while True:
            has_ended, known = process.poll() is not None, supervisor.read_record(home.running)
            is_ready = known is not None and known.is_ready and known.supervisor.pid == process.pid
            said = stream.read()
            sys.stdout.write(said)
            sys.stdout.flush()
            if has_ended or (is_ready and "Ready." in log.read_text(encoding="utf-8", errors="replace")):
                sys.stdout.write(stream.read())
                return
            time.sleep(0.1)


def running(home: Places) -> InstallationRecord | None:
    """Return the record of a supervisor that still lives."""
    known = supervisor.read_record(home.running)
    return known if known and known.supervisor.is_alive() else None


def down(home: Places) -> int:
    """End what `make up` started, and nothing else."""
    known = running(home)
    if known:
        processes.stop_recorded(known.supervisor, patience_seconds=90)
    ended = _end_leftovers(home)
    print("Galleria is stopped" if known or ended else "Galleria is not running")
    return 0


def _end_leftovers(home: Places) -> bool:
    """End parts whose supervisor was killed; forget records of processes that are gone."""
    known = supervisor.read_record(home.running)
    parts = list(known.parts.values()) if known else []
    ended = [processes.stop_recorded(part) for part in reversed(parts)]
    home.running.unlink(missing_ok=True)
    return any(ended)


def reset(home: Places, surrounding: Mapping[str, str]) -> int:
    """Stop, then delete the data of `make up`. Somebody else's database is left as it is."""
    down(home)
    for directory in (home.postgres, home.valkey, home.mail, home.vendor, home.media, home.logs, home.elsewhere):
        shutil.rmtree(directory, ignore_errors=True)
    for file in (home.state, home.demo):
        file.unlink(missing_ok=True)
    left = " (the database of DATABASE_URL is left as it is)" if surrounding.get("DATABASE_URL") else ""
    print(f"All data is forgotten{left}")
    return 0


def run_command(home: Places, command: Sequence[str], surrounding: Mapping[str, str]) -> int:
    """Run a program of the environment as the owner, on the running installation or on its data alone."""
    require_writable(home.var)
    known = running(home)
    wanted = installation(home, known.port if known else DEFAULT_PORT, surrounding)
    with contextlib.ExitStack() as stack:
        if wanted.is_given:
            given.require_usable(wanted.backing)
        elif not known:
            stack.enter_context(services.embedded(home, wanted.known, throwaway=False))
        variables = {**wanted.variables, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        program = shutil.which(command[0], path=variables["PATH"])
        if program is None:
            raise Unsuitable(f"There is no program named {command[0]}")
        return processes.run_in_foreground([program, *command[1:]], environment=variables, directory=CHECKOUT)


def check(home: Places, surrounding: Mapping[str, str]) -> int:
    """Say whether database, queue and migrations are in order; raises Unsuitable with the first that is not."""
    if given_backing(surrounding) is None and not running(home):
        raise Unsuitable("Nothing is running: make up starts it, or set DATABASE_URL and REDIS_URL")
    wanted = installation(home, DEFAULT_PORT, surrounding)
    given.require_usable(wanted.backing)
    given.require_migrated(wanted.backing.databases.owner)
    print("Database, queue and migrations are in order")
    return 0
