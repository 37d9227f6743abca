"""Queueing mail: a row is written with the change it tells of; a worker sends it after the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from app.core.secrets import encrypt
from app.notifications.jobs import SEND_MAIL, SEND_MAILS
from app.notifications.models import OutboundMail
from app.notifications.templates import SECRET_FIELDS, MailTemplate
from tenants.context import current_scope

__all__ = ["MailTemplate", "nudge_mails", "queue_mail"]

TOGETHER_FROM = 5  # so many mails at once go to one job instead of one each


def queue_mail(
    template: MailTemplate,
    *,
    to_email: str,
    to_name: str = "",
    sender_reseller_id: UUID | None,
    storefront_id: UUID | None,
    fields: Mapping[str, str],
    at: datetime,
) -> UUID:
    """Write one mail to be sent in the name of a reseller, or of the distributor where `sender_reseller_id` is None.

    `storefront_id` is whose address the links stand on and whose look the mail wears. Links that sign somebody in are
    encrypted at rest: who may read the outbox must not be able to use them. Returns the row's id.
    """
    stored = {name: encrypt(value) if name in SECRET_FIELDS else value for name, value in fields.items()}
    mail = OutboundMail(
        id=new_id(),
        template=template.value,
        sender_reseller_id=sender_reseller_id,
        storefront_id=storefront_id,
        to_email=to_email,
        to_name=to_name,
        fields=stored,
        next_attempt_at=at,
        created_at=at,
    )
    session.add(mail)
    nudge_after_commit(Nudge(SEND_MAIL, mail.id, current_scope().distributor_id))
    return mail.id


def nudge_mails(mail_ids: Sequence[UUID]) -> None:
    """Tell the workers of mails after the commit: a job for each of a few, one job for many."""
    distributor_id = current_scope().distributor_id
    if len(mail_ids) >= TOGETHER_FROM:
        nudge_after_commit(Nudge(SEND_MAILS, distributor_id, distributor_id))
        return
    for mail_id in mail_ids:
        nudge_after_commit(Nudge(SEND_MAIL, mail_id, distributor_id))
