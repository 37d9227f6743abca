from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from app.access import cookies
from app.access.cookies import cookie_name, signed
from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import session as db_session
from app.identity.models import SingleUseToken, User, UserKind, UserSession, UserType
from app.identity.realms import open_realm
from app.identity.services import NewUser, create_user
from tenants.context import scope
from tenants.directory import directory
from tenants.models import Storefront, StorefrontState
from tenants.settings import StorefrontSettings, save_storefront_settings
from tests.domain.identity.conftest import OPERATOR
from tests.domain.identity.people import PASSWORD, answer_forgotten, give_password, link_of, mailed
from tests.factories.world import MONDAY_NOON, World, make_user

FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
OK, FOUND, UNPROCESSABLE = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.UNPROCESSABLE_ENTITY


def enter(client, path: str, email: str, password: str = PASSWORD):
    return client.post(path, data={"email": email, "password": password})


def cookies_of(response) -> dict[str, str]:
    return {line.split("=", 1)[0]: line for line in response.headers.getlist("Set-Cookie")}


def path_of(url: str) -> str:
    """The path of an absolute link, as a browser at the distributor's host would ask."""
    return re.sub(r"^https?://[^/]+", "", url)


def sessions_in(world: World, realm_id) -> list[UserSession]:
    with scope(world.scope), open_realm(realm_id):
        return list(db_session.scalars(select(UserSession)).all())


def test_each_realm_lets_its_people_in(client, world) -> None:
    """RS-F26, SF-F4: a reseller signs in on its alias with its distributor-storefront credentials."""
    give_password(world, world.tech.admin, world.root.id)
    give_password(world, world.direct_buyer, world.root.id)
    give_password(world, world.tech.buyers[0], world.tech.storefront.id)
    give_password(world, world.bss_user, world.id)

    landed = {
        name: enter(client, path, user.email)
        for name, path, user in (
            ("root", "/login", world.direct_buyer),
            ("staff", "/techsolutions/login", world.tech.admin),
            ("customer", "/techsolutions/login", world.tech.buyers[0]),
            ("bss", "/bss/login", world.bss_user),
        )
    }

    assert {name: (response.status_code, response.location) for name, response in landed.items()} == {
        "root": (FOUND, "/"),
        "staff": (FOUND, "/techsolutions/manage/"),
        "customer": (FOUND, "/techsolutions/"),
        "bss": (FOUND, "/bss/"),
    }


def test_wrong_realm_reads_like_a_wrong_password(client, world) -> None:
    """RS-F68 (partly): the customer's user cannot log in at the parent, nor at another alias."""
    buyer = world.tech.buyers[0]
    give_password(world, buyer, world.tech.storefront.id)

    wrong = enter(client, "/techsolutions/login", buyer.email, "Wrong-Harbour-42")
    elsewhere = [enter(client, path, buyer.email) for path in ("/login", "/cloudia/login", "/bss/login")]
    unknown = enter(client, "/techsolutions/login", "nobody@nowhere.example")

    for response in (wrong, *elsewhere, unknown):
        assert response.status_code == UNPROCESSABLE
        assert "The e-mail or the password is not right" in response.text
        assert not any(name.startswith("g_") for name in cookies_of(response))
    assert sessions_in(world, world.root.id) == []


def test_typed_address_survives_and_password_does_not(client, world) -> None:
    response = enter(client, "/login", "typed@someone.example", "Secret-Typed-42")

    assert "typed@someone.example" in response.text
    assert "Secret-Typed-42" not in response.text


def test_cookie_is_named_by_its_realm_and_stays_below_the_alias(client, world) -> None:
    give_password(world, world.tech.admin, world.root.id)

    at_alias = cookies_of(enter(client, "/techsolutions/login", world.tech.admin.email))
    at_root = cookies_of(enter(client, "/login", world.tech.admin.email))

    alias_cookie = at_alias[cookie_name(world.tech.storefront.id)]
    assert "Path=/techsolutions;" in alias_cookie + ";"
    assert "HttpOnly" in alias_cookie
    assert "SameSite=Lax" in alias_cookie
    assert "Secure" not in alias_cookie
    assert "Path=/;" in at_root[cookie_name(world.root.id)] + ";"


def test_cookie_is_secure_where_people_come_by_https(client, world, monkeypatch) -> None:
    give_password(world, world.direct_buyer, world.root.id)
    monkeypatch.setattr(cookies, "settings", lambda: replace(settings(), public_scheme="https"))

    response = enter(client, "/login", world.direct_buyer.email)

    assert "Secure" in cookies_of(response)[cookie_name(world.root.id)]


