"""Which attributes say what: the usual names, an owner's own, and groups that give roles (SF-14)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.core.db import session as db_session
from app.identity.models import User, UserType
from app.identity.providers.models import ProviderState
from app.identity.providers.queries import get_provider
from tenants.context import scope
from tests.domain.identity.saml.test_metadata import metadata
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import people_of, root_settings, sessions_in
from tests.web.saml.conftest import add_saml, post_answer, set_out
from tests.web.saml.test_owner_pages import providers_of

FOUND, FORBIDDEN, UNPROCESSABLE = HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY
MICROSOFT = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
STAFF = {
    "trusts_email": True, "creates_users": True, "allowed_domains": ["nordwind.example"], "default_roles": ["read_only"],
}  # fmt: skip


def come(client, provider, *attributes, below="/bss"):
    trip = set_out(client, provider, below)
    answer = replace(trip.answer, assertion_id=f"_{trip.request_id}", attributes=attributes)
    taken = post_answer(client, trip, answer.encoded())
    return client.get(taken.location)


def newest(world):
    with scope(world.scope):
        return db_session.scalars(select(User).where(User.email == "nina@nordwind.example")).one()


@pytest.mark.parametrize("name", ["groups", MICROSOFT, "memberOf"])
def test_usual_names_of_groups_count_where_none_was_set(client, world, name):
    provider = add_saml(world, world.id, **STAFF)
    signed_in_browser(client, world, world.bss_user)
    client.post(f"/bss/providers/{provider.id}/roles", data={"group_name": "Sellers", "roles": ["sales"]})
    client.post("/bss/logout")
    came = come(client, provider, ("email", "nina@nordwind.example"), (name, "Others"), (name, "Sellers"))
    assert came.status_code == FOUND
    nina = newest(world)
    assert (nina.type, nina.roles) == (UserType.USER, ["sales"])
    (made,) = [each for each in sessions_in(world, world.id) if each.provider_id == provider.id]
    assert made.provider_subject == "person-1"


def test_an_owners_own_names_take_the_place_of_the_usual_ones(client, world):
    provider = add_saml(
        world, world.id, email_claim="mailAddress", first_name_claim="vorname", last_name_claim="nachname", **STAFF
    )
    before = people_of(world)
    assert come(client, provider, ("email", "nina@nordwind.example")).status_code == FORBIDDEN
    assert people_of(world) == before
    said = (("mailAddress", "nina@nordwind.example"), ("vorname", "Nina"), ("nachname", "Nord"))
    assert come(client, provider, *said).status_code == FOUND
    assert newest(world).full_name == "Nina Nord"


def test_what_an_owner_decides_is_stored_and_other_attributes_are_tested_again(client, world):
    signed_in_browser(client, world, world.bss_user)
    client.post("/bss/providers/saml/new", data={"name": "Olympus", "metadata": metadata("provider")})
    (made,) = providers_of(world, world.id)
    typed = {
        "metadata_url": "", "trusts_email": "y", "creates_users": "y", "allowed_domains": "Nordwind.example",
        "default_roles": ["support"], "groups_claim": "teams", "roles_follow": "y", "position": "3",
    }  # fmt: skip
    assert client.post(f"/bss/providers/{made.id}/saml", data=typed).status_code == FOUND
    with scope(world.scope):
        kept = get_provider(world.id, made.id)
    assert (kept.allowed_domains, kept.default_roles, kept.groups_claim) == (["nordwind.example"], ["support"], "teams")
    assert (kept.roles_follow, kept.signs_out, kept.position, kept.state) == (True, False, 3, ProviderState.DRAFT)


@pytest.mark.parametrize(
    "typed",
    [
        {"email_claim": " "},
        {"creates_users": "y"},
        {"creates_users": "y", "allowed_domains": "x y!", "default_roles": ["support"]},
        {"default_roles": ["owner"]},
        {"position": "9999"},
    ],
)
def test_wrong_options_store_nothing(client, world, typed):
    provider = add_saml(world, world.id)
    signed_in_browser(client, world, world.bss_user)
    assert (
        client.post(f"/bss/providers/{provider.id}/saml", data={"is_visible": "y", **typed}).status_code
        == UNPROCESSABLE
    )
    (kept,) = providers_of(world, world.id)
    assert (kept.creates_users, kept.default_roles, kept.is_visible, kept.position) == (False, [], True, 0)


def test_the_last_way_in_is_not_hidden(client, world):
    """SF-F28 (partly): with passwords off, the only provider stays on the sign-in page."""
    provider = add_saml(world, world.root.id)
    root_settings(world, local_login=False)
    signed_in_browser(client, world, world.bss_user)
    refused = client.post(f"/bss/storefront-providers/{provider.id}/saml", data={"metadata_url": ""})
    assert (refused.status_code, "At least one login method" in refused.text) == (UNPROCESSABLE, True)
    assert providers_of(world, world.root.id)[0].is_visible
