"""What orders may ask of the workers; times in seconds."""

from app.core.queue import Job, Queue

PROCESS_ORDER_WORK = Job("workers.jobs.orders.process_order_work", Queue.BILLING, timeout=60)
PRECHECK = Job("workers.jobs.prechecks.precheck", Queue.PROVISIONING, timeout=60)
RUN_SCHEDULED_ORDER = Job("workers.jobs.orders.run_scheduled_order", Queue.BILLING, timeout=60)
COUNT_POPULAR = Job("workers.jobs.popularity.count_popular_products", Queue.DEFAULT, timeout=600)
