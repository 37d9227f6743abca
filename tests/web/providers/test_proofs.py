"""Where passwords are of no use, a mailed code proves once that an identity's address is somebody's (SF-14)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from app.core.clock import utc_now
from app.core.db import session as db_session
from app.core.ids import new_id
from app.core.secrets import decrypt
from app.identity.companies.models import CompanySignIn
from app.identity.models import UserStatus
from app.identity.providers.models import SsoRequest
from app.identity.realms import open_realm
from app.identity.recovery import set_status_of_names
from tenants.context import scope
from tests.domain.identity.people import PASSWORD, give_password, mailed
from tests.web.companies.conftest import add_company_provider, alias_place, decide, prove, travel
from tests.web.providers.conftest import add_provider, links_in, root_settings, sessions_in

OK, FOUND, FORBIDDEN, UNPROCESSABLE = (
    HTTPStatus.OK,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


class AtRoot:
    """Where the owner's provider stands, as far as `travel` asks."""

    below = ""


@pytest.fixture
def provider(world, forger):
    """The root's provider; passwords are off there."""
    made = add_provider(world, world.root.id)
    root_settings(world, local_login=False)
    return made


def arrive(client, world, provider, forger, person=None, sub="iris", place=AtRoot):
    """Come back as somebody with a known, verified address; returns where a proof is asked for."""
    email = (person or world.direct_buyer).email
    landed = travel(client, forger, place, provider, sub=sub, email=email, email_verified=True)
    assert (landed.status_code, "/sso/confirm/" in landed.location) == (FOUND, True)
    return landed.location


def codes(world):
    return [decrypt(each.fields["sign_in_code"]) for each in mailed(world, "sign_in_code")]


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06d}"


def let_time_pass(world, realm_id, **columns):
    """Move what a trip remembers into the past."""
    with scope(world.scope), open_realm(realm_id):
        db_session.execute(update(SsoRequest).values(**columns))
    db_session.commit()


def nothing_came_of_it(world, realm_id):
    return (links_in(world, realm_id), sessions_in(world, realm_id)) == ([], [])


def test_a_mailed_code_links_once_where_passwords_are_off(client, world, provider, forger):
    """SF-14 (2): "or mail code when local is off"; from then on the identity opens the door alone."""
    where = arrive(client, world, provider, forger)
    shown = client.get(where)
    (mail,) = mailed(world, "sign_in_code")
    (code,) = codes(world)
    assert (mail.to_email, code in shown.text, 'name="code"' in shown.text) == (world.direct_buyer.email, False, True)
    assert 'name="current"' not in shown.text
    refused = client.post(where, data={"code": wrong(code)})
    assert (refused.status_code, nothing_came_of_it(world, world.root.id)) == (UNPROCESSABLE, True)
    assert client.post(where, data={"code": f" {code[:3]} {code[3:]} "}).status_code == FOUND
    assert links_in(world, world.root.id) == [("iris", world.direct_buyer.id)]
    assert client.get("/billing").status_code == OK
    client.post("/logout")
    again = travel(client, forger, AtRoot, provider, sub="iris")
    assert (again.status_code, "/confirm/" in again.location, len(codes(world))) == (FOUND, False, 1)
    assert client.post(where, data={"code": code}).status_code == FORBIDDEN  # it was spent


def test_who_has_no_password_gets_a_code_where_passwords_are_on(client, world, forger):
    """Else they would have to make one up only to sign in without it; who has one types it."""
    provider = add_provider(world, world.root.id)
    where = arrive(client, world, provider, forger)
    assert 'name="code"' in client.get(where).text
    give_password(world, world.direct_buyer, world.root.id)
    where = arrive(client, world, provider, forger)
    assert ('name="current"' in client.get(where).text, len(codes(world))) == (True, 1)
    assert client.post(where, data={"current": PASSWORD}).status_code == FOUND


def test_people_of_a_company_without_passwords_get_a_code_and_its_keeper_types_the_password(app, client, world, forger):
    """GO-14: their passwords open nothing, so they prove nothing; the kept Admin's does."""
    place = alias_place(world)
    prove(world, place)
    keeper, colleague = place.admin, world.tech.buyers[0]
    provider = add_company_provider(world, place)
    give_password(world, colleague, place.realm_id)
    decide(world, place, is_required=True, break_glass_user_id=new_id())
    where = arrive(client, world, provider, forger, colleague, place=place)
    assert 'name="code"' in client.get(where).text
    with scope(world.scope), open_realm(place.realm_id):
        db_session.execute(update(CompanySignIn).values(break_glass_user_id=keeper.id))
    db_session.commit()
    other = app.test_client()
    other.host = world.host
    where = arrive(other, world, provider, forger, keeper, place=place)
    assert 'name="current"' in other.get(where).text


