"""One's own page of sign-in and security, and what is asked for between password and session."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import pyotp
import pytest
from sqlalchemy import select

from app.access import cookies
from app.access.cookies import cookie_name
from app.core.clock import utc_now
from app.core.config import settings
from app.core.db import session as db_session
from app.core.ids import new_id
from app.core.secrets import decrypt
from app.identity.models import Credential, SignInName, User, UserSession
from app.identity.realms import open_realm
from app.notifications.models import MailTemplateSettings
from tenants.context import direct_business_scope, scope
from tenants.settings import StorefrontSettings, save_storefront_settings
from tests.domain.identity.people import PASSWORD, give_password, mailed
from tests.factories.world import MONDAY_NOON
from tests.web.identity.test_doors import FOUND, OK, UNPROCESSABLE, enter, sessions_in


@pytest.fixture
def customer(client, world):
    """The direct customer's person, signed in with a password at the root."""
    give_password(world, world.direct_buyer, world.root.id)
    assert enter(client, "/login", world.direct_buyer.email).status_code == FOUND
    return client


def root_settings(world, **changes) -> None:
    with scope(direct_business_scope(world.id)):
        save_storefront_settings(world.root.id, StorefrontSettings(**changes), reseller_id=None, at=MONDAY_NOON)
        db_session.commit()


def code_in(world, template: str, field: str) -> str:
    return decrypt(mailed(world, template)[-1].fields[field])


def emails_of(world, user_id) -> set[str]:
    with scope(world.scope):
        found = {db_session.get_one(User, (world.id, user_id)).email}
        with open_realm(world.root.id):
            names = db_session.scalars(select(SignInName.email).where(SignInName.user_id == user_id)).all()
    return found | set(names)


def test_local_credentials_ask_for_a_mailed_code_where_it_is_switched_on(client, world):
    """SF-F23: with 2FA on, correct local credentials ask for a mailed code; SSO does not (web/providers/test_openid)."""
    give_password(world, world.direct_buyer, world.root.id)
    root_settings(world, second_factor_by_mail=True)
    asked = enter(client, "/login?next=/billing", world.direct_buyer.email)
    assert (asked.status_code, asked.location) == (FOUND, "/login/continue?next=/billing")
    assert client.get("/billing").status_code == FOUND
    wrong = client.post("/login/continue?next=/billing", data={"code": "abc"})
    assert (wrong.status_code, "not right" in wrong.text) == (UNPROCESSABLE, True)
    right = client.post("/login/continue?next=/billing", data={"code": code_in(world, "sign_in_code", "sign_in_code")})
    assert (right.status_code, right.location) == (FOUND, "/billing")
    assert client.get("/billing").status_code == OK


def test_an_expired_password_opens_nothing_but_the_page_that_replaces_it(client, world):
    """SF-F25: an expired password forces the change page before any other page."""
    give_password(world, world.direct_buyer, world.root.id)
    with scope(world.scope), open_realm(world.root.id):
        db_session.scalars(select(Credential)).one().changed_at = utc_now() - timedelta(days=31)
        db_session.commit()
    root_settings(world, password_days=30)
    asked = enter(client, "/login", world.direct_buyer.email)
    assert asked.location == "/login/continue"
    page = client.get("/login/continue")
    assert "Your password has expired" in page.text
    for path in ("/billing", "/account/security", "/orders"):
        assert client.get(path).status_code in (FOUND, HTTPStatus.NOT_FOUND)
    refused = client.post("/login/continue", data={"password": PASSWORD, "repeat": PASSWORD})
    assert (refused.status_code, "last five" in refused.text) == (UNPROCESSABLE, True)
    done = client.post("/login/continue", data={"password": "Green-Harbour-43", "repeat": "Green-Harbour-43"})
    assert done.status_code == FOUND
    assert client.get("/billing").status_code == OK


def test_without_a_half_done_sign_in_there_is_nothing_to_continue(client, world):
    answer = client.get("/login/continue")
    assert (answer.status_code, answer.location) == (FOUND, "/login")


def test_an_app_is_set_up_with_its_code_and_asked_for_at_the_next_sign_in(customer, world):
    page = customer.get("/account/security/app")
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)[1].replace(" ", "")
    assert "<svg" in page.text
    assert customer.post("/account/security/app", data={"code": "000000"}).status_code == UNPROCESSABLE
    done = customer.post("/account/security/app", data={"code": pyotp.TOTP(secret).now()})
    codes = re.findall(r"(?<![\w-])[a-z2-9]{5}-[a-z2-9]{5}(?![\w-])", done.text)
    assert len(set(codes)) == 10
    assert [mail.to_email for mail in mailed(world, "second_factor")] == [world.direct_buyer.email]
    customer.post("/logout")
    assert enter(customer, "/login", world.direct_buyer.email).location == "/login/continue"
    assert customer.post("/login/continue", data={"code": codes[0]}).status_code == FOUND
    assert "Recovery codes left: 9" in customer.get("/account/security").text


