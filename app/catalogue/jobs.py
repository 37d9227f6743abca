"""What the catalogue may ask of the workers; times in seconds."""

from app.core.queue import Job, Queue

RUN_IMPORT = Job("workers.jobs.imports.run_import", Queue.DEFAULT, timeout=1800)
