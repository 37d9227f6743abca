"""A forgotten password: a link for a new one, or word of the provider people sign in with; who asks learns nothing (SF-13)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select, update

from app.core import db
from app.core.clock import utc_now
from app.core.db import session as db_session
from app.core.queue import Nudge
from app.identity.models import PasswordRequest, SignInName, SingleUseToken, UserKind, UserStatus, UserType
from app.identity.providers.jobs import ANSWER_PASSWORD_REQUEST
from app.identity.providers.models import ProviderState
from app.identity.realms import open_realm
from app.identity.recovery import set_status_of_names
from tenants.context import scope
from tests.counting import statements_of
from tests.domain.identity.people import answer_forgotten, give_password, mailed
from tests.factories.world import make_user
from tests.web.companies.conftest import add_company_provider, alias_place, decide, prove
from tests.web.providers.conftest import add_link, add_provider, bss_settings, change, shop_settings
from workers.jobs.forgotten import answer_password_request, nudge_password_requests

OK = HTTPStatus.OK
RESET, ELSEWHERE = "password_reset", "sign_in_elsewhere"


def forget(client, world, email, below="/techsolutions"):
    """Ask, and let the job answer; returns what was mailed, and how many links there are now."""
    assert client.post(f"{below}/password", data={"email": email}).status_code == OK
    answer_forgotten(world)
    return [(each.template, each.to_email) for each in mailed(world)]


def links(world, realm_id):
    with scope(world.scope), open_realm(realm_id):
        return len(db_session.scalars(select(SingleUseToken.id)).all())


def requests_of(world):
    with scope(world.scope):
        return db_session.scalars(select(PasswordRequest)).all()


@pytest.fixture
def shop(world):
    return world.tech.storefront.id


@pytest.fixture
def buyer(world):
    """The Admin of the first customer of Tech Solutions; without a password."""
    return world.tech.buyers[0]


def test_neither_the_answer_nor_the_work_behind_it_tells_who_exists(client, connection, world, shop, buyer):
    """SF-F26, BC-F5: by words: the same page; by time: the same statements, whoever it is."""
    give_password(world, buyer, shop)
    found = []
    for email in (buyer.email, "nobody@nowhere.example", world.tech.admin.email, world.bss_user.email):
        with statements_of(connection) as seen:
            answer = client.post("/techsolutions/password", data={"email": email})
        found.append((answer.status_code, answer.text, [each.split(" VALUES ")[0] for each in seen]))
    assert found[1:] == found[:1] * 3
    assert (mailed(world), links(world, shop)) == ([], 0)


def test_who_has_a_password_gets_a_link_also_beside_a_provider(client, world, shop, buyer):
    give_password(world, buyer, shop)
    add_link(world, add_provider(world, shop), buyer, "iris")
    assert forget(client, world, f" {buyer.email.upper()} ") == [(RESET, buyer.email)]
    assert links(world, shop) == 1


def test_who_signs_in_with_a_provider_alone_is_told_so(client, world, shop, buyer):
    """SF-13: users without local login get a mail with their provider's name, and no link that would make a password."""
    for name, state in (("Olympus ID", ProviderState.ENABLED), ("Old one", ProviderState.DISABLED)):
        add_link(world, add_provider(world, shop, name=name, state=state), buyer, name)
    assert forget(client, world, buyer.email) == [(ELSEWHERE, buyer.email)]
    (mail,) = mailed(world)
    assert (mail.fields["providers"], mail.fields["login_url"].endswith("/techsolutions/login")) == ("Olympus ID", True)
    assert links(world, shop) == 0


def test_whose_provider_is_gone_gets_a_link_all_the_same(client, world, shop, buyer):
    """Else they were out for good."""
    provider = add_provider(world, shop)
    add_link(world, provider, buyer, "iris")
    change(world, provider, state=ProviderState.DISABLED)
    assert forget(client, world, buyer.email) == [(RESET, buyer.email)]


def test_where_passwords_are_off_everybody_is_told_of_the_providers(client, world, shop, buyer):
    give_password(world, buyer, shop)
    add_provider(world, shop, name="One")
    add_provider(world, shop, name="Two", position=1)
    shop_settings(world, local_login=False)
    assert forget(client, world, buyer.email) == [(ELSEWHERE, buyer.email)]
    assert (mailed(world)[0].fields["providers"], links(world, shop)) == ("One or Two", 0)


