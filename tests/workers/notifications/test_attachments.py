"""A document that goes with a mail: kept while the mail is tried, sent once, told of in the log (CB-17, CB-18)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.db import session as current_session
from app.core.errors import Invalid
from app.notifications.delivery import MOST_CLAIMS, RETRY_AFTER
from app.notifications.models import MailAttachment, MailLogEntry, MailState, OutboundMail
from app.notifications.samples import sample_fields
from app.notifications.services import MOST_BYTES, Attachment, queue_mail
from app.notifications.templates import MailTemplate
from tenants.context import direct_business_scope, scope
from tests.factories.world import MONDAY_NOON, Shop, World
from tests.workers.notifications.conftest import MailBox
from tests.workers.notifications.test_send_mail import Clock, clock, give_settings, row, run
from workers.jobs import mail as mail_job
from workers.jobs.mail import send_mail

__all__ = ("clock",)
PAPER = Attachment("OF-2026-000017.pdf", b"%PDF-1.7 an offer \r\n\x00\xff")


def queue(world: World, attachment: Attachment | None = PAPER, shop: Shop | None = None):
    with scope(world.scope if shop is None else shop.scope):
        mail_id = queue_mail(
            MailTemplate.OFFER_SENT,
            to_email="anna@olympus.example",
            sender_reseller_id=None,
            storefront_id=world.root.id,
            fields=sample_fields(MailTemplate.OFFER_SENT),
            attachment=attachment,
            at=MONDAY_NOON,
        )
        current_session.commit()
    return mail_id


def kept(world: World) -> list[MailAttachment]:
    with scope(world.scope):
        return list(current_session.scalars(select(MailAttachment).execution_options(populate_existing=True)))


def log(world: World) -> list[MailLogEntry]:
    with scope(direct_business_scope(world.id)):
        return list(current_session.scalars(select(MailLogEntry)))


def test_it_arrives_beside_both_texts_and_is_kept_no_longer(world: World, mailbox: MailBox, clock: Clock) -> None:
    give_settings(world, mailbox, None, "nordwind")
    mail_id = queue(world)
    run(world, mail_id)
    run(world, mail_id)
    [mail] = mailbox.delivered
    [part] = mail.message.iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_content()) == (
        PAPER.name,
        "application/pdf",
        PAPER.content,
    )
    assert "offer" in mail.text
    assert "offer" in mail.html
    assert (row(world, mail_id).state, row(world, mail_id).attachment_id, kept(world)) == (MailState.SENT, None, [])
    [entry] = log(world)
    assert (entry.attachment_name, entry.attachment_size) == (PAPER.name, len(PAPER.content))


def test_a_mail_without_one_has_none(world: World, mailbox: MailBox, clock: Clock) -> None:
    give_settings(world, mailbox, None, "nordwind")
    run(world, queue(world, None))
    [mail] = mailbox.delivered
    assert list(mail.message.iter_attachments()) == []
    assert [entry.attachment_name for entry in log(world)] == [None]


def test_it_waits_with_the_mail_and_goes_with_its_last_try(world: World, mailbox: MailBox, clock: Clock) -> None:
    give_settings(world, mailbox, None, "nordwind")
    mailbox.refusal = "451 Not now"
    mail_id = queue(world)
    for pause in (*RETRY_AFTER, timedelta()):
        run(world, mail_id)
        assert len(kept(world)) == (1 if pause else 0)
        clock.now += pause
    assert row(world, mail_id).state is MailState.FAILED
    assert [entry.attachment_name for entry in log(world)] == [PAPER.name]


def test_it_goes_where_nothing_may_leave(world: World, clock: Clock) -> None:
    mail_id = queue(world)
    run(world, mail_id)
    assert (row(world, mail_id).state, kept(world)) == (MailState.NOT_SENT, [])


def test_it_goes_with_a_mail_that_cannot_be_made(
    world: World, mailbox: MailBox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, distributor_id = world.scope, str(world.id)
    give_settings(world, mailbox, None, "nordwind")
    mail_id = queue(world)

    def break_off(*_args: object) -> None:
        raise RuntimeError("cannot be rendered")

    monkeypatch.setattr(mail_job, "render", break_off)
    for _ in range(MOST_CLAIMS):
        with pytest.raises(RuntimeError):
            send_mail(str(mail_id), distributor_id=distributor_id)
        clock.now += timedelta(minutes=6)
    send_mail(str(mail_id), distributor_id=distributor_id)
    with scope(inside):
        assert current_session.scalars(select(OutboundMail.state)).one() is MailState.FAILED
        assert list(current_session.scalars(select(MailAttachment))) == []


def test_what_is_too_large_is_refused_and_nothing_is_queued(world: World) -> None:
    with pytest.raises(Invalid) as refusal:
        queue(world, Attachment("big.pdf", bytes(MOST_BYTES + 1)))
    current_session.rollback()
    assert refusal.value.codes == ("file_size",)
    with scope(world.scope):
        assert list(current_session.scalars(select(OutboundMail))) == []


def test_whoever_may_queue_a_mail_may_attach_to_it_and_not_read_it(
    world: World, mailbox: MailBox, clock: Clock
) -> None:
    """As the outbox: every scope of the distributor hands in, its jobs alone read."""
    give_settings(world, mailbox, None, "nordwind")
    mail_id = queue(world, shop=world.basic)
    with scope(world.basic.scope):
        assert list(current_session.scalars(select(MailAttachment))) == []
    run(world, mail_id)
    [mail] = mailbox.delivered
    assert len(list(mail.message.iter_attachments())) == 1
