"""Signing in through other people's identity providers, in a browser: owners set them up, people come and go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from app.seed.cast import PASSWORD
from tests.journeys.axe import require_accessible
from tests.journeys.installation import Installation
from tests.journeys.people import fill, heading, notice, section, sign_in
from tests.journeys.stage import BUYER, READY, SHOPKEEPER
from tests.web.saml.conftest import with_key

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("journeys")]

STAFF = READY.staff[0][0].email
EMIL = READY.direct.person.email
TIMEOUT_SECONDS = 20
NARROW = 375  # pixels: nothing is wider there


@pytest.fixture(scope="session")
def saml_idp(identity_ports) -> Iterator[str]:
    """The npm package saml-idp; returns its origin."""
    with with_key("saml-idp.cjs", identity_ports[1]) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def samlify(identity_ports) -> Iterator[str]:
    """The npm package samlify; returns its origin."""
    with with_key("samlify.mjs", identity_ports[2]) as port:
        yield f"http://127.0.0.1:{port}"


def told(page: Page, words: str) -> str:
    """An address the owner's page shows."""
    row = page.get_by_role("main").locator("dl > div").filter(has_text=words).first
    return str(row.locator("code").first.inner_text())


def read_from(installation: Installation, address: str) -> str:
    """A page of ours as a machine reads it, whose names of hosts know no .localhost."""
    parts = urlsplit(address)
    url = f"http://127.0.0.1:{installation.port}{parts.path}"
    answer = requests.get(url, headers={"Host": parts.netloc}, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return answer.text


def switch_on(page: Page, index: str, name: str) -> None:
    """After a test, let people sign in through a provider."""
    page.goto(index)
    page.get_by_role("row", name=name).get_by_role("button", name="Switch on").click()
    notice(page, "The provider is on.")


def test_page(page: Page, index: str, name: str) -> None:
    """Set out for a test sign-in."""
    page.goto(index)
    page.get_by_role("row", name=name).get_by_role("link", name="Test").click()


test_page.__test__ = False  # type: ignore[attr-defined]  # a step, named as people call it


def at_openid(page: Page, account: str) -> None:
    """Sign in on oidc-provider's own page."""
    page.get_by_placeholder("Enter any login").fill(account)
    page.get_by_placeholder("and password").fill("anything")
    page.get_by_role("button", name="Sign-in").click()


def at_saml_idp(page: Page, account: str) -> None:
    """Sign in on saml-idp's own page; it posts back by itself."""
    page.locator("#userName").fill(account)
    page.locator("#email").fill(account)
    page.locator("#btn-sign-in").click()


def at_samlify(page: Page, account: str) -> None:
    """Sign in on samlify's page, and confirm."""
    page.get_by_label("Account").fill(account)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Continue").click()


def add_openid(page: Page, index: str, issuer: str, name: str, **fields: str) -> None:
    """Add an OpenID provider: saved once for the address to come back to, then with what the other side gave for it."""
    page.goto(index)
    page.get_by_role("link", name="Add an OpenID provider").click()
    fill(page, {"Name": name, "Issuer": issuer, "Client id": "not yet", "Client secret": "not yet", **fields})
    page.get_by_role("button", name="Save").click()
    notice(page, "Saved.")
    registered = requests.post(
        f"{issuer}/reg",
        json={
            "redirect_uris": [told(page, "Address to come back to")],
            "post_logout_redirect_uris": [told(page, "Address after signing out")],
        },
        timeout=TIMEOUT_SECONDS,
    ).json()
    fill(page, {"Client id": registered["client_id"], "Client secret": registered["client_secret"]})
    page.get_by_role("button", name="Save").click()
    notice(page, "Saved.")


def sign_out(page: Page, address: str) -> None:
    """Leave by the menu of one's account."""
    page.goto(address)
    page.evaluate("document.querySelector('form[action$=\"/logout\"]').requestSubmit()")


def test_customers_of_an_alias_sign_in_and_out_through_openid(installation: Installation, open_local, openid: str):
    """SF-F27 (partly): with local login on and one provider visible, the sign-in page shows both; both are left at once."""
    shop = installation.address(READY.host, "/hafen-it/")
    owner = open_local()
    sign_in(owner, f"{shop}login", SHOPKEEPER.email)
    section(owner, "Sign-in providers")
    index = owner.url
    add_openid(owner, index, openid, "Olympus ID")
    require_accessible(owner)
    owner.get_by_role("link", name="Which groups give which roles").click()
    fill(owner, {"Group": "Purchasing"})
    owner.get_by_role("checkbox", name="Buyer").check()
    owner.get_by_role("button", name="Save rule").click()
    expect(owner.get_by_role("row", name="Purchasing")).to_contain_text("Buyer")
    owner.set_viewport_size({"width": NARROW, "height": 800})
    require_accessible(owner)
    assert owner.evaluate("document.documentElement.scrollWidth") <= NARROW
    owner.set_viewport_size({"width": 1280, "height": 900})
    test_page(owner, index, "Olympus ID")
    at_openid(owner, "jonas@elsewhere.example")
    heading(owner, "The test sign-in worked")
    expect(owner.get_by_role("main")).to_contain_text("jonas@elsewhere.example")
    switch_on(owner, index, "Olympus ID")

    buyer = open_local()
    buyer.goto(f"{shop}login?next=/hafen-it/billing")
    expect(buyer.get_by_label("Password")).to_be_visible()
    buyer.get_by_role("link", name="Sign in with Olympus ID").click()
    at_openid(buyer, BUYER.email)
    heading(buyer, "Enter your password once")
    fill(buyer, {"Present password": PASSWORD})
    buyer.get_by_role("button", name="Connect and sign in").click()
    expect(buyer).to_have_url(f"{shop}billing")

    sign_out(buyer, shop)
    buyer.get_by_role("button", name="Yes, sign me out").click()
    expect(buyer).to_have_url(re.compile(r"/hafen-it/login"))
    expect(buyer.get_by_text("You have signed out, at Olympus ID too.")).to_be_visible()

    buyer.get_by_role("link", name="Sign in with Olympus ID").click()
    at_openid(buyer, BUYER.email)
    expect(buyer).to_have_url(re.compile(r"/hafen-it/$"))
    assert installation.mail_to(BUYER.email, "login options").text.count("Olympus ID")


def test_customers_of_the_root_sign_in_through_saml_idp(installation: Installation, open_local, saml_idp: str):
    """SF-F27 (partly): at the root, by the first SAML provider."""
    root = installation.address(READY.host)
    owner = open_local()
    sign_in(owner, f"{root}bss/login", STAFF)
    index = f"{root}bss/storefront-providers"
    owner.goto(index)
    owner.get_by_role("link", name="Add a SAML provider").click()
    fill(owner, {"Name": "Campus ID", "Address of the metadata": f"{saml_idp}/metadata"})
    owner.get_by_label("Its e-mail addresses are verified").check()
    owner.get_by_role("button", name="Save").click()
    notice(owner, "Saved.")
    audience = told(owner, "Our metadata")
    requests.post(f"{saml_idp}/settings", data={"audience": audience}, timeout=TIMEOUT_SECONDS)
    test_page(owner, index, "Campus ID")
    at_saml_idp(owner, "astrid@elsewhere.example")
    heading(owner, "The test sign-in worked")
    switch_on(owner, index, "Campus ID")

    buyer = open_local()
    buyer.goto(f"{root}login")
    buyer.get_by_role("link", name="Sign in with Campus ID").click()
    at_saml_idp(buyer, EMIL)
    heading(buyer, "Enter your password once")
    fill(buyer, {"Present password": PASSWORD})
    buyer.get_by_role("button", name="Connect and sign in").click()
    buyer.goto(f"{root}billing")
    heading(buyer, "Billing")

    again = open_local()
    again.goto(f"{root}login")
    again.get_by_role("link", name="Sign in with Campus ID").click()
    at_saml_idp(again, EMIL)
    expect(again).to_have_url(root)


def test_customers_of_an_alias_sign_in_through_samlify(installation: Installation, open_local, samlify: str):
    """SF-F27 (partly): under an alias, by the second SAML provider, which reads our metadata and wants signed requests."""
    shop = installation.address(READY.host, "/hafen-it/")
    owner = open_local()
    sign_in(owner, f"{shop}login", SHOPKEEPER.email)
    section(owner, "Sign-in providers")
    index = owner.url
    owner.get_by_role("link", name="Add a SAML provider").click()
    metadata = requests.get(f"{samlify}/metadata", timeout=TIMEOUT_SECONDS).text
    fill(owner, {"Name": "Harbour ID", "Metadata": metadata})
    owner.get_by_label("Its e-mail addresses are verified").check()
    owner.get_by_role("button", name="Save").click()
    notice(owner, "Saved.")
    ours = read_from(installation, told(owner, "Our metadata"))
    requests.post(f"{samlify}/service", data=ours.encode(), timeout=TIMEOUT_SECONDS).raise_for_status()
    test_page(owner, index, "Harbour ID")
    at_samlify(owner, "jonas@elsewhere.example")
    heading(owner, "The test sign-in worked")
    switch_on(owner, index, "Harbour ID")

    buyer = open_local()
    buyer.goto(f"{shop}login")
    buyer.get_by_role("link", name="Sign in with Harbour ID").click()
    at_samlify(buyer, BUYER.email)
    heading(buyer, "Enter your password once")
    fill(buyer, {"Present password": PASSWORD})
    buyer.get_by_role("button", name="Connect and sign in").click()
    expect(buyer).to_have_url(shop)

    sign_out(buyer, shop)
    expect(buyer.get_by_text("You have signed out, at Harbour ID too.")).to_be_visible()
    buyer.goto(f"{shop}billing")
    expect(buyer).to_have_url(re.compile(r"/hafen-it/login"))


def test_staff_sign_in_through_openid(installation: Installation, open_local, openid: str):
    """BC-F71 (partly): an unknown identity of an allowed domain becomes one of the staff, with the provider's role."""
    root = installation.address(READY.host)
    index = f"{root}bss/providers"
    owner = open_local()
    sign_in(owner, f"{root}bss/login", STAFF)
    add_openid(owner, index, openid, "Staff ID")
    owner.get_by_label("Create people at their first sign-in").check()
    fill(owner, {"Domains of created people": "aurora.example"})
    owner.get_by_label("Roles of created people").select_option("Support")
    owner.get_by_role("button", name="Save").click()
    notice(owner, "Saved.")
    test_page(owner, index, "Staff ID")
    at_openid(owner, "someone@elsewhere.example")
    heading(owner, "The test sign-in worked")
    switch_on(owner, index, "Staff ID")

    stranger = open_local()
    stranger.goto(f"{root}bss/login")
    stranger.get_by_role("link", name="Sign in with Staff ID").click()
    at_openid(stranger, "nina@elsewhere.example")
    heading(stranger, "You cannot sign in this way")

    nina = open_local()
    nina.goto(f"{root}bss/login")
    nina.get_by_role("link", name="Sign in with Staff ID").click()
    at_openid(nina, "nina@aurora.example")
    expect(nina).to_have_url(f"{root}bss/")
    expect(nina.get_by_role("navigation", name="Main")).to_be_visible()
