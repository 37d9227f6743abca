"""An owner adds a SAML provider by its metadata and takes over the next ones."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from app.identity.providers.models import ProviderState
from app.identity.providers.queries import list_providers
from tenants.context import scope
from tests.domain.identity.saml.test_metadata import metadata
from tests.web.conftest import signed_in_browser

PLACES = {
    "manage": "/techsolutions/manage/providers",
    "bss": "/bss/providers",
    "root": "/bss/storefront-providers",
}


def realm_and_owner(world, place):
    if place == "manage":
        return world.tech.storefront.id, world.tech.admin
    return (world.id if place == "bss" else world.root.id), world.bss_user


def providers_of(world, realm_id):
    with scope(world.scope):
        return list_providers(realm_id)


@pytest.mark.parametrize("place", PLACES)
def test_a_provider_is_added_by_its_metadata(client, world, place):
    realm_id, owner = realm_and_owner(world, place)
    signed_in_browser(client, world, owner)
    base = PLACES[place]

    saved = client.post(
        f"{base}/saml/new", data={"name": "Olympus", "metadata": metadata("provider"), "is_visible": "y"}
    )
    (made,) = providers_of(world, realm_id)
    shown = client.get(f"{base}/{made.id}/saml").text
    client.post(f"{base}/{made.id}/saml", data={"metadata": "", "trusts_email": "y"})
    (changed,) = providers_of(world, realm_id)

    assert saved.status_code == HTTPStatus.SEE_OTHER
    assert (made.state, made.is_visible, made.trusts_email) == (ProviderState.DRAFT, True, False)
    assert f"/sso/{made.id}/saml/acs" in shown
    assert (changed.is_visible, changed.trusts_email, changed.entity_id) == (False, True, made.entity_id)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("", metadata("provider"), "Enter a name"), ("Olympus", "<html>", ""), ("Olympus", "", "")],
)
def test_broken_metadata_comes_back_at_its_field(client, world, name, text, words):
    signed_in_browser(client, world, world.tech.admin)
    answer = client.post(f"{PLACES['manage']}/saml/new", data={"name": name, "metadata": text})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert providers_of(world, world.tech.storefront.id) == []
