"""The first page of the administration of a storefront."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from http import HTTPStatus

from flask.testing import FlaskClient

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Term
from app.core.db import BoundSession
from app.manage.home.views import last_months
from app.notifications.settings import save_mail_settings
from app.notifications.smtp import MailServer
from app.pricing.models import SpecialPrice
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World
from tests.web.conftest import SignIn
from tests.web.manage.conftest import MANAGE


def test_a_new_storefront_is_told_its_first_steps(admin: FlaskClient) -> None:
    """RS-17: while there are no mail settings every page says so; the first steps lead to what is missing."""
    page = admin.get(f"{MANAGE}/")

    assert page.status_code == HTTPStatus.OK
    assert "No mail leaves your storefront" in page.text
    assert "No mail leaves your storefront" in admin.get(f"{MANAGE}/customers").text
    for words in ("Upload your logo", "List the first product", "Set up mail", "Add the first customer"):
        assert words in page.text


def test_the_warning_about_mail_ends_with_settings(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-17: with mail settings the red banner is gone."""
    with scope(world.tech.scope):
        server = MailServer("smtp.tech.example", 587, "tls", None, None, "Tech", "post@tech.example")
        save_mail_settings(server, reseller_id=world.tech.id, actor=SYSTEM, at=MONDAY_NOON)
        session.commit()

    assert "No mail leaves your storefront" not in admin.get(f"{MANAGE}/").text


def test_prices_below_cost_are_named(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-20: a special price that cost has overtaken is named on the first page; others are not."""
    with scope(world.tech.scope):
        for product, term, amount in ((world.seats, Term.P1M, "9.00"), (world.suite, Term.P1Y, "30.00")):
            session.add(
                SpecialPrice(
                    reseller_id=world.tech.id,
                    customer_id=None,
                    product_id=product.id,
                    term=term,
                    cycle=BillingCycle.MONTHLY,
                    currency="EUR",
                    amount=Decimal(amount),
                    created_at=MONDAY_NOON,
                )
            )
        session.commit()

    page = admin.get(f"{MANAGE}/").text
    assert "Some special prices are below cost" in page
    assert "Contoso Mail: customers see the cost" in page


def test_the_last_twelve_months_end_with_this_one() -> None:
    """RS-28: the chart covers twelve months across a year's end."""
    months = last_months(date(2026, 2, 17))
    assert (len(months), months[0], months[-1]) == (12, date(2025, 3, 1), date(2026, 2, 1))


def test_only_the_resellers_staff_opens_it(sign_in: SignIn, visitor: FlaskClient, world: World) -> None:
    """RS-13: visitors are sent to the login, customers get 403, and the root has no such page."""
    assert visitor.get(f"{MANAGE}/").status_code == HTTPStatus.SEE_OTHER
    assert sign_in(world.tech.buyers[0]).get(f"{MANAGE}/").status_code == HTTPStatus.FORBIDDEN
    assert visitor.get("/manage/").status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.SEE_OTHER)
