"""What provisioning may ask of the workers; times in seconds. A task's lease outlives every time-out."""

from app.core.queue import Job, Queue

PROVISION_ORDER_ITEM = Job("workers.jobs.provisioning.provision_order_item", Queue.PROVISIONING, timeout=300)
PROVISION_BATCH = Job("workers.jobs.provisioning.provision_batch", Queue.PROVISIONING, timeout=540)
TEST_MANAGER = Job("workers.jobs.managers.test_manager", Queue.DEFAULT, timeout=150)
RECONCILE = Job("workers.jobs.reconciliation.reconcile", Queue.DEFAULT, timeout=540)
ADOPT = Job("workers.jobs.adoption.adopt", Queue.DEFAULT, timeout=540)
