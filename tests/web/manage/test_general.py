"""Settings → General of a reseller's storefront, as a browser meets it."""

from __future__ import annotations

import html
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from app.accounts.models import Account, PaymentMethod
from app.core.db import BoundSession
from app.identity.recovery import store_password
from tenants.context import distributor_scope, scope
from tenants.settings import StorefrontSettings, storefront_settings
from tests.domain.identity.people import answer_forgotten, give_password, link_of, mailed
from tests.factories.world import MONDAY_NOON, World
from tests.web.conftest import SignIn
from tests.web.manage.conftest import MANAGE

GOOD = {
    "company_name": "Tech Solutions",
    "language": "en",
    "time_zone": "Europe/Athens",
    "date_format": "medium",
    "rounding": "none",
    "landing_page": "home",
    "new_customers_need_approval": "y",
}


def stored(world: World) -> StorefrontSettings:
    assert world.tech.storefront is not None
    with scope(world.tech.scope):
        return storefront_settings(world.tech.storefront.id)


def test_general_shows_what_is_stored(admin: FlaskClient) -> None:
    page = admin.get(f"{MANAGE}/settings/general")

    assert page.status_code == HTTPStatus.OK
    assert 'value="Tech Solutions"' in page.text
    assert "/techsolutions/" in page.text


