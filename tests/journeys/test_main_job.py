"""The main job, end to end, as its people do it: distributor's staff, reseller, customer."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

import app.local
from tests.journeys.axe import require_accessible
from tests.journeys.conftest import OpenPage
from tests.journeys.installation import Installation
from tests.journeys.people import (
    NEW_PASSWORD,
    activate,
    enter,
    fill,
    heading,
    link_in,
    notice,
    reload_until,
    section,
    sign_in,
    tab,
)
from tests.journeys.stage import MAIN

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("journeys")]

SHEET = Path(app.local.__file__).parent / "demo_data" / "vendor_price_sheet_us.csv"
STAFF = MAIN.staff[0][0].email
RESELLER = "eleni@techsolutions.example"
CUSTOMER = "dimitra@blueolive.example"
PRODUCT = "Exchange Online (Plan 2)"
BRAND = "Aegean Cloud"
# A browser shows a paper in a viewer of its own, which is no page.
READ_LINK = """async link => {
    const answer = await fetch(link.href);
    return [answer.headers.get("Content-Type"), (await answer.text()).slice(0, 5)];
}"""
SENDER = f"{BRAND} <shop@techsolutions.example>"


def test_from_the_price_sheet_to_an_active_subscription(installation: Installation, open_page: OpenPage):
    """RS-F24, RS-F26, RS-F68, RS-F72, SF-F60, CB-F122, RS-F73 (partly), CB-F65 (partly), CB-F67 (partly): the
    distributor imports a sheet and upgrades a reseller; under the reseller's brand a customer orders and gets a
    subscription; the distributor invoices the reseller at cost.
    """
    root, shop = installation.address(MAIN.host), installation.address(MAIN.host, "/techsolutions/")
    staff, reseller, customer = open_page(), open_page(), open_page()

    sign_in(staff, f"{root}bss/", STAFF)
    _import_the_sheet(staff)
    _create_the_account(staff, "Cloudia Services")
    _upgrade(staff, "Free storefront", "cloudia")
    _create_the_account(staff, "Tech Solutions")
    _add_the_person(staff)
    _make_the_price_list(staff)
    _upgrade(staff, "Standard storefront, $49.00 a month", "techsolutions")

    welcome = installation.mail_to(RESELLER, "Your storefront is open")
    assert shop in welcome.text
    activate(reseller, installation.mail_to(RESELLER, "Activate your account"))
    sign_in(reseller, f"{shop}manage/", RESELLER, NEW_PASSWORD)
    _rebrand(reseller)
    _list_the_product(reseller)
    _set_up_mail(reseller, installation)
    _add_the_customer(reseller)

    invitation = installation.mail_to(CUSTOMER, "Activate your account")
    assert invitation.message["From"] == SENDER
    assert MAIN.name not in invitation.text
    activate(customer, invitation)
    _try_other_doors(open_page(), root)
    enter(customer, CUSTOMER, NEW_PASSWORD)
    expect(customer).to_have_url(shop)
    number = _order(customer)
    _has_no_subscription(customer, shop)

    _approve(reseller, number)
    customer.goto(f"{shop}orders/{number}")
    reload_until(customer, "Delivered")
    _moments_are_local(customer)
    require_accessible(customer)
    customer.goto(f"{shop}billing/subscriptions")
    bought = customer.get_by_role("row", name=re.compile(re.escape(PRODUCT)))
    expect(bought).to_contain_text("Active")
    expect(bought).to_contain_text("$50.00")
    require_accessible(customer)

    _mails_are_out(installation, open_page(), number)
    _the_vendor_knows(installation)
    _is_invoiced_at_cost(staff, root, number)
    customer.goto(f"{shop}billing/invoices")
    expect(customer.get_by_text("INV-")).to_have_count(0)


def _import_the_sheet(staff: Page) -> None:
    section(staff, "Imports")
    staff.get_by_role("link", name="Import a price sheet").first.click()
    staff.get_by_label("Price sheet").set_input_files(SHEET)
    staff.get_by_label("Service manager").select_option("Demo vendor")
    staff.get_by_role("button", name="Upload and check").click()
    apply = staff.get_by_role("button", name="Apply the price sheet")
    expect(apply).to_be_visible()
    expect(staff.get_by_role("row", name="Prices 464 0 0")).to_be_visible()
    require_accessible(staff)
    apply.click()
    expect(staff.get_by_role("main").get_by_text("Completed", exact=True).first).to_be_visible()


def _create_the_account(staff: Page, name: str) -> None:
    section(staff, "Accounts")
    staff.get_by_role("link", name="New account").first.click()
    fill(
        staff,
        {
            "Account name": name,
            "E-mail": f"office@{name.split(maxsplit=1)[0].lower()}.example",
            "Street": "1 Harbour Road",
            "Postcode": "10557",
            "City": "Athens",
        },
    )
    staff.get_by_label("Country").select_option("Greece")
    staff.get_by_label("Enable reselling").check()
    staff.get_by_label("Unlimited credit").check()
    require_accessible(staff)
    staff.get_by_role("button", name="Add account").click()
    notice(staff, f"{name} was added.")


def _add_the_person(staff: Page) -> None:
    tab(staff, "Users")
    fill(staff, {"First name": "Eleni", "Last name": "Markou", "E-mail": RESELLER})
    staff.get_by_label("Primary contact").check()
    staff.get_by_role("button", name="Add person").click()
    notice(staff, "Eleni Markou was added.")


def _make_the_price_list(staff: Page) -> None:
    section(staff, "Price lists")
    staff.get_by_role("link", name="New price list").first.click()
    fill(staff, {"Name": "Partners"})
    staff.get_by_label("Currency", exact=True).select_option("USD")
    staff.get_by_role("button", name="Save price list").click()
    heading(staff, "Add products to Partners")
    staff.get_by_label("Rule", exact=True).select_option("Markup on the vendor cost, %")
    fill(staff, {"Value": "25"})
    staff.get_by_label(re.compile("matching$")).check()
    require_accessible(staff)
    staff.get_by_role("button", name="Add to the price list").click()
    notice(staff, "464 prices were added.")
    section(staff, "Accounts")
    staff.get_by_role("link", name="Tech Solutions").first.click()
    tab(staff, "Price lists")
    staff.get_by_role("combobox", name="Price list").select_option("Partners")
    staff.get_by_role("button", name="Assign price list").click()
    expect(staff.get_by_role("button", name="Take away Partners")).to_be_visible()


def _upgrade(staff: Page, plan: str, alias: str) -> None:
    staff.get_by_role("link", name="Upgrade reseller").click()
    staff.get_by_role("radio", name=re.compile(f"^{re.escape(plan)}")).check()
    fill(staff, {"Storefront alias": alias})
    expect(staff.get_by_text(f"{alias} is free")).to_be_visible()
    require_accessible(staff)
    staff.get_by_role("button", name="Upgrade reseller").click()
    notice(staff, "is being executed")
    reload_until(staff, "Executed")


def _rebrand(reseller: Page) -> None:
    section(reseller, "General")
    fill(reseller, {"Company name": BRAND})
    require_accessible(reseller)
    reseller.get_by_role("button", name="Save settings").click()
    expect(reseller).to_have_title(re.compile(BRAND))
    section(reseller, "Look and home page")
    reseller.get_by_role("radio", name="Lagoon").check()
    reseller.get_by_role("button", name="Save draft").click()
    notice(reseller, "Draft saved.")
    reseller.get_by_role("button", name="Publish").click()
    notice(reseller, "Published. Visitors see it now")
    require_accessible(reseller)


def _list_the_product(reseller: Page) -> None:
    section(reseller, "Supplier catalogue")
    fill(reseller, {"Search name, SKU or vendor": PRODUCT})
    reseller.get_by_role("button", name="Search").click()
    expect(reseller.get_by_role("link", name="List…")).to_have_count(1)
    require_accessible(reseller)
    reseller.get_by_role("link", name="List…").click()
    fill(reseller, {"Markup (%)": "25"})
    reseller.get_by_role("button", name="List product").click()
    notice(reseller, f"{PRODUCT} is now in your catalogue.")


def _set_up_mail(reseller: Page, installation: Installation) -> None:
    section(reseller, "Mail")
    fill(
        reseller,
        {
            "Sender name": BRAND,
            "Sender address": "shop@techsolutions.example",
            "Mail server": "127.0.0.1",
            "Port": str(installation.mails.smtp_port),
        },
    )
    reseller.get_by_label("Encryption").select_option("None")
    require_accessible(reseller)
    reseller.get_by_role("button", name="Save mail settings").click()
    notice(reseller, "Mail settings saved.")


def _add_the_customer(reseller: Page) -> None:
    section(reseller, "Customers")
    reseller.get_by_role("link", name="Add customer").first.click()
    fill(reseller, {"Company name": "Blue Olive Hotels", "E-mail": "office@blueolive.example"})
    fill(reseller, {"Street": "5 Garden Lane", "Postcode": "71202", "City": "Heraklion"})
    reseller.get_by_label("Country").select_option("Greece")
    reseller.get_by_role("switch", name="Create the first storefront user").check()
    fill(reseller, {"First name": "Dimitra", "Last name": "Sotiriou", "User's e-mail": CUSTOMER})
    require_accessible(reseller)
    reseller.get_by_role("button", name="Add customer").click()
    notice(reseller, "Blue Olive Hotels was added.")


def _try_other_doors(page: Page, root: str) -> None:
    """The customer's name opens neither the distributor's storefront nor another alias."""
    for door in (f"{root}login", f"{root}cloudia/login"):
        page.goto(door)
        fill(page, {"E-mail": CUSTOMER, "Password": NEW_PASSWORD})
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text(re.compile("e-mail or (the )?password", re.IGNORECASE))


def _order(customer: Page) -> str:
    """Order five seats for a year, billed monthly; returns the order's number."""
    require_accessible(customer)
    search = customer.get_by_role("searchbox", name="Search products")
    search.fill("exchange")
    search.press("Enter")
    require_accessible(customer)
    customer.get_by_role("link", name=PRODUCT).first.click()
    customer.get_by_role("radio", name=re.compile(r"^1 year, billed monthly\s+\$10\.00")).check()
    fill(customer, {"Quantity": "5"})
    require_accessible(customer)
    customer.get_by_role("button", name="Add to basket").click()
    expect(customer.get_by_role("complementary", name="Summary")).to_contain_text("$50.00")
    require_accessible(customer)
    customer.get_by_role("link", name="Proceed to checkout").click()
    customer.get_by_role("button", name="Continue to review").click()
    require_accessible(customer)
    customer.get_by_role("button", name="Place order").click()
    heading(customer, "Thank you for your order")
    notice(customer, "waits for approval")
    expect(customer.get_by_role("main")).to_contain_text("you can leave this page")
    require_accessible(customer)
    found = re.search(r"SO-\d{4}-\d{6}", customer.url)
    assert found is not None
    return found[0]