def test_the_app_is_removed_with_the_password_only(customer, world):
    page = customer.get("/account/security/app")
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)[1].replace(" ", "")
    customer.post("/account/security/app", data={"code": pyotp.TOTP(secret).now()})
    wrong = customer.post("/account/security/app/remove", data={"current": "Wrong-Harbour-42"})
    assert wrong.status_code == UNPROCESSABLE
    assert "Recovery codes left" in customer.get("/account/security").text
    assert customer.post("/account/security/app/remove", data={"current": PASSWORD}).status_code == FOUND
    assert "Recovery codes left" not in customer.get("/account/security").text


def test_sessions_are_listed_and_ended_one_or_all(app, customer, world):
    """BC-28: users see and end their sessions."""
    other = app.test_client()
    other.host = world.host
    enter(other, "/login", world.direct_buyer.email)
    third = app.test_client()
    third.host = world.host
    enter(third, "/login", world.direct_buyer.email)
    page = customer.get("/account/security").text
    ids = re.findall(r"/account/security/sessions/([0-9a-f-]{36})/end", page)
    assert len(ids) == 2
    assert customer.post(f"/account/security/sessions/{ids[0]}/end").status_code == FOUND
    assert len(sessions_in(world, world.root.id)) == 2
    assert customer.post("/account/security/sessions/end-others").status_code == FOUND
    assert len(sessions_in(world, world.root.id)) == 1
    assert customer.get("/account/security").status_code == OK
    assert other.get("/account/security").status_code == third.get("/account/security").status_code == FOUND


def test_somebody_elses_session_cannot_be_ended(app, customer, world):
    give_password(world, world.tech.admin, world.root.id)
    other = app.test_client()
    other.host = world.host
    enter(other, "/login", world.tech.admin.email)
    with scope(world.scope), open_realm(world.root.id):
        theirs = db_session.scalars(select(UserSession.id).where(UserSession.user_id == world.tech.admin.id)).one()
    for session_id in (theirs, new_id()):
        answer = customer.post(f"/account/security/sessions/{session_id}/end")
        assert answer.status_code == HTTPStatus.NOT_FOUND
    assert other.get("/account/security").status_code == OK


def test_an_address_changes_only_after_its_code_came_back(customer, world):
    """SF-F31: password, new address, 6-digit code; login changes after Verify; the old address is told the new one."""
    old = world.direct_buyer.email
    form = {"current": PASSWORD, "new_email": "Anna.New@direct.example"}
    assert customer.post("/account/security/email", data=form).location == "/account/security/email/verify"
    assert emails_of(world, world.direct_buyer.id) == {old}
    assert mailed(world, "email_code")[0].to_email == "anna.new@direct.example"
    code = code_in(world, "email_code", "email_code")
    assert re.fullmatch(r"\d{6}", code)
    assert customer.post("/account/security/email/verify", data={"code": code}).status_code == FOUND
    assert emails_of(world, world.direct_buyer.id) == {"anna.new@direct.example"}
    (told,) = mailed(world, "email_changed")
    assert (told.to_email, told.fields["new_email"]) == (old, "anna.new@direct.example")
    customer.post("/logout")
    assert enter(customer, "/login", old).status_code == UNPROCESSABLE
    assert enter(customer, "/login", "anna.new@direct.example").status_code == FOUND


def test_a_wrong_or_late_code_changes_nothing_and_another_one_can_be_mailed(customer, world, monkeypatch):
    """SF-F32: a wrong or expired code does not change the address; Resend issues a new code."""
    old, at = world.direct_buyer.email, utc_now()
    customer.post("/account/security/email", data={"current": PASSWORD, "new_email": "new@direct.example"})
    first = code_in(world, "email_code", "email_code")
    wrong = "111111" if first != "111111" else "222222"
    assert customer.post("/account/security/email/verify", data={"code": wrong}).status_code == UNPROCESSABLE
    customer.post("/account/security/email/resend")
    assert len(mailed(world, "email_code")) == 1  # not within a minute
    monkeypatch.setattr("app.access.own_email.utc_now", lambda: at + timedelta(minutes=11))
    assert customer.post("/account/security/email/verify", data={"code": first}).status_code == UNPROCESSABLE
    assert emails_of(world, world.direct_buyer.id) == {old}
    customer.post("/account/security/email/resend")
    second = code_in(world, "email_code", "email_code")
    assert customer.post("/account/security/email/verify", data={"code": second}).status_code == FOUND
    assert emails_of(world, world.direct_buyer.id) == {"new@direct.example"}


@pytest.mark.parametrize(
    ("current", "new_email", "words"),
    [
        ("Wrong-Harbour-42", "new@direct.example", "not your present password"),
        (PASSWORD, "nobody", "Enter an e-mail address"),
        (PASSWORD, None, "This is your address already"),
        (PASSWORD, "taken", "This address cannot be used"),
    ],
)
def test_what_cannot_be_an_address_is_refused_at_its_field(customer, world, current, new_email, words):
    wanted = {None: world.direct_buyer.email, "taken": world.tech.admin.email}.get(new_email, new_email)
    answer = customer.post("/account/security/email", data={"current": current, "new_email": wanted})
    assert answer.status_code == UNPROCESSABLE
    assert words in answer.text
    assert mailed(world, "email_code") == []


