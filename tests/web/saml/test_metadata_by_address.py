"""Metadata by its address: read when it is entered and each day, with new certificates; owners hear of what needs them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
import requests
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.config import settings
from app.core.db import session as db_session
from app.identity.oidc.ports import OutsideFailed
from app.identity.providers.models import ProviderState
from app.identity.saml.refresh import realms_to_look_after
from tenants.context import scope
from tests.domain.identity.people import mailed
from tests.domain.identity.saml.answers import encode, key_pair
from tests.domain.identity.saml.test_metadata import metadata
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import sessions_in
from tests.web.saml.conftest import add_saml, link_saml, metadata_of, post_answer, set_out
from tests.web.saml.test_owner_pages import PLACES, providers_of, realm_and_owner
from workers.jobs.sign_on import look_after_providers, read_again

OK, FOUND, UNPROCESSABLE = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.UNPROCESSABLE_ENTITY
URL = "https://idp.example/metadata"
DAY_ONE = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAST_DAY = datetime(2034, 12, 30, tzinfo=UTC)  # of the certificates of tests


class Publisher:
    """The outside world: a provider that publishes metadata, or does not answer."""

    def __init__(self, text: str | None) -> None:
        self.text, self.asked = text, []

    def get_text(self, url: str) -> str:
        self.asked.append(url)
        if self.text is None:
            raise OutsideFailed("idp.example did not answer")
        return self.text


@pytest.fixture
def publisher(app):
    made = Publisher(metadata("old"))
    app.config["SSO_OUTSIDE"] = made
    yield made
    app.config.pop("SSO_OUTSIDE")


def add_published(world, realm_id, *keys, **changes):
    values = {
        "entity_id": "https://idp.example", "sso_url": "https://idp.example/sso", "metadata_url": URL,
        "metadata_read_at": DAY_ONE, "certificates": [key_pair(each).certificate for each in keys or ("old",)],
    }  # fmt: skip
    return add_saml(world, realm_id, **{**values, **changes})


def look_after(world, realm_id, publisher, at):
    with scope(world.scope):
        read_again(realm_id, publisher, at=at)


def only(world, realm_id):
    (found,) = providers_of(world, realm_id)
    return found


def told(world):
    return [(mail.to_email, mail.fields["what"]) for mail in mailed(world, "provider_notice")]


@pytest.mark.parametrize("place", PLACES)
def test_a_provider_is_added_by_the_address_of_its_metadata(client, world, publisher, place):
    realm_id, owner = realm_and_owner(world, place)
    signed_in_browser(client, world, owner)
    saved = client.post(f"{PLACES[place]}/saml/new", data={"name": "Olympus", "metadata_url": URL})
    assert saved.status_code == FOUND
    made = only(world, realm_id)
    assert (made.entity_id, made.metadata_url, publisher.asked) == ("https://idp.example", URL, [URL])
    assert made.metadata_read_at is not None
    shown = client.get(f"{PLACES[place]}/{made.id}/saml")
    assert (f'value="{URL}"' in shown.text, "MetaData" in shown.text) == (True, False)
    client.post(f"{PLACES[place]}/{made.id}/saml", data={"metadata_url": URL})
    assert publisher.asked == [URL, URL]
    client.post(f"{PLACES[place]}/{made.id}/saml", data={"metadata_url": ""})
    assert only(world, realm_id).metadata_url is None


@pytest.mark.parametrize(
    ("typed", "published", "words"),
    [
        ({"metadata_url": URL}, None, "did not answer"),
        ({"metadata_url": URL}, "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "document type"),
        ({"metadata_url": URL}, "x" * 300_000, "larger than 256 KiB"),
        ({"metadata_url": "https://idp.example/" + "x" * 500}, "", "Enter an address"),
        ({"metadata_url": URL, "metadata": "<a/>"}, "", "not both"),
        ({}, "", "not an XML document"),
    ],
)
def test_what_cannot_be_read_comes_back_at_its_field(client, world, publisher, typed, published, words):
    publisher.text = published
    signed_in_browser(client, world, world.tech.admin)
    refused = client.post(f"{PLACES['manage']}/saml/new", data={"name": "Olympus", **typed})
    assert (refused.status_code, words in refused.text) == (UNPROCESSABLE, True)
    assert providers_of(world, world.tech.storefront.id) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1/metadata", "https://10.0.0.1/", "file:///etc/passwd", "nowhere"])
def test_private_targets_are_not_read(client, world, address):
    signed_in_browser(client, world, world.tech.admin)
    refused = client.post(f"{PLACES['manage']}/saml/new", data={"name": "Olympus", "metadata_url": address})
    assert refused.status_code == UNPROCESSABLE
    assert providers_of(world, world.tech.storefront.id) == []


def test_the_metadata_of_a_real_provider_is_read_through_the_guard(client, world, saml_idp, monkeypatch):
    origin = saml_idp.removeprefix("http://")
    signed_in_browser(client, world, world.tech.admin)
    typed = {"name": "Campus", "metadata_url": f"{saml_idp}/metadata"}
    assert client.post(f"{PLACES['manage']}/saml/new", data=typed).status_code == UNPROCESSABLE
    monkeypatch.setenv("ALLOWED_PRIVATE_TARGETS", origin)
    settings.cache_clear()
    try:
        assert client.post(f"{PLACES['manage']}/saml/new", data=typed).status_code == FOUND
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert only(world, world.tech.storefront.id).sso_url == metadata_of(saml_idp).sso_url
    assert requests.get(f"{saml_idp}/metadata", timeout=10).ok


def test_a_new_certificate_beside_the_old_one_counts_the_next_day(client, world, publisher):
    """Rollover: answers signed with either count meanwhile, and people notice nothing."""
    provider = add_published(world, world.root.id)
    link_saml(world, provider, world.direct_buyer, "person-1")
    publisher.text = metadata("old", "new")
    look_after(world, world.root.id, publisher, DAY_ONE + timedelta(days=1))
    renewed = only(world, world.root.id)
    assert (renewed.state, len(renewed.certificates), told(world)) == (ProviderState.ENABLED, 2, [])
    for key in ("old", "new"):
        trip = set_out(client, provider)
        answer = replace(trip.answer, issuer=provider.entity_id, assertion_id=f"_{key}")
        assert post_answer(client, trip, encode(answer.signed(key_pair(key)))).status_code == FOUND
    publisher.text = metadata("new")
    look_after(world, world.root.id, publisher, DAY_ONE + timedelta(days=2))
    assert only(world, world.root.id).certificates == [key_pair("new").certificate]


@pytest.mark.parametrize(
    "published",
    [
        metadata("another"),
        metadata("old", sso="https://evil.example/sso"),
        metadata("old").replace("idp.example'", "x'"),
    ],
    ids=["only unknown certificates", "another address", "another provider"],
)
def test_what_somebody_must_look_at_is_told_and_not_taken_over(world, publisher, published):
    provider = add_published(world, world.tech.storefront.id)
    publisher.text = published
    for day in (1, 2, 3):
        look_after(world, world.tech.storefront.id, publisher, DAY_ONE + timedelta(days=day))
    kept = only(world, world.tech.storefront.id)
    assert (kept.state, kept.certificates, kept.sso_url) == (
        ProviderState.ENABLED, [key_pair("old").certificate], provider.sso_url
    )  # fmt: skip
    assert [to for to, _ in told(world)] == [world.tech.admin.email]  # once


def test_an_address_that_does_not_answer_is_told_once_and_forgotten_when_it_does(client, world, publisher):
    add_published(world, world.id)
    publisher.text = None
    for day in (1, 2):
        look_after(world, world.id, publisher, DAY_ONE + timedelta(days=day))
    assert {to for to, _ in told(world)} >= {world.bss_user.email}
    assert len(told(world)) == len({to for to, _ in told(world)})
    signed_in_browser(client, world, world.bss_user)
    assert "did not answer" in client.get(f"/bss/providers/{only(world, world.id).id}/saml").text
    publisher.text = metadata("old")
    look_after(world, world.id, publisher, DAY_ONE + timedelta(days=3))
    assert only(world, world.id).metadata_error is None


@pytest.mark.parametrize("is_read", [True, False])
def test_owners_hear_of_a_certificate_that_ends(world, publisher, is_read):
    """30, 7 and 1 days before; once each, pasted metadata too; another certificate begins anew."""
    realm = world.tech.storefront.id
    add_published(world, realm, metadata_url=URL if is_read else None)
    for days, mails in ((40, 0), (30, 1), (20, 1), (7, 2), (3, 2), (1, 3), (0, 3)):
        look_after(world, realm, publisher, LAST_DAY - timedelta(days=days))
        assert len(told(world)) == mails, days
    assert all("ends on 30 Dec 2034" in what for _, what in told(world))
    assert publisher.asked == ([URL] * 7 if is_read else [])


def test_a_second_run_on_the_same_day_reads_nothing(world, publisher):
    add_published(world, world.root.id)
    add_published(world, world.tech.storefront.id, metadata_read_at=DAY_ONE + timedelta(hours=12))
    at = DAY_ONE + timedelta(days=1)
    with scope(world.scope):
        assert realms_to_look_after(at) == [world.root.id]
    look_after(world, world.root.id, publisher, at)
    look_after(world, world.root.id, publisher, at)
    assert publisher.asked == [URL]
    with scope(world.scope):
        assert realms_to_look_after(at) == []


def test_the_job_itself_reads_through_the_guard(world):
    add_published(world, world.root.id, metadata_url="http://127.0.0.1:9/metadata")
    look_after_providers(str(world.root.id), distributor_id=str(world.id))
    assert "could not be read" in only(world, world.root.id).metadata_error


def test_a_renewal_is_in_the_audit_trail(world, publisher):
    add_published(world, world.root.id)
    publisher.text = metadata("old", "new")
    look_after(world, world.root.id, publisher, DAY_ONE + timedelta(days=1))
    with scope(world.scope):
        (event,) = db_session.scalars(select(AuditEvent).where(AuditEvent.action == "provider.metadata_renewed"))
    assert event.after["changed"] == "certificates"
    assert sessions_in(world, world.root.id) == []
