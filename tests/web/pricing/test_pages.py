"""Pages about prices in a reseller's administration, and what customers see of them (RS-19, RS-20, RS-22)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.core.clock import utc_now
from app.identity.models import UserKind, UserType
from app.pricing.models import MarkupLevel, MarkupRule, PriceListEntry, SpecialPrice
from tenants.context import scope
from tests.factories.pricing import Rules
from tests.factories.world import make_user

PATH = "/techsolutions/manage/prices"
NEW_MARKUP = f"{PATH}/markups/new"
NEW_SPECIAL = f"{PATH}/special-prices/new"


@pytest.fixture
def staff(world, sign_in):
    return sign_in(world.tech.admin)


@pytest.fixture
def rules(session, world):
    return Rules(session, world.tech)


@pytest.fixture
def stored(session, world):
    """Return percentages and special amounts of Tech Solutions."""

    def read():
        with scope(world.tech.scope):
            markups = session.execute(select(MarkupRule.level, MarkupRule.percent)).all()
            special = session.scalars(select(SpecialPrice.amount)).all()
        return {row.level: row.percent for row in markups}, list(special)

    return read


def test_every_level_of_markup_is_set_on_a_page_of_its_own(world, staff, stored):
    customer = world.tech.customers[0].id
    saved = [
        ("level=default", f"{PATH}"),
        ("level=vendor&vendor=Contoso", f"{PATH}"),
        (f"level=category&category_id={world.category.id}", f"{PATH}"),
        (f"level=product&product_id={world.seats.id}", f"{PATH}/products/{world.seats.id}"),
        (f"level=customer&customer_id={customer}", f"/techsolutions/manage/customers/{customer}/pricing"),
        (
            f"level=customer_product&customer_id={customer}&product_id={world.seats.id}",
            f"/techsolutions/manage/customers/{customer}/pricing",
        ),
    ]
    for percent, (target, place) in enumerate(saved, start=5):
        assert staff.get(f"{NEW_MARKUP}?{target}").status_code == HTTPStatus.OK
        answer = staff.post(f"{NEW_MARKUP}?{target}", data={"percent": str(percent), "unit": ""})
        assert (answer.status_code, answer.location) == (HTTPStatus.SEE_OTHER, place)
        assert f"{percent} %" in staff.get(place).text
    assert stored()[0] == {level: Decimal(5 + number) for number, level in enumerate(reversed(_levels()))}
    staff.post(f"{NEW_MARKUP}?level=default", data={"percent": "", "unit": ""})
    assert MarkupLevel.DEFAULT not in stored()[0]


def _levels():
    return [
        MarkupLevel.CUSTOMER_PRODUCT,
        MarkupLevel.CUSTOMER,
        MarkupLevel.PRODUCT,
        MarkupLevel.CATEGORY,
        MarkupLevel.VENDOR,
        MarkupLevel.DEFAULT,
    ]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("-1", "A markup cannot be negative"),
        ("1000.01", "at most 1000 %"),
        ("abc", "Enter a number"),
        ("1.234", "at most 2 decimals"),
    ],
)
def test_a_markup_that_is_none_is_refused(staff, stored, typed, told):
    """RS-F52, CB-F125: 422 with the message at its field; nothing is stored and what was typed survives."""
    answer = staff.post(f"{NEW_MARKUP}?level=default", data={"percent": typed, "unit": ""})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert told in answer.text
    assert f'value="{typed}"' in answer.text
    assert stored() == ({}, [])


def test_days_in_the_wrong_order_are_refused(staff, stored):
    data = {"percent": "5", "unit": "", "valid_from": "2026-03-02", "valid_to": "2026-03-01"}
    answer = staff.post(f"{NEW_MARKUP}?level=default", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "The last day cannot be before the first" in answer.text
    answer = staff.post(f"{NEW_MARKUP}?level=default", data={**data, "valid_to": "yesterday"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert stored() == ({}, [])


def test_a_markup_can_be_removed_and_the_next_level_answers(world, staff, rules, stored):
    rule = rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    answer = staff.post(f"{PATH}/markups/{rule.id}/remove", data={"product_id": str(world.seats.id)})
    assert answer.location == f"{PATH}/products/{world.seats.id}"
    assert stored() == ({}, [])
    assert staff.post(f"{PATH}/markups/{rule.id}/remove").status_code == HTTPStatus.NOT_FOUND


def test_a_special_price_below_cost_is_refused_and_shows_the_cost(world, staff, stored):
    """RS-F57: `below_cost` with the cost in its message; at cost it is taken."""
    data = {"code": world.seats.code, "unit": "P1M/monthly", "amount": "9.99"}
    answer = staff.post(NEW_SPECIAL, data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Your cost is 10.00 EUR: enter at least 10.00" in answer.text
    assert stored() == ({}, [])
    answer = staff.post(NEW_SPECIAL, data={**data, "amount": "10"})
    assert answer.location == f"{PATH}/products/{world.seats.id}"
    assert stored() == ({}, [Decimal(10)])
    answer = staff.post(NEW_SPECIAL, data={**data, "amount": "12", "valid_from": "2026-03-02"})
    assert "There is already a price for some of these days" in answer.text
    assert stored() == ({}, [Decimal(10)])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"code": "no-such"}, "Choose a product from the list"),
        ({"unit": "P3Y/triennial"}, "not available to you for that term and cycle"),
        ({"amount": "12.345"}, "EUR has 2 decimals"),
        ({"amount": "-1"}, "A price cannot be negative"),
    ],
)
def test_special_prices_that_are_refused(world, staff, stored, changed, told):
    data = {"code": world.seats.code, "unit": "P1M/monthly", "amount": "12.00", **changed}
    answer = staff.post(NEW_SPECIAL, data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert told in answer.text
    assert stored() == ({}, [])


def test_a_customers_pricing_page_holds_the_three_kinds(world, session, staff, rules):
    """RS-F55, RS-F56 (partly): set here, explained on the product's page."""
    customer = world.tech.customers[0].id
    place = f"/techsolutions/manage/customers/{customer}/pricing"
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    staff.post(f"{NEW_MARKUP}?level=customer&customer_id={customer}", data={"percent": "15", "unit": ""})
    page = staff.get(f"{PATH}/products/{world.seats.id}?customer={customer}").text
    assert "€11.50" in page
    staff.post(
        f"{NEW_MARKUP}?level=customer_product&customer_id={customer}",
        data={"percent": "30", "unit": "", "code": world.suite.code},
    )
    staff.post(
        f"{NEW_SPECIAL}?customer_id={customer}",
        data={"code": world.seats.code, "unit": "P1M/monthly", "amount": "11.20"},
    )
    shown = staff.get(place).text
    for text in ("15 %", "30 %", "Contoso Suite", "€11.20"):
        assert text in shown
    with scope(world.tech.scope):
        price_id = session.scalars(select(SpecialPrice.id)).one()
    answer = staff.post(f"{PATH}/special-prices/{price_id}/remove", data={"customer_id": str(customer)})
    assert answer.location == place
    assert "€11.20" not in staff.get(place).text


