"""A company's provider speaks for its own people of its proven domains: whatever else it says lets nobody in."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from app.accounts.services import enable_reselling
from app.audit.services import SYSTEM
from app.core.clock import utc_now
from app.core.db import session as db_session
from app.identity.companies.models import DomainState
from app.identity.companies.services import block_company
from app.identity.models import UserKind, UserStatus, UserType
from app.identity.providers.models import ProviderState
from app.identity.recovery import set_status_of_names
from tenants.context import scope
from tests.factories.world import make_user
from tests.web.companies.conftest import (
    DOMAIN,
    add_company_provider,
    alias_place,
    decide,
    prove,
    root_place,
    set_domain,
    travel,
    user_of,
)
from tests.web.providers.conftest import (
    add_link,
    change,
    links_in,
    people_of,
    sent,
    sessions_in,
    shop_settings,
)

OK, FOUND, FORBIDDEN, NOT_FOUND = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND
NEW = f"nina@{DOMAIN}"


@pytest.fixture
def place(world):
    """The first customer of Tech Solutions, which takes in new people of its domain as buyers."""
    found = alias_place(world)
    prove(world, found)
    decide(world, found, creates_users=True, default_roles=["buyer"])
    return found


@pytest.fixture
def provider(world, place, forger):
    return add_company_provider(world, place)


@pytest.fixture
def refused(world, place):
    """`refused(answer)`: nobody got in, nobody was made, nothing was linked, and no word says why."""
    before = people_of(world), links_in(world, place.realm_id)

    def check(answer, status=FORBIDDEN):
        assert answer.status_code == status
        assert (people_of(world), links_in(world, place.realm_id)) == before
        assert sessions_in(world, place.realm_id) == []

    return check


def test_people_of_the_domain_are_made_at_their_first_sign_in(client, world, place, provider, forger):
    """GO-14: with the company's roles, in the company's account alone. Else the refusals would prove nothing."""
    landed = travel(
        client, forger, place, provider, sub="nina", email=NEW, email_verified=True, given_name="Nina", family_name="N"
    )
    made = user_of(world, NEW)
    assert landed.status_code == FOUND
    assert (made.account_id, made.reseller_id) == (place.account.id, world.tech.id)
    assert (made.kind, made.type, made.roles) == (UserKind.END_CUSTOMER, UserType.USER, ["buyer"])
    assert client.get("/techsolutions/billing").status_code == OK
    assert client.get(place.page).status_code == FORBIDDEN
    assert links_in(world, place.realm_id) == [("nina", made.id)]


def test_at_the_root_the_new_person_is_the_direct_customers(client, world, forger):
    place = root_place(world)
    prove(world, place)
    decide(world, place, creates_users=True, default_roles=["billing_agent"])
    provider = add_company_provider(world, place)
    assert travel(client, forger, place, provider, sub="nina", email=NEW, email_verified=True).status_code == FOUND
    made = user_of(world, NEW)
    assert (made.account_id, made.reseller_id, made.kind) == (world.direct.id, None, UserKind.DIRECT)


@pytest.mark.parametrize(
    "email",
    [
        "nina@elsewhere.example",
        f"nina@{DOMAIN}.evil.example",
        f"nina@sub.{DOMAIN}",
        f"nina@evil.example@{DOMAIN}",
        f"nina@{DOMAIN}, nina@evil.example",
        f"nina%{DOMAIN}@evil.example",
        f"nina@{DOMAIN} ",
    ],
)
def test_another_domain_in_the_mail_claim_makes_nobody(client, world, place, provider, forger, refused, email):
    answer = travel(client, forger, place, provider, sub="nina", email=email, email_verified=True)
    if email.strip() == NEW:  # blanks around it are no other address
        assert answer.status_code == FOUND
    else:
        refused(answer)


def test_an_unverified_address_makes_nobody_and_lets_nobody_in(client, place, provider, forger, refused):
    refused(travel(client, forger, place, provider, sub="nina", email=NEW, email_verified=False))
    refused(travel(client, forger, place, provider, sub="cleo", email=place.admin.email))


def test_people_of_another_company_with_such_an_address_are_not_its_own(
    client, world, place, provider, forger, refused
):
    theirs = world.tech.buyers[1]
    refused(travel(client, forger, place, provider, sub="x", email=theirs.email, email_verified=True))


def test_a_resellers_staff_with_such_an_address_is_not_its_own(client, world, place, provider, forger, refused):
    refused(travel(client, forger, place, provider, sub="x", email=world.tech.admin.email, email_verified=True))


def test_a_subject_of_another_companys_provider_is_nobody_here(client, world, place, provider, forger, refused):
    """Two companies of one storefront use one service: the same issuer and subject at the other's door."""
    other = alias_place(world, 1)
    theirs = add_company_provider(world, other, name="Their ID")
    add_link(world, theirs, world.tech.buyers[1], "iris")
    before = links_in(world, place.realm_id)
    answer = travel(client, forger, place, provider, sub="iris")
    assert (answer.status_code, sessions_in(world, place.realm_id)) == (FORBIDDEN, [])
    assert links_in(world, place.realm_id) == before


def test_a_link_to_somebody_who_is_not_of_the_company_opens_nothing(client, world, place, provider, forger):
    """However it came there: people move, and rows may be wrong."""
    for user in (world.tech.buyers[1], world.tech.admin):
        add_link(world, provider, user, f"sub-{user.id}")
        answer = travel(client, forger, place, provider, sub=f"sub-{user.id}")
        assert (answer.status_code, sessions_in(world, place.realm_id)) == (FORBIDDEN, [])