def _has_no_subscription(customer: Page, shop: str) -> None:
    customer.goto(f"{shop}billing/subscriptions")
    heading(customer, "Subscriptions")
    expect(customer.get_by_text(PRODUCT)).to_have_count(0)


def _approve(reseller: Page, number: str) -> None:
    section(reseller, "Pending orders")
    waiting = reseller.get_by_role("row", name=re.compile(number))
    expect(waiting).to_contain_text("$50.00")
    expect(waiting).to_contain_text("$40.00")
    require_accessible(reseller)
    waiting.get_by_role("link", name=number).click()
    require_accessible(reseller)
    reseller.get_by_role("button", name="Approve order").click()
    reload_until(reseller, "Executed")


def _mails_are_out(installation: Installation, stranger: Page, number: str) -> None:
    """Both mails name the reseller alone; the confirmation's link asks for sign-in and then shows the order."""
    confirmation = installation.mail_to(CUSTOMER, f"Order {number}: we have received it")
    ready = installation.mail_to(CUSTOMER, f"{PRODUCT} is ready")
    for mail in (confirmation, ready):
        assert mail.message["From"] == SENDER
        assert MAIN.name not in mail.text + mail.html
        assert "$40.00" not in mail.text + mail.html
    stranger.goto(link_in(confirmation, "/techsolutions/orders/"))
    enter(stranger, CUSTOMER, NEW_PASSWORD)
    heading(stranger, f"Order {number}")