def test_company_name_of_any_script_becomes_the_tab_title(
    admin: FlaskClient, visitor: FlaskClient, world: World
) -> None:
    """RS-F36: an empty company name is refused; "Ψηφιακές Λύσεις & Co." is accepted and is the tab title."""
    refused = admin.post(f"{MANAGE}/settings/general", data={**GOOD, "company_name": "  ", "seo_title": "Kept"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Enter the name your customers know you by" in refused.text
    assert 'value="Kept"' in refused.text
    assert stored(world).company_name == "Tech Solutions"
    assert stored(world).seo_title == ""

    saved = admin.post(f"{MANAGE}/settings/general", data={**GOOD, "company_name": "Ψηφιακές Λύσεις & Co."})
    assert saved.status_code == HTTPStatus.SEE_OTHER
    title = visitor.get("/techsolutions/login").text.partition("<title>")[2].partition("</title>")[0]
    assert "Ψηφιακές Λύσεις & Co." in html.unescape(title)


def test_self_registration_needs_anonymous_access(admin: FlaskClient, world: World) -> None:
    """RS-F37: self-registration cannot be switched on while anonymous access is off; nothing is stored."""
    refused = admin.post(
        f"{MANAGE}/settings/general", data={**GOOD, "company_name": "Other name", "self_registration": "y"}
    )
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Visitors can only register where they can look around first" in refused.text
    assert stored(world).company_name == "Tech Solutions"
    assert stored(world).self_registration is False

    admin.post(f"{MANAGE}/settings/general", data={**GOOD, "anonymous_access": "y", "self_registration": "y"})
    assert stored(world).self_registration is True


def test_anonymous_access_opens_the_catalogue_without_prices(admin: FlaskClient, visitor: FlaskClient) -> None:
    """RS-F38 (partly): off, the catalogue redirects to the login; on, it shows listed products, no prices by default."""
    closed = visitor.get("/techsolutions/catalogue")
    assert closed.status_code == HTTPStatus.SEE_OTHER
    assert "/techsolutions/login" in closed.headers["Location"]

    admin.post(f"{MANAGE}/settings/general", data={**GOOD, "anonymous_access": "y"})
    opened = visitor.get("/techsolutions/catalogue")
    assert opened.status_code == HTTPStatus.OK
    assert "Contoso Mail" in opened.text
    assert "10.00" not in opened.text


@pytest.mark.parametrize("choice", ["none", "up_0.05", "up_0.10", "up_0.50", "up_1.00", "up_99"])
def test_rounding_is_chosen_from_the_list(admin: FlaskClient, world: World, choice: str) -> None:
    """RS-F60 (partly): the rounding of marked-up prices is a setting of the storefront."""
    admin.post(f"{MANAGE}/settings/general", data={**GOOD, "rounding": choice})
    assert stored(world).rounding == choice

    refused = admin.post(f"{MANAGE}/settings/general", data={**GOOD, "rounding": "up_0.07"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert stored(world).rounding == choice


def test_approval_of_new_customers_is_locked_for_card_payers(
    admin: FlaskClient, world: World, session: BoundSession
) -> None:
    """RS-F75, SF-F63: a card payer cannot switch approval off, not even by a direct call."""
    with scope(distributor_scope(world.id)):
        session.get_one(Account, (world.id, world.tech.id)).payment_method = PaymentMethod.CARD
        session.commit()

    page = admin.get(f"{MANAGE}/settings/general")
    assert "Approval of orders stays on for all customers" in page.text
    admin.post(f"{MANAGE}/settings/general", data={k: v for k, v in GOOD.items() if k != "new_customers_need_approval"})
    assert stored(world).new_customers_need_approval is True


def test_settings_of_another_storefront_stay_as_they_are(admin: FlaskClient, visitor: FlaskClient) -> None:
    """RS-F40 (partly): what one reseller saves is not seen at another alias, nor at the root."""
    admin.post(f"{MANAGE}/settings/general", data={**GOOD, "company_name": "Renamed"})

    assert "Renamed" in visitor.get("/techsolutions/login").text
    assert "Renamed" not in visitor.get("/cloudia/login").text
    assert "Renamed" not in visitor.get("/login").text


def test_a_customers_user_has_no_admin_area(sign_in: SignIn, world: World) -> None:
    """RS-13: end customers never open the admin area, not even their Admins."""
    customer = sign_in(world.tech.buyers[0])

    assert customer.get(f"{MANAGE}/settings/general").status_code == HTTPStatus.FORBIDDEN
    assert (
        customer.post(f"{MANAGE}/settings/general", data={**GOOD, "company_name": "X"}).status_code
        == HTTPStatus.FORBIDDEN
    )
    assert stored(world).company_name == "Tech Solutions"


@pytest.mark.parametrize(("choice", "path"), [("home", "/"), ("catalogue", "/catalogue"), ("dashboard", "/billing")])
def test_customers_start_where_the_owner_says(
    admin: FlaskClient, visitor: FlaskClient, world: World, session: BoundSession, choice: str, path: str
) -> None:
    """RS-14: the landing page after sign-in is home, the catalogue or the billing overview."""
    assert world.tech.storefront is not None
    password = "Quiet-Harbour-77"
    person = world.tech.buyers[0]
    with scope(world.tech.customer_scope()):
        store_password(person, world.tech.storefront.id, password, at=MONDAY_NOON)
        session.commit()
    admin.post(f"{MANAGE}/settings/general", data={**GOOD, "landing_page": choice})

    entered = visitor.post("/techsolutions/login", data={"email": person.email, "password": password})

    assert entered.status_code == HTTPStatus.SEE_OTHER
    assert entered.headers["Location"] == f"/techsolutions{path}"


@pytest.mark.parametrize("typed", ["7", "65", "-1", "ten", ""])
def test_an_impossible_shortest_password_changes_nothing(admin: FlaskClient, world: World, typed: str) -> None:
    """SF-13: 8 to 64 characters."""
    before = stored(world)
    refused = admin.post(f"{MANAGE}/settings/general", data={**GOOD, "password_length": typed})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="password_length-error"' in refused.text
    assert stored(world) == before


def test_new_passwords_are_as_long_as_the_owner_wants(admin: FlaskClient, visitor: FlaskClient, world: World) -> None:
    """SF-13: the policy is the storefront's own: ten characters unless its owner says otherwise; the page tells."""
    shop, buyer = world.tech.storefront.id, world.tech.buyers[0]
    assert stored(world).password_length == 10
    assert admin.post(f"{MANAGE}/settings/general", data={**GOOD, "password_length": "14"}).status_code == 303
    give_password(world, buyer, shop, "Blue-Harbour-42")  # fifteen
    visitor.post("/techsolutions/password", data={"email": buyer.email})
    answer_forgotten(world)
    link = urlsplit(link_of(mailed(world, "password_reset")[0], "reset_url")).path
    shown = visitor.get(link).text
    refused = visitor.post(link, data={"password": "Green-Tree-43", "repeat": "Green-Tree-43"})
    assert ("At least 14 characters" in shown, refused.status_code) == (True, HTTPStatus.UNPROCESSABLE_ENTITY)
    taken = visitor.post(link, data={"password": "Green-Trees-43", "repeat": "Green-Trees-43"})
    assert taken.status_code == HTTPStatus.SEE_OTHER


def test_the_owner_asks_for_a_mailed_code_and_lets_passwords_expire(admin: FlaskClient, world: World) -> None:
    """Switched on per storefront (SF-12, SF-13); another number of days is refused and nothing is stored."""
    form = {**GOOD, "second_factor_by_mail": "y", "password_days": "91"}
    refused = admin.post(f"{MANAGE}/settings/general", data=form)
    before = stored(world)
    saved = admin.post(f"{MANAGE}/settings/general", data={**form, "password_days": "90"})
    after = stored(world)

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose how long a password is valid" in refused.text
    assert (before.second_factor_by_mail, before.password_days) == (False, 0)
    assert saved.status_code == HTTPStatus.SEE_OTHER
    assert (after.second_factor_by_mail, after.password_days) == (True, 90)
