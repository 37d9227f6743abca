"""The address first: the domain alone decides where people go, and passwords may be off for a company's people."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.access.cookies import cookie_name
from app.audit.models import AuditEvent
from app.core.db import session as db_session
from app.core.secrets import decrypt
from app.identity.companies.models import DomainState
from app.identity.providers.models import ProviderState
from tenants.context import scope
from tests.counting import statements_of
from tests.domain.identity.people import PASSWORD, give_password, mailed
from tests.web.companies.conftest import (
    DOMAIN,
    add_company_provider,
    alias_place,
    decide,
    prove,
    set_domain,
    travel,
    user_of,
)
from tests.web.providers.conftest import add_link, add_provider, change, sessions_in, shop_settings

OK, FOUND, UNPROCESSABLE = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.UNPROCESSABLE_ENTITY
LOGIN = "/techsolutions/login"


@pytest.fixture
def place(world):
    found = alias_place(world)
    prove(world, found)
    return found


@pytest.fixture
def provider(world, place, forger):
    return add_company_provider(world, place)


def ask(client, email):
    return client.post(LOGIN, data={"email": email})


def enter(client, email, password=PASSWORD):
    return client.post(LOGIN, data={"email": email, "password": password})


def without_tokens(text):
    """A page without what differs at each request: the form's token, and what was typed."""
    return re.sub(r'(value|nonce|data-request-id)="[^"]*"', "", text)


def test_the_page_stays_as_it_is_where_no_company_has_a_provider(client, world):
    text = client.get(LOGIN).text
    assert ('name="password"' in text, "Use another address" in text) == (True, False)
    assert "Enter your password" in ask(client, "x@y.example").text


def test_the_address_leads_to_the_companys_provider_or_to_the_password(client, world, place, provider):
    """GO-14: e-mail first, without scripts: the page goes on by itself, and its link leads there too."""
    first = client.get(f"{LOGIN}?next=/techsolutions/billing")
    assert ('name="email"' in first.text, 'name="password"' in first.text) == (True, False)

    led = client.post(f"{LOGIN}?next=/techsolutions/billing", data={"email": f"  Anybody@{DOMAIN.upper()} "})
    url = f"/techsolutions/sso/{provider.id}?next=/techsolutions/billing"
    assert (led.status_code, led.headers["Refresh"]) == (OK, f"0;url={url}")
    assert f'href="{url}"' in led.text
    assert f'href="{LOGIN}?password=1&amp;next=/techsolutions/billing"' in led.text
    assert client.get(url).location.startswith("https://login.olympus.example/auth")

    other = ask(client, "somebody@elsewhere.example")
    assert (other.status_code, 'name="password"' in other.text) == (OK, True)
    assert 'value="somebody@elsewhere.example"' in other.text
    assert "Refresh" not in other.headers


def test_the_name_of_a_company_or_its_provider_stands_on_no_page(client, world, place, provider):
    """Decisions section 8: a customer company's provider is never listed."""
    for answer in (client.get(LOGIN), ask(client, f"x@{DOMAIN}"), ask(client, "x@y.example")):
        assert "Acme ID" not in answer.text
        assert place.account.name not in answer.text


@pytest.mark.parametrize("is_routed", [True, False])
def test_the_answer_to_an_address_does_not_tell_whether_there_is_such_a_person(
    client, connection, world, place, provider, is_routed
):
    """By words: the same page; by time: the same statements, and no password is looked at."""
    if not is_routed:
        set_domain(world, place, domain="elsewhere.example")
    found = []
    for email in (place.admin.email, f"nobody@{DOMAIN}", f"nobody2@{DOMAIN}"):
        with statements_of(connection) as seen:
            answer = ask(client, email)
        found.append((answer.status_code, without_tokens(answer.text), [each.split(" WHERE ")[0] for each in seen]))
    assert found[1:] == found[:1] * 2
    assert ("Continue to your company" in found[0][1]) is is_routed