def test_signing_in_makes_a_new_secret_and_ends_the_session_before(client, world, sign_in) -> None:
    give_password(world, world.direct_buyer, world.root.id)
    sign_in(world.direct_buyer)
    (before,) = sessions_in(world, world.root.id)

    enter(client, "/login", world.direct_buyer.email)

    (after,) = sessions_in(world, world.root.id)
    assert after.token_digest != before.token_digest


def test_signing_out_ends_the_session_for_good(client, world, sign_in) -> None:
    sign_in(world.direct_buyer)
    stolen = client.secret(world.root.id)

    response = client.post("/logout")
    client.set_cookie(cookie_name(world.root.id), stolen, domain=world.host)

    assert (response.status_code, response.location) == (FOUND, "/login")
    assert sessions_in(world, world.root.id) == []
    assert client.get("/account/own").status_code == FOUND


def test_wrong_tries_are_counted_although_the_page_refuses(client, world) -> None:
    """RS-F71, SF-F22: The fourth consecutive wrong password locks the user."""
    buyer = world.tech.buyers[0]
    give_password(world, buyer, world.tech.storefront.id)

    for _ in range(4):
        enter(client, "/techsolutions/login", buyer.email, "Wrong-Harbour-42")
    response = enter(client, "/techsolutions/login", buyer.email)

    assert response.status_code == UNPROCESSABLE
    assert "The e-mail or the password is not right" in response.text
    assert len(mailed(world, "user_locked")) == 1


def test_reset_link_unlocks_and_works_once(client, world) -> None:
    """RS-F71, SF-F26 (partly): reset unlocks; a reset link works once."""
    buyer = world.tech.buyers[0]
    give_password(world, buyer, world.tech.storefront.id)
    for _ in range(4):
        enter(client, "/techsolutions/login", buyer.email, "Wrong-Harbour-42")

    client.post("/techsolutions/password", data={"email": buyer.email})
    answer_forgotten(world)
    (mail,) = mailed(world, "password_reset")
    link = path_of(link_of(mail, "reset_url"))
    shown = client.get(link)
    chosen = {"password": "Green-Harbour-43", "repeat": "Green-Harbour-43"}
    first = client.post(link, data=chosen)
    second = client.post(link, data=chosen)

    assert (shown.status_code, first.status_code, first.location) == (OK, FOUND, "/techsolutions/login")
    assert second.status_code == HTTPStatus.GONE
    assert enter(client, "/techsolutions/login", buyer.email, "Green-Harbour-43").status_code == FOUND
    assert [each.to_email for each in mailed(world, "password_changed")] == [buyer.email]


def test_forgotten_password_answers_alike_for_known_and_unknown(client, world) -> None:
    """SF-F26, BC-F5: "Forgot password" answers identically for known and unknown addresses."""
    known = client.post("/techsolutions/password", data={"email": world.tech.buyers[0].email})
    unknown = client.post("/techsolutions/password", data={"email": "nobody@nowhere.example"})
    known_bss = client.post("/bss/password", data={"email": world.bss_user.email})
    unknown_bss = client.post("/bss/password", data={"email": "nobody@nowhere.example"})

    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert (known_bss.status_code, known_bss.text) == (unknown_bss.status_code, unknown_bss.text)
    assert mailed(world) == []  # nobody waits for it
    answer_forgotten(world)
    assert len(mailed(world, "password_reset")) == 2


def test_old_reset_link_shows_the_expired_page_and_changes_nothing(client, world) -> None:
    """BC-F6: A reset link older than 60 minutes shows the expired page and changes nothing."""
    give_password(world, world.bss_user, world.id)
    client.post("/bss/password", data={"email": world.bss_user.email})
    answer_forgotten(world)
    link = path_of(link_of(mailed(world, "password_reset")[0], "reset_url"))
    with scope(world.scope), open_realm(world.id):
        db_session.execute(update(SingleUseToken).values(valid_until=MONDAY_NOON))

    response = client.post(link, data={"password": "Green-Harbour-43", "repeat": "Green-Harbour-43"})

    assert response.status_code == HTTPStatus.GONE
    assert "This link is no longer valid" in response.text
    assert enter(client, "/bss/login", world.bss_user.email).status_code == FOUND


