"""What everybody does in a journey, by roles and labels alone: signing in, following mails, moving between sections."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playwright.sync_api import Page, expect

from app.local.mail_catcher.store import CaughtMail
from app.seed.cast import PASSWORD

NEW_PASSWORD = "Olive-Grove-41"
MOST_LOOKS = 30
LOOK_MILLISECONDS = 1_000


def sign_in(page: Page, address: str, email: str, password: str = PASSWORD) -> None:
    """Open an address and sign in where it leads."""
    page.goto(address)
    enter(page, email, password)


def enter(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fill the sign-in page that is open."""
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    fill(page, {"E-mail": email, "Password": password})
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Sign in", level=1)).not_to_be_visible()


def fill(page: Page, values: Mapping[str, str]) -> None:
    """Fill fields by their whole label; "(optional)" may follow it."""
    for label, value in values.items():
        page.get_by_label(re.compile(rf"^\s*{re.escape(label)}(\s*\(optional\))?\s*$")).fill(value)


def section(page: Page, name: str) -> None:
    """Go to a section of the back office or of the storefront's administration."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def tab(page: Page, name: str) -> None:
    """Go to a tab of what is open."""
    page.get_by_role("navigation", name="Sections").get_by_role("link", name=name, exact=True).click()


def heading(page: Page, name: str | re.Pattern[str]) -> None:
    """Wait for a page by its heading."""
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def notice(page: Page, text: str) -> None:
    """Wait for what the page says after a change."""
    expect(page.get_by_role("main").get_by_text(text, exact=False).first).to_be_visible()


def link_in(mail: CaughtMail, path: str) -> str:
    """Return the address in a mail that contains a path."""
    found = re.search(rf"http\S*{re.escape(path)}\S*", mail.text)
    assert found is not None, mail.text
    return found[0]


def activate(page: Page, mail: CaughtMail) -> None:
    """Follow the link of an activation mail and choose a password; ends at the sign-in page."""
    page.goto(link_in(mail, "/activate/"))
    fill(page, {"New password": NEW_PASSWORD, "Repeat the password": NEW_PASSWORD})
    page.get_by_role("button", name="Save password").click()
    notice(page, "Your account is active")


def reload_until(page: Page, text: str) -> None:
    """Look again until workers have done what makes the page say so; fails with the page."""
    found = page.get_by_role("main").get_by_text(text, exact=True).first
    for _ in range(MOST_LOOKS):
        try:
            expect(found).to_be_visible(timeout=LOOK_MILLISECONDS)
        except AssertionError:
            page.reload()
        else:
            return
    expect(found).to_be_visible()