def test_why_this_price_names_cost_rule_rounding_and_margin(world, staff, rules):
    """RS-F56, RS-F58 (partly): the preview box for a customer, a cycle and a quantity."""
    customer = world.tech.customers[0].id
    rules.special(world.seats, "11.20", customer_id=customer)
    url = f"{PATH}/products/{world.seats.id}?customer={customer}&unit=P1M/monthly&quantity=7"
    shown = staff.get(url).text
    for text in ("€11.20", "Special price of the customer", "not rounded", "€78.40", "€70.00", "€8.40", "Partners"):
        assert text in shown
    everybody = staff.get(f"{PATH}/products/{world.seats.id}").text
    assert "€11.20" not in everybody
    assert staff.get(f"{url}&customer={world.tech.id}").status_code == HTTPStatus.OK
    assert staff.get(f"{PATH}/products/{world.seats.id}?customer={world.tech.id}").status_code == HTTPStatus.NOT_FOUND


def test_a_special_price_overtaken_by_its_cost_is_flagged_and_the_cost_charged(world, session, staff, rules):
    """RS-F58: the customer sees the cost, never less."""
    rules.special(world.seats, "11.20")
    _set_cost(world, session, "11.50")
    shown = staff.get(f"{PATH}/products/{world.seats.id}").text
    assert "Below cost" in shown
    assert "€11.50" in shown
    assert "Below cost" in staff.get("/techsolutions/manage/listings?tab=listed").text


