"""The mail job against a real SMTP server: who sends, who gets it, what is logged, when it is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.core.config import settings
from app.core.db import BoundSession
from app.core.db import session as current_session
from app.notifications.delivery import BROKEN, MOST_CLAIMS
from app.notifications.facts import FACTS, templates_of
from app.notifications.models import MailLogEntry, MailSettings, MailState, OutboundMail
from app.notifications.samples import sample_fields
from app.notifications.services import queue_mail
from app.notifications.settings import TemplateChange, save_mail_settings, save_template
from app.notifications.smtp import MailServer
from app.notifications.templates import MailTemplate
from tenants.context import direct_business_scope, scope
from tenants.settings import StorefrontSettings, save_storefront_settings
from tests.factories.world import MONDAY_NOON, Shop, World
from tests.workers.notifications.conftest import MailBox
from workers.jobs import mail as mail_job
from workers.jobs.mail import send_mail


class Clock:
    """The job's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = MONDAY_NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(mail_job, "utc_now", made)
    return made


def give_settings(world: World, mailbox: MailBox, shop: Shop | None, sender: str) -> None:
    owner = direct_business_scope(world.id) if shop is None else shop.scope
    with scope(owner):
        save_mail_settings(
            MailServer("127.0.0.1", mailbox.port, "none", None, None, f"Post of {sender}", f"post@{sender}.example"),
            reseller_id=None if shop is None else shop.id,
            actor=SYSTEM,
            at=MONDAY_NOON,
        )
        current_session.commit()


def queue(
    world: World, template: MailTemplate, *, shop: Shop | None, to: str = "anna@olympus.example", **fields: str
) -> UUID:
    storefront = world.root if shop is None else shop.storefront
    assert storefront is not None
    with scope(world.scope if shop is None else shop.scope):
        mail_id = queue_mail(
            template,
            to_email=to,
            to_name="Anna",
            sender_reseller_id=None if shop is None else shop.id,
            storefront_id=storefront.id,
            fields={**sample_fields(template), **fields},
            at=MONDAY_NOON,
        )
        current_session.commit()
    return mail_id


def run(world: World, mail_id: UUID) -> None:
    send_mail(str(mail_id), distributor_id=str(world.id))


def row(world: World, mail_id: UUID) -> OutboundMail:
    with scope(world.scope):
        return current_session.scalars(
            select(OutboundMail).where(OutboundMail.id == mail_id).execution_options(populate_existing=True)
        ).one()


def log_of(world: World, shop: Shop) -> list[MailLogEntry]:
    with scope(shop.scope):
        return list(current_session.scalars(select(MailLogEntry).where(MailLogEntry.reseller_id == shop.id)))


