from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from app.access.cookies import cookie_name
from app.core.clock import utc_now
from app.core.db import session as db_session
from app.identity.models import SignInName, UserKind, UserSession, UserType
from app.identity.realms import open_realm
from tenants.context import scope, scope_or_none
from tests.factories.world import make_user


def seen(client, path: str) -> dict[str, str]:
    response = client.get(path)
    assert response.status_code == HTTPStatus.OK, response.text
    return {key: response.json[key] for key in ("distributor", "reseller", "account")}


def test_visitors_scope_is_their_addresses(client, world) -> None:
    ids = {"distributor": str(world.id), "account": "none"}

    assert seen(client, "/account/open") == {**ids, "reseller": "none"}
    assert seen(client, "/techsolutions/account/open") == {**ids, "reseller": str(world.tech.id)}


def test_scope_of_who_is_signed_in_follows_the_table(client, world, sign_in) -> None:
    """decisions section 3: the scope of a request, row by row."""
    tech, customer = str(world.tech.id), str(world.tech.customers[0].id)
    rows = []
    for user, realm, path in (
        (world.bss_user, None, "/bss/probe"),
        (world.direct_buyer, None, "/account/own"),
        (world.tech.admin, world.root.id, "/account/own"),
        (world.tech.admin, None, "/techsolutions/manage/probe"),
        (world.tech.buyers[0], None, "/techsolutions/account/own"),
    ):
        sign_in(user, realm=realm)
        found = seen(client, path)
        rows.append((found["reseller"], found["account"]))

    assert rows == [("all", "all"), ("none", str(world.direct.id)), (tech, "all"), (tech, "all"), (tech, customer)]


def test_no_request_keeps_a_realm_open(client, world, sign_in) -> None:
    sign_in(world.tech.admin)

    assert client.get("/techsolutions/account/own").json["realm"] is None
    assert client.get("/account/open").json["realm"] is None


def test_scope_names_the_price_lists_of_the_payer(client, world, sign_in) -> None:
    visitor = client.get("/account/open").json["price_lists"]
    sign_in(world.tech.buyers[0])
    customer = client.get("/techsolutions/account/own").json["price_lists"]
    sign_in(world.bss_user)

    assert visitor == []
    assert customer == [str(world.price_list.id)]
    assert client.get("/bss/probe").json["price_lists"] == "all"


def test_session_of_alias_a_lands_on_the_login_of_alias_b(client, world, sign_in) -> None:
    """SF-F3, RS-F98: A session of alias A opening a signed-in page of alias B lands on B's login page."""
    sign_in(world.tech.buyers[0])
    value = client.secret(world.tech.storefront.id, "/techsolutions")
    for name in (cookie_name(world.tech.storefront.id), cookie_name(world.cloudia.storefront.id)):
        client.set_cookie(name, value, domain=world.host, path="/cloudia")

    response = client.get("/cloudia/account/own")

    assert response.status_code == HTTPStatus.SEE_OTHER
    assert response.location.startswith("/cloudia/login?next=")


def test_customers_do_not_open_the_admin_area(client, world, sign_in) -> None:
    """RS-F69: Customer user opening the admin area gets 403."""
    sign_in(world.tech.buyers[0])

    response = client.get("/techsolutions/manage/probe")

    assert response.status_code == HTTPStatus.FORBIDDEN
    assert "You do not have access to this area" in response.text


def staff(world, *roles: str):
    with scope(world.scope):
        return make_user(
            db_session(),
            world.tech.account,
            kind=UserKind.RESELLER,
            realms=(world.root.id, world.tech.storefront.id),
            type=UserType.USER,
            roles=roles,
        )


def test_storefront_manager_opens_the_admin_area_and_a_buyer_does_not(client, world, sign_in) -> None:
    """RS-F70: User with only role My Storefront Manager reaches the admin area; Buyer does not."""
    manager, buyer = staff(world, "storefront_manager"), staff(world, "buyer")

    sign_in(manager)
    as_manager = client.get("/techsolutions/manage/probe").status_code
    sign_in(buyer)
    as_buyer = client.get("/techsolutions/manage/probe").status_code

    assert (as_manager, as_buyer) == (HTTPStatus.OK, HTTPStatus.FORBIDDEN)