def test_a_colleague_with_an_address_elsewhere_is_not_spoken_for(client, world, place, provider, forger):
    """The provider knows nothing of other domains: such people keep their passwords."""
    with scope(world.scope):
        guest = make_user(
            db_session(), place.account, kind=UserKind.END_CUSTOMER, realms=(place.realm_id,), first_name="Gus"
        )
    db_session.commit()
    add_link(world, provider, guest, "gus")
    assert travel(client, forger, place, provider, sub="gus").status_code == FOUND
    set_domain(world, place, domain="elsewhere.example")
    answer = travel(client, forger, place, provider, sub="gus")
    assert answer.status_code == FORBIDDEN


def test_the_root_knows_nothing_of_a_company_under_an_alias(client, world, place, provider, forger, refused):
    """Alias and root are two realms: the provider is at one of them, and so are its domain and its people."""
    for below in ("", "/cloudia", "/bss"):
        assert client.get(f"{below}/sso/{provider.id}").status_code == NOT_FOUND
    left = sent(client.get(f"{place.below}/sso/{provider.id}"))
    forger.claims = forger.good(left["nonce"], sub="dora", email=world.direct_buyer.email, email_verified=True)
    query = {"state": left["state"], "code": "a-code"}
    refused(client.get(f"/sso/{provider.id}/callback", query_string=query))
    assert sessions_in(world, world.root.id) == []


@pytest.mark.parametrize("state", [ProviderState.DRAFT, ProviderState.TESTED, ProviderState.DISABLED])
def test_a_provider_that_is_not_on_lets_nobody_in(client, world, place, provider, forger, refused, state):
    left = sent(client.get(f"{place.below}/sso/{provider.id}"))
    forger.claims = forger.good(left["nonce"], sub="nina", email=NEW, email_verified=True)
    change(world, provider, state=state)
    query = {"state": left["state"], "code": "a-code"}
    refused(client.get(f"{place.below}/sso/{provider.id}/callback", query_string=query))
    refused(client.get(f"{place.below}/sso/{provider.id}"), NOT_FOUND)


@pytest.mark.parametrize("state", [DomainState.PENDING, DomainState.LOST])
def test_a_domain_that_is_lost_meanwhile_is_spoken_for_no_longer(
    client, world, place, provider, forger, refused, state
):
    """Before the way to the provider, and while somebody is on it; people linked before are no exception."""
    add_link(world, provider, place.admin, "cleo")
    left = sent(client.get(f"{place.below}/sso/{provider.id}"))
    forger.claims = forger.good(left["nonce"], sub="cleo", email=place.admin.email, email_verified=True)
    set_domain(world, place, state=state)
    query = {"state": left["state"], "code": "a-code"}
    answer = client.get(f"{place.below}/sso/{provider.id}/callback", query_string=query)
    assert (answer.status_code, sessions_in(world, place.realm_id)) == (FORBIDDEN, [])
    assert client.get(f"{place.below}/sso/{provider.id}").status_code == NOT_FOUND


def test_the_storefronts_owner_shuts_all_or_one(client, world, place, provider, forger, refused):
    shop_settings(world, company_sign_in=False)
    refused(client.get(f"{place.below}/sso/{provider.id}"), NOT_FOUND)
    shop_settings(world, company_sign_in=True)
    assert client.get(f"{place.below}/sso/{provider.id}").status_code == FOUND
    with scope(world.scope):
        block_company(place.company, is_blocked=True, actor=SYSTEM, at=utc_now())
        db_session.commit()
    refused(client.get(f"{place.below}/sso/{provider.id}"), NOT_FOUND)


def test_nobody_is_made_where_the_company_takes_nobody_in(client, world, forger):
    place = alias_place(world)
    prove(world, place)
    provider = add_company_provider(world, place)
    before = people_of(world)
    answer = travel(client, forger, place, provider, sub="nina", email=NEW, email_verified=True)
    assert (answer.status_code, people_of(world)) == (FORBIDDEN, before)


def test_nobody_is_made_in_an_account_that_has_closed(client, world, place, provider, forger, refused):
    with scope(world.scope):
        set_status_of_names(place.admin, UserStatus.INACTIVE)
        db_session.commit()
    refused(travel(client, forger, place, provider, sub="nina", email=NEW, email_verified=True))


def test_what_a_provider_says_of_roles_makes_no_administrator(client, world, place, provider, forger):
    travel(
        client, forger, place, provider, sub="nina", email=NEW, email_verified=True, roles=["admin"], groups=["admin"],
        type="admin", is_admin=True,
    )  # fmt: skip
    assert user_of(world, NEW).type is UserType.USER


def test_a_known_address_is_asked_for_its_password_once_whatever_the_provider_says(
    client, world, place, provider, forger
):
    """ADR 21: an address never links silently, not even one of a proven domain."""
    asked = travel(client, forger, place, provider, sub="x", email=place.admin.email, email_verified=True)
    assert (asked.status_code, "/sso/confirm/" in asked.location) == (FOUND, True)
    assert (links_in(world, place.realm_id), sessions_in(world, place.realm_id)) == ([], [])


def test_a_company_that_resells_from_now_on_is_led_elsewhere_no_longer(client, world, forger):
    place = root_place(world)
    prove(world, place)
    provider = add_company_provider(world, place)
    add_link(world, provider, world.direct_buyer, "dora")
    with scope(world.scope):
        enable_reselling(world.direct.id, actor=SYSTEM, at=utc_now())
        db_session.commit()
    assert client.get(f"/sso/{provider.id}").status_code == NOT_FOUND
    change(world, provider, state=ProviderState.ENABLED)  # even if somebody switched it on again
    answer = travel(client, forger, place, provider, sub="dora", email=world.direct_buyer.email, email_verified=True)
    assert (answer.status_code, sessions_in(world, world.root.id)) == (FORBIDDEN, [])
