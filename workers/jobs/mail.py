"""Sending outbound mail: rendered in the storefront's look, handed to its owner's mail server, outcome recorded.

Mail to end customers leaves only through their reseller's own settings; there is no fallback (RS-17).
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from app.accounts.queries import get_account
from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import nudge_after_commit, session, unit_of_work
from app.core.queue import Nudge
from app.identity.models import User, UserStatus, UserType
from app.notifications import delivery
from app.notifications.errors import MailNotSent
from app.notifications.facts import FACTS
from app.notifications.jobs import SEND_MAIL, SEND_MAILS
from app.notifications.rendering import render_template
from app.notifications.services import About, AboutKind, Attachment, queue_mail
from app.notifications.smtp import Letter, MailServer, send
from app.notifications.templates import MailTemplate
from tenants.context import current_scope
from tenants.links import NoAddress, storefront_url
from tenants.models import Distributor
from themes.mails import RenderedMail
from workers.runtime import scoped_job

log = logging.getLogger(__name__)
TOGETHER = 50
SENDS_FOR = timedelta(minutes=3)


@scoped_job(SEND_MAIL)
def send_mail(mail_id: UUID) -> None:
    """Send one mail. Safe to run any number of times: only who holds the lease sends, a finished mail is left alone.

    A worker killed between the server's answer and our commit sends again after the lease; the Message-ID is the same.
    """
    _send(mail_id)


@scoped_job(SEND_MAILS)
def send_mails(distributor_id: UUID) -> None:
    """Send the due mails of the scope's distributor, the longest waiting first; asks for another job when time is up."""
    began, broken = time.monotonic(), set[UUID]()
    while time.monotonic() - began < SENDS_FOR.total_seconds():
        with unit_of_work():
            waiting = [each for each in delivery.due_mail_ids(utc_now(), TOGETHER) if each not in broken]
        if not waiting:
            return
        for mail_id in waiting:
            try:
                _send(mail_id)
            except (OperationalError, InterfaceError):
                raise  # the database is away, for the others too
            except Exception:  # its lease and its tries go on; the others need not wait for it
                log.exception("mail_broke_off", extra={"mail_id": str(mail_id)})
                broken.add(mail_id)
    with unit_of_work():
        nudge_after_commit(Nudge(SEND_MAILS, distributor_id, distributor_id))


def _send(mail_id: UUID) -> None:
    with unit_of_work():
        mail = delivery.claim_mail(mail_id, at=utc_now())
    if mail is None:
        return
    with unit_of_work():  # the claim counts even if what follows breaks off
        sending = delivery.sending_of(mail)
        if sending.server is None:
            delivery.mark_not_sent(mail, delivery.NO_SETTINGS, at=utc_now())
            return
        if not sending.is_enabled and not FACTS[mail.template].is_required:
            delivery.mark_not_sent(mail, delivery.SWITCHED_OFF, at=utc_now())
            return
        rendered = render(mail, sending)
        attachment = delivery.attachment_of(mail)
    letter = letter_of(mail, sending.server, rendered, sending.copies, attachment)
    try:
        send(
            sending.server,
            letter,
            timeout_seconds=settings().mail_timeout_seconds,
            allowed_private=settings().allowed_private_targets,
        )
    except MailNotSent as error:
        with unit_of_work():
            delivery.mark_failed_try(mail, str(error), at=utc_now())
            if delivery.count_failure(mail) and mail.sender_reseller_id is not None:
                _alarm(mail.sender_reseller_id, mail.storefront_id, str(error))
        return
    with unit_of_work():
        delivery.mark_sent(mail, at=utc_now())
        delivery.count_success(mail)


def letter_of(
    mail: delivery.ClaimedMail,
    server: MailServer,
    rendered: RenderedMail,
    copies: tuple[str, ...],
    attachment: Attachment | None = None,
) -> Letter:
    """Return the letter of a rendered mail; its Message-ID follows from the row, so that a repeat is recognisable."""
    domain = server.sender_email.rpartition("@")[2]
    return Letter(
        f"<{mail.id}@{domain}>",
        mail.to_email,
        mail.to_name,
        rendered.subject,
        rendered.text,
        rendered.html,
        copies,
        attachment=attachment,
    )


def render(mail: delivery.ClaimedMail, sending: delivery.Sending) -> RenderedMail:
    """Render a claimed mail in the look of the storefront it speaks for."""
    return render_template(
        mail.template,
        mail.fields,
        reseller_id=mail.sender_reseller_id,
        storefront_id=mail.storefront_id,
        owner_name=_owner_name(mail.sender_reseller_id),
        subject=sending.subject,
        body_html=sending.body_html,
    )


def _owner_name(reseller_id: UUID | None) -> str:
    if reseller_id is not None:
        return get_account(reseller_id).name
    return session.get_one(Distributor, current_scope().distributor_id).name


def _alarm(reseller_id: UUID, storefront_id: UUID | None, error: str) -> None:
    """Tell the reseller's Admins, through the distributor's mail, that theirs does not leave (RSN-20)."""
    admins = session.scalars(
        select(User).where(
            User.distributor_id == current_scope().distributor_id,
            User.account_id == reseller_id,
            User.type == UserType.ADMIN,
            User.status == UserStatus.ACTIVE,
        )
    )
    for admin in admins:
        queue_mail(
            MailTemplate.MAIL_SETTINGS_FAIL,
            to_email=admin.email,
            to_name=admin.full_name,
            sender_reseller_id=None,
            storefront_id=None,
            fields={
                "error": error,
                "settings_url": _settings_url(storefront_id),
            },
            about=About(AboutKind.ACCOUNT, reseller_id),
            at=utc_now(),
        )


def _settings_url(storefront_id: UUID | None) -> str:
    try:
        return storefront_url(storefront_id, "/manage/mail") if storefront_id else ""
    except NoAddress:  # the storefront has closed meanwhile
        return ""
