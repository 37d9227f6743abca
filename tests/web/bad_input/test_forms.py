"""What people mistype at the forms of the main job: 422, a message at each field, what was typed, nothing stored."""

from __future__ import annotations

import html
import re
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient

from app.core import db
from tests.factories.world import World
from tests.web.bad_input.conftest import contents
from tests.web.conftest import signed_in_browser

MANAGE, SHOP = "/techsolutions/manage", "/techsolutions"
ACCOUNT = {
    "name": "Agora Retail",
    "email": "office@agora.example",
    "country": "GR",
    "currency": "EUR",
    "payment_method": "cash",
    "payment_days": "30",
    "credit_limit": "0",
}
PERSON = {"first_name": "Ada", "last_name": "Berg", "email": "ada@agora.example"}
PRODUCT = {
    "code": "NEW-1",
    "name": "Backup",
    "min_quantity": "1",
    "step_quantity": "1",
    "audience": "everyone",
    "is_active": "y",
}
PRICE = {"term": "P1M", "cycle": "monthly", "currency": "EUR", "list_price": "12", "vendor_cost": "8"}
PRICE_LIST = {"name": "Spring", "currency": "EUR", "valid_from": "2026-01-01"}
GENERAL = {
    "company_name": "Tech",
    "language": "en",
    "time_zone": "Europe/Athens",
    "date_format": "medium",
    "rounding": "none",
    "landing_page": "home",
}
CUSTOMER = {"name": "Agora Retail", "email": "office@agora.example", "country": "GR"}
FIRST_USER = {"with_user": "y", "user_first_name": "Ada", "user_last_name": "Berg", "user_email": "ada@agora.example"}
LONG = "x" * 300

Case = tuple[str, dict[str, str], dict[str, str]]  # path, what is typed, field → message


def changed(path: str, good: dict[str, str], cases: list[tuple[str, str, str]]) -> list[Case]:
    """One case for each (field, typed, message)."""
    return [(path, {**good, field: typed}, {field: message}) for field, typed, message in cases]


