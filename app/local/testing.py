"""Running pytest on services of its own or on ones that keep running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from app.local import environment, services, state
from app.local.places import CHECKOUT, Places
from app.local.services import Backing

ENDING = {signal.SIGINT, signal.SIGTERM}


def run_pytest(home: Places, arguments: Sequence[str], surrounding: Mapping[str, str]) -> int:
    """Run pytest with a database of its own; returns its exit code."""
    with _backing(home, surrounding) as backing, services.database_of_its_own(backing) as own:
        variables = {
            **surrounding,
            **environment.for_tests(state.generate(), own, media=home.var / "test-media"),
            "PYTHONUNBUFFERED": "1",
        }
        return run(["-m", "pytest", *arguments], variables)


def run(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run Python with these arguments in the foreground; Ctrl-C is the child's to answer."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=CHECKOUT, env=dict(variables))
    with _left_to_the_child():
        return process.wait()


@contextlib.contextmanager
def _left_to_the_child() -> Iterator[None]:
    """The terminal sends Ctrl-C to both of us; only the child acts, and we clean up when it has ended."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _backing(home: Places, surrounding: Mapping[str, str]) -> Iterator[Backing]:
    given = environment.given_backing(surrounding)
    kept = services.running_for_tests(home)
    if given is not None:
        yield given
    elif kept is not None:
        yield kept
    else:
        with services.for_one_run(home) as running:
            yield running.backing


def keep_services(home: Places) -> int:
    """Run the test services until somebody ends us."""
    if services.running_for_tests(home) is not None:
        print("Test services are already running")
        return 0
    with services.kept_for_tests(home):
        print(f"Test services are running (process {os.getpid()}); Ctrl-C ends them", flush=True)
        # Held back only now: the servers would have inherited it.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        signal.sigwait(ENDING)
    return 0
