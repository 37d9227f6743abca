"""What notifications may ask of the workers; times in seconds."""

from app.core.queue import Job, Queue

SEND_MAIL = Job("workers.jobs.mail.send_mail", Queue.MAIL, timeout=60)
SEND_MAILS = Job("workers.jobs.mail.send_mails", Queue.MAIL, timeout=300)
