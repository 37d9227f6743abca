"""What can be wrong with the machine we run on, each told in one line."""

from __future__ import annotations

import os
import random
import shutil
import socket
from pathlib import Path

MEGABYTES_NEEDED = 600
FIRST_ORDINARY_PORT = 1024
HIGHEST_PORT = 65535
PORTS_OF_OURS = range(20_000, 30_000)


class Unsuitable(Exception):
    """The surroundings do not allow it; the message is one line for a person, without a traceback."""


def require_free_port(port: int, *, purpose: str, remedy: str) -> None:
    """Raise Unsuitable if something already listens on this loopback port."""
    if not is_free(port):
        raise Unsuitable(f"Port {port} ({purpose}) is in use by another program: {remedy}")


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections still linger counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Return different free loopback ports below those that the kernel lends to outgoing connections."""
    chosen: list[int] = []
    for port in random.SystemRandom().sample(PORTS_OF_OURS, len(PORTS_OF_OURS)):
        if is_free(port):
            chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise Unsuitable(f"No {count} ports are free between {PORTS_OF_OURS.start} and {PORTS_OF_OURS.stop}")


def parse_port(raw: str) -> int:
    """Turn `PORT=` into a number; raises Unsuitable."""
    if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw) <= HIGHEST_PORT:
        raise Unsuitable(f"PORT={raw} is not a port: give a number from 1 to 65535, as in make up PORT=8081")
    port = int(raw)
    if port < FIRST_ORDINARY_PORT and os.geteuid() != 0:
        raise Unsuitable(f"Port {port} is reserved for root: give one above 1023, as in make up PORT=8081")
    return port


def require_disk_space(directory: Path, *, megabytes: int = MEGABYTES_NEEDED) -> None:
    """Raise Unsuitable if the disk that holds `directory` has less room than a start needs."""
    free = shutil.disk_usage(directory).free // 2**20
    if free < megabytes:
        raise Unsuitable(f"Only {free} MB are free on the disk of {directory}: {megabytes} MB are needed")


def require_writable(directory: Path) -> None:
    """Create `directory` if it is missing; raise Unsuitable if nothing can be written there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".write-probe-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise Unsuitable(f"Nothing can be written to {directory}: {error.strerror}") from error
