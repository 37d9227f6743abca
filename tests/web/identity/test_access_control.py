"""Access Control and what roles open (SF-10, SF-11)."""

from __future__ import annotations

import re
from http import HTTPStatus
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.core.db import session as db_session
from app.identity.errors import LastAdmin
from app.identity.models import User, UserKind, UserStatus, UserType
from app.identity.permissions import Permission, StorefrontRole, permissions_of
from app.identity.services import deactivate_user, set_roles
from app.orders.models import BasketItem, OrderStatus
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order
from tests.factories.world import MONDAY_NOON, World, make_user
from tests.web.identity.test_users import NEW, read, users_of
from tests.web.storefront.steps import ALIAS, run_orders

FOUND, FORBIDDEN, UNPROCESSABLE = HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY
USERS = "/techsolutions/account/users"


def colleague(world: World, *roles: str, status: UserStatus = UserStatus.ACTIVE, first_name: str = "Coll") -> User:
    """Somebody of the first customer of Tech Solutions; without roles an Admin."""
    with scope(world.scope):
        made = make_user(
            db_session(), world.tech.customers[0], kind=UserKind.END_CUSTOMER, realms=(world.tech.storefront.id,),
            type=UserType.USER if roles else UserType.ADMIN, roles=roles, first_name=first_name,
        )  # fmt: skip
        made.status = status
        db_session.commit()
        return made


def direct(world: World, *roles: str) -> User:
    """Somebody of the direct customer."""
    with scope(world.scope):
        return make_user(
            db_session(), world.direct, kind=UserKind.DIRECT, realms=(world.root.id,), type=UserType.USER, roles=roles
        )


def test_access_control_lists_the_five_columns(client, world, sign_in) -> None:
    """SF-F13: Access Control lists Full Name, Email, Status, User Type, User Role."""
    other = colleague(world, "buyer", "billing_agent")
    sign_in(world.tech.buyers[0])

    text = client.get(f"{USERS}?q={other.email}").text

    heads = re.findall(r"<th(?: [^>]*)?>\s*(?:<[^>]+>)*([^<]+)", text)
    assert [head.strip() for head in heads] == ["Full name", "E-mail", "Status", "User type", "User role"]
    body = re.sub(r"<[^>]+>", " ", text[text.index("<tbody") :])
    for words in (other.full_name, other.email, "Active", "User", "Buyer", "Billing agent"):
        assert words in body, words
    assert f'href="{USERS}/{other.id}"' in text


def test_actions_follow_the_status(client, world, sign_in) -> None:
    """SF-F14: A new user is Pending activation with "Resend activation link"; an Active one offers "Reset password"; \
an Inactive one offers neither."""
    sign_in(world.tech.buyers[0])
    client.post(f"{USERS}/new", data=NEW)
    new = next(user for user in users_of(world, world.tech.customers[0].id) if user.first_name == "Nora")
    active = colleague(world, "buyer", first_name="Act")
    inactive = colleague(world, "buyer", first_name="Out", status=UserStatus.INACTIVE)

    seen = {user.first_name: client.get(f"{USERS}/{user.id}").text for user in (new, active, inactive)}

    offered = {
        name: tuple(words for words in ("Resend activation link", "Reset password") if words in text)
        for name, text in seen.items()
    }
    assert offered == {"Nora": ("Resend activation link",), "Act": ("Reset password",), "Out": ()}
    assert ("Pending activation" in seen["Nora"], "Inactive" in seen["Out"]) == (True, True)


@pytest.mark.parametrize("is_new", [True, False])
def test_user_without_any_role_cannot_be_saved(client, world, sign_in, is_new) -> None:
    """SF-F15: Type User without any role cannot be saved."""
    other = colleague(world, "buyer")
    sign_in(world.tech.buyers[0])
    path = f"{USERS}/new" if is_new else f"{USERS}/{other.id}"

    response = client.post(path, data={**NEW, "roles": []})

    assert (response.status_code, "Choose at least one role" in response.text) == (UNPROCESSABLE, True)
    assert len(users_of(world, world.tech.customers[0].id)) == 2
    assert (read(world, other.id).roles, read(world, other.id).first_name) == (["buyer"], "Coll")


def test_last_active_admin_stays_one(client, world, sign_in) -> None:
    """SF-F16: The last active Admin cannot be demoted, deactivated or deleted."""
    last = world.tech.buyers[0]
    colleague(world, status=UserStatus.INACTIVE)  # an Admin who has no access does not count
    sign_in(last)
    path = f"{USERS}/{last.id}"
    demotion = {"first_name": "A", "last_name": "B", "email": last.email, "type": "user", "roles": ["buyer"]}

    answers = [
        client.post(path, data=demotion).status_code,
        client.post(f"{path}/deactivate").status_code,
        client.post(f"{path}/delete").status_code,
        client.delete(path).status_code,
    ]

    assert answers == [
        UNPROCESSABLE, HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED
    ]  # fmt: skip
    found = read(world, last.id)
    assert (found.type, found.status, found.first_name) == (UserType.ADMIN, UserStatus.ACTIVE, last.first_name)


