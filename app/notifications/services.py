"""Queueing mail: a row is written with the change it tells of; a worker sends it after the commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.db import nudge_after_commit, session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.queue import Nudge
from app.core.secrets import encrypt
from app.notifications.jobs import SEND_MAIL, SEND_MAILS
from app.notifications.models import AboutKind, MailAttachment, OutboundMail
from app.notifications.templates import SECRET_FIELDS, MailTemplate
from tenants.context import current_scope

__all__ = ["About", "AboutKind", "Attachment", "MailTemplate", "nudge_mails", "queue_mail"]
MOST_BYTES = 10 * 1024 * 1024  # of an attachment
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class About:
    """The record a mail is about: whoever may not see it does not see the mail in the log (BC-04)."""

    kind: AboutKind
    id: UUID


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that goes with a mail. `content_type` is a media type such as application/pdf."""

    name: str
    content: bytes
    content_type: str = "application/pdf"


def queue_mail(
    template: MailTemplate,
    *,
    to_email: str,
    to_name: str = "",
    sender_reseller_id: UUID | None,
    storefront_id: UUID | None,
    fields: Mapping[str, str],
    about: About | None = None,
    attachment: Attachment | None = None,
    at: datetime,
) -> UUID:
    """Write one mail to be sent in the name of a reseller, or of the distributor where `sender_reseller_id` is None.

    `about` is None where a mail tells of no account and of nothing an account has. `storefront_id` is whose address the links stand on and whose look the mail wears. Links that sign somebody in are
    encrypted at rest: who may read the outbox must not be able to use them. An attachment is kept beside the mail until
    that has left or was given up. Returns the row's id. Raises Invalid `file_size` for an attachment over 10 MB.
    """
    stored = {name: encrypt(value) if name in SECRET_FIELDS else value for name, value in fields.items()}
    mail = OutboundMail(
        id=new_id(),
        template=template.value,
        sender_reseller_id=sender_reseller_id,
        storefront_id=storefront_id,
        to_email=to_email,
        to_name=to_name,
        about_kind=about.kind if about is not None else None,
        about_id=about.id if about is not None else None,
        fields=stored,
        attachment_id=_keep(attachment, at) if attachment is not None else None,
        next_attempt_at=at,
        created_at=at,
    )
    session.add(mail)
    nudge_after_commit(Nudge(SEND_MAIL, mail.id, current_scope().distributor_id))
    return mail.id


def _keep(attachment: Attachment, at: datetime) -> UUID:
    if len(attachment.content) > MOST_BYTES:
        raise Invalid.field("attachment", "file_size", "The document is larger than 10 MB: it cannot go with a mail")
    kept = MailAttachment(
        id=new_id(),
        name=attachment.name[-LONGEST_NAME:],
        content_type=attachment.content_type,
        size=len(attachment.content),
        content=attachment.content,
        created_at=at,
    )
    session.add(kept)
    session.flush()  # the mail names it
    return kept.id


def nudge_mails() -> None:
    """Tell the workers after the commit that mails of the scope's distributor wait: one job for all of them."""
    distributor_id = current_scope().distributor_id
    nudge_after_commit(Nudge(SEND_MAILS, distributor_id, distributor_id))
