from __future__ import annotations

from tests.workers.provisioning.conftest import clock, run_order, session, world

__all__ = ("clock", "run_order", "session", "world")
