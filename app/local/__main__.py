"""`python -m app.local COMMAND`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from app.local import browser, lifecycle, testing
from app.local.places import Places, places
from app.local.surroundings import Unsuitable, parse_port, require_disk_space, require_writable


def main(arguments: Sequence[str], surrounding: Mapping[str, str]) -> int:
    """Carry out one command; raises Unsuitable. What follows pytest, test and run is theirs, unread."""
    home = places(surrounding)
    command, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if command in PASSED_ON:
        return PASSED_ON[command](home, rest, surrounding)
    options = _parser().parse_args(arguments)
    if options.command == "up":
        start = lifecycle.up_detached if options.detach else lifecycle.up
        return start(home, parse_port(options.port), surrounding)
    return SIMPLE[options.command](home, surrounding)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run everything on this machine")
    up.add_argument("--port", default=str(lifecycle.DEFAULT_PORT))
    up.add_argument("--detach", action="store_true", help="return when everything is ready")
    commands.add_parser("down", help="stop what up started")
    commands.add_parser("reset", help="stop, and forget all data")
    commands.add_parser("check", help="say whether database, queue and migrations are in order")
    commands.add_parser("screenshots", help="take pictures of the running demo")
    commands.add_parser("run", help="run a program with the installation's environment")
    commands.add_parser("test", help="run pytest, with a browser installed where we may")
    commands.add_parser("pytest", help="run pytest on test services, its own or running ones")
    commands.add_parser("test-services", help="keep test services running, so that pytest starts at once")
    return parser


def _run(home: Places, rest: Sequence[str], surrounding: Mapping[str, str]) -> int:
    if not rest:
        raise Unsuitable("Name the program: python -m app.local run flask --app wsgi routes")
    return lifecycle.run_command(home, rest, surrounding)


def _pytest(home: Places, rest: Sequence[str], surrounding: Mapping[str, str]) -> int:
    require_writable(home.var)
    require_disk_space(home.var)
    return testing.run_pytest(home, rest, surrounding)


def _test(home: Places, rest: Sequence[str], surrounding: Mapping[str, str]) -> int:
    require_writable(home.var)
    found = browser.ensure_browser(home.logs / "browser.log")
    return _pytest(home, rest, {**surrounding, "CHROMIUM": found})


def _screenshots(home: Places, _surrounding: Mapping[str, str]) -> int:
    from app.local import screenshots  # noqa: PLC0415 - the browser's library is slow to load and needed here alone

    return screenshots.take(home)


def _keep_test_services(home: Places, _surrounding: Mapping[str, str]) -> int:
    require_writable(home.var)
    require_disk_space(home.var)
    return testing.keep_services(home)


PASSED_ON: dict[str, Callable[[Places, Sequence[str], Mapping[str, str]], int]] = {
    "run": _run,
    "pytest": _pytest,
    "test": _test,
}
SIMPLE: dict[str, Callable[[Places, Mapping[str, str]], int]] = {
    "down": lambda home, _: lifecycle.down(home),
    "reset": lifecycle.reset,
    "check": lifecycle.check,
    "screenshots": _screenshots,
    "test-services": _keep_test_services,
}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], os.environ))
    except Unsuitable as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
