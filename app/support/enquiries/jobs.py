"""What enquiries may ask of the workers: path, queue, seconds."""

from __future__ import annotations

from app.core.queue import Job, Queue

TELL_ENQUIRY = Job("workers.jobs.enquiries.tell_enquiry", Queue.DEFAULT, timeout=60)
