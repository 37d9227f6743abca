"""The customers of a reseller: figures, list, approval, people."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import Account, AccountStatus, PaymentMethod
from app.catalogue.models import BillingCycle, Term
from app.core.db import BoundSession
from app.identity.models import User, UserStatus
from app.notifications.models import OutboundMail
from app.subscriptions.models import Asset, Subscription, SubscriptionStatus
from tenants.context import distributor_scope, scope
from tests.factories.world import MONDAY_NOON, World
from tests.web.manage.conftest import MANAGE

NEW = {
    "name": "Olympus Bakery",
    "email": "office@olympus.example",
    "country": "GR",
    "city": "Volos",
    "approval_required": "y",
}


def add_subscription(
    session: BoundSession,
    world: World,
    customer: Account,
    price: str | None,
    quantity: int,
    cycle: BillingCycle,
    **columns: object,
) -> None:
    with scope(distributor_scope(world.id)):
        number = len(session.scalars(select(Subscription)).all()) + 1
        values = {"status": SubscriptionStatus.ACTIVE, **columns}
        session.add(
            Subscription(
                reseller_id=customer.reseller_id,
                account_id=customer.id,
                code=f"SUB-T{number:05}",
                payer_id=customer.reseller_id,
                product_id=world.seats.id,
                friendly_name="Contoso Mail",
                quantity=quantity,
                term=Term.P1Y if cycle is BillingCycle.ANNUAL else Term.P1M,
                cycle=cycle,
                unit_price=None if price is None else Decimal(price),
                currency="EUR",
                starts_on=date(2026, 3, 2),
                created_at=MONDAY_NOON,
                **values,
            )
        )
        session.commit()


def add_asset(session: BoundSession, world: World, customer: Account) -> None:
    with scope(distributor_scope(world.id)):
        session.add(
            Asset(
                reseller_id=customer.reseller_id,
                account_id=customer.id,
                code="AST-T00001",
                payer_id=customer.reseller_id,
                product_id=world.tool.id,
                name="Fabrikam Tool",
                quantity=1,
                unit_price=Decimal("60.00"),
                currency="EUR",
                status="active",
                created_at=MONDAY_NOON,
            )
        )
        session.commit()


def customer_named(session: BoundSession, world: World, name: str) -> Account:
    with scope(distributor_scope(world.id)):
        return session.scalars(
            select(Account).where(Account.name == name).execution_options(populate_existing=True)
        ).one()


def reloaded(session: BoundSession, world: World, account_id: UUID) -> Account:
    with scope(distributor_scope(world.id)):
        return session.scalars(
            select(Account).where(Account.id == account_id).execution_options(populate_existing=True)
        ).one()


def test_monthly_run_rate_adds_up_cycles(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-F64: 10 x 12.50 monthly + 3 x 120.00 annual = 155.00; trials, pending and unpriced ones are left out."""
    customer = world.tech.customers[0]
    add_subscription(session, world, customer, "12.50", 10, BillingCycle.MONTHLY)
    add_subscription(session, world, customer, "120.00", 3, BillingCycle.ANNUAL)
    add_subscription(
        session, world, customer, "99.00", 5, BillingCycle.MONTHLY, status=SubscriptionStatus.PENDING_ACTIVATION
    )
    add_subscription(session, world, customer, "99.00", 5, BillingCycle.MONTHLY, bought_by_reseller=True)
    add_subscription(session, world, customer, None, 5, BillingCycle.MONTHLY)

    listed = admin.get(f"{MANAGE}/customers")
    shown = admin.get(f"{MANAGE}/customers/{customer.id}")

    assert listed.text.count("€155.00") == 2  # the tile and the row
    assert "2 subscriptions without a price are left out" in listed.text
    assert "€155.00" in shown.text