def test_customers_user_is_mailed_activates_and_signs_in_at_the_alias_only(client, world) -> None:
    """RS-F68: User created for a customer gets a mail, activates, logs in at the alias, not at the parent, not at another alias."""
    with scope(world.tech.scope):
        user = create_user(
            NewUser(
                UserKind.END_CUSTOMER,
                "Carla",
                "Clerk",
                "Carla@Customer.example",
                account_id=world.tech.customers[0].id,
                reseller_id=world.tech.id,
            ),
            realms=(world.tech.storefront.id,),
            invite_from=world.tech.storefront.id,
            actor=OPERATOR,
            at=utc_now(),
        )
    (mail,) = mailed(world, "user_activation")
    link = path_of(link_of(mail))

    assert (mail.to_email, mail.sender_reseller_id) == ("carla@customer.example", world.tech.id)
    assert mail.fields["company_name"] == "Tech Solutions"
    assert link.startswith("/techsolutions/activate/")
    assert enter(client, "/techsolutions/login", user.email).status_code == UNPROCESSABLE
    weak = client.post(link, data={"password": "carla-Clerk-42!", "repeat": "carla-Clerk-42!"})
    assert (weak.status_code, "Leave out your name" in weak.text) == (UNPROCESSABLE, True)
    done = client.post(link, data={"password": PASSWORD, "repeat": PASSWORD})
    assert (done.status_code, done.location) == (FOUND, "/techsolutions/login")
    assert enter(client, "/login", user.email).status_code == UNPROCESSABLE
    assert enter(client, "/cloudia/login", user.email).status_code == UNPROCESSABLE
    assert enter(client, "/techsolutions/login", user.email).status_code == FOUND
    again = client.get(link)
    assert (again.status_code, "Send a new link" in again.text) == (HTTPStatus.GONE, True)


def test_link_of_one_storefront_is_no_link_at_another(client, world) -> None:
    with scope(world.tech.scope):
        user = make_user_pending(world)
    link = path_of(link_of(mailed(world, "user_activation")[0]))

    response = client.get(link.replace("/techsolutions/", "/cloudia/"))

    assert response.status_code == HTTPStatus.GONE
    with scope(world.scope):
        assert db_session.get(User, (world.id, user.id)).activated_at is None


def make_user_pending(world: World) -> User:
    return create_user(
        NewUser(
            UserKind.END_CUSTOMER,
            "Pia",
            "Pending",
            "pia@customer.example",
            account_id=world.tech.customers[0].id,
            reseller_id=world.tech.id,
        ),
        realms=(world.tech.storefront.id,),
        invite_from=world.tech.storefront.id,
        actor=OPERATOR,
        at=utc_now(),
    )


def test_ended_link_offers_a_new_one_by_mail(client, world) -> None:
    with scope(world.tech.scope):
        make_user_pending(world)
    link = path_of(link_of(mailed(world, "user_activation")[0]))
    with scope(world.scope), open_realm(world.tech.storefront.id):
        db_session.execute(update(SingleUseToken).values(valid_until=MONDAY_NOON))

    assert client.get(link).status_code == HTTPStatus.GONE
    known = client.post(f"{link}/resend")
    unknown = client.post("/techsolutions/activate/never-was/resend")

    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    _, renewed = mailed(world, "user_activation")
    assert client.get(path_of(link_of(renewed))).status_code == OK


def test_five_new_activation_links_a_day_are_enough(client, world) -> None:
    """SF-04: whoever has an old link floods nobody's mailbox; the next day it works again."""
    with scope(world.tech.scope):
        make_user_pending(world)
    link = path_of(link_of(mailed(world, "user_activation")[0]))
    answers = {client.post(f"{link}/resend").text for _ in range(7)}
    assert (len(answers), len(mailed(world, "user_activation"))) == (1, 6)
    with scope(world.scope), open_realm(world.tech.storefront.id):
        db_session.execute(update(SingleUseToken).values(created_at=utc_now() - timedelta(days=1, minutes=1)))
        db_session.commit()
    client.post(f"{link}/resend")
    assert len(mailed(world, "user_activation")) == 7


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/techsolutions//evil.example",
        "javascript:alert(1)",
        "/cloudia/",
        "/other",
        "/techsolutions/../cloudia/",
        "/techsolutions/\tx",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_sign_in(client, world, wanted: str) -> None:
    give_password(world, world.tech.buyers[0], world.tech.storefront.id)

    response = client.post(
        "/techsolutions/login",
        query_string={"next": wanted},
        data={"email": world.tech.buyers[0].email, "password": PASSWORD},
    )

    assert (response.status_code, response.location) == (FOUND, "/techsolutions/")


