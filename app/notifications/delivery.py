"""Claiming, finishing and retrying outbound mail, in the distributor's scope; the log goes to the mail's owner.

Tries after 1, 5 and 30 minutes; then the row says Failed. No transaction is open while a mail server is talked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from app.core.db import session
from app.core.ids import new_id
from app.core.secrets import decrypt
from app.notifications.models import (
    MailAttachment,
    MailLogEntry,
    MailSettings,
    MailState,
    MailTemplateSettings,
    OutboundMail,
)
from app.notifications.services import Attachment
from app.notifications.smtp import MailServer
from app.notifications.templates import SECRET_FIELDS, MailTemplate
from tenants.context import Scope, current_scope, direct_business_scope, reseller_scope, scope

RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
LEASE = timedelta(minutes=5)
FAILURES_BEFORE_ALARM = 3
MOST_CLAIMS = 2 * (len(RETRY_AFTER) + 1)
BROKEN = "This mail could not be made"
NO_SETTINGS = "not_sent_no_settings"
SWITCHED_OFF = "not_sent_switched_off"


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A mail this run alone may send; `fields` are readable, secrets included."""

    id: UUID
    lease_token: UUID
    template: MailTemplate
    sender_reseller_id: UUID | None
    storefront_id: UUID | None
    to_email: str
    to_name: str
    fields: dict[str, str]
    attachment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """How the owner of a mail sends it: server None means that nothing may leave."""

    server: MailServer | None
    is_enabled: bool = True
    subject: str | None = None
    body_html: str | None = None
    copies: tuple[str, ...] = ()


def owner_scope(reseller_id: UUID | None) -> Scope:
    """Return the scope of who a mail is sent by: a reseller, or the distributor's own business."""
    distributor_id = current_scope().distributor_id
    return reseller_scope(distributor_id, reseller_id) if reseller_id else direct_business_scope(distributor_id)


def due_mail_ids(at: datetime, limit: int) -> Sequence[UUID]:
    """Return mails that nobody is sending and whose time has come, the longest waiting first."""
    return session.scalars(
        select(OutboundMail.id)
        .where(
            OutboundMail.distributor_id == current_scope().distributor_id,
            OutboundMail.state == MailState.PENDING,
            OutboundMail.next_attempt_at <= at,
            OutboundMail.lease_until.is_(None) | (OutboundMail.lease_until <= at),
        )
        .order_by(OutboundMail.next_attempt_at, OutboundMail.id)
        .limit(limit)
    ).all()


