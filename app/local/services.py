"""PostgreSQL and Valkey for as long as a `with` block lasts: what tests and one-off commands run on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.local import databases, postgres, processes, state, valkey
from app.local.databases import DatabaseUrls
from app.local.places import Places
from app.local.processes import ProcessRecord
from app.local.state import State


@dataclass(frozen=True, slots=True)
class Backing:
    """Where the two servers are reached."""

    databases: DatabaseUrls
    redis_url: str

    def environment(self) -> dict[str, str]:
        return {**self.databases.environment(), "REDIS_URL": self.redis_url}


@dataclass(frozen=True, slots=True)
class RunningServices:
    """Both servers as processes of ours, and their addresses."""

    backing: Backing
    postgres: subprocess.Popen[bytes]
    valkey: subprocess.Popen[bytes]


def embedded_backing(known: State) -> Backing:
    return Backing(embedded_urls(known), redis_url(known))


def embedded_urls(known: State) -> DatabaseUrls:
    roles = (databases.OWNER, databases.APP, databases.BULK, databases.PLATFORM)
    return DatabaseUrls(
        *(databases.database_url(role, known.database_password, port=known.postgres_port) for role in roles)
    )


def superuser_url(known: State) -> str:
    return databases.database_url(
        postgres.SUPERUSER, known.superuser_password, port=known.postgres_port, database="postgres"
    )


def redis_url(known: State) -> str:
    return f"redis://:{known.redis_password}@127.0.0.1:{known.redis_port}/0"


def start_postgres(home: Places, known: State, *, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start PostgreSQL with its roles and database made; raises Unsuitable."""
    log = home.logs / "postgres.log"
    cluster = postgres.prepare(home.postgres, elsewhere=home.elsewhere, superuser_password=known.superuser_password)
    process = postgres.start(cluster, port=known.postgres_port, settings=settings, log=log)
    try:
        url = superuser_url(known)
        postgres.wait_until_ready(process, databases.plain_url(url), log=log)
        databases.ensure_owner(url, password=known.database_password)
    except BaseException:
        processes.stop(process, end_with=postgres.STOP_SIGNAL)
        raise
    return process


def start_valkey(home: Places, known: State, *, durable: bool) -> subprocess.Popen[bytes]:
    """Start Valkey; raises Unsuitable."""
    log = home.logs / "valkey.log"
    process = valkey.start(home.valkey, port=known.redis_port, password=known.redis_password, durable=durable, log=log)
    try:
        valkey.wait_until_ready(process, redis_url(known), log=log)
    except BaseException:
        processes.stop(process)
        raise
    return process


@contextlib.contextmanager
def embedded(home: Places, known: State, *, throwaway: bool) -> Iterator[RunningServices]:
    """Run both servers on the state's ports; `throwaway` trades durability for speed."""
    settings = postgres.THROWAWAY if throwaway else postgres.DURABLE
    with contextlib.ExitStack() as stack:
        database = start_postgres(home, known, settings=settings)
        stack.callback(processes.stop, database, end_with=postgres.STOP_SIGNAL)
        queue = start_valkey(home, known, durable=not throwaway)
        stack.callback(processes.stop, queue)
        yield RunningServices(embedded_backing(known), database, queue)


@contextlib.contextmanager
def for_one_run(home: Places, known: State) -> Iterator[RunningServices]:
    """Run both servers on free ports in a directory of their own, gone afterwards."""
    home.var.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=home.var, ignore_cleanup_errors=True) as directory:
        own = Places(Path(directory))
        Path(directory).chmod(0o711)  # the database's user passes through, nobody lists it
        try:
            with embedded(own, known, throwaway=True) as running:
                yield running
        finally:
            shutil.rmtree(own.elsewhere, ignore_errors=True)


@contextlib.contextmanager
def kept_for_tests(home: Places) -> Iterator[RunningServices]:
    """Run throwaway servers and write their addresses where `running_for_tests` finds them."""
    own = Places(home.var / "test-services")
    shutil.rmtree(own.var, ignore_errors=True)
    own.var.mkdir(parents=True)
    with embedded(own, state.generate(), throwaway=True) as running:
        record = {
            "environment": running.backing.environment(),
            "processes": [
                [known.pid, known.born]
                for known in map(processes.record, (os.getpid(), running.postgres.pid, running.valkey.pid))
            ],
        }
        state.write_private(home.test_services, json.dumps(record, indent=2))
        try:
            yield running
        finally:
            home.test_services.unlink(missing_ok=True)


def running_for_tests(home: Places) -> Backing | None:
    """Return the kept test services if every one of their processes still lives."""
    try:
        record = json.loads(home.test_services.read_text(encoding="utf-8"))
        alive = all(ProcessRecord(pid, born).is_alive() for pid, born in record["processes"])
        found = read_backing(record["environment"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if alive and record["processes"] else None


def read_backing(environment: Mapping[str, str]) -> Backing:
    names = ("DATABASE_URL", "DATABASE_URL_APP", "DATABASE_URL_BULK", "DATABASE_URL_PLATFORM")
    return Backing(DatabaseUrls(*(environment[name] for name in names)), environment["REDIS_URL"])


@contextlib.contextmanager
def database_of_its_own(backing: Backing) -> Iterator[Backing]:
    """Lend one run a fresh database and a Valkey database of its own, so that runs at the same time do not meet."""
    name = f"run_{os.getpid()}"
    number = os.getpid() % (valkey.DATABASES - 1) + 1
    with databases.connect(databases.with_database(backing.databases.owner, "postgres")) as connection:
        databases.drop_database(backing.databases.owner, name)
        databases.ensure_database(connection, name)
    own_redis_url = f"{backing.redis_url.rpartition('/')[0]}/{number}"
    valkey.empty(own_redis_url)
    try:
        yield Backing(backing.databases.of_database(name), own_redis_url)
    finally:
        databases.drop_database(backing.databases.owner, name)
