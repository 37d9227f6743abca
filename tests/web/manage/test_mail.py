"""Mail settings, templates and log of a reseller, and of the distributor in its back office."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.core.config import settings
from app.core.db import BoundSession
from app.core.ids import new_id
from app.core.secrets import decrypt
from app.notifications.models import MailLogEntry, MailSettings, MailState, MailTemplateSettings
from app.notifications.smtp import Letter, MailServer
from app.owner import mail as mail_pages
from tenants.context import direct_business_scope, scope
from tests.factories.world import MONDAY_NOON, World
from tests.web.conftest import SignIn
from tests.web.manage.conftest import MANAGE

SECRET = "hunter-2-and-more"
SERVER = {
    "sender_name": "Tech Post",
    "sender_email": "post@tech.example",
    "host": "127.0.0.1",
    "port": "2525",
    "encryption": "none",
    "username": "tech",
    "password": SECRET,
}


@pytest.fixture(autouse=True)
def allowed_target(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The installation allows one mail server on loopback."""
    with monkeypatch.context() as changed:
        changed.setenv("ALLOWED_PRIVATE_TARGETS", "127.0.0.1:2525")
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[tuple[MailServer, Letter]]:
    """What would have been handed to a mail server (tests/workers/notifications talks to a real one)."""
    sent: list[tuple[MailServer, Letter]] = []
    monkeypatch.setattr(mail_pages, "send", lambda server, letter, **_given: sent.append((server, letter)))
    return sent


def stored(session: BoundSession, world: World) -> MailSettings | None:
    with scope(world.tech.scope):
        return session.scalars(select(MailSettings).execution_options(populate_existing=True)).one_or_none()


def test_test_mail_goes_to_the_signed_in_person_and_stores_nothing(
    admin: FlaskClient, world: World, session: BoundSession, letters: list[tuple[MailServer, Letter]]
) -> None:
    """RS-F44: the test mail goes to the signed-in user's address and does not save the form."""
    page = admin.post(f"{MANAGE}/mail/test", data=SERVER)

    assert page.status_code == HTTPStatus.OK
    assert world.tech.admin.email in page.text
    [(server, letter)] = letters
    assert letter.to_email == world.tech.admin.email
    assert (server.host, server.password) == ("127.0.0.1", SECRET)
    assert stored(session, world) is None
    assert SECRET not in page.text


