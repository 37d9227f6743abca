"""Somebody a provider vouches for and nobody knows registers without a password (SF-14 (3), SF-05)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from lxml import html

from app.identity.models import UserStatus, UserType
from app.identity.providers.models import ProviderState
from tests.domain.identity.people import mailed
from tests.web.conftest import signed_in_browser
from tests.web.providers.conftest import (  # noqa: F401 - the forger is a fixture
    add_link,
    add_provider,
    change,
    forger,
    links_in,
    sent,
    sessions_in,
)
from tests.web.registration.conftest import (
    FORM,
    account_named,
    open_to_registrations,
    requests_of,
    user_with,
    waiting,
    work,
)

OK, FOUND, FORBIDDEN, UNPROCESSABLE = (
    HTTPStatus.OK,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
EMAIL = "ada@newcomer.example"
TYPED = {name: value for name, value in FORM.items() if name not in ("password", "repeat", "email")}
SHOP, ROOT = "/techsolutions", ""


@pytest.fixture
def provider(world, forger):  # noqa: F811 - the fixture
    """The reseller's own provider."""
    return add_provider(world, world.tech.storefront.id)


def arrive(client, provider, forger, below=SHOP, **claims):  # noqa: F811
    """Go to the provider and back as somebody."""
    left = sent(client.get(f"{below}/sso/{provider.id}"))
    said = {"email": EMAIL, "email_verified": True, "given_name": "Ada", "family_name": "Applicant", **claims}
    forger.claims = forger.good(left["nonce"], **{"sub": "ada", **said})
    return client.get(f"{below}/sso/{provider.id}/callback", query_string={"state": left["state"], "code": "a"})


def test_the_form_is_filled_in_the_address_stands_and_no_password_is_asked(client, world, provider, forger):  # noqa: F811
    open_to_registrations(world)
    landed = arrive(client, provider, forger)
    assert (landed.status_code, landed.location[:28]) == (FOUND, "/techsolutions/register/sso/")
    form = html.fromstring(client.get(landed.location).text)
    assert form.xpath("//input[@name='email']/@value") == [EMAIL]
    assert form.xpath("//input[@name='email']/@readonly")
    assert form.xpath("//input[@name='first_name']/@value") == ["Ada"]
    assert form.xpath("//input[@type='password']") == []


@pytest.mark.parametrize(("below", "passwords"), [(SHOP, True), (SHOP, False), (ROOT, True)])
def test_who_registers_so_comes_in_by_the_provider_at_once(client, world, forger, below, passwords):  # noqa: F811
    """Also with passwords off, and at the root; whatever address is typed, the provider's counts."""
    realm = world.tech.storefront.id if below else world.root.id
    provider = add_provider(world, realm)
    open_to_registrations(world, at_root=not below, local_login=passwords)
    where = arrive(client, provider, forger, below).location

    received = client.post(where, data={**TYPED, "email": "victim@other.example"}, follow_redirects=True)
    assert "A mail is on its way" in received.text
    work(world)

    ada = user_with(world, EMAIL)
    assert (ada.status, ada.type) == (UserStatus.ACTIVE, UserType.ADMIN)
    assert account_named(world, "Newcomer GmbH") is not None
    assert user_with(world, "victim@other.example") is None
    assert links_in(world, realm) == [("ada", ada.id)]
    assert [mail.template for mail in mailed(world) if mail.to_email == EMAIL] == ["activation_done"]
    assert arrive(client, provider, forger, below).status_code == FOUND
    assert [each.user_id for each in sessions_in(world, realm)] == [ada.id]


def test_bad_input_comes_back_at_its_field(client, world, provider, forger):  # noqa: F811
    open_to_registrations(world)
    where = arrive(client, provider, forger).location
    refused = client.post(where, data={**TYPED, "company": "", "tax_id": "DE1"})
    assert (refused.status_code, "Check the VAT number" in refused.text) == (UNPROCESSABLE, True)
    assert requests_of(world) == []
    assert client.post(where, data=TYPED).status_code == FOUND


def test_an_answer_leads_to_one_registration(client, world, provider, forger):  # noqa: F811
    open_to_registrations(world)
    where = arrive(client, provider, forger).location
    client.post(where, data=TYPED)
    again = client.post(where, data={**TYPED, "company": "Second Ltd"})
    assert (again.status_code, again.location) == (FOUND, "/techsolutions/login?stay=1")
    assert [each.company for each in requests_of(world)] == ["Newcomer GmbH"]


