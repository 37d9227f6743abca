"""What the resellers' domain may ask of the workers: path, queue, seconds."""

from __future__ import annotations

from app.core.queue import Job, Queue

APPLY_LISTING_RUN = Job("workers.jobs.listings.apply_listing_run", Queue.DEFAULT, timeout=600)