def claim_mail(mail_id: UUID, *, at: datetime) -> ClaimedMail | None:
    """Take the lease of a pending mail; None if it is done, not due, or another run holds it."""
    mail = session.scalar(
        select(OutboundMail)
        .where(
            OutboundMail.distributor_id == current_scope().distributor_id,
            OutboundMail.id == mail_id,
            OutboundMail.state == MailState.PENDING,
            OutboundMail.next_attempt_at <= at,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if mail is None or (mail.lease_until is not None and mail.lease_until > at):
        return None
    if mail.attempts >= MOST_CLAIMS:  # it cannot be rendered, or kills its worker: a person must look at it
        mail.state, mail.error, mail.lease_until = MailState.FAILED, BROKEN, None
        _let_go(mail)
        return None
    mail.lease_until, mail.lease_token = at + LEASE, new_id()
    mail.attempts += 1
    fields = {name: decrypt(value) if name in SECRET_FIELDS else value for name, value in mail.fields.items()}
    return ClaimedMail(
        mail.id,
        mail.lease_token,
        MailTemplate(mail.template),
        mail.sender_reseller_id,
        mail.storefront_id,
        mail.to_email,
        mail.to_name,
        fields,
        mail.attachment_id,
    )


def attachment_of(mail: ClaimedMail) -> Attachment | None:
    """Return what goes with a claimed mail."""
    if mail.attachment_id is None:
        return None
    kept = session.get_one(MailAttachment, (current_scope().distributor_id, mail.attachment_id))
    return Attachment(kept.name, kept.content, kept.content_type)


def sending_of(mail: ClaimedMail) -> Sending:
    """Return how the mail's owner sends it, read in the owner's scope."""
    with scope(owner_scope(mail.sender_reseller_id)):
        server = mail_server_of(mail.sender_reseller_id)
        changed = session.scalar(
            select(MailTemplateSettings).where(
                MailTemplateSettings.distributor_id == current_scope().distributor_id,
                MailTemplateSettings.reseller_id.is_not_distinct_from(mail.sender_reseller_id),
                MailTemplateSettings.template == mail.template.value,
            )
        )
    if changed is None:
        return Sending(server)
    return Sending(server, changed.is_enabled, changed.subject, changed.body_html, tuple(changed.extra_recipients))


def mail_server_of(reseller_id: UUID | None) -> MailServer | None:
    """Return the mail server of the scope's storefront owner; None where no settings are stored."""
    found = session.scalar(
        select(MailSettings).where(
            MailSettings.distributor_id == current_scope().distributor_id,
            MailSettings.reseller_id.is_not_distinct_from(reseller_id),
        )
    )
    if found is None:
        return None
    return MailServer(
        found.host,
        found.port,
        found.encryption,
        found.username,
        decrypt(found.password_encrypted) if found.password_encrypted else None,
        found.sender_name,
        found.sender_email,
    )


def mark_sent(mail: ClaimedMail, *, at: datetime) -> None:
    """Record that the server took the mail."""
    _finish(mail, MailState.SENT, None, at=at)


def mark_not_sent(mail: ClaimedMail, reason: str, *, at: datetime) -> None:
    """Record that nothing left, and why (`NO_SETTINGS`, `SWITCHED_OFF`)."""
    _finish(mail, MailState.NOT_SENT, reason, at=at)


def mark_failed_try(mail: ClaimedMail, error: str, *, at: datetime) -> bool:
    """Record a failed try; the row says when the next one is due. Returns whether it was the last."""
    row = _leased(mail)
    if row is None:
        return False
    row.lease_until = row.lease_token = None
    row.error = error
    is_last = row.attempts > len(RETRY_AFTER)
    if is_last:
        _finish(mail, MailState.FAILED, error, at=at, row=row)
    else:
        row.next_attempt_at = at + RETRY_AFTER[row.attempts - 1]
    return is_last


def count_failure(mail: ClaimedMail) -> bool:
    """Count a failure of the owner's mail settings; True when the alarm of RSN-20 is due."""
    with scope(owner_scope(mail.sender_reseller_id)):
        found = session.scalar(
            select(MailSettings)
            .where(
                MailSettings.distributor_id == current_scope().distributor_id,
                MailSettings.reseller_id.is_not_distinct_from(mail.sender_reseller_id),
            )
            .with_for_update()
        )
        if found is None:
            return False
        found.failures_in_a_row += 1
        return found.failures_in_a_row == FAILURES_BEFORE_ALARM


def count_success(mail: ClaimedMail) -> None:
    """Forget earlier failures of the owner's mail settings."""
    with scope(owner_scope(mail.sender_reseller_id)):
        found = session.scalar(
            select(MailSettings).where(
                MailSettings.distributor_id == current_scope().distributor_id,
                MailSettings.reseller_id.is_not_distinct_from(mail.sender_reseller_id),
                MailSettings.failures_in_a_row > 0,
            )
        )
        if found is not None:
            found.failures_in_a_row = 0


def _leased(mail: ClaimedMail) -> OutboundMail | None:
    found: OutboundMail | None = session.scalar(
        select(OutboundMail)
        .where(
            OutboundMail.distributor_id == current_scope().distributor_id,
            OutboundMail.id == mail.id,
            OutboundMail.lease_token == mail.lease_token,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


def _finish(
    mail: ClaimedMail, state: MailState, error: str | None, *, at: datetime, row: OutboundMail | None = None
) -> None:
    row = row or _leased(mail)
    if row is None:  # the lease ran out and another run has it now
        return
    row.state, row.error, row.lease_until, row.lease_token = state, error, None, None
    row.sent_at = at if state is MailState.SENT else None
    # The link has done its work; what stays in the outbox must not open anything.
    row.fields = {name: value for name, value in row.fields.items() if name not in SECRET_FIELDS}
    attached = _let_go(row)
    with scope(owner_scope(mail.sender_reseller_id)):
        session.add(
            MailLogEntry(
                reseller_id=mail.sender_reseller_id,
                mail_id=mail.id,
                at=at,
                template=mail.template.value,
                to_email=mail.to_email,
                about_kind=row.about_kind,
                about_id=row.about_id,
                state=state,
                error=error,
                attachment_name=attached.name if attached is not None else None,
                attachment_size=attached.size if attached is not None else None,
            )
        )


@dataclass(frozen=True, slots=True)
class _Attached:
    """What the log tells of an attachment; `size` in bytes."""

    name: str
    size: int


def _let_go(row: OutboundMail) -> _Attached | None:
    """Delete what went with a mail that is not tried again; returns what it was."""
    if row.attachment_id is None:
        return None
    is_kept = (MailAttachment.distributor_id == row.distributor_id) & (MailAttachment.id == row.attachment_id)
    name, size = session.execute(select(MailAttachment.name, MailAttachment.size).where(is_kept)).one()
    row.attachment_id = None
    session.flush()
    session.execute(delete(MailAttachment).where(is_kept).execution_options(synchronize_session=False))
    return _Attached(name, size)


def forget_log(until: datetime) -> None:
    """Forget what became of mails of the scope's storefront owner before an instant."""
    here = current_scope()
    session.execute(
        delete(MailLogEntry)
        .where(
            MailLogEntry.distributor_id == here.distributor_id,
            MailLogEntry.reseller_id.is_not_distinct_from(here.reseller_id),
            MailLogEntry.at < until,
        )
        .execution_options(synchronize_session=False)
    )
