"""What registrations ask of the workers: path, queue, seconds."""

from __future__ import annotations

from app.core.queue import Job, Queue

SETTLE_REGISTRATION = Job("workers.jobs.registration.settle_registration", Queue.DEFAULT, timeout=60)
