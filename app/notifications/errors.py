"""What can go wrong with mail."""

from __future__ import annotations

from app.core.errors import DomainError


class MailNotSent(DomainError):
    """A mail server did not take the mail; the message is the server's own answer."""

    code = "mail_not_sent"