def test_last_active_admin_stays_one_whoever_of_the_account_asks(session, world) -> None:
    """SF-F16: so it is for a request that began when there was another."""
    last = world.tech.buyers[0]
    with scope(world.tech.customer_scope()):
        with pytest.raises(LastAdmin):
            deactivate_user(last.id, actor=SYSTEM, at=MONDAY_NOON)
        with pytest.raises(LastAdmin):
            set_roles(last.id, type_=UserType.USER, roles=(StorefrontRole.BUYER,), actor=SYSTEM, at=MONDAY_NOON)
    found = read(world, last.id)
    assert (found.type, found.status) == (UserType.ADMIN, UserStatus.ACTIVE)


def test_buyer_has_no_invoices_and_a_billing_agent_has(client, world, sign_in) -> None:
    """SF-F17: A Buyer has no Invoices menu and a direct URL to it is refused; a Billing Agent can open it."""
    sign_in(direct(world, "buyer"))
    menu, refused = client.get("/billing").text, client.get("/billing/invoices")
    sign_in(direct(world, "billing_agent"))
    other_menu, opened = client.get("/billing").text, client.get("/billing/invoices")

    assert ("/billing/invoices" in menu, refused.status_code) == (False, FORBIDDEN)
    assert "You do not have access to this area" in refused.text
    assert ("/billing/invoices" in other_menu, opened.status_code) == (True, HTTPStatus.OK)


def test_subscriptions_manager_buys_licences_and_no_new_product(client, world, session, sign_in) -> None:
    """SF-F18: A Subscriptions Manager cannot put a new product into the basket but can buy licences."""
    alias_order(session, world, [Wanted(world.seats, 5, "12.50")], status=OrderStatus.EXECUTING)
    run_orders(world)
    with scope(world.scope):
        running = session.scalars(select(Subscription)).one()
    sign_in(colleague(world, "subscriptions_manager"))
    product = {"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "5"}

    refused = client.post(f"{ALIAS}/basket/items", data=product)
    with scope(world.scope):
        after_refusal = session.scalar(select(func.count()).select_from(BasketItem))
    licences = client.post(f"{ALIAS}/basket/licences/{running.code}", data={"quantity": "2"})

    assert (refused.status_code, after_refusal) == (FORBIDDEN, 0)
    assert licences.status_code == FOUND
    assert "More licences for" in client.get(f"{ALIAS}/basket").text


def test_only_cloud_administrator_and_admin_have_the_right_to_my_workspace() -> None:
    """SF-F19 (partly): Only Cloud Administrator or Admin opens My Workspace; the right, over every kind and role."""
    holders = {
        (kind.value, role)
        for kind in (UserKind.DIRECT, UserKind.RESELLER, UserKind.END_CUSTOMER)
        for role in ("admin", "none", *(each.value for each in StorefrontRole))
        if Permission.WORKSPACE_OPEN
        in permissions_of(
            kind,
            UserType.ADMIN if role == "admin" else UserType.USER,
            () if role in ("admin", "none") else (role,),
            "standard" if kind is UserKind.RESELLER else "none",
        )
    }
    kinds = ("direct", "reseller", "end_customer")
    assert holders == {(kind, role) for kind in kinds for role in ("admin", "cloud_administrator")}


def test_my_storefront_manager_is_offered_to_staff_of_storefront_owners_alone(client, world, sign_in) -> None:
    """SF-F20: My Storefront Manager is offered only for users of resellers with a storefront (Free or Standard)."""
    offered: dict[str, tuple[bool, int]] = {}
    basic_admin = world.basic.admin
    people: dict[str, tuple[User, str, UUID | None]] = {
        "standard": (world.tech.admin, USERS, None),
        "free": (world.cloudia.admin, "/cloudia/account/users", None),
        "basic": (basic_admin, "/account/users", None),
        "direct": (world.direct_buyer, "/account/users", None),
        "end customer": (world.tech.buyers[0], USERS, None),
    }
    for name, (user, path, realm) in people.items():
        sign_in(user, realm=realm)
        page = client.get(f"{path}/new").text
        data = {**NEW, "email": f"{name.replace(' ', '')}@new.example", "roles": ["storefront_manager"]}
        offered[name] = ("My Storefront Manager" in page, client.post(f"{path}/new", data=data).status_code)

    assert offered == {
        "standard": (True, HTTPStatus.OK),
        "free": (True, HTTPStatus.OK),
        "basic": (False, UNPROCESSABLE),
        "direct": (False, UNPROCESSABLE),
        "end customer": (False, UNPROCESSABLE),
    }


def test_two_roles_give_the_union_of_rights(client, world, sign_in) -> None:
    """SF-F21: Two roles give the union of rights."""
    for first in StorefrontRole:
        for second in StorefrontRole:
            both, one, other = (
                permissions_of(UserKind.RESELLER, UserType.USER, tuple(sorted(roles)), "standard")
                for roles in ({first.value, second.value}, {first.value}, {second.value})
            )
            assert both == one | other, (first, second)
    product = {"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "5"}
    sign_in(direct(world, "billing_agent", "buyer"))

    invoices = client.get("/billing/invoices").status_code
    bought = client.post("/basket/items", data=product).status_code
    users = client.get("/account/users").status_code

    assert (invoices, bought, users) == (HTTPStatus.OK, FOUND, FORBIDDEN)