def test_the_form_belongs_to_the_browser_that_set_out(app, client, world, provider, forger):  # noqa: F811
    open_to_registrations(world)
    where = arrive(client, provider, forger).location
    stranger = app.test_client()
    stranger.host, stranger.environ_base["REMOTE_ADDR"] = world.host, "198.51.100.30"
    for answer in (stranger.get(where), stranger.post(where, data=TYPED)):
        assert (answer.status_code, EMAIL in answer.text) == (FOUND, False)
    assert requests_of(world) == []


@pytest.mark.parametrize("why", ["unverified", "no address", "closed", "back office"])
def test_otherwise_there_is_no_account(client, world, forger, why):  # noqa: F811
    """SF-14: "No account found; contact the store owner" without self-registration; nobody unverified registers."""
    staff = why == "back office"
    provider = add_provider(world, world.id if staff else world.tech.storefront.id)
    open_to_registrations(world, self_registration=why != "closed")
    claims = {"unverified": {"email_verified": False}, "no address": {"email": None}}.get(why, {})
    refused = arrive(client, provider, forger, "/bss" if staff else SHOP, **claims)
    assert refused.status_code == FORBIDDEN
    assert ("Ask your administrator" if staff else "No account found. Contact the owner") in refused.text
    assert (requests_of(world), user_with(world, EMAIL)) == ([], None)


def test_a_trusted_provider_need_not_say_that_an_address_is_verified(client, world, provider, forger):  # noqa: F811
    open_to_registrations(world)
    change(world, provider, trusts_email=True)
    where = arrive(client, provider, forger, email_verified=False).location
    client.post(where, data=TYPED)
    work(world)
    assert user_with(world, EMAIL).status is UserStatus.ACTIVE


def test_with_approval_somebody_decides_first(client, world, provider, forger):  # noqa: F811
    """SF-F11 (partly), SF-F12 (partly): sign-in while Requested says that the registration awaits approval."""
    open_to_registrations(world, approve_registrations=True)
    client.post(arrive(client, provider, forger).location, data=TYPED)
    work(world)
    (asked,) = waiting(world)
    assert user_with(world, EMAIL) is None
    waits = client.get(arrive(client, provider, forger).location)
    assert (waits.status_code, "Your registration awaits approval" in waits.text) == (OK, True)
    assert sessions_in(world, world.tech.storefront.id) == []

    signed_in_browser(client, world, world.tech.admin)
    client.post(f"/techsolutions/manage/registrations/{asked.id}/approve")
    work(world)
    client.post("/techsolutions/logout")
    ada = user_with(world, EMAIL)
    assert ada.status is UserStatus.ACTIVE
    assert arrive(client, provider, forger).location == "/techsolutions/"
    assert ada.id in [each.user_id for each in sessions_in(world, world.tech.storefront.id)]


def test_a_rejected_one_leaves_nothing(client, world, provider, forger):  # noqa: F811
    open_to_registrations(world, approve_registrations=True)
    client.post(arrive(client, provider, forger).location, data=TYPED)
    work(world)
    (asked,) = waiting(world)
    signed_in_browser(client, world, world.tech.admin)
    client.post(f"/techsolutions/manage/registrations/{asked.id}/reject")
    work(world)
    assert (user_with(world, EMAIL), links_in(world, world.tech.storefront.id), requests_of(world)) == (None, [], [])


def test_an_identity_that_was_taken_meanwhile_gets_an_ordinary_activation_mail(client, world, provider, forger):  # noqa: F811
    open_to_registrations(world)
    client.post(arrive(client, provider, forger).location, data=TYPED)
    add_link(world, provider, world.tech.buyers[0], "ada")
    work(world)
    ada = user_with(world, EMAIL)
    assert ada.status is UserStatus.PENDING
    assert links_in(world, world.tech.storefront.id) == [("ada", world.tech.buyers[0].id)]
    assert [mail.template for mail in mailed(world) if mail.to_email == EMAIL] == ["user_activation"]


def test_a_provider_that_is_switched_off_meanwhile_registers_nobody(client, world, provider, forger):  # noqa: F811
    open_to_registrations(world)
    where = arrive(client, provider, forger).location
    change(world, provider, state=ProviderState.DISABLED)
    assert client.post(where, data=TYPED).status_code == FOUND
    assert requests_of(world) == []
