"""`python -m app.local.demo_vendor --port N --data DIR [--api-key K]`: run the demo vendor until it is told to end."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from app.local.demo_vendor.server import DemoVendorServer


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m app.local.demo_vendor", description=sys.modules["app.local.demo_vendor"].__doc__
    )
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes any free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of vendor.sqlite3; made if missing")
    parser.add_argument(
        "--api-key",
        default=os.environ.get("DEMO_VENDOR_API_KEY"),
        help="what callers must send; default: $DEMO_VENDOR_API_KEY, else anything",
    )
    chosen = parser.parse_args(arguments)
    try:
        server = DemoVendorServer(chosen.data, port=chosen.port, api_key=chosen.api_key or None)
    except (OSError, sqlite3.Error) as error:
        print(f"The demo vendor cannot start with {chosen.data}: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _end)
    print(f"Demo vendor on {server.url}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


def _end(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