EMAIL = "Enter an e-mail address, such as anna@company.com"
AT_THE_DOORS: list[Case] = [
    (f"{SHOP}/login", {}, {"email": "Enter your e-mail", "password": "Enter your password"}),
    ("/login", {}, {"email": "Enter your e-mail", "password": "Enter your password"}),
    ("/bss/login", {}, {"email": "Enter your e-mail", "password": "Enter your password"}),
]
IN_THE_BACK_OFFICE: list[Case] = [
    (
        "/bss/accounts/new",
        {},
        {
            "name": "Enter the account's name",
            "email": "Enter an e-mail address",
            "country": "Choose a country",
            "currency": "Choose a currency",
            "payment_method": "Choose how the account pays",
            "payment_days": "Enter 0 to 365 days",
        },
    ),
    *changed(
        "/bss/accounts/new",
        ACCOUNT,
        [
            ("name", "x", "Use at least 2 characters"),
            ("name", LONG, "Use at most 200 characters"),
            ("email", "nobody", EMAIL),
            ("country", "XX", "Not a valid choice"),
            ("credit_limit", "abc", "Not a valid decimal value"),
            ("credit_limit", "-1", "Enter 0 or more"),
            ("credit_limit", "1e30", "Enter at most 999,999,999.99"),
            ("payment_days", "366", "Enter 0 to 365 days"),
            ("billing_day", "32", "Enter a day from 1 to 31"),
            ("website", "javascript:alert(1)", "Enter an address that starts with https://"),
        ],
    ),
    (
        "/bss/accounts/{tech}/users",
        {},
        {"first_name": "Enter a first name", "last_name": "Enter a last name", "email": "Enter an e-mail address"},
    ),
    *changed("/bss/accounts/{tech}/users", {**PERSON, "may_sign_in": "y"}, [("email", "nobody", EMAIL)]),
    ("/bss/product-types/new", {}, {"name": "Enter a name"}),
    *changed("/bss/product-types/new", {"name": "Phones"}, [("kind", "gold", "Not a valid choice")]),
    (
        "/bss/products/new",
        {},
        {"name": "Enter the product's name", "code": "Enter a code", "product_type_id": "Choose a product type"},
    ),
    *changed(
        "/bss/products/new",
        {**PRODUCT, "product_type_id": "{type}"},
        [
            ("code", "{code}", "Another product has this code"),
            ("name", LONG, "Enter a name of 1 to 255 characters"),
            ("product_type_id", "nope", "Not a valid choice"),
            ("min_quantity", "0", "Enter a whole number from 1 to 1,000,000"),
            ("max_quantity", "-1", "Enter a number between the smallest quantity and 1,000,000"),
            ("step_quantity", "0", "Enter a whole number from 1 to 1,000,000"),
            ("trial_days", "-1", "Enter 1 to 365 days"),
            ("audience", "martians", "Not a valid choice"),
        ],
    ),
    *changed(
        "/bss/products/{seats}/prices",
        PRICE,
        [
            ("list_price", "", "Enter a price"),
            ("list_price", "-1", "Enter an amount from 0 to"),
            ("vendor_cost", "1e40", "Enter an amount from 0 to"),
            ("cycle", "triennial", "This billing plan does not fit into the term"),
            ("currency", "ZZZ", "Not a valid choice"),
        ],
    ),
    ("/bss/price-lists/new", {}, {"name": "Enter a name", "valid_from": "Enter a day, such as 2026-01-31"}),
    *changed(
        "/bss/price-lists/new",
        PRICE_LIST,
        [
            ("name", "Partners", "Another price list has this name"),
            ("valid_to", "2025-01-01", "The last day lies before the first"),
        ],
    ),
    *changed(
        "/bss/price-lists/{list}/add",
        {"selected": "{seats}", "rule": "discount"},
        [
            ("value", "abc", "Not a valid decimal value"),
            ("value", "", "Enter a number of 0 or more"),
            ("value", "101", "Enter at most 100"),
        ],
    ),
]
IN_THE_ADMINISTRATION: list[Case] = [
    *changed(
        f"{MANAGE}/settings/general",
        GENERAL,
        [
            ("company_name", "", "Enter the name your customers know you by"),
            ("company_name", LONG, "Use at most 100 characters"),
            ("time_zone", "Mars/Base", "Choose a time zone from the list"),
            ("rounding", "down", "Choose one of the roundings"),
            ("landing_page", "attic", "Choose the page customers see first"),
            ("contact_email", "nobody", "Enter an e-mail address"),
            ("analytics_id", "<x>", "Enter an id such as G-AB12CD34"),
            ("seo_title", LONG, "Use at most 60 characters"),
        ],
    ),
    (
        f"{MANAGE}/customers/new",
        {},
        {"name": "Enter the company's name", "email": "Enter an e-mail address", "country": "Choose a country"},
    ),
    *changed(
        f"{MANAGE}/customers/new",
        {**CUSTOMER, **FIRST_USER},
        [
            ("email", "nobody", EMAIL),
            ("country", "XX", "Choose a country"),
            ("website", "javascript:alert(1)", "Enter an address that starts with https://"),
            ("user_email", "nobody", EMAIL),
        ],
    ),
    (
        f"{MANAGE}/customers/{{customer}}/users",
        {},
        {"first_name": "Enter a first name", "last_name": "Enter a last name", "email": "Enter an e-mail address"},
    ),
    *changed(
        f"{MANAGE}/orders/{{number}}/reject",
        {},
        [
            ("reason", "", "Give a reason of 3 to 500 characters"),
            ("reason", "no", "Give a reason of 3 to 500 characters"),
            ("reason", "x" * 501, "Give a reason of 3 to 500 characters"),
        ],
    ),
]
IN_THE_STOREFRONT: list[Case] = [
    (
        f"{SHOP}/account/users/new",
        {},
        {"first_name": "Enter the first name", "last_name": "Enter the last name", "email": "Enter an e-mail"},
    ),
    *changed(f"{SHOP}/account/users/new", {**PERSON, "type": "admin"}, [("email", "nobody", EMAIL)]),
    *changed(
        f"{SHOP}/basket/items",
        {"product_id": "{seats}", "price": "P1M.monthly", "quantity": "1"},
        [
            ("quantity", "", "Enter a whole number"),
            ("quantity", "abc", "Enter a whole number"),
            ("quantity", "1.5", "Enter a whole number"),
            ("quantity", "0", "Enter a quantity between 1 and 1,000,000"),
            ("quantity", "-1", "Enter a quantity between 1 and 1,000,000"),
            ("quantity", "9" * 30, "Enter a quantity between 1 and 1,000,000"),
            ("price", "P9Y.daily", "Choose a term and billing period"),
            ("friendly_name", LONG, "Use at most 100 characters"),
        ],
    ),
    *changed(
        f"{SHOP}/checkout/details",
        {},
        [
            ("po_number", LONG, "Use at most 50 characters"),
            ("comment", "x" * 501, "Use at most 500 characters"),
        ],
    ),
]


