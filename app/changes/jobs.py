"""What changes may ask of the workers: path, queue, seconds."""

from __future__ import annotations

from app.core.queue import Job, Queue

START_CHANGE = Job("workers.jobs.changes.start_change", Queue.BILLING, timeout=60)
