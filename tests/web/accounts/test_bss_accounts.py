"""Accounts in the back office: every page, every form, every refusal (BC-16, BC-18, BC-20, RS-02)."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import Account, AccountStatus
from app.core.db import BoundSession
from app.identity.models import User, UserKind, UserStatus, UserType
from app.notifications.models import OutboundMail
from app.notifications.services import MailTemplate
from app.pricing.models import PriceListAssignment
from tenants.context import scope
from tests.factories.world import World, make_user, make_world
from tests.web.conftest import SignIn

COMPANY = {
    "name": "Helios Trading",
    "email": "office@helios.example",
    "country": "GR",
    "currency": "EUR",
    "ordering_enabled": "y",
    "payment_method": "cash",
    "billing_day_rule": "first_day",
    "partial_charges": "order_day",
    "payment_days": "30",
    "credit_limit": "500",
}


@pytest.fixture
def bss(world: World, sign_in: SignIn) -> FlaskClient:
    return sign_in(world.bss_user)


def named(world: World, session: BoundSession, name: str) -> Account | None:
    with scope(world.scope):
        return session.scalars(select(Account).where(Account.name == name)).one_or_none()


def test_the_list_finds_filters_and_exports(world: World, bss: FlaskClient) -> None:
    page = bss.get("/bss/accounts?q=tech&kind=reseller").get_data(as_text=True)
    csv = bss.get("/bss/accounts?kind=end_customer&format=csv").get_data(as_text=True)
    excel = bss.get("/bss/accounts?format=xlsx")

    assert f"/bss/accounts/{world.tech.id}" in page
    assert f"/bss/accounts/{world.cloudia.id}" not in page
    assert csv.count("End customer") == 4
    assert "Tech Solutions,Active" in csv
    assert str(excel.mimetype).endswith("sheet")


def test_an_odd_query_string_is_no_error(bss: FlaskClient) -> None:
    answer = bss.get("/bss/accounts?kind=x&status=y&edition=z&sort=q&reseller=1&page=-3&size=7")

    assert answer.status_code == HTTPStatus.OK


@pytest.mark.parametrize("tab", ["", "/users", "/customers", "/orders", "/subscriptions", "/credit", "/history"])
def test_every_tab_of_a_reseller_opens(world: World, bss: FlaskClient, tab: str) -> None:
    answer = bss.get(f"/bss/accounts/{world.tech.id}{tab}")

    assert answer.status_code == HTTPStatus.OK
    assert "Tech Solutions" in answer.get_data(as_text=True)


@pytest.mark.parametrize("tab", ["", "/users", "/orders", "/subscriptions", "/credit", "/history", "/edit"])
def test_every_tab_of_a_customer_opens(world: World, bss: FlaskClient, tab: str) -> None:
    answer = bss.get(f"/bss/accounts/{world.tech.customers[0].id}{tab}")

    assert answer.status_code == HTTPStatus.OK


def test_the_page_of_a_reseller_links_to_its_storefront(world: World, bss: FlaskClient) -> None:
    page = bss.get(f"/bss/accounts/{world.tech.id}").get_data(as_text=True)

    assert "/techsolutions/" in page
    assert "Standard" in page


def test_a_reseller_without_price_list_is_warned_about(world: World, bss: FlaskClient, session: BoundSession) -> None:
    warning = "No price list is assigned"
    before = bss.get(f"/bss/accounts/{world.basic.id}").get_data(as_text=True)
    with scope(world.scope):
        for row in session.scalars(select(PriceListAssignment).where(PriceListAssignment.payer_id == world.basic.id)):
            session.delete(row)
    after = bss.get(f"/bss/accounts/{world.basic.id}").get_data(as_text=True)

    assert warning not in before
    assert warning in after


def test_a_new_reseller_is_added(world: World, bss: FlaskClient, session: BoundSession) -> None:
    answer = bss.post("/bss/accounts/new", data={**COMPANY, "is_reseller": "y", "restrict_to_price_lists": "y"})
    account = named(world, session, "Helios Trading")

    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert account is not None
    assert (account.edition, account.credit_limit, account.restrict_to_price_lists) == ("basic", Decimal(500), True)


def test_a_refused_account_keeps_what_was_typed(world: World, bss: FlaskClient, session: BoundSession) -> None:
    data = {**COMPANY, "is_reseller": "y", "credit_limit": "-1", "website": "javascript:alert(1)"}
    del data["ordering_enabled"]
    answer = bss.post("/bss/accounts/new", data=data)
    page = answer.get_data(as_text=True)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "A reseller must be allowed to order" in page
    assert 'value="Helios Trading"' in page
    assert named(world, session, "Helios Trading") is None


def test_the_same_name_and_country_needs_a_second_look(world: World, bss: FlaskClient, session: BoundSession) -> None:
    data = {**COMPANY, "name": "direct trading"}
    first = bss.post("/bss/accounts/new", data=data)
    second = bss.post("/bss/accounts/new", data={**data, "save_anyway": "1"})

    assert (first.status_code, second.status_code) == (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SEE_OTHER)
    assert named(world, session, "direct trading") is not None


def test_an_account_is_edited_and_made_a_reseller(world: World, bss: FlaskClient, session: BoundSession) -> None:
    shown = bss.get(f"/bss/accounts/{world.direct.id}/edit")
    answer = bss.post(f"/bss/accounts/{world.direct.id}/edit", data={**COMPANY, "is_reseller": "y"})
    account = named(world, session, "Helios Trading")

    assert (shown.status_code, answer.status_code) == (HTTPStatus.OK, HTTPStatus.SEE_OTHER)
    assert account is not None
    assert (account.id, account.reseller_id) == (world.direct.id, world.direct.id)


def test_a_customer_is_added_to_a_reseller_and_edited(world: World, bss: FlaskClient, session: BoundSession) -> None:
    data = {"name": "Corner Bakery", "email": "hi@bakery.example", "country": "GR"}
    added = bss.post(f"/bss/accounts/{world.basic.id}/customers/new", data=data)
    bakery = named(world, session, "Corner Bakery")
    assert bakery is not None
    edited = bss.post(f"/bss/accounts/{bakery.id}/edit", data={**data, "city": "Volos"})

    assert (added.status_code, edited.status_code) == (HTTPStatus.SEE_OTHER, HTTPStatus.SEE_OTHER)
    assert (bakery.reseller_id, bakery.approval_required) == (world.basic.id, True)


def test_approval_is_switched_for_a_customer(world: World, bss: FlaskClient, session: BoundSession) -> None:
    customer = world.tech.customers[0]
    bss.post(f"/bss/accounts/{customer.id}/approval", data={"required": "0"})
    changed = named(world, session, customer.name)

    assert changed is not None
    assert changed.approval_required is False


def test_status_is_switched(world: World, bss: FlaskClient, session: BoundSession) -> None:
    bss.post(f"/bss/accounts/{world.direct.id}/status", data={"status": "suspended"})
    changed = named(world, session, "Direct Trading")

    assert changed is not None
    assert changed.status is AccountStatus.SUSPENDED


def test_a_person_added_by_staff_is_an_admin_and_gets_a_mail(
    world: World, bss: FlaskClient, session: BoundSession
) -> None:
    """RS-F5: a storefront user made from the back office has type Admin."""
    data = {"first_name": "Nia", "last_name": "Petrou", "email": "nia@basic.example", "may_sign_in": "y"}
    answer = bss.post(f"/bss/accounts/{world.basic.id}/users", data=data)
    with scope(world.scope):
        person = session.scalars(select(User).where(User.email == "nia@basic.example")).one()
        mails = session.scalars(
            select(OutboundMail.to_email).where(OutboundMail.template == MailTemplate.USER_ACTIVATION.value)
        ).all()

    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert (person.type, person.kind, person.status) == (UserType.ADMIN, UserKind.RESELLER, UserStatus.PENDING)
    assert person.reseller_id == world.basic.id
    assert mails == ["nia@basic.example"]


def test_an_address_that_is_in_use_is_told_at_its_field(world: World, bss: FlaskClient, session: BoundSession) -> None:
    data = {"first_name": "Nia", "last_name": "Petrou", "email": world.direct_buyer.email, "may_sign_in": "y"}
    answer = bss.post(f"/bss/accounts/{world.basic.id}/users", data=data)
    page = answer.get_data(as_text=True)
    with scope(world.scope):
        people = session.scalars(select(User.id).where(User.account_id == world.basic.id)).all()

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Direct Trading" not in page
    assert list(people) == [world.basic.admin.id]


def test_a_person_becomes_primary_is_reminded_and_loses_access(
    world: World, bss: FlaskClient, session: BoundSession
) -> None:
    data = {"first_name": "Nia", "last_name": "Petrou", "email": "nia@basic.example", "may_sign_in": "y"}
    bss.post(f"/bss/accounts/{world.basic.id}/users", data=data)
    with scope(world.scope):
        nia = session.scalars(select(User).where(User.email == "nia@basic.example")).one()
    for action in ("primary", "resend", "deactivate"):
        answer = bss.post(f"/bss/accounts/{world.basic.id}/users/{nia.id}/{action}")
        assert answer.status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        primary = session.scalars(
            select(User.id).where(User.account_id == world.basic.id, User.is_primary_contact)
        ).all()
        status = session.scalar(select(User.status).where(User.id == nia.id))

    assert (list(primary), status) == ([nia.id], UserStatus.INACTIVE)


def test_another_distributors_account_is_not_found(world: World, bss: FlaskClient, session: BoundSession) -> None:
    other = make_world(session, name="Ostwind", host="cloud.ostwind.example")
    answers = [
        bss.get(f"/bss/accounts/{other.direct.id}{tab}").status_code
        for tab in ("", "/edit", "/users", "/credit", "/history", "/orders")
    ]

    assert set(answers) == {HTTPStatus.NOT_FOUND}


def test_read_only_staff_see_accounts_and_change_nothing(world: World, session: BoundSession, sign_in: SignIn) -> None:
    with scope(world.scope):
        reader = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
    browser = sign_in(reader)
    shown = browser.get(f"/bss/accounts/{world.direct.id}")
    refused = [
        browser.post("/bss/accounts/new", data=COMPANY).status_code,
        browser.post(f"/bss/accounts/{world.direct.id}/status", data={"status": "inactive"}).status_code,
        browser.get(f"/bss/accounts/{world.basic.id}/upgrade").status_code,
    ]
    added = browser.post(
        f"/bss/accounts/{world.direct.id}/users", data={"first_name": "A", "last_name": "B", "email": "a@b.example"}
    )
    with scope(world.scope):
        people = session.scalars(select(User.id).where(User.account_id == world.direct.id)).all()

    assert shown.status_code == HTTPStatus.OK
    assert "/edit" not in shown.get_data(as_text=True)
    assert set(refused) == {HTTPStatus.FORBIDDEN}
    assert (added.status_code, len(people)) == (HTTPStatus.OK, 1)
    assert named(world, session, "Helios Trading") is None


def test_staff_without_the_right_cannot_set_a_credit_limit(
    world: World, session: BoundSession, sign_in: SignIn
) -> None:
    with scope(world.scope):
        seller = make_user(session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("sales",))
    sign_in(seller).post("/bss/accounts/new", data={**COMPANY, "credit_limit": "90000"})
    account = named(world, session, "Helios Trading")

    assert account is not None
    assert account.credit_limit == 0


def test_the_home_page_tells_what_needs_attention(world: World, bss: FlaskClient, session: BoundSession) -> None:
    with scope(world.scope):
        session.get_one(Account, (world.id, world.direct.id)).status = AccountStatus.PENDING_APPROVAL
    page = bss.get("/bss/").get_data(as_text=True)

    assert "account waits for approval" in page
    assert "orders in the last 30 days" in page