def test_a_stored_password_is_never_shown(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-F45: the stored mail password is returned by no page; an empty field keeps it, on the same server only."""
    assert admin.post(f"{MANAGE}/mail", data=SERVER).status_code == HTTPStatus.SEE_OTHER
    kept = stored(session, world)
    assert kept is not None
    assert kept.password_encrypted is not None
    assert SECRET not in kept.password_encrypted

    refused = admin.post(f"{MANAGE}/mail", data={**SERVER, "port": "0"})
    pages = [refused.text, admin.get(f"{MANAGE}/mail").text, admin.get(f"{MANAGE}/mail/log").text]
    assert all(SECRET not in text for text in pages)
    assert all(kept.password_encrypted not in text for text in pages)

    admin.post(f"{MANAGE}/mail", data={**SERVER, "password": "", "sender_name": "Other"})
    again = stored(session, world)
    assert again is not None
    assert again.sender_name == "Other"
    assert decrypt(again.password_encrypted or "") == SECRET

    moved = admin.post(f"{MANAGE}/mail/test", data={**SERVER, "password": "", "host": "smtp.elsewhere.example"})
    assert moved.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"port": "70000"}, "Enter a port between 1 and 65535"),
        ({"sender_email": "nobody"}, "Enter an e-mail address"),
        ({"encryption": "rot13"}, "Choose SSL or TLS"),
        ({"host": "127.0.0.1", "port": "2526"}, "This mail server cannot be used from here"),
        ({"sender_name": ""}, "Enter the name people see as sender"),
    ],
)
def test_bad_mail_settings_are_refused(
    admin: FlaskClient, world: World, session: BoundSession, changed: dict[str, str], words: str
) -> None:
    """RS-17: a port outside 1 to 65535 and private mail hosts are refused; nothing is stored."""
    page = admin.post(f"{MANAGE}/mail", data={**SERVER, **changed})

    assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in page.text
    assert stored(session, world) is None


def test_unknown_merge_fields_are_refused(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-F46: an unknown merge field in a template is refused."""
    path = f"{MANAGE}/mail/templates/order_declined"
    for subject, body in (("About {{x}}", ""), ("", "<p>{{ Secret Field }}</p>"), ("{{cost_total}}", "")):
        page = admin.post(path, data={"is_enabled": "y", "subject": subject, "body_html": body})
        assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "This mail has no field" in page.text
    with scope(world.tech.scope):
        assert session.scalars(select(MailTemplateSettings)).all() == []

    saved = admin.post(
        path, data={"is_enabled": "y", "subject": "About {{order_number}}", "body_html": "<p>{{reason}}</p>"}
    )
    assert saved.status_code == HTTPStatus.SEE_OTHER


def test_a_mail_is_changed_previewed_and_reset(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-17: own words with a preview of sample data; a reset brings ours back; copies are at most five addresses."""
    path = f"{MANAGE}/mail/templates/order_declined"
    words = {
        "is_enabled": "y",
        "subject": "About {{order_number}}",
        "body_html": "<p>Why: {{reason}}<script>x()</script></p>",
    }
    preview = admin.post(f"{path}/preview", data=words)
    assert "Why: Order the yearly plan instead" in preview.text
    assert "x()" not in preview.text
    assert "script-src" not in preview.headers["Content-Security-Policy"]

    many = admin.post(path, data={**words, "extra_recipients": "\n".join(f"p{n}@tech.example" for n in range(6))})
    assert many.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    admin.post(path, data={**words, "extra_recipients": "boss@tech.example"})
    with scope(world.tech.scope):
        changed = session.scalars(select(MailTemplateSettings)).one()
    assert changed.extra_recipients == ["boss@tech.example"]
    assert "script" not in (changed.body_html or "")
    assert "boss@tech.example" in admin.get(path).text

    admin.post(f"{path}/reset")
    with scope(world.tech.scope):
        assert session.scalars(select(MailTemplateSettings)).all() == []


def test_links_that_let_somebody_in_are_copied_to_nobody(
    admin: FlaskClient, world: World, session: BoundSession
) -> None:
    """RS-17: activation and reset mails cannot be switched off, and nobody else gets their links."""
    path = f"{MANAGE}/mail/templates/user_activation"
    off = admin.post(path, data={"subject": "", "body_html": ""})
    copied = admin.post(path, data={"is_enabled": "y", "extra_recipients": "boss@tech.example"})

    assert (off.status_code, copied.status_code) == (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert "Nobody can sign in without this mail" in off.text
    with scope(world.tech.scope):
        assert session.scalars(select(MailTemplateSettings)).all() == []


def test_a_reseller_changes_only_mails_to_its_customers(admin: FlaskClient, world: World) -> None:
    """RS-17: mails from the distributor are not the reseller's to write."""
    assert admin.get(f"{MANAGE}/mail/templates/storefront_welcome").status_code == HTTPStatus.NOT_FOUND
    assert admin.get(f"{MANAGE}/mail/templates/order_confirmation").status_code == HTTPStatus.OK


def test_the_log_holds_own_mail_only(admin: FlaskClient, sign_in: SignIn, world: World, session: BoundSession) -> None:
    """RS-F43 (partly), RS-17: the log says what was not sent and why; each owner sees its own."""
    for owner, reseller_id, address in (
        (world.tech.scope, world.tech.id, "anna@tech.example"),
        (world.cloudia.scope, world.cloudia.id, "carl@cloudia.example"),
        (direct_business_scope(world.id), None, "dora@direct.example"),
    ):
        with scope(owner):
            session.add(
                MailLogEntry(
                    reseller_id=reseller_id,
                    mail_id=new_id(),
                    at=MONDAY_NOON,
                    template="order_confirmation",
                    to_email=address,
                    state=MailState.NOT_SENT,
                    error="not_sent_no_settings",
                    attachment_name="SO-1.pdf",
                    attachment_size=1500,
                )
            )
            session.commit()

    own = admin.get(f"{MANAGE}/mail/log").text
    assert "anna@tech.example" in own
    assert "There are no mail settings" in own
    assert "with SO-1.pdf, 2 KB" in own
    assert "carl@cloudia.example" not in own
    assert "dora@direct.example" not in own
    assert "anna@tech.example" not in admin.get(f"{MANAGE}/mail/log?q=carl").text


def test_the_distributors_mail_is_set_in_the_back_office(sign_in: SignIn, world: World, session: BoundSession) -> None:
    """RS-17: the distributor's own mail has the same pages; resellers' settings stay theirs."""
    bss = sign_in(world.bss_user)
    assert bss.get("/bss/mail").status_code == HTTPStatus.OK
    assert bss.get("/bss/mail/templates/storefront_welcome").status_code == HTTPStatus.OK
    assert bss.get("/bss/mail/log").status_code == HTTPStatus.OK

    assert bss.post("/bss/mail", data={**SERVER, "sender_name": "Nordwind Post"}).status_code == HTTPStatus.SEE_OTHER

    with scope(direct_business_scope(world.id)):
        own = session.scalars(select(MailSettings)).one()
    assert (own.sender_name, own.reseller_id) == ("Nordwind Post", None)
    assert stored(session, world) is None