def test_welcome_mail_holds_the_storefronts_address(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RS-F24: the welcome mail reaches the primary contact and contains the storefront URL."""
    give_settings(world, mailbox, None, "nordwind")
    address = "http://cloud.nordwind.example/techsolutions/"
    mail_id = queue(world, MailTemplate.STOREFRONT_WELCOME, shop=None, to="rhea@tech.example", storefront_url=address)

    run(world, mail_id)

    [mail] = mailbox.delivered
    assert mail.recipients == ["rhea@tech.example"]
    assert mail.message["From"] == "Post of nordwind <post@nordwind.example>"
    assert address in mail.text
    assert address in mail.html
    assert row(world, mail_id).state is MailState.SENT


def test_an_extra_recipient_receives_it_too(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RS-F25: an extra recipient configured in the template also receives it."""
    give_settings(world, mailbox, None, "nordwind")
    with scope(direct_business_scope(world.id)):
        change = TemplateChange(extra_recipients=("sales@nordwind.example",))
        save_template(MailTemplate.STOREFRONT_WELCOME, change, reseller_id=None, actor=SYSTEM, at=MONDAY_NOON)
        current_session.commit()

    run(world, queue(world, MailTemplate.STOREFRONT_WELCOME, shop=None))

    assert mailbox.delivered[0].recipients == ["anna@olympus.example", "sales@nordwind.example"]


def test_days_are_written_as_the_storefronts_owner_chose(world: World, mailbox: MailBox, clock: Clock) -> None:
    """UI.md, rule 3: rows keep ISO days, the reader sees days in the storefront's culture and style."""
    give_settings(world, mailbox, world.tech, "tech")
    storefront = world.tech.storefront
    assert storefront is not None
    with scope(world.tech.scope):
        german = StorefrontSettings(company_name="Tech", language="de", date_format="long")
        save_storefront_settings(storefront.id, german, reseller_id=world.tech.id, at=MONDAY_NOON)
        current_session.commit()

    run(world, queue(world, MailTemplate.CHANGE_DONE, shop=world.tech, effective_date="2026-12-03"))

    [mail] = mailbox.delivered
    assert "3. Dezember 2026" in mail.text
    assert "3. Dezember 2026" in mail.html
    assert "2026-12-03" not in mail.text + mail.html


def test_without_own_settings_nothing_leaves(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RS-F43: without own mail settings no customer mail is sent, not even through the distributor; the log says so."""
    give_settings(world, mailbox, None, "nordwind")
    mail_id = queue(world, MailTemplate.ORDER_CONFIRMATION, shop=world.tech)

    run(world, mail_id)

    assert mailbox.delivered == []
    assert row(world, mail_id).state is MailState.NOT_SENT
    [entry] = log_of(world, world.tech)
    assert (entry.state, entry.error) == (MailState.NOT_SENT, "not_sent_no_settings")


def test_a_mail_switched_off_is_not_sent_unless_it_is_needed(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RS-17: mails can be switched off, but for those nobody could sign in without."""
    give_settings(world, mailbox, world.tech, "tech")
    with scope(world.tech.scope):
        off = TemplateChange(is_enabled=False)
        save_template(MailTemplate.ORDER_APPROVED, off, reseller_id=world.tech.id, actor=SYSTEM, at=MONDAY_NOON)
        current_session.commit()

    run(world, queue(world, MailTemplate.ORDER_APPROVED, shop=world.tech))
    run(world, queue(world, MailTemplate.USER_ACTIVATION, shop=world.tech))

    assert [mail.message["Subject"] for mail in mailbox.delivered] == ["Activate your account at Tech Solutions"]
    assert [entry.error for entry in log_of(world, world.tech)] == ["not_sent_switched_off", None]


def test_confirmation_names_the_reseller_alone_and_links_to_its_order(
    world: World, mailbox: MailBox, clock: Clock
) -> None:
    """RS-F79, SF-F120: the confirmation's order link stands below the alias; no other tenant is named."""
    give_settings(world, mailbox, world.tech, "tech")
    link = "http://cloud.nordwind.example/techsolutions/orders/SO-2026-000001"

    run(world, queue(world, MailTemplate.ORDER_CONFIRMATION, shop=world.tech, order_url=link))

    [mail] = mailbox.delivered
    assert mail.message["From"] == "Post of tech <post@tech.example>"
    assert link in mail.text
    assert f'href="{link}"' in mail.html
    for part in (mail.text, mail.html, str(mail.message["Subject"])):
        assert "Nordwind" not in part
        assert "Cloudia" not in part


@pytest.mark.parametrize("theme", ["base", "studio", "harbor"])
def test_every_customer_mail_is_complete_and_small(world: World, mailbox: MailBox, clock: Clock, theme: str) -> None:
    """SF-F120, RS-27: every mail of a Standard reseller is complete in each look, ≤ 100 kB, and never names the distributor."""
    give_settings(world, mailbox, world.tech, "tech")
    assert world.tech.storefront is not None
    with scope(world.tech.scope):
        save_storefront_settings(
            world.tech.storefront.id,
            StorefrontSettings(company_name="Tech Solutions", theme=theme, skin="plum"),
            reseller_id=world.tech.id,
            at=MONDAY_NOON,
        )
        current_session.commit()
    templates = templates_of(is_distributor=False)

    for template in templates:
        run(world, queue(world, template, shop=world.tech))

    assert len(mailbox.delivered) == len(templates)
    for template, mail in zip(templates, mailbox.delivered, strict=True):
        values = sample_fields(template)
        for part in (mail.text, mail.html):
            assert "Nordwind" not in part, template
            assert "None" not in part
            assert "{{" not in part
            assert "Undefined" not in part
        action = FACTS[template].action
        if action is not None:
            assert values[action[0]] in mail.text, template
        assert mail.message["Subject"].strip()
        assert "<" not in mail.text
        assert mail.size <= 100_000


def test_every_mail_of_the_distributor_shows_its_fields(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RS-17: each mail says what its merge fields hold, in both parts."""
    give_settings(world, mailbox, None, "nordwind")
    templates = templates_of(is_distributor=True)

    for template in templates:
        run(world, queue(world, template, shop=None))

    for template, mail in zip(templates, mailbox.delivered, strict=True):
        shown = [name for name, value in sample_fields(template).items() if value in mail.text]
        assert len(shown) >= min(2, len(FACTS[template].fields)), template
        assert "Nordwind Cloud" in mail.text


def test_own_words_replace_ours_and_are_sanitised(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RS-17: subject and body can be changed, with merge fields; what could run is stripped; values are escaped."""
    give_settings(world, mailbox, world.tech, "tech")
    with scope(world.tech.scope):
        change = TemplateChange(
            subject="We declined {{order_number}}", body_html="<p>Sorry: <b>{{reason}}</b></p><script>alert(1)</script>"
        )
        save_template(MailTemplate.ORDER_DECLINED, change, reseller_id=world.tech.id, actor=SYSTEM, at=MONDAY_NOON)
        current_session.commit()

    run(world, queue(world, MailTemplate.ORDER_DECLINED, shop=world.tech, reason="<i>too large</i>"))

    [mail] = mailbox.delivered
    assert mail.message["Subject"] == "We declined SO-2026-000142"
    assert "<b>&lt;i&gt;too large&lt;/i&gt;</b>" in mail.html
    assert "alert(1)" not in mail.html
    assert "Sorry: <i>too large</i>" in mail.text


def test_a_second_run_sends_nothing(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RS-17: a mail is sent once, however often its job runs; its links are gone from the outbox then."""
    give_settings(world, mailbox, world.tech, "tech")
    mail_id = queue(world, MailTemplate.USER_ACTIVATION, shop=world.tech)
    assert row(world, mail_id).fields["activation_url"] != sample_fields(MailTemplate.USER_ACTIVATION)["activation_url"]

    for _ in range(3):
        run(world, mail_id)

    assert len(mailbox.delivered) == 1
    assert "activation_url" not in row(world, mail_id).fields
    assert len(log_of(world, world.tech)) == 1


def test_a_refused_mail_is_tried_after_1_5_and_30_minutes(
    world: World, mailbox: MailBox, clock: Clock, session: BoundSession
) -> None:
    """RS-17: tries after 1, 5 and 30 minutes, then Failed with the server's answer; RSN-20 after three failures."""
    give_settings(world, mailbox, world.tech, "tech")
    mailbox.refusal = "554 Mailbox on holiday"
    mail_id = queue(world, MailTemplate.ORDER_APPROVED, shop=world.tech)

    run(world, mail_id)
    for minutes in (1, 5, 30):
        assert row(world, mail_id).next_attempt_at == clock.now + timedelta(minutes=minutes)
        clock.now += timedelta(minutes=minutes, seconds=-1)
        attempts = row(world, mail_id).attempts
        run(world, mail_id)
        assert row(world, mail_id).attempts == attempts
        clock.now += timedelta(seconds=1)
        run(world, mail_id)

    failed = row(world, mail_id)
    assert (failed.state, failed.attempts) == (MailState.FAILED, 4)
    [entry] = log_of(world, world.tech)
    assert entry.state is MailState.FAILED
    assert "Mailbox on holiday" in (entry.error or "")
    with scope(world.scope):
        alarms = session.scalars(select(OutboundMail).where(OutboundMail.template == "mail_settings_fail")).all()
    assert [alarm.to_email for alarm in alarms] == [world.tech.admin.email]
    assert alarms[0].sender_reseller_id is None
    assert "Mailbox on holiday" in alarms[0].fields["error"]
    assert alarms[0].fields["settings_url"].endswith("/techsolutions/manage/mail")


def test_a_success_ends_the_row_of_failures(world: World, mailbox: MailBox, clock: Clock) -> None:
    """RSN-20: only failures in a row count."""
    give_settings(world, mailbox, world.tech, "tech")
    mailbox.refusal = "451 Later"
    run(world, queue(world, MailTemplate.ORDER_APPROVED, shop=world.tech))
    mailbox.refusal = ""
    run(world, queue(world, MailTemplate.ORDER_APPROVED, shop=world.tech))

    with scope(world.tech.scope):
        stored = current_session.scalars(select(MailSettings).where(MailSettings.reseller_id == world.tech.id)).one()
    assert stored.failures_in_a_row == 0


def test_a_loopback_server_that_is_not_allowed_is_never_reached(
    world: World, mailbox: MailBox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RS-17: private and loopback mail hosts are refused when a mail is sent, too."""
    give_settings(world, mailbox, world.tech, "tech")
    monkeypatch.setenv("ALLOWED_PRIVATE_TARGETS", "")
    settings.cache_clear()

    mail_id = queue(world, MailTemplate.ORDER_APPROVED, shop=world.tech)
    run(world, mail_id)

    assert mailbox.delivered == []
    assert "not an allowed mail server" in (row(world, mail_id).error or "")


def test_a_mail_that_cannot_be_made_is_given_up(
    world: World, mailbox: MailBox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributor_id, inside = str(world.id), world.scope
    give_settings(world, mailbox, world.tech, "tech")
    mail_id = queue(world, MailTemplate.TEST, shop=world.tech)

    def break_off(*_args: object) -> None:
        raise RuntimeError("cannot be rendered")

    monkeypatch.setattr(mail_job, "render", break_off)
    for _ in range(MOST_CLAIMS):
        with pytest.raises(RuntimeError):
            send_mail(str(mail_id), distributor_id=distributor_id)
        clock.now += timedelta(minutes=6)
    send_mail(str(mail_id), distributor_id=distributor_id)
    with scope(inside):
        found = current_session.scalars(select(OutboundMail).where(OutboundMail.id == mail_id)).one()
    assert (found.state, found.error) == (MailState.FAILED, BROKEN)
