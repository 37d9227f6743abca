"""What billing may ask of the workers; times in seconds."""

from app.core.queue import Job, Queue

BILL_PAYER = Job("workers.jobs.billing.bill_payer", Queue.BILLING, timeout=300)
IMPORT_USAGE = Job("workers.jobs.usage.import_usage", Queue.DEFAULT, timeout=1800)
PULL_USAGE = Job("workers.jobs.usage.pull_usage", Queue.DEFAULT, timeout=600)