def _the_vendor_knows(installation: Installation) -> None:
    assert PRODUCT in str(installation.vendor.state()) or "CFQ7TTC0LH1P" in str(installation.vendor.state())


def _is_invoiced_at_cost(staff: Page, root: str, number: str) -> None:
    staff.goto(f"{root}bss/orders/{number}")
    expect(staff.get_by_role("main")).to_contain_text("Executed")
    _moments_are_local(staff)
    section(staff, "Invoices")
    issued = staff.get_by_role("row", name=re.compile(number))
    expect(issued).to_contain_text("Tech Solutions")
    expect(issued).to_contain_text("$40.00")
    issued.get_by_role("link", name=re.compile("^INV-")).click()
    expect(staff.get_by_role("row", name=re.compile(re.escape(PRODUCT)))).to_contain_text("5 $8.00 $40.00")
    require_accessible(staff)
    paper = staff.get_by_role("link", name="PDF").evaluate(READ_LINK)
    assert paper == ["application/pdf", "%PDF-"]


def _moments_are_local(page: Page) -> None:
    """Every moment on the page is told in the distributor's time zone, whoever looks."""
    moments = page.get_by_role("time").evaluate_all("all => all.map(each => [each.dateTime, each.title])")
    assert moments
    for instant, told in moments:
        local = datetime.fromisoformat(instant).astimezone(ZoneInfo(MAIN.time_zone))
        assert f"{local:%H:%M}" in told, moments