def test_five_wrong_codes_end_the_trip(client, world, provider, forger):
    where = arrive(client, world, provider, forger)
    (code,) = codes(world)
    for _ in range(5):
        client.post(where, data={"code": wrong(code)})
    assert client.post(where, data={"code": code}).status_code == FORBIDDEN
    assert nothing_came_of_it(world, world.root.id)


def test_wrong_codes_of_one_person_add_up_for_a_day(client, world, provider, forger):
    """Who can make a provider name somebody's address does not guess on and on, trip after trip."""
    for _ in range(2):
        where = arrive(client, world, provider, forger)
        for _ in range(5):
            client.post(where, data={"code": wrong(codes(world)[-1])})
    landed = travel(client, forger, AtRoot, provider, sub="iris", email=world.direct_buyer.email, email_verified=True)
    assert (landed.status_code, len(codes(world))) == (FORBIDDEN, 2)
    assert nothing_came_of_it(world, world.root.id)
    let_time_pass(world, world.root.id, created_at=utc_now() - timedelta(days=1, minutes=1))
    where = arrive(client, world, provider, forger)
    assert client.post(where, data={"code": codes(world)[-1]}).status_code == FOUND


def test_a_code_that_is_too_old_opens_nothing(client, world, provider, forger):
    where = arrive(client, world, provider, forger)
    let_time_pass(world, world.root.id, valid_until=utc_now())
    assert client.post(where, data={"code": codes(world)[0]}).status_code == FORBIDDEN
    assert nothing_came_of_it(world, world.root.id)


def test_another_code_after_a_minute_and_the_newest_counts(client, world, provider, forger):
    """As for a second factor (SF-12): at most three more."""
    where = arrive(client, world, provider, forger)
    client.post(f"{where}/resend")
    assert len(codes(world)) == 1
    for _ in range(4):
        let_time_pass(world, world.root.id, code_sent_at=utc_now() - timedelta(seconds=61))
        client.post(f"{where}/resend")
    sent = codes(world)
    assert len(sent) == 4
    if sent[0] != sent[-1]:
        assert client.post(where, data={"code": sent[0]}).status_code == UNPROCESSABLE
    assert client.post(where, data={"code": sent[-1]}).status_code == FOUND


def test_coming_back_once_more_mails_no_other_code(client, world, provider, forger):
    """Neither does it make the first one worthless, nor the trip longer: another code is asked for where it says so."""
    where = arrive(client, world, provider, forger)
    let_time_pass(world, world.root.id, valid_until=utc_now() + timedelta(minutes=5))
    for _ in range(3):
        again = client.get(where.replace("/confirm/", "/finish/"))
        assert (again.status_code, again.location) == (FOUND, where)
    (code,) = codes(world)
    with scope(world.scope), open_realm(world.root.id):
        (trip,) = db_session.scalars(select(SsoRequest)).all()
    assert (trip.codes_sent, trip.valid_until <= utc_now() + timedelta(minutes=5)) == (1, True)
    assert client.post(where, data={"code": code}).status_code == FOUND


@pytest.mark.parametrize(
    "attack", ["another browser", "another trip's code", "a password instead", "no code", "inactive"]
)
def test_a_code_counts_for_its_own_trip_and_browser_alone(app, client, world, provider, forger, attack):
    where = arrive(client, world, provider, forger)
    (code,) = codes(world)
    browser, typed = client, {"code": code}
    if attack == "another browser":
        browser = app.test_client()
        browser.host = world.host
    elif attack == "another trip's code":
        where = arrive(client, world, provider, forger, sub="another")
        if codes(world)[1] == code:
            typed = {"code": wrong(code)}
    elif attack == "a password instead":
        give_password(world, world.direct_buyer, world.root.id)
        typed = {"current": PASSWORD}
    elif attack == "no code":
        typed = {"code": ""}
    else:
        with scope(world.scope):
            set_status_of_names(world.direct_buyer, UserStatus.INACTIVE)
            db_session.commit()
    assert browser.post(where, data=typed).status_code in (FORBIDDEN, UNPROCESSABLE)
    assert nothing_came_of_it(world, world.root.id)


def test_a_code_is_stored_as_a_digest_alone(client, world, provider, forger):
    arrive(client, world, provider, forger)
    (code,) = codes(world)
    with scope(world.scope), open_realm(world.root.id):
        (trip,) = db_session.scalars(select(SsoRequest)).all()
    assert (trip.codes_sent, len(trip.code_digest or ""), code in (trip.code_digest or "")) == (1, 64, False)


def test_resending_without_a_trip_leads_to_the_sign_in_page(client, world, provider, forger):
    landed = client.post(f"/sso/confirm/{new_id()}/resend")
    assert (landed.status_code, landed.location.split("?")[0], mailed(world)) == (FOUND, "/login", [])