def test_visitor_comes_back_to_where_they_wanted(client, world) -> None:
    give_password(world, world.tech.buyers[0], world.tech.storefront.id)

    asked = client.get("/techsolutions/account/own?page=2")
    response = enter(client, asked.location, world.tech.buyers[0].email)

    assert asked.status_code == FOUND
    assert asked.location.startswith("/techsolutions/login?next=")
    assert response.location == "/techsolutions/account/own?page=2"


def test_closed_storefront_shows_the_door_to_nobody(client, world) -> None:
    """SF-F5 (partly): After the plan subscription is cancelled the alias shows the login page and correct credentials fail."""
    give_password(world, world.tech.admin, world.root.id)
    with scope(world.scope):
        db_session.execute(
            update(Storefront).where(Storefront.id == world.tech.storefront.id).values(state=StorefrontState.CLOSED)
        )
        db_session.commit()
    refreshed()

    pages = [client.get(f"/techsolutions{path}") for path in ("/", "/catalogue", "/manage/", "/orders/SO-1")]
    tried = enter(client, "/techsolutions/login", world.tech.admin.email)
    hidden = [client.get(f"/techsolutions{path}").status_code for path in ("/password", "/register")]

    for response in pages:
        assert (response.status_code, "This storefront is not available" in response.text) == (OK, True)
        assert "noindex" in response.text
    assert "Signing in is not available at the moment" in tried.text
    assert sessions_in(world, world.tech.storefront.id) == []
    assert hidden == [HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND]


def test_ending_storefront_still_lets_in(client, world) -> None:
    """SF-F5 (partly): while Pending Cancellation they work."""
    give_password(world, world.tech.admin, world.root.id)
    with scope(world.scope):
        db_session.execute(
            update(Storefront).where(Storefront.id == world.tech.storefront.id).values(state=StorefrontState.ENDING)
        )
    refreshed()

    assert enter(client, "/techsolutions/login", world.tech.admin.email).status_code == FOUND


def refreshed() -> None:
    directory.forget()


def test_too_many_tries_from_one_address_are_braked(client, world) -> None:
    for _ in range(20):
        assert enter(client, "/login", "nobody@nowhere.example").status_code == UNPROCESSABLE

    assert enter(client, "/login", "nobody@nowhere.example").status_code == HTTPStatus.TOO_MANY_REQUESTS


def test_forms_need_their_token(client, app, world) -> None:
    give_password(world, world.direct_buyer, world.root.id)
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        without = enter(client, "/login", world.direct_buyer.email)
        shown = client.get("/login")
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown.text).group(1)
        data = {"email": world.direct_buyer.email, "password": PASSWORD, "csrf_token": token}
        with_token = client.post("/login", data=data)
    finally:
        app.config["WTF_CSRF_ENABLED"] = False

    assert (without.status_code, with_token.status_code) == (HTTPStatus.BAD_REQUEST, FOUND)
    assert "This form is no longer valid" in without.text


def test_reseller_staff_hop_to_their_storefront_and_back(client, world, sign_in) -> None:
    sign_in(world.tech.admin, realm=world.root.id)

    over = client.get("/hop")
    landed = client.get(path_of(over.location), headers=FROM_HERE)
    again = client.get(path_of(over.location), headers=FROM_HERE)
    back = client.get("/techsolutions/hop/back")

    assert over.status_code == FOUND
    assert (landed.status_code, landed.location) == (FOUND, "/techsolutions/manage/")
    assert again.status_code == HTTPStatus.GONE
    assert client.get("/techsolutions/manage/probe").status_code == OK
    assert client.get(path_of(back.location), headers=FROM_HERE).location == "/"


@pytest.mark.parametrize("site", ["cross-site", "none", None])
def test_a_hop_that_somebody_else_sent_has_to_be_confirmed(client, world, sign_in, site) -> None:
    """Signing a reader in as the sender of a link: nothing happens before the person has seen as whom."""
    sign_in(world.tech.admin, realm=world.root.id)
    link = path_of(client.get("/hop").location)

    asked = client.get(link, headers={"Sec-Fetch-Site": site} if site else {})
    before = sessions_in(world, world.tech.storefront.id)
    confirmed = client.post(link)

    assert (asked.status_code, before) == (OK, [])
    assert world.tech.admin.email in asked.text
    assert confirmed.status_code == FOUND
    assert len(sessions_in(world, world.tech.storefront.id)) == 1


