"""What companies' domains ask of the workers."""

from __future__ import annotations

from app.core.queue import Job, Queue

CHECK_DOMAIN = Job("workers.jobs.company_domains.check_domain", Queue.DEFAULT, timeout=60)
