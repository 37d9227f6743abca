from __future__ import annotations

from tests.workers.provisioning.conftest import clock, run_order, run_task, session, vendor, world

__all__ = ("clock", "run_order", "run_task", "session", "vendor", "world")
