"""Other ways to order: a Basic reseller, an upgrade by the reseller itself, the keyboard alone, no scripts, a refusal."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.axe import require_accessible
from tests.journeys.conftest import OpenPage
from tests.journeys.installation import Installation
from tests.journeys.people import enter, fill, heading, link_in, notice, reload_until, section, sign_in
from tests.journeys.stage import BASIC_RESELLER, BUYER, MAILBOX, READY, SCANNER, SHOPKEEPER, UPGRADING_RESELLER

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("journeys")]

AT_ONCE_MILLISECONDS = 2_000
MOST_STOPS = 60
# What a person sees who moves by the keyboard: the ring that the theme draws, on a product around its whole card.
HAS_RING = """element => {
    const hasOutline = each => {
        const style = getComputedStyle(each);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    };
    const card = element.closest("article");
    return element.matches(":focus-visible") && (hasOutline(element) || card !== null && hasOutline(card));
}"""


def _shop(installation: Installation) -> str:
    return installation.address(READY.host, "/hafen-it/")


def _number(page: Page) -> str:
    found = re.search(r"SO-\d{4}-\d{6}", page.url)
    assert found is not None
    return found[0]


def _put_into_basket(page: Page, address: str, product: str) -> None:
    page.goto(f"{address}catalogue")
    page.get_by_role("link", name=product).first.click()
    page.get_by_role("button", name="Add to basket").click()
    page.get_by_role("link", name="Proceed to checkout").click()


def _place(page: Page) -> str:
    """From the recipient or details step to the confirmation; returns the order's number."""
    page.get_by_role("button", name="Continue to review").click()
    page.get_by_role("button", name="Place order").click()
    heading(page, "Thank you for your order")
    return _number(page)


def test_basic_reseller_orders_for_itself_and_for_a_customer(installation: Installation, open_page: OpenPage):
    """RS-F2: an order for a customer shows both companies, one for the reseller itself shows none."""
    root, page = installation.address(READY.host), open_page()
    sign_in(page, root, BASIC_RESELLER.email)

    _put_into_basket(page, root, MAILBOX)
    page.get_by_role("radio", name="For one of our customers").check()
    page.get_by_role("combobox", name="Customer").select_option("Atelier Soleil")
    require_accessible(page)
    page.get_by_role("button", name="Continue").click()
    number = _place(page)
    page.get_by_role("link", name="Follow this order").click()
    heading(page, f"Order {number}")
    expect(page.get_by_role("main")).to_contain_text("Atelier Soleil")
    expect(page.get_by_role("main")).to_contain_text("Basic Resale")
    reload_until(page, "Delivered")

    _put_into_basket(page, root, SCANNER)
    page.get_by_role("radio", name="For our own use").check()
    page.get_by_role("button", name="Continue").click()
    number = _place(page)
    page.get_by_role("link", name="Follow this order").click()
    heading(page, f"Order {number}")
    expect(page.get_by_role("main")).not_to_contain_text("Atelier Soleil")
    reload_until(page, "Executed")


def test_confirmation_does_not_wait_for_a_slow_vendor(installation: Installation, open_page: OpenPage):
    """SF-F59, CB-F65 (partly): the page is there within 2 s and says that provisioning continues."""
    root, page = installation.address(READY.host), open_page()
    sign_in(page, root, BASIC_RESELLER.email)
    _put_into_basket(page, root, MAILBOX)
    page.get_by_role("radio", name="For our own use").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue to review").click()
    installation.vendor.behave("slow", seconds=5)
    page.get_by_role("button", name="Place order").click()
    confirmation = page.get_by_role("heading", name="Thank you for your order", level=1)
    expect(confirmation).to_be_visible(timeout=AT_ONCE_MILLISECONDS)
    notice(page, "Provisioning continues in the background: you can leave this page")
    page.get_by_role("link", name="Follow this order").click()
    reload_until(page, "Delivered")