@pytest.mark.parametrize("state", [DomainState.PENDING, DomainState.LOST])
def test_only_a_proven_domain_leads_anywhere(client, world, place, provider, state):
    set_domain(world, place, state=state)
    assert 'name="password"' in ask(client, f"x@{DOMAIN}").text


def test_a_provider_that_is_off_leads_nobody(client, world, place, provider):
    change(world, provider, state=ProviderState.TESTED)
    assert 'name="password"' in client.get(LOGIN).text


def test_the_owners_switch_takes_the_step_away(client, world, place, provider):
    shop_settings(world, company_sign_in=False)
    assert 'name="password"' in client.get(LOGIN).text


def test_another_storefront_knows_nothing_of_it(client, world, place, provider):
    for login in ("/login", "/cloudia/login", "/bss/login"):
        assert 'name="password"' in client.get(login).text


@pytest.mark.parametrize("typed", ["", "x" * 300 + "@people.example"])
def test_a_wrong_address_comes_back_at_its_field(client, world, place, provider, typed):
    answer = ask(client, typed)
    assert (answer.status_code, "field__error" in answer.text) == (UNPROCESSABLE, True)


def test_people_may_use_a_password_beside_the_provider(client, world, place, provider):
    """Mixed mode: the provider is a way in, not the only one, until the company says so."""
    give_password(world, place.admin, place.realm_id)
    assert 'name="password"' in client.get(f"{LOGIN}?password=1").text
    assert enter(client, place.admin.email).status_code == FOUND
    assert client.get("/techsolutions/billing").status_code == OK


def test_with_passwords_off_the_right_one_reads_as_a_wrong_one(client, world, place, provider):
    """GO-14: forced sign-in: neutral words that lead to the company's own sign-in, whoever is asked for."""
    give_password(world, place.admin, place.realm_id)
    decide(world, place, is_required=True)
    url = f"/techsolutions/sso/{provider.id}"
    texts = []
    for email, password in (
        (place.admin.email, PASSWORD),
        (place.admin.email, "Wrong-Harbour-42"),
        (f"nobody@{DOMAIN}", PASSWORD),
    ):
        answer = enter(client, email, password)
        assert (answer.status_code, f'href="{url}"' in answer.text) == (UNPROCESSABLE, True)
        texts.append(without_tokens(answer.text))
    assert texts[1:] == texts[:1] * 2
    assert sessions_in(world, place.realm_id) == []
    elsewhere = enter(client, "nobody@elsewhere.example")
    assert f'href="{url}"' not in elsewhere.text


def test_passwords_off_for_one_company_stay_on_for_everybody_else(client, world, place, provider):
    """Another company's people and the reseller's staff with addresses of that domain are none of its business."""
    decide(world, place, is_required=True)
    for user in (world.tech.buyers[1], world.tech.admin):
        give_password(world, user, place.realm_id)
        assert enter(client, user.email).status_code == FOUND
        client.post("/techsolutions/logout")


def test_a_colleague_with_an_address_elsewhere_keeps_the_password(client, world, place, provider):
    give_password(world, place.admin, place.realm_id)
    decide(world, place, is_required=True)
    set_domain(world, place, domain="elsewhere.example")
    assert enter(client, place.admin.email).status_code == FOUND


def test_the_companys_administrator_breaks_the_glass(client, world, place, provider):
    """GO-14: one Admin keeps a password; its use is in the audit trail."""
    give_password(world, place.admin, place.realm_id)
    decide(world, place, is_required=True, break_glass_user_id=place.admin.id)
    assert enter(client, place.admin.email).status_code == FOUND
    with scope(world.scope):
        actions = db_session.scalars(select(AuditEvent.action)).all()
    assert "sign_in.break_glass" in actions


