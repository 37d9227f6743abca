"""Rules of mail settings, of owners' words, and of the connection to a mail server."""

from __future__ import annotations

import pytest

from app.audit.services import SYSTEM
from app.core.errors import Invalid
from app.notifications import smtp
from app.notifications.errors import MailNotSent
from app.notifications.facts import FACTS, templates_of
from app.notifications.samples import sample_fields
from app.notifications.settings import (
    NewMailSettings,
    TemplateChange,
    checked_server,
    clean_body,
    save_mail_settings,
    save_template,
    takes_copies,
    template_settings,
)
from app.notifications.smtp import Letter, MailServer, message_of, send
from app.notifications.templates import MailTemplate
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World

GOOD = NewMailSettings("Tech", "post@tech.example", "smtp.tech.example", 587, "tls", None, "secret")


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    monkeypatch.setattr(smtp, "addresses_of", lambda _host: addresses)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"port": 0}, "port_range"),
        ({"port": 65_536}, "port_range"),
        ({"encryption": "none"}, "host_not_allowed"),
        ({"encryption": "starttls"}, "choice"),
        ({"sender_email": "post@"}, "email"),
        ({"host": " "}, "required"),
        ({"sender_name": ""}, "required"),
    ],
)
def test_bad_settings_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], code: str
) -> None:
    """RS-17: each thing that is wrong is named by its code."""
    resolve(monkeypatch, "93.184.216.34")
    entered = NewMailSettings(**{**{name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}, **changed})
    with scope(world.tech.scope), pytest.raises(Invalid) as refusal:
        checked_server(entered, reseller_id=world.tech.id, allowed_private=())
    assert refusal.value.codes == (code,)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "::1", "fd00::1"])
def test_private_mail_hosts_are_refused(world: World, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """RS-17: a name that leads into a private or loopback network is `host_not_allowed`, unless the installation says so."""
    resolve(monkeypatch, "93.184.216.34", address)
    with scope(world.tech.scope):
        with pytest.raises(Invalid) as refusal:
            checked_server(GOOD, reseller_id=world.tech.id, allowed_private=())
        assert refusal.value.codes == ("host_not_allowed",)
        allowed = checked_server(GOOD, reseller_id=world.tech.id, allowed_private=("smtp.tech.example:587",))
    assert allowed.host == "smtp.tech.example"


def test_a_stored_password_is_never_sent_to_another_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """RS-F45: who changes the server must know the password; on the same server an empty field keeps it."""
    resolve(monkeypatch, "93.184.216.34")
    with scope(world.tech.scope):
        server = checked_server(GOOD, reseller_id=world.tech.id, allowed_private=())
        save_mail_settings(server, reseller_id=world.tech.id, actor=SYSTEM, at=MONDAY_NOON)
        silent = NewMailSettings("Tech", "post@tech.example", "smtp.tech.example", 465, "ssl")
        assert checked_server(silent, reseller_id=world.tech.id, allowed_private=()).password == "secret"
        moved = NewMailSettings("Tech", "post@tech.example", "smtp.thief.example", 465, "ssl")
        with pytest.raises(Invalid) as refusal:
            checked_server(moved, reseller_id=world.tech.id, allowed_private=())
    assert refusal.value.codes == ("required",)


def test_settings_of_a_reseller_are_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """RS-17, RS-32: nobody else sees a reseller's changes to its mails, not even the distributor."""
    with scope(world.tech.scope):
        change = TemplateChange(subject="Ours")
        save_template(MailTemplate.ORDER_APPROVED, change, reseller_id=world.tech.id, actor=SYSTEM, at=MONDAY_NOON)
    for stranger in (world.cloudia.scope, world.scope):
        with scope(stranger):
            assert template_settings(world.tech.id) == {}
    with scope(world.tech.scope):
        assert set(template_settings(world.tech.id)) == {MailTemplate.ORDER_APPROVED}


@pytest.mark.parametrize("words", ["{{x}}", "{{ x }}", "{{Order Number}}", "{{order_number}} {{cost_total}}", "{{}}"])
def test_unknown_merge_fields_are_refused(world: World, words: str) -> None:
    """RS-F46: an unknown merge field in a template is refused, wherever it stands, and nothing is stored."""
    for change in (TemplateChange(subject=words), TemplateChange(body_html=f"<p>{words}</p>")):
        with scope(world.tech.scope):
            with pytest.raises(Invalid) as refusal:
                save_template(
                    MailTemplate.ORDER_DECLINED, change, reseller_id=world.tech.id, actor=SYSTEM, at=MONDAY_NOON
                )
            assert refusal.value.codes == ("unknown_merge_field",)
            assert template_settings(world.tech.id) == {}


def test_words_keep_links_by_merge_field_and_lose_what_runs() -> None:
    """RS-17: a link's address may be a merge field; scripts and handlers are gone."""
    cleaned = clean_body('<p onclick="x()">Go <a href="{{order_url}}">there</a></p><script>y()</script>')
    assert cleaned is not None
    assert 'href="{{order_url}}"' in cleaned
    assert "onclick" not in cleaned
    assert "script" not in cleaned
    assert clean_body("  ") is None


def test_every_mail_has_samples_and_an_action_of_its_own_fields() -> None:
    """RS-17: previews know every field; a button leads where one of the mail's own fields says."""
    for template, facts in FACTS.items():
        assert set(sample_fields(template)) == set(facts.fields)
        assert facts.action is None or facts.action[0] in facts.fields
    assert not takes_copies(MailTemplate.PASSWORD_RESET)
    assert takes_copies(MailTemplate.ORDER_CONFIRMATION)
    assert MailTemplate.ORDER_AWAITS_APPROVAL not in templates_of(is_distributor=False)


def test_a_name_that_changes_its_answer_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """RS-17: the connection goes to the address that was checked."""
    resolve(monkeypatch, "93.184.216.34", "93.184.216.35")
    reached: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], _timeout: float) -> None:
        reached.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("socket.create_connection", refuse)
    server = MailServer("smtp.tech.example", 587, "tls", None, None, "Tech", "post@tech.example")
    with pytest.raises(MailNotSent, match="refused"):
        send(server, letter(), timeout_seconds=1, allowed_private=())
    assert reached == [("93.184.216.34", 587)]


def letter(subject: str = "Hello") -> Letter:
    return Letter(
        "<1@tech.example>", "anna@olympus.example", "Anna", subject, "Text", "<p>Text</p>", ("b@olympus.example",)
    )


def test_a_subject_cannot_bring_headers_of_its_own() -> None:
    """RS-17: line breaks in a subject are no way into the mail's head; both parts stand in the message."""
    server = MailServer("smtp.tech.example", 587, "tls", None, None, "Täch", "post@tech.example")
    message = message_of(server, letter("Hi\r\nBcc: thief@evil.example"))
    assert message["Bcc"] is None
    assert message["Cc"] == "b@olympus.example"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
