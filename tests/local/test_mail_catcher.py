from __future__ import annotations

import smtplib
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
import requests

from app.local.mail_catcher.server import MailCatcher

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def catcher(tmp_path):
    with MailCatcher(tmp_path / "mail", clock=lambda: NOON) as running:
        yield running


def send(catcher, *, to="buyer@corp.example", subject="Your order", bcc=None, sender="shop@disti.example"):
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message.set_content("Confirm at http://cloud.disti.localhost:8080/confirm?a=1&b=2.\n<script>alert(1)</script>")
    message.add_alternative("<p>Grüße</p><script>alert(1)</script>", subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="invoice.pdf")
    with smtplib.SMTP("127.0.0.1", catcher.smtp_port, timeout=10) as client:
        client.send_message(message, to_addrs=[to, *([bcc] if bcc else [])])


def get(catcher, path="", **parameters):
    return requests.get(catcher.url + path, params=parameters, timeout=10)


def messages(catcher, **parameters):
    return get(catcher, "api/messages", **parameters).json()["messages"]


def test_a_mail_is_told_with_all_its_parts(catcher):
    send(catcher, bcc="archive@disti.example")
    (found,) = messages(catcher)
    assert found["recipients"] == ["buyer@corp.example", "archive@disti.example"]
    assert (found["from"], found["to"], found["subject"]) == ("shop@disti.example", "buyer@corp.example", "Your order")
    assert found["text"].startswith("Confirm at http://")
    assert "<p>Grüße</p>" in found["html"]
    assert found["attachments"] == [{"name": "invoice.pdf", "content_type": "application/pdf", "size": 8}]
    assert found["received_at"] == "2026-11-22T12:00:00+00:00"


def test_mails_are_found_by_recipient_newest_first(catcher):
    send(catcher, to="a@corp.example", subject="First")
    send(catcher, to="b@corp.example", subject="Second")
    send(catcher, to="A@corp.example", subject="Third")
    assert [found["subject"] for found in messages(catcher, to="a@CORP")] == ["Third", "First"]
    assert [found["subject"] for found in messages(catcher)] == ["Third", "Second", "First"]
    listed = get(catcher, to="b@corp").text
    assert "Second" in listed
    assert "First" not in listed


def test_a_long_name_in_other_letters_is_read_in_one_piece(catcher):
    send(catcher, sender=Address("Τεχνολογικές Λύσεις Αιγαίου και Νήσων", "shop", "aegean.example"))
    (found,) = messages(catcher)
    assert found["from"] == "Τεχνολογικές Λύσεις Αιγαίου και Νήσων <shop@aegean.example>"
    assert "Τεχνολογικές Λύσεις Αιγαίου και Νήσων" in get(catcher).text


def test_mails_outlive_the_catcher(tmp_path):
    with MailCatcher(tmp_path) as first:
        send(first)
    with MailCatcher(tmp_path) as second:
        assert [found["subject"] for found in messages(second)] == ["Your order"]


def test_a_mail_cannot_run_anything_on_the_page(catcher):
    send(catcher)
    mail_id = messages(catcher)[0]["id"]
    page = get(catcher, f"messages/{mail_id}")
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    body = get(catcher, f"messages/{mail_id}/html")
    assert body.headers["Content-Security-Policy"].startswith("sandbox allow-popups ")
    assert "allow-scripts" not in body.headers["Content-Security-Policy"] + page.text


def test_an_address_in_a_text_becomes_a_link_without_its_full_stop(catcher):
    send(catcher)
    page = get(catcher, f"messages/{messages(catcher)[0]['id']}").text
    assert '<a href="http://cloud.disti.localhost:8080/confirm?a=1&amp;b=2" target="_blank" rel="noopener">' in page


def test_an_attachment_is_handed_over_as_it_came(catcher):
    send(catcher)
    answer = get(catcher, f"messages/{messages(catcher)[0]['id']}/attachments/0")
    assert answer.content == b"%PDF-1.7"
    assert answer.headers["Content-Disposition"] == "attachment; filename=invoice.pdf"


def test_a_storefront_that_signs_in_is_let_in(catcher):
    with smtplib.SMTP("127.0.0.1", catcher.smtp_port, timeout=10) as client:
        assert client.login("anybody", "anything")[0] == 235


@pytest.mark.parametrize("path", ["messages/1-1", "messages/..%2f..%2fetc", "messages/1-1/html", "messages/1-1/source"])
def test_a_mail_that_is_not_there_is_not_found(catcher, path):
    assert get(catcher, path).status_code == 404


def test_another_name_for_this_machine_is_refused(catcher):
    send(catcher)
    answer = requests.get(catcher.url + "api/messages", headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 400
    assert "buyer" not in answer.text


def test_all_mail_can_be_forgotten(catcher):
    send(catcher)
    assert requests.delete(catcher.url + "api/messages", timeout=10).status_code == 204
    assert messages(catcher) == []
    assert "Invite a user" in get(catcher).text
