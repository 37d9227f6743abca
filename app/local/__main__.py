"""`python -m app.local COMMAND`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from app.local import testing
from app.local.places import places
from app.local.surroundings import Unsuitable, require_disk_space, require_writable


def main(arguments: Sequence[str]) -> int:
    command, rest = (arguments[0], list(arguments[1:])) if arguments else ("--help", [])
    home = places()
    if command == "pytest":
        require_writable(home.var)
        require_disk_space(home.var)
        return testing.run_pytest(home, rest, os.environ)
    parser = argparse.ArgumentParser(prog="python -m app.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("pytest", help="run pytest on test services, its own or running ones")
    commands.add_parser("test-services", help="keep test services running, so that pytest starts at once")
    parser.parse_args(arguments)
    require_writable(home.var)
    require_disk_space(home.var)
    return testing.keep_services(home)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Unsuitable as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