def test_staff_order_at_the_root_and_not_at_their_own_alias(client, world, sign_in) -> None:
    sign_in(world.tech.admin)
    at_alias = client.get("/techsolutions/account/order").status_code
    sign_in(world.tech.admin, realm=world.root.id)

    assert (at_alias, client.get("/account/order").status_code) == (HTTPStatus.FORBIDDEN, HTTPStatus.OK)


def test_back_office_rights_follow_the_role(client, world, sign_in) -> None:
    """BC-F1 (partly): A user without the right gets 403 on a Setup URL."""
    with scope(world.scope):
        reader = make_user(
            db_session(), None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("read_only",)
        )
    sign_in(reader)
    as_reader = (client.get("/bss/probe").status_code, client.get("/bss/probe/setup").status_code)
    sign_in(world.bss_user)

    assert as_reader == (HTTPStatus.OK, HTTPStatus.FORBIDDEN)
    assert client.get("/bss/probe/setup").status_code == HTTPStatus.OK


@pytest.mark.parametrize(("path", "login"), [("/account/own", "/login"), ("/bss/probe", "/bss/login")])
def test_visitors_are_sent_to_the_door_of_the_surface(client, world, path: str, login: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.location) == (HTTPStatus.SEE_OTHER, f"{login}?next={path}")


def test_back_office_does_not_answer_below_an_alias(client, world, sign_in) -> None:
    sign_in(world.bss_user)

    assert client.get("/techsolutions/bss/probe").status_code == HTTPStatus.NOT_FOUND


def test_storefront_session_is_none_in_the_back_office(client, world, sign_in) -> None:
    sign_in(world.direct_buyer)

    assert client.get("/bss/probe").status_code == HTTPStatus.SEE_OTHER


def test_program_without_session_gets_401(client, world) -> None:
    response = client.get("/account/own", headers={"Accept": "application/json"})

    assert response.status_code == HTTPStatus.UNAUTHORIZED


def test_view_that_declares_nothing_is_refused(client, world, sign_in) -> None:
    sign_in(world.direct_buyer)

    response = client.get("/account/undeclared")

    assert response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "never" not in response.text


def test_changed_rights_count_from_the_next_request(client, world, sign_in) -> None:
    manager = staff(world, "storefront_manager")
    sign_in(manager)
    before = client.get("/techsolutions/manage/probe").status_code
    with scope(world.scope), open_realm(world.tech.storefront.id):
        db_session.execute(update(SignInName).where(SignInName.user_id == manager.id).values(roles=["buyer"]))

    assert (before, client.get("/techsolutions/manage/probe").status_code) == (HTTPStatus.OK, HTTPStatus.FORBIDDEN)


def test_use_of_a_session_is_noted_once_a_minute(client, world, sign_in) -> None:
    sign_in(world.direct_buyer)

    def last_seen():
        with scope(world.scope), open_realm(world.root.id):
            return db_session.scalar(select(UserSession.last_seen_at))

    fresh = last_seen()
    client.get("/account/own")
    assert last_seen() == fresh
    with scope(world.scope), open_realm(world.root.id):
        db_session.execute(update(UserSession).values(last_seen_at=utc_now() - timedelta(minutes=5)))
    client.get("/account/own")

    assert last_seen() >= fresh


def test_flask_login_knows_who_is_signed_in(client, world, sign_in) -> None:
    sign_in(world.direct_buyer)

    assert client.get("/account/own").json["known_to_flask_login"] == str(world.direct_buyer.id)


def test_each_request_forgets_the_one_before(client, world, sign_in) -> None:
    """One thread serves everybody in turn: nothing of a signed-in request is left for a visitor."""
    sign_in(world.tech.admin)
    client.get("/techsolutions/account/own")

    visitor = client.get("/account/open").json

    assert (visitor["user"], visitor["reseller"], visitor["account"]) == (None, "none", "none")
    assert scope_or_none() is None
