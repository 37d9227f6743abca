"""What accounts may ask of the workers: path, queue, seconds."""

from __future__ import annotations

from app.core.queue import Job, Queue

FOLLOW_ACCOUNT = Job("workers.jobs.changes.follow_account_status", Queue.BILLING, timeout=300)
