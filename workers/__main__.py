"""`python -m workers`: queues, scheduler tick, leases."""

from __future__ import annotations

import sys

from app.core.config import SettingsIncomplete, settings
from app.logs import configure_logs
from workers.supervisor import Supervisor


def main() -> int:
    """Run the workers of this machine; any number of machines may."""
    configure_logs()
    try:
        settings()
    except SettingsIncomplete as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return Supervisor().run()


if __name__ == "__main__":
    sys.exit(main())