def test_reseller_opens_its_storefront_without_an_operator(installation: Installation, open_page: OpenPage):
    """RS-F15, RS-F26: plans, basket, alias, checkout; then the storefront is live and knows the password."""
    root, page = installation.address(READY.host), open_page()
    sign_in(page, root, UPGRADING_RESELLER.email)
    page.get_by_role("banner").get_by_text("Ines Duarte").first.click()
    page.get_by_role("banner").get_by_role("link", name="Reseller plans").click()
    heading(page, "Reseller plans")
    require_accessible(page)
    page.get_by_role("button", name="Choose monthly").click()
    notice(page, "Standard storefront is in your basket.")
    page.get_by_role("link", name="Proceed to checkout").click()
    fill(page, {"Storefront alias": "hafen-it"})
    page.get_by_role("button", name="Continue to review").click()
    expect(page.get_by_role("textbox", name="Storefront alias")).to_have_attribute("aria-invalid", "true")
    require_accessible(page)
    fill(page, {"Storefront alias": "riverside"})
    number = _place(page)
    page.get_by_role("link", name="Follow this order").click()
    reload_until(page, "Executed")
    assert f"{root}riverside/" in installation.mail_to(UPGRADING_RESELLER.email, "Your storefront is open").text
    assert number.startswith("SO-")

    visitor = open_page()
    sign_in(visitor, f"{root}riverside/manage/", UPGRADING_RESELLER.email)
    heading(visitor, "Overview")
    require_accessible(visitor)


def test_refused_order_tells_its_customer_why(installation: Installation, open_page: OpenPage):
    """RS-F73: after Reject the order is Canceled and the customer reads the reason, on the page and in a mail."""
    shop, customer, reseller = _shop(installation), open_page(), open_page()
    sign_in(customer, shop, BUYER.email)
    _put_into_basket(customer, shop, MAILBOX)
    number = _place(customer)

    sign_in(reseller, f"{shop}manage/orders/{number}", SHOPKEEPER.email)
    reseller.get_by_role("button", name="Reject order").click()
    expect(reseller.get_by_role("textbox", name="Reason")).to_have_attribute("aria-invalid", "true")
    fill(reseller, {"Reason": "The budget of this quarter is spent."})
    reseller.get_by_role("button", name="Reject order").click()
    reload_until(reseller, "Canceled")

    customer.get_by_role("link", name="Follow this order").click()
    expect(customer.get_by_role("main")).to_contain_text("Canceled")
    expect(customer.get_by_role("main")).to_contain_text("The budget of this quarter is spent.")
    require_accessible(customer)
    assert (
        "The budget of this quarter is spent." in installation.mail_to(BUYER.email, f"Order {number} was declined").text
    )
    customer.goto(f"{shop}billing/subscriptions")
    heading(customer, "Subscriptions")
    expect(customer.get_by_role("link", name=MAILBOX)).to_have_count(0)


def test_order_is_placed_with_the_keyboard_alone(installation: Installation, open_page: OpenPage):
    """Tab and Enter lead from sign-in to the confirmation; each stop shows where it is."""
    shop, page = _shop(installation), open_page()
    page.goto(f"{shop}login")
    _go_to(page, page.get_by_role("textbox", name="E-mail"))
    page.keyboard.type(BUYER.email)
    page.keyboard.press("Tab")
    page.keyboard.type("Harbour-Light-27")
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Categories")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()

    _press(page, page.get_by_role("link", name="All products").first)
    _press(page, page.get_by_role("link", name=SCANNER).first)
    _go_to(page, page.get_by_role("spinbutton", name="Quantity"))
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    _press(page, page.get_by_role("button", name="Add to basket"))
    _press(page, page.get_by_role("link", name="Proceed to checkout"))
    _press(page, page.get_by_role("button", name="Continue to review"))
    _press(page, page.get_by_role("button", name="Place order"))
    heading(page, "Thank you for your order")
    expect(page.get_by_role("main")).to_contain_text(f"{SCANNER} × 2")


def _go_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the control has the focus."""
    expect(wanted).to_be_visible()
    here = "element => element === document.activeElement"
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if wanted.evaluate(here):
            break
    expect(wanted).to_be_focused()
    assert wanted.evaluate(HAS_RING), f"{wanted} shows no focus"


def _press(page: Page, wanted: Locator) -> None:
    """Go to a link or button and press Enter; returns when the next page is there."""
    _go_to(page, wanted)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_order_is_placed_without_scripts(installation: Installation, open_page: OpenPage):
    """Ordering and approving need no JavaScript."""
    shop, page = _shop(installation), open_page(has_javascript=False)
    sign_in(page, shop, BUYER.email)
    _put_into_basket(page, shop, SCANNER)
    number = _place(page)
    assert link_in(installation.mail_to(BUYER.email, f"Order {number}: we have received it"), f"/orders/{number}")

    reseller = open_page(has_javascript=False)
    reseller.goto(f"{shop}manage/orders/{number}")
    enter(reseller, SHOPKEEPER.email)
    reseller.get_by_role("button", name="Approve order").click()
    section(reseller, "Orders")
    reseller.get_by_role("link", name=number).first.click()
    reload_until(reseller, "Executed")
    page.get_by_role("link", name="Follow this order").click()
    reload_until(page, "Delivered")