def test_people_of_a_company_without_passwords_are_told_of_its_provider(client, world, shop, buyer):
    """GO-14: but for the Admin who keeps one, and colleagues with addresses elsewhere."""
    place = alias_place(world)
    with scope(world.scope):
        people = [make_user(db_session(), place.account, kind=UserKind.END_CUSTOMER, realms=(shop,)) for _ in range(2)]
        people[1].email = "far@elsewhere.example"
        with open_realm(shop):
            names = {each.user_id: each for each in db_session.scalars(select(SignInName)).all()}
            names[people[1].id].email = people[1].email
        db_session.commit()
    for each in (buyer, *people):
        give_password(world, each, shop)
    prove(world, place)
    add_company_provider(world, place)
    decide(world, place, is_required=True, break_glass_user_id=buyer.id)
    keeper, colleague, far = buyer.email, people[0].email, people[1].email
    for email in (keeper, colleague, far):
        forget(client, world, email)
    assert {each.to_email: each.template for each in mailed(world)} == {
        keeper: RESET, colleague: ELSEWHERE, far: RESET,
    }  # fmt: skip
    assert [each.fields["providers"] for each in mailed(world, ELSEWHERE)] == ["Acme ID"]


def test_an_administrators_password_is_of_use_behind_the_glass(client, world):
    """BC-27: passwords are off in the back office; administrators still have one for the separate path."""
    with scope(world.scope):
        staff = make_user(
            db_session(), None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("sales",)
        )
        db_session.commit()
    for each in (staff, world.bss_user):
        give_password(world, each, world.id)
    add_provider(world, world.id, name="Nordwind ID")
    bss_settings(world, bss_local_login=False)
    forget(client, world, staff.email, "/bss")
    forget(client, world, world.bss_user.email, "/bss")
    assert [(each.template, each.to_email) for each in mailed(world)] == [
        (ELSEWHERE, staff.email), (RESET, world.bss_user.email),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "whose", ["nobody's", "another storefront's", "inactive", "pending_activation", "of the back office"]
)
def test_nobody_is_mailed_for_an_address_that_signs_in_nowhere_here(client, world, shop, buyer, whose):
    add_provider(world, shop)
    email = buyer.email
    if whose == "nobody's":
        email = "nobody@nowhere.example"
    elif whose == "another storefront's":
        email = world.direct_buyer.email
    elif whose == "of the back office":
        email = world.bss_user.email
    else:
        with scope(world.scope):
            set_status_of_names(buyer, UserStatus(whose))
            db_session.commit()
    assert (forget(client, world, email), links(world, shop), requests_of(world)) == ([], 0, [])


def test_a_request_is_answered_once_by_the_job_and_found_again_where_its_message_was_lost(
    client, world, shop, buyer, monkeypatch
):
    nudges: list[Nudge] = []
    monkeypatch.setattr(db, "send_nudges", nudges.extend)
    give_password(world, buyer, shop)
    client.post("/techsolutions/password", data={"email": buyer.email})
    (request,) = requests_of(world)
    assert [(each.job, each.row_id) for each in nudges] == [(ANSWER_PASSWORD_REQUEST, request.id)]
    nudges.clear()
    with scope(world.scope), db.unit_of_work():
        nudge_password_requests(utc_now())
    assert [each.row_id for each in nudges] == [request.id]
    for _ in range(2):
        answer_password_request(str(request.id), distributor_id=str(world.id))
    assert ([each.to_email for each in mailed(world)], requests_of(world)) == ([buyer.email], [])


def test_a_request_of_an_hour_ago_is_dropped(client, world, shop, buyer):
    """Workers stood still; a link that arrives out of the blue frightens its reader."""
    give_password(world, buyer, shop)
    client.post("/techsolutions/password", data={"email": buyer.email})
    with scope(world.scope):
        db_session.execute(update(PasswordRequest).values(asked_at=utc_now() - timedelta(hours=1)))
        db_session.commit()
    answer_forgotten(world)
    assert (mailed(world), requests_of(world)) == ([], [])