@pytest.mark.parametrize("gone", ["domain", "provider", "owner"])
def test_passwords_are_on_again_when_the_provider_can_let_nobody_in(client, world, place, provider, gone):
    """Else a lost record would lock a whole company out."""
    give_password(world, place.admin, place.realm_id)
    decide(world, place, is_required=True)
    if gone == "domain":
        set_domain(world, place, state=DomainState.LOST)
    elif gone == "provider":
        change(world, provider, state=ProviderState.DISABLED)
    else:
        shop_settings(world, company_sign_in=False)
    assert enter(client, place.admin.email).status_code == FOUND


@pytest.mark.parametrize("is_required", [False, True])
def test_a_browser_that_stays_signed_in_is_no_way_round(client, world, place, provider, is_required):
    """What is remembered stands in for the password, and where that opens nothing it does not either."""
    give_password(world, place.admin, place.realm_id)
    client.post(LOGIN, data={"email": place.admin.email, "password": PASSWORD, "remember": "y"})
    client.delete_cookie(cookie_name(place.realm_id), domain=client.host, path="/techsolutions")
    decide(world, place, is_required=is_required)
    client.get("/techsolutions/billing")
    assert len(sessions_in(world, place.realm_id)) == (1 if is_required else 2)


def test_an_address_elsewhere_is_no_way_round(client, world, place, provider, sign_in):
    """Whoever took an address of another domain would have a password again."""
    give_password(world, place.admin, place.realm_id)
    typed = {"current": PASSWORD, "new_email": "cleo@elsewhere.example"}
    change_email = "/techsolutions/account/security/email"
    sign_in(place.admin)
    assert client.post(change_email, data=typed).status_code == FOUND  # a code is on its way when passwords go off
    decide(world, place, is_required=True)
    refused = client.post(change_email, data=typed)
    assert (refused.status_code, "Your company signs you in" in refused.text) == (UNPROCESSABLE, True)
    code = decrypt(mailed(world, "email_code")[-1].fields["email_code"])
    refused = client.post(f"{change_email}/verify", data={"code": code})
    assert (refused.status_code, "Your company signs you in" in refused.text) == (UNPROCESSABLE, True)
    assert user_of(world, "cleo@elsewhere.example") is None


def test_without_owners_passwords_the_address_is_still_asked_for(client, world, place, provider):
    """SF-14: the storefront's owner has switched passwords off; who is of no company chooses the owner's provider."""
    add_provider(world, place.realm_id, name="Shop ID")
    shop_settings(world, local_login=False)
    first = client.get(LOGIN)
    assert (first.status_code, "Shop ID" in first.text, "password" in first.text) == (OK, True, False)
    led = ask(client, f"x@{DOMAIN}")
    assert ("Refresh" in led.headers, "password" in led.text) == (True, False)
    other = ask(client, "x@elsewhere.example")
    assert (other.status_code, "no sign-in of its own" in other.text) == (UNPROCESSABLE, True)


def test_the_companys_provider_is_a_login_option_of_its_people_alone(client, world, place, provider, sign_in):
    """SF-15: with the owner's passwords and the company's provider there is a choice; others see none."""
    sign_in(place.admin)
    assert "Acme ID" in client.get("/techsolutions/account/login-options").text
    client.post("/techsolutions/logout")
    sign_in(world.tech.buyers[1])
    assert client.get("/techsolutions/account/login-options").status_code == HTTPStatus.NOT_FOUND


def test_linking_is_mailed(client, world, place, provider, forger):
    add_link(world, provider, place.admin, "cleo")
    assert travel(client, forger, place, provider, sub="cleo").status_code == FOUND
    assert mailed(world, "login_options") == []
    decide(world, place, creates_users=True, default_roles=["buyer"])
    travel(client, forger, place, provider, sub="nina", email=f"nina@{DOMAIN}", email_verified=True)
    assert [mail.to_email for mail in mailed(world, "login_options")] == [f"nina@{DOMAIN}"]