def test_an_asset_makes_a_customer_transact(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-F65: a customer with one asset and no run rate counts as transacting; a customer with nothing does not."""
    add_asset(session, world, world.tech.customers[0])

    transacting = admin.get(f"{MANAGE}/customers?transacting=yes").text
    others = admin.get(f"{MANAGE}/customers?transacting=no").text

    assert "Tech Customer 1" in transacting
    assert "Tech Customer 2" not in transacting
    assert "Tech Customer 2" in others
    assert "Tech Customer 1" not in others


def test_the_grid_names_what_people_look_for(admin: FlaskClient, world: World) -> None:
    """RS-F66: the grid shows name, phone, city, e-mail, run rate, storefront access and actions."""
    page = admin.get(f"{MANAGE}/customers").text

    heads = [re.sub(r"<[^>]+>", "", head).strip() for head in re.findall(r"<th [^>]*>(.*?)</th>", page, re.DOTALL)]
    assert heads == ["Name", "Phone", "City", "E-mail", "Monthly run rate", "Storefront access", "Actions"]
    assert world.tech.customers[0].email in page
    assert "Cloudia Customer" not in page


def test_search_filter_sort_and_export(admin: FlaskClient, world: World) -> None:
    """RS-23: a search needs two characters; the export holds what the filter finds."""
    assert "Tech Customer 2" in admin.get(f"{MANAGE}/customers?q=C").text
    found = admin.get(f"{MANAGE}/customers?q=customer+1").text
    assert "Tech Customer 1" in found
    assert "Tech Customer 2" not in found
    turned = admin.get(f"{MANAGE}/customers?sort=-name").text
    assert turned.index("Tech Customer 2") < turned.index("Tech Customer 1")

    csv = admin.get(f"{MANAGE}/customers?q=customer+1&export=csv")
    assert csv.mimetype == "text/csv"
    assert "Tech Customer 1" in csv.text
    assert "Tech Customer 2" not in csv.text
    xlsx = admin.get(f"{MANAGE}/customers?export=xlsx")
    assert xlsx.data.startswith(b"PK")
    refused = admin.get(f"{MANAGE}/customers?mrr_from=10&mrr_to=5")
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_new_customer_waits_for_approval(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-F67: a new customer has approval on; the form offers it switched on."""
    assert re.search(r'<input[^>]*checked[^>]*name="approval_required"', admin.get(f"{MANAGE}/customers/new").text)

    saved = admin.post(f"{MANAGE}/customers/new", data=NEW)

    assert saved.status_code == HTTPStatus.SEE_OTHER
    customer = customer_named(session, world, "Olympus Bakery")
    assert customer.approval_required is True
    assert (customer.reseller_id, customer.currency) == (world.tech.id, "EUR")


def test_a_first_user_gets_a_link_to_hand_over(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-17, RS-24: without mail settings the activation link is shown, and the mail is a row all the same."""
    answer = admin.post(
        f"{MANAGE}/customers/new",
        data={
            **NEW,
            "with_user": "y",
            "user_first_name": "Iris",
            "user_last_name": "Vlachou",
            "user_email": "iris@olympus.example",
        },
    )

    assert answer.status_code == HTTPStatus.OK
    assert re.search(r"/techsolutions/activate/[\w-]{20,}", answer.text)
    with scope(distributor_scope(world.id)):
        person = session.scalars(select(User).where(User.email == "iris@olympus.example")).one()
        mails = session.scalars(select(OutboundMail).where(OutboundMail.to_email == "iris@olympus.example")).all()
    assert person.status is UserStatus.PENDING
    assert [mail.template for mail in mails] == ["user_activation"]


def test_an_email_in_use_is_said_at_its_field_and_nothing_is_stored(
    admin: FlaskClient, world: World, session: BoundSession
) -> None:
    """RS-24: a duplicate e-mail in the realm is `email_in_use`; neither customer nor user is made."""
    taken = world.tech.buyers[0].email
    answer = admin.post(
        f"{MANAGE}/customers/new",
        data={**NEW, "with_user": "y", "user_first_name": "Iris", "user_last_name": "V", "user_email": taken},
    )

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert re.search(r'id="user_email-error".*?A user with this e-mail exists', answer.text, re.DOTALL)
    with scope(distributor_scope(world.id)):
        assert session.scalar(select(Account).where(Account.name == "Olympus Bakery")) is None


def test_approval_is_switched_for_one_and_for_all(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-25: one toggle per customer, and one for all customers of this reseller only."""
    first, second = world.tech.customers
    admin.post(f"{MANAGE}/customers/{first.id}/approval", data={"required": "0"})
    assert reloaded(session, world, first.id).approval_required is False
    assert reloaded(session, world, second.id).approval_required is True

    admin.post(f"{MANAGE}/customers/approval", data={"required": "0"})
    assert reloaded(session, world, second.id).approval_required is False
    assert reloaded(session, world, world.cloudia.customers[0].id).approval_required is True


def test_a_card_payer_cannot_switch_approval_off(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-F75, SF-F63, CB-F60: neither page nor direct call switches approval off while the reseller pays by card."""
    with scope(distributor_scope(world.id)):
        session.get_one(Account, (world.id, world.tech.id)).payment_method = PaymentMethod.CARD
        session.commit()
    customer = world.tech.customers[0]

    assert "Switch approval off" not in admin.get(f"{MANAGE}/customers/{customer.id}").text
    assert "Switch approval off" not in admin.get(f"{MANAGE}/customers").text
    one = admin.post(
        f"{MANAGE}/customers/{customer.id}/approval", data={"required": "0"}, headers={"Accept": "application/json"}
    )
    every = admin.post(f"{MANAGE}/customers/approval", data={"required": "0"}, headers={"Accept": "application/json"})

    assert (one.status_code, every.status_code) == (HTTPStatus.CONFLICT, HTTPStatus.CONFLICT)
    assert (one.json or {})["errors"][0]["code"] == "approval_locked"
    assert reloaded(session, world, customer.id).approval_required is True


def test_another_resellers_customer_does_not_exist(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-24: a foreign customer id answers 404, and nothing is changed."""
    theirs = world.cloudia.customers[0]
    for path in ("", "/users", "/orders", "/subscriptions", "/assets", "/activity"):
        assert admin.get(f"{MANAGE}/customers/{theirs.id}{path}").status_code == HTTPStatus.NOT_FOUND
    assert admin.get(f"{MANAGE}/customers/{world.tech.id}").status_code == HTTPStatus.NOT_FOUND

    assert admin.post(f"{MANAGE}/customers/{theirs.id}", data=NEW).status_code == HTTPStatus.NOT_FOUND
    assert admin.post(f"{MANAGE}/customers/{theirs.id}/deactivate").status_code == HTTPStatus.NOT_FOUND
    after = reloaded(session, world, theirs.id)
    assert (after.name, after.status) == ("Cloudia Customer 1", AccountStatus.ACTIVE)


def test_every_tab_answers(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-24: the customer page has details, users, orders, subscriptions, assets and activity."""
    customer = world.tech.customers[0]
    add_subscription(session, world, customer, "12.50", 10, BillingCycle.MONTHLY)
    add_asset(session, world, customer)
    texts = {
        name: admin.get(f"{MANAGE}/customers/{customer.id}{name}")
        for name in ("", "/users", "/orders", "/subscriptions", "/assets", "/activity")
    }

    assert {answer.status_code for answer in texts.values()} == {HTTPStatus.OK}
    assert world.tech.buyers[0].email in texts["/users"].text
    assert "€12.50" in texts["/subscriptions"].text
    assert "Fabrikam Tool" in texts["/assets"].text


def test_people_are_invited_changed_and_let_go(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-13: a user without a role is refused; the last Admin of a customer may go, with a warning."""
    customer, only = world.tech.customers[0], world.tech.buyers[0]
    base = f"{MANAGE}/customers/{customer.id}/users"
    person = {"first_name": "Niko", "last_name": "Beta", "email": "niko@tech.example", "type": "user"}
    refused = admin.post(base, data=person)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose at least one role" in refused.text

    assert admin.post(base, data={**person, "roles": ["buyer"]}).status_code == HTTPStatus.OK
    with scope(distributor_scope(world.id)):
        made = session.scalars(select(User).where(User.email == "niko@tech.example")).one()
    assert made.roles == ["buyer"]
    forbidden = admin.post(base, data={**person, "email": "x@tech.example", "roles": ["storefront_manager"]})
    assert forbidden.status_code == HTTPStatus.UNPROCESSABLE_ENTITY

    gone = admin.post(f"{base}/{only.id}/deactivate", follow_redirects=True)
    assert "was the last administrator" in gone.text
    theirs = world.cloudia.buyers[0]
    assert admin.post(f"{base}/{theirs.id}/deactivate").status_code == HTTPStatus.NOT_FOUND


def test_an_inactive_customer_cannot_sign_in(admin: FlaskClient, world: World, session: BoundSession) -> None:
    """RS-24: deactivating takes the sign-in of all its people; the account stays with its subscriptions."""
    customer, person = world.tech.customers[0], world.tech.buyers[0]

    admin.post(f"{MANAGE}/customers/{customer.id}/deactivate")

    assert reloaded(session, world, customer.id).status is AccountStatus.INACTIVE
    with scope(distributor_scope(world.id)):
        found = session.scalars(
            select(User).where(User.id == person.id).execution_options(populate_existing=True)
        ).one()
    assert found.status is UserStatus.INACTIVE
