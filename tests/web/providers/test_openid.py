"""Signing in through a real provider of other people, at the root, under an alias and in the back office."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from app.core.ids import new_id
from tests.domain.identity.people import PASSWORD, give_password, mailed
from tests.web.providers.conftest import (
    add_link,
    add_provider,
    bss_settings,
    go_as,
    links_in,
    people_of,
    register,
    root_settings,
    sent,
    sessions_in,
)

OK, FOUND, FORBIDDEN = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN


def real_provider(world, issuer, realm_id, below="", **changes):
    """A provider of a realm that is registered at the real one."""
    provider_id = new_id()
    redirect_uri = f"http://{world.host}{below}/sso/{provider_id}/callback"
    return add_provider(world, realm_id, id=provider_id, **register(issuer, redirect_uri), **changes)


def travel(client, provider, account, below="", query=""):
    """Go to the provider and back."""
    left = client.get(f"{below}/sso/{provider.id}{query}")
    assert left.status_code == FOUND
    return client.get(go_as(account, left.location))


def test_a_linked_identity_signs_in_without_a_code_at_the_root(client, world, issuer):
    """SF-F23 (partly): with 2FA on, SSO login does not ask for a code."""
    root_settings(world, second_factor_by_mail=True)
    provider = real_provider(world, issuer, world.root.id)
    add_link(world, provider, world.direct_buyer, "iris@olympus.example")

    landed = travel(client, provider, "iris@olympus.example", query="?next=/billing")

    assert (landed.status_code, landed.location) == (FOUND, "/billing")
    assert client.get("/billing").status_code == OK
    (made,) = sessions_in(world, world.root.id)
    assert (made.user_id, made.provider_id) == (world.direct_buyer.id, provider.id)
    assert mailed(world, "sign_in_code") == []


def test_a_verified_address_asks_for_the_password_once_under_an_alias(client, world, issuer):
    buyer, shop = world.tech.buyers[0], world.tech.storefront.id
    give_password(world, buyer, shop)
    provider = real_provider(world, issuer, shop, "/techsolutions")

    asked = travel(client, provider, buyer.email, "/techsolutions")
    assert (asked.status_code, asked.location[:27]) == (FOUND, "/techsolutions/sso/confirm/")
    assert (sessions_in(world, shop), links_in(world, shop)) == ([], [])
    assert "not your present password" in client.post(asked.location, data={"current": "Wrong-Harbour-42"}).text
    assert (sessions_in(world, shop), links_in(world, shop)) == ([], [])
    assert client.post(asked.location, data={"current": PASSWORD}).status_code == FOUND
    assert links_in(world, shop) == [(buyer.email, buyer.id)]
    assert client.get("/techsolutions/billing").status_code == OK
    assert len(mailed(world, "login_options")) == 1

    client.post("/techsolutions/logout")
    again = travel(client, provider, buyer.email, "/techsolutions")
    assert "/confirm/" not in again.location
    assert client.get("/techsolutions/billing").status_code == OK


def test_an_unverified_address_is_nobodys(client, world, issuer):
    provider = real_provider(world, issuer, world.root.id)
    refused = travel(client, provider, f"unverified.{world.direct_buyer.email}")
    assert (refused.status_code, "No account found" in refused.text) == (FORBIDDEN, True)
    assert (sessions_in(world, world.root.id), links_in(world, world.root.id)) == ([], [])


@pytest.mark.parametrize("is_on", [False, True])
def test_unknown_staff_are_refused_or_created_with_the_providers_roles(client, world, issuer, is_on):
    """BC-F71: an unknown SSO identity is refused without automatic registration, and created with the default role with it."""
    before = people_of(world)
    provider = real_provider(
        world,
        issuer,
        world.id,
        "/bss",
        creates_users=is_on,
        allowed_domains=["nordwind.example"],
        default_roles=["support"],
    )
    landed = travel(client, provider, "nina@nordwind.example", "/bss")
    assert landed.status_code == (FOUND if is_on else FORBIDDEN)
    assert people_of(world) == before + is_on
    assert client.get("/bss/").status_code == (OK if is_on else FOUND)
    if is_on:
        assert client.get("/bss/users").status_code == FORBIDDEN


@pytest.mark.parametrize("account", ["nina@elsewhere.example", "unverified@nordwind.example"])
def test_nobody_is_created_from_another_domain_or_without_a_verified_address(client, world, issuer, account):
    before = people_of(world)
    provider = real_provider(
        world,
        issuer,
        world.id,
        "/bss",
        creates_users=True,
        allowed_domains=["nordwind.example"],
        default_roles=["support"],
    )
    assert travel(client, provider, account, "/bss").status_code == FORBIDDEN
    assert (people_of(world), sessions_in(world, world.id)) == (before, [])


def test_an_address_alone_never_lets_staff_in(client, world, issuer):
    provider = real_provider(world, issuer, world.id, "/bss", creates_users=True, allowed_domains=["x.example"])
    refused = travel(client, provider, world.bss_user.email, "/bss")
    assert (refused.status_code, "login options" in refused.text) == (FORBIDDEN, True)
    assert (sessions_in(world, world.id), links_in(world, world.id)) == ([], [])


def test_with_passwords_off_the_only_provider_is_gone_to_at_once(client, world, issuer):
    """BC-F70: with local login off the BSS login page shows no password form; one provider is redirected to."""
    provider = real_provider(world, issuer, world.id, "/bss")
    assert 'name="password"' in client.get("/bss/login").text
    bss_settings(world, bss_local_login=False)
    for path in ("/bss/login", "/bss/login?local=1"):
        gone = client.get(path)
        assert (gone.status_code, gone.location) == (FOUND, f"/bss/sso/{provider.id}")
    give_password(world, world.bss_user, world.id)
    refused = client.post("/bss/login?local=1", data={"email": world.bss_user.email, "password": PASSWORD})
    assert refused.status_code == FORBIDDEN
    assert 'name="password"' not in refused.text
    assert sessions_in(world, world.id) == []


def test_a_code_of_another_client_opens_nothing(client, world, issuer):
    """The real provider refuses it at its token address: the code is bound to client, address and verifier."""
    provider = real_provider(world, issuer, world.root.id)
    add_link(world, provider, world.direct_buyer, "iris@olympus.example")
    other = register(issuer, f"http://{world.host}/sso/{provider.id}/callback")
    left = client.get(f"/sso/{provider.id}")
    swapped = left.location.replace(sent(left)["client_id"], other["client_id"])
    refused = client.get(go_as("iris@olympus.example", swapped))
    assert (refused.status_code, "iris" in refused.text) == (FORBIDDEN, False)
    assert sessions_in(world, world.root.id) == []