def test_customers_see_the_markup_and_a_changed_cost_at_once(world, session, sign_in, rules):
    """RS-F51, RS-F53, RS-F55, SF-F42 (partly): on the product's page in the storefront, and never the cost."""
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    rules.markup(MarkupLevel.CUSTOMER, "15", customer_id=world.tech.customers[0].id)
    with scope(world.scope):
        slug = world.seats.slug
    for buyer, before, after in ((0, "€11.50", "€13.23"), (1, "€12.50", "€14.38")):
        _set_cost(world, session, "10.00")
        browser = sign_in(world.tech.buyers[buyer])
        shown = browser.get(f"/techsolutions/product/{slug}").text
        assert before in shown
        assert "10.00" not in shown
        _set_cost(world, session, "11.50")
        assert after in browser.get(f"/techsolutions/product/{slug}").text


def test_an_unlisted_product_is_not_in_the_catalogue_nor_at_its_address(world, sign_in):
    """RS-F50, SF-F36: though the distributor publishes it."""
    with scope(world.scope):
        slug = world.suite.slug
    staff = sign_in(world.tech.admin)
    assert staff.get(f"/techsolutions/product/{slug}").status_code == HTTPStatus.OK
    staff.post(f"/techsolutions/manage/listings/{world.suite.id}/unlist")
    buyer = sign_in(world.tech.buyers[0])
    assert buyer.get(f"/techsolutions/product/{slug}").status_code == HTTPStatus.NOT_FOUND
    assert "Contoso Suite" not in buyer.get("/techsolutions/catalogue").text
    assert "Contoso Mail" in buyer.get("/techsolutions/catalogue").text


def test_products_are_suggested_by_their_code(world, staff):
    shown = staff.get(f"{PATH}/products?q=fabri").text
    assert f'value="{world.tool.code}"' in shown
    assert "option" not in staff.get(f"{PATH}/products?q=f").text


@pytest.mark.parametrize("path", ["?level=none", "?level=vendor", "?level=customer&customer_id=x", ""])
def test_a_markup_of_nothing_is_not_found(staff, path):
    assert staff.get(f"{NEW_MARKUP}{path}").status_code == HTTPStatus.NOT_FOUND


def test_customers_of_another_reseller_are_not_found(world, staff, stored):
    theirs = world.cloudia.customers[0].id
    assert staff.get(f"/techsolutions/manage/customers/{theirs}/pricing").status_code == HTTPStatus.NOT_FOUND
    answer = staff.post(f"{NEW_MARKUP}?level=customer&customer_id={theirs}", data={"percent": "5", "unit": ""})
    assert answer.status_code == HTTPStatus.NOT_FOUND
    answer = staff.post(
        f"{NEW_SPECIAL}?customer_id={theirs}",
        data={"code": world.seats.code, "unit": "P1M/monthly", "amount": "12"},
    )
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert stored() == ({}, [])


def test_without_the_right_prices_are_closed_and_stay(world, session, sign_in, stored):
    with scope(world.scope):
        clerk = make_user(
            session,
            world.tech.account,
            kind=UserKind.RESELLER,
            realms=(world.root.id, world.tech.storefront.id),
            type=UserType.USER,
            roles=("billing_agent",),
        )
    browser = sign_in(clerk)
    assert browser.get(PATH).status_code == HTTPStatus.FORBIDDEN
    answer = browser.post(f"{NEW_MARKUP}?level=default", data={"percent": "5", "unit": ""})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert stored() == ({}, [])


def test_a_dated_rule_answers_only_within_its_days(world, staff, rules):
    """RS-20: from the first day to the last one."""
    today: date = utc_now().date()
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    rules.markup(
        MarkupLevel.PRODUCT, "5", product_id=world.seats.id, valid_from=today, valid_to=today + timedelta(days=1)
    )
    assert "€10.50" in staff.get(f"{PATH}/products/{world.seats.id}").text


def _set_cost(world, session, price):
    with scope(world.scope):
        entry = session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).one()
        entry.price = Decimal(price)
        session.flush()
