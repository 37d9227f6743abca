"""What the catalogue may ask of the workers; times in seconds."""

from app.core.queue import Job, Queue

RUN_IMPORT = Job("workers.jobs.imports.run_import", Queue.DEFAULT, timeout=1800)
READ_DEFINITION = Job("workers.jobs.vendor_catalogue.read_vendor_definition", Queue.DEFAULT, timeout=1800)
RUN_PRODUCT_FILE = Job("workers.jobs.product_files.run_product_file", Queue.DEFAULT, timeout=1800)
