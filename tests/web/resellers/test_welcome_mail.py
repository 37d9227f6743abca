"""The welcome mail of a new storefront, as it leaves (RS-09, RSN-1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.catalogue.models import Product
from app.core import db
from app.core.db import BoundSession
from app.notifications.models import MailSettings, MailTemplateSettings, OutboundMail
from app.notifications.services import MailTemplate
from app.notifications.smtp import Letter, MailServer
from tenants.context import direct_business_scope, scope
from tests.factories.world import MONDAY_NOON, World
from tests.web.conftest import SignIn
from workers.jobs.mail import send_mail


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[tuple[MailServer, Letter]]:
    """What was handed to a mail server."""
    handed: list[tuple[MailServer, Letter]] = []

    def keep(server: MailServer, letter: Letter, **_limits: object) -> None:
        handed.append((server, letter))

    monkeypatch.setattr("workers.jobs.mail.send", keep)
    return handed


@pytest.fixture
def distributors_mail(world: World, session: BoundSession) -> None:
    """The distributor's mail server, and one more recipient of the welcome mail."""
    with scope(direct_business_scope(world.id)):
        session.add_all(
            [
                MailSettings(
                    reseller_id=None,
                    sender_name="Nordwind",
                    sender_email="cloud@nordwind.example",
                    host="mail.nordwind.example",
                    port=465,
                    encryption="ssl",
                    updated_at=MONDAY_NOON,
                ),
                MailTemplateSettings(
                    reseller_id=None,
                    template=MailTemplate.STOREFRONT_WELCOME.value,
                    extra_recipients=["channel@nordwind.example"],
                ),
            ]
        )


def test_the_welcome_mail_reaches_contact_and_extra_recipient(
    world: World,
    plans: Sequence[Product],
    sign_in: SignIn,
    run_workers: Callable[[], None],
    distributors_mail: None,
    letters: list[tuple[MailServer, Letter]],
) -> None:
    """RS-F24, RS-F25: the welcome mail reaches the primary contact and the template's recipient, with the URL in it."""
    browser: FlaskClient = sign_in(world.bss_user)
    browser.post(
        f"/bss/accounts/{world.basic.id}/upgrade", data={"plan": f"{plans[0].id}:P1M:monthly", "alias": "sunrise"}
    )
    run_workers()
    with scope(world.scope):
        mail_id = db.session.scalars(
            select(OutboundMail.id).where(OutboundMail.template == MailTemplate.STOREFRONT_WELCOME.value)
        ).one()
    send_mail(str(mail_id), distributor_id=str(world.id))

    assert len(letters) == 1
    server, letter = letters[0]
    assert server.sender_email == "cloud@nordwind.example"
    assert letter.to_email == world.basic.admin.email
    assert letter.copies == ("channel@nordwind.example",)
    assert "cloud.nordwind.example/sunrise/" in letter.text
    assert "cloud.nordwind.example/sunrise/" in letter.html
