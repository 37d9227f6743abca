"""What subscriptions may ask of the workers; times in seconds."""

from app.core.queue import Job, Queue

OPEN_TRIAL = Job("workers.jobs.trials.open_trial", Queue.DEFAULT, timeout=60)
FETCH_PRICE = Job("workers.jobs.prices.fetch_price", Queue.PROVISIONING, timeout=180)