def test_others_have_nowhere_to_hop(client, world, sign_in) -> None:
    sign_in(world.tech.buyers[0])
    refused = client.get("/techsolutions/hop/back")
    sign_in(world.direct_buyer)

    assert refused.status_code == HTTPStatus.CONFLICT
    assert client.get("/hop").status_code == HTTPStatus.FORBIDDEN


def test_user_without_manage_right_lands_at_home(client, world) -> None:
    with scope(world.scope):
        buyer = make_user(
            db_session(),
            world.tech.account,
            kind=UserKind.RESELLER,
            realms=(world.root.id, world.tech.storefront.id),
            type=UserType.USER,
            roles=("buyer",),
        )
    give_password(world, buyer, world.root.id)

    assert enter(client, "/techsolutions/login", buyer.email).location == "/techsolutions/"


def test_catalogue_opens_to_visitors_where_the_storefront_says_so(client, world) -> None:
    """SF-F7 (partly): With anonymous access off, the catalogue redirects to login."""
    closed = client.get("/techsolutions/account/goods")
    with scope(world.tech.scope):
        save_storefront_settings(
            world.tech.storefront.id,
            StorefrontSettings(company_name="Tech", anonymous_access=True),
            reseller_id=world.tech.id,
            at=MONDAY_NOON,
        )
    opened = client.get("/techsolutions/account/goods")

    assert closed.location.startswith("/techsolutions/login")
    assert (opened.status_code, opened.json["user"]) == (OK, None)


def test_planted_cookie_of_another_realm_is_not_ours(client, world, sign_in) -> None:
    sign_in(world.tech.admin, realm=world.root.id)
    stolen = client.secret(world.root.id)
    client.set_cookie(cookie_name(world.tech.storefront.id), stolen, domain=world.host, path="/techsolutions")
    planted = client.get("/techsolutions/account/own")
    token = stolen.rsplit(".", 1)[0]
    client.set_cookie(
        cookie_name(world.tech.storefront.id),
        signed(world.tech.storefront.id, token),
        domain=world.host,
        path="/techsolutions",
    )

    assert planted.status_code == FOUND
    assert client.get("/techsolutions/account/own").status_code == FOUND  # even signed, the row is of another realm


def test_own_password_changes_only_for_who_knows_the_present_one(client, world, sign_in) -> None:
    buyer = world.tech.buyers[0]
    give_password(world, buyer, world.tech.storefront.id)
    sign_in(buyer)
    sign_in(buyer)  # a second session: another device
    path = "/techsolutions/account/password"
    new = {"password": "Green-Harbour-43", "repeat": "Green-Harbour-43"}

    wrong = client.post(path, data={"current": "Wrong-Harbour-42", **new})
    same = client.post(path, data={"current": PASSWORD, "password": PASSWORD, "repeat": PASSWORD})
    weak = client.post(path, data={"current": PASSWORD, "password": "short", "repeat": "short"})
    unequal = client.post(path, data={"current": PASSWORD, **new, "repeat": "Other-Harbour-43"})
    assert [each.status_code for each in (wrong, same, weak, unequal)] == [UNPROCESSABLE] * 4
    assert len(sessions_in(world, world.tech.storefront.id)) == 2
    right = client.post(path, data={"current": PASSWORD, **new})

    assert right.status_code == FOUND
    assert len(sessions_in(world, world.tech.storefront.id)) == 1
    assert client.get(path).status_code == OK
    assert [mail.to_email for mail in mailed(world, "password_changed")] == [buyer.email]
    client.post("/techsolutions/logout")
    assert enter(client, "/techsolutions/login", buyer.email).status_code == UNPROCESSABLE
    assert enter(client, "/techsolutions/login", buyer.email, "Green-Harbour-43").status_code == FOUND


def test_back_office_people_change_their_password_too(client, world, sign_in) -> None:
    give_password(world, world.bss_user, world.id)
    sign_in(world.bss_user)

    shown = client.get("/bss/own-password")
    done = client.post("/bss/own-password", data={"current": PASSWORD, "password": "Abcdef1!", "repeat": "Abcdef1!"})

    assert (shown.status_code, done.status_code) == (OK, FOUND)
