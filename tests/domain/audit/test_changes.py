"""The before and after of events are read from the row: only what changes, and of secrets only that they did (BC-30)."""

from __future__ import annotations

from sqlalchemy import select

from app.audit.changes import changes_of
from app.audit.models import AuditEvent
from app.audit.services import SYSTEM
from app.notifications.models import MailSettings
from app.notifications.settings import save_mail_settings
from app.notifications.smtp import MailServer
from app.pricing.currencies import CurrencyDetails, save_currency
from tenants.context import direct_business_scope, scope
from tests.factories.world import MONDAY_NOON


def server(host: str, password: str) -> MailServer:
    return MailServer(host, 587, "tls", "post", password, "Nordwind", "post@nordwind.example")


def test_an_event_says_from_what_to_what(session, world):
    """BC-F78 (partly): of a currency that is saved anew."""
    with scope(world.scope):
        for culture in ("en-US", "de-DE"):
            details = CurrencyDetails(code="USD", culture=culture, is_active=True)
            save_currency(details, is_new=culture == "en-US", actor=SYSTEM, at=MONDAY_NOON)
        saved = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "pricing.currency_saved").order_by(AuditEvent.id)
        ).all()[-1]
    assert (saved.before, saved.after) == ({"culture": "en-US"}, {"culture": "de-DE"})


def test_of_a_secret_only_that_it_changed_is_told(session, world):
    with scope(direct_business_scope(world.id)):
        save_mail_settings(server("a.example", "Geheim-1"), reseller_id=None, actor=SYSTEM, at=MONDAY_NOON)
        session.flush()
        save_mail_settings(server("b.example", "Geheim-2"), reseller_id=None, actor=SYSTEM, at=MONDAY_NOON)
        session.flush()
        stored = session.scalars(select(MailSettings)).one().password_encrypted
    with scope(world.scope):
        first, second = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "mail_settings.saved").order_by(AuditEvent.id)
        ).all()
    assert (second.before["host"], second.after["host"]) == ("a.example", "b.example")
    assert (second.before.get("password_encrypted"), second.after["password_encrypted"]) == (None, "changed")
    for event in (first, second):
        assert [word for word in ("Geheim", stored) if word in str(event.before) + str(event.after)] == []


def test_what_stays_is_not_told(session, world):
    """Neither a secret that is written anew, which looks another each time it is encrypted."""
    with scope(world.scope):
        assert changes_of(world.category) == ({}, {})
    with scope(direct_business_scope(world.id)):
        for host in ("a.example", "b.example"):
            save_mail_settings(server(host, "Geheim-1"), reseller_id=None, actor=SYSTEM, at=MONDAY_NOON)
            session.flush()
    with scope(world.scope):
        last = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "mail_settings.saved").order_by(AuditEvent.id)
        ).all()[-1]
    assert (last.before, last.after) == ({"host": "a.example"}, {"host": "b.example"})
