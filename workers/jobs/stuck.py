"""Looking for work that stands still, each minute; it needs no queue, so it goes on when the queue is the trouble."""

from __future__ import annotations

from datetime import datetime

from app.reporting.stuck_work import look_after_stuck_work


def look_for_stuck_work(at: datetime) -> None:
    """Work that should have gone on by itself."""
    look_after_stuck_work(at)
