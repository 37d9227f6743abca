"""What forgotten passwords ask of the workers."""

from __future__ import annotations

from app.core.queue import Job, Queue

ANSWER_PASSWORD_REQUEST = Job("workers.jobs.forgotten.answer_password_request", Queue.DEFAULT, timeout=30)
