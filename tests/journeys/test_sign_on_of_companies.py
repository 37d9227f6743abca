"""A customer company lets its people in by its own provider, in a browser; the sign-in page does without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.installation import Installation
from tests.journeys.people import fill, heading, notice, sign_in
from tests.journeys.stage import BUYER, READY
from tests.journeys.test_sign_on import add_openid, at_openid, switch_on, test_page, told

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("journeys")]


def give_roles_by_group(admin: Page, index: str) -> None:
    """Make billing agents of everybody in the group `finance`: they may change the company's details."""
    admin.goto(index)
    admin.get_by_role("row", name="Elbtal account").get_by_role("link", name="Groups and roles").click()
    heading(admin, "Groups and roles")
    fill(admin, {"Group": "finance"})
    admin.get_by_label("Billing agent").check()
    admin.get_by_role("button", name="Save rule").click()
    notice(admin, "Saved. It counts from people's next sign-in.")


def go_by_address(page: Page, email: str) -> None:
    """Type an address of the company's domain, and sign in with it at the provider it leads to."""
    fill(page, {"E-mail": email})
    page.get_by_role("button", name="Continue").click()
    at_openid(page, email)


def test_a_company_sets_up_its_own_sign_in_and_its_people_use_it(installation: Installation, open_local, openid: str):
    """GO-14: SSO per customer company, self-service with a test button; e-mail first leads there without scripts."""
    shop = installation.address(READY.host, "/hafen-it/")
    index = f"{shop}account/single-sign-on"
    admin = open_local()
    sign_in(admin, f"{shop}login", BUYER.email)
    admin.goto(index)
    fill(admin, {"Domain": "elbtal.example"})
    admin.get_by_role("button", name="Add domain").click()
    notice(admin, "Now add the record")
    installation.txt_records.write_text(f"{told(admin, 'Name')} {told(admin, 'Text')}\n")
    admin.get_by_role("button", name="Check now").click()
    notice(admin, "elbtal.example is proven")

    add_openid(admin, index, openid, "Elbtal account")
    test_page(admin, index, "Elbtal account")
    at_openid(admin, "someone@elsewhere.example")
    heading(admin, "The test sign-in worked")
    switch_on(admin, index, "Elbtal account")
    admin.get_by_label("Add people of your domains at their first sign-in").check()
    admin.get_by_label("Buyer").check()
    admin.get_by_role("button", name="Save").click()
    notice(admin, "Saved.")

    nina = open_local(has_javascript=False)
    nina.goto(f"{shop}login?next=/hafen-it/billing")
    expect(nina.get_by_label("Password")).to_have_count(0)
    go_by_address(nina, "nina@elbtal.example")
    expect(nina).to_have_url(f"{shop}billing")

    give_roles_by_group(admin, index)
    otto = open_local(has_javascript=False)
    otto.goto(f"{shop}login?next=/hafen-it/account")
    go_by_address(otto, "finance+otto@elbtal.example")
    expect(otto.get_by_role("button", name="Save company")).to_be_visible()
    nina.goto(f"{shop}account")
    expect(nina.get_by_role("button", name="Save company")).to_have_count(0)

    stranger = open_local()
    stranger.goto(f"{shop}login")
    fill(stranger, {"E-mail": "somebody@elsewhere.example"})
    stranger.get_by_role("button", name="Continue").click()
    expect(stranger.get_by_label("Password")).to_be_visible()
    stranger.get_by_role("link", name="Use another address").click()
    fill(stranger, {"E-mail": "anybody@elbtal.example"})
    stranger.get_by_role("button", name="Continue").click()
    at_openid(stranger, "eve@elsewhere.example")
    heading(stranger, "You cannot sign in this way")

    admin.goto(index)
    admin.get_by_role("row", name="Elbtal account").get_by_role("button", name="Switch off").click()
    notice(admin, "The provider is off.")
    stranger.goto(f"{shop}login")
    expect(stranger.get_by_label("Password")).to_be_visible()
    assert installation.mail_to(BUYER.email, "Single sign-on").text.count("Elbtal account")
    assert re.search(r"single-sign-on", installation.mail_to(BUYER.email, "Single sign-on").text)