def refuse(client: FlaskClient, world: World, number: str, cases: list[Case]) -> None:
    """Send each case; none is taken, each message stands at its field, nothing in the database is different."""
    known = {
        "tech": world.tech.id,
        "type": world.product_type.id,
        "seats": world.seats.id,
        "code": world.seats.code,
        "list": world.price_list.id,
        "customer": world.tech.customers[0].id,
        "number": number,
    }
    session = db.session()
    before = contents(session, world)
    for path, typed, messages in cases:
        data = {name: value.format(**known) if value.startswith("{") else value for name, value in typed.items()}
        answer = client.post(path.format(**known), data=data)
        said = f"{path} {typed}"
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, said
        told = messages_of(answer.text)
        for field, message in messages.items():
            assert any(message in each for each in told.get(field, ())), f"{said}: {told}"
        assert contents(session, world) == before, said


def messages_of(page: str) -> dict[str, list[str]]:
    """The messages of a page by field: beside it, or in the summary that leads to it."""
    found: dict[str, list[str]] = {}
    beside = re.findall(r'id="([\w-]+?)-error".*?Error: </span>([^<]*)<', page)
    for field, message in beside + re.findall(r'<li><a href="#([\w]+?)(?:-0)?">([^<]*)</a></li>', page):
        found.setdefault(field, []).append(html.unescape(message))
    return found


def test_doors_tell_what_is_missing(client: FlaskClient, world: World, number: str):
    client._cookies.clear()  # type: ignore[attr-defined]  # whoever ordered has left
    refuse(client, world, number, AT_THE_DOORS)


def test_staff_is_told_at_each_field(client: FlaskClient, world: World, number: str):
    refuse(signed_in_browser(client, world, world.bss_user), world, number, IN_THE_BACK_OFFICE)


def test_shopkeeper_is_told_at_each_field(client: FlaskClient, world: World, number: str):
    client._cookies.clear()  # type: ignore[attr-defined]  # whoever ordered has left
    refuse(signed_in_browser(client, world, world.tech.admin), world, number, IN_THE_ADMINISTRATION)


def test_buyer_is_told_at_each_field(client: FlaskClient, world: World, number: str):
    signed_in_browser(client, world, world.tech.buyers[0])
    good = {"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "1"}
    assert client.post(f"{SHOP}/basket/items", data=good).status_code == HTTPStatus.SEE_OTHER
    refuse(client, world, number, IN_THE_STOREFRONT)


@pytest.mark.parametrize(
    "alias", ["", "ab", "-ab", "Bad Alias", "a--b", "x" * 41, "bss", "login", "cloudia", "<script>"]
)
def test_alias_that_cannot_be_had_is_told_at_its_field(client, world, session, plan_price, alias):
    signed_in_browser(client, world, world.bss_user)
    before = contents(session, world)
    answer = client.post(f"/bss/accounts/{world.basic.id}/upgrade", data={"plan": plan_price, "alias": alias})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert messages_of(answer.text)["alias"]
    assert "<script>" not in answer.text
    assert contents(session, world) == before
