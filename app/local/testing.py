"""Running pytest on services of its own or on ones that keep running."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence

from app.local import environment, given, processes, services, state
from app.local.places import CHECKOUT, Places
from app.local.services import Backing
from app.local.state import State

ENDING = {signal.SIGINT, signal.SIGTERM}


def run_pytest(home: Places, arguments: Sequence[str], surrounding: Mapping[str, str]) -> int:
    """Run pytest with a database of its own; returns its exit code."""
    known = state.generate()
    media = home.var / "test-media"
    media.mkdir(parents=True, exist_ok=True)
    with _backing(home, surrounding, known) as backing, services.database_of_its_own(backing) as own:
        variables = {
            **surrounding,
            **environment.for_tests(known, own, media=media),
            "PYTHONUNBUFFERED": "1",
        }
        argv = [sys.executable, "-m", "pytest", *arguments]
        return processes.run_in_foreground(argv, environment=variables, directory=CHECKOUT)


@contextlib.contextmanager
def _backing(home: Places, surrounding: Mapping[str, str], known: State) -> Iterator[Backing]:
    somebodys = environment.given_backing(surrounding)
    kept = services.running_for_tests(home)
    if somebodys is not None:
        lasting = state.load_or_generate(home.state)
        usable = given.with_roles(somebodys, surrounding, password=lasting.database_password)
        given.require_usable(usable)
        yield usable
    elif kept is not None:
        yield kept
    else:
        with services.for_one_run(home, known) as running:
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
