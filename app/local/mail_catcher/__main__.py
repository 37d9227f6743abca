"""`python -m app.local.mail_catcher --smtp-port N --port N --data DIRECTORY`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from app.local.mail_catcher.server import MailCatcher

ENDING = {signal.SIGINT, signal.SIGTERM}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m app.local.mail_catcher")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True, help="of the page")
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # before the threads start: they inherit it
    try:
        with MailCatcher(options.data, smtp_port=options.smtp_port, port=options.port) as catcher:
            print(f"Mail catcher on {catcher.url}", flush=True)
            signal.sigwait(ENDING)
    except OSError as error:
        print(f"The mail catcher cannot start: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
