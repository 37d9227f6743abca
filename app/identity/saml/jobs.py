"""What sign-in providers ask of the workers: path, queue, seconds."""

from __future__ import annotations

from app.core.queue import Job, Queue

LOOK_AFTER_PROVIDERS = Job("workers.jobs.sign_on.look_after_providers", Queue.DEFAULT, timeout=300)  # of one realm