def test_wrong_passwords_on_the_page_count_to_the_lock(customer, world):
    for _ in range(4):
        customer.post("/account/security/email", data={"current": "Wrong-Harbour-42", "new_email": "x@y.example"})
    assert len(mailed(world, "user_locked")) == 1
    right = customer.post("/account/security/email", data={"current": PASSWORD, "new_email": "x@direct.example"})
    assert right.status_code == UNPROCESSABLE


def test_where_the_owner_has_switched_the_code_mail_off_addresses_stay(customer, world):
    with scope(direct_business_scope(world.id)):
        db_session.add(MailTemplateSettings(reseller_id=None, template="email_code", is_enabled=False))
        db_session.commit()
    assert "Change e-mail" not in customer.get("/account/security").text
    assert customer.get("/account/security/email").status_code == HTTPStatus.NOT_FOUND


def test_staying_signed_in_survives_the_session_and_ends_with_sign_out(client, world):
    give_password(world, world.direct_buyer, world.root.id)
    client.post("/login", data={"email": world.direct_buyer.email, "password": PASSWORD, "remember": "y"})
    name = cookie_name(world.root.id)
    client.delete_cookie(name, domain=world.host, path="/")
    resumed = client.get("/billing?page=1")
    assert (resumed.status_code, resumed.location) == (FOUND, "/billing?page=1")
    assert client.get("/billing").status_code == OK
    client.post("/logout")
    assert client.get("/billing").location.startswith("/login")


def test_staying_signed_in_below_an_alias_comes_back_there(client, world):
    """Decisions section 4: nobody who comes back to a reseller's storefront lands in the distributor's."""
    buyer, storefront = world.tech.buyers[0], world.tech.storefront
    give_password(world, buyer, storefront.id)
    client.post("/techsolutions/login", data={"email": buyer.email, "password": PASSWORD, "remember": "y"})
    client.delete_cookie(cookie_name(storefront.id), domain=world.host, path="/techsolutions")

    resumed = client.get("/techsolutions/billing?page=1")

    assert (resumed.status_code, resumed.location) == (FOUND, "/techsolutions/billing?page=1")


def test_guessing_the_present_password_of_a_session_locks_it(sign_in, world):
    """SF-12: a stolen session is no way to try passwords."""
    customer = sign_in(world.direct_buyer)
    give_password(world, world.direct_buyer, world.root.id)
    wanted = {"password": "Quiet-Harbour-77", "repeat": "Quiet-Harbour-77"}
    for _ in range(4):
        assert customer.post("/account/password", data={"current": "Wrong-1-guess", **wanted}).status_code == 422

    refused = customer.post("/account/password", data={"current": PASSWORD, **wanted})

    assert refused.status_code == 422
    assert "This is not your present password" in refused.text


def test_cookies_beside_the_session_are_kept_from_scripts_and_other_sites(client, world):
    """BC-F74 (partly): HttpOnly, SameSite, below the address's path; signed for one realm."""
    give_password(world, world.tech.buyers[0], world.tech.storefront.id)
    answer = client.post(
        "/techsolutions/login",
        data={"email": world.tech.buyers[0].email, "password": PASSWORD, "remember": "y"},
    )
    lines = answer.headers.getlist("Set-Cookie")
    kept = [line for line in lines if line.startswith(cookie_name(world.tech.storefront.id))]
    assert len(kept) == 3
    for line in kept:
        assert "HttpOnly" in line
        assert "SameSite=Lax" in line
        assert "Path=/techsolutions" in line


def test_the_back_office_has_the_same_page(sign_in, world):
    page = sign_in(world.bss_user).get("/bss/security")
    assert page.status_code == OK
    assert "/bss/security/app" in page.text


def test_a_session_of_one_alias_is_none_at_another(client, world, monkeypatch):
    """BC-F74: cookies are Secure, HttpOnly, SameSite; a session of one reseller alias is not accepted at another."""
    monkeypatch.setattr(cookies, "settings", lambda: replace(settings(), public_scheme="https"))
    buyer = world.tech.buyers[0]
    give_password(world, buyer, world.tech.storefront.id)
    answer = client.post("/techsolutions/login", data={"email": buyer.email, "password": PASSWORD, "remember": "y"})
    own = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("g_")]
    assert len(own) == 3
    for line in own:
        assert all(word in line for word in ("; Secure", "; HttpOnly", "SameSite=Lax"))

    value = own[0].split(";", 1)[0].split("=", 1)[1]
    name = cookie_name(world.cloudia.storefront.id)
    client.set_cookie(name, value, domain=world.host, path="/cloudia")
    assert client.get("/cloudia/account/security").status_code == FOUND
