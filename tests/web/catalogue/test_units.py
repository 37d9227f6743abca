"""Terms and billing cycles in BSS, and the unit a product is shown by first (CB-03)."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.catalogue.models import BillingCycle, Product, ProductPrice, Term
from app.core import db
from tenants.context import scope
from tenants.settings import UNITS, distributor_settings
from tests.factories.world import make_entry

QUARTERLY = "P1Y.quarterly"


@pytest.fixture
def staff(sign_in, world):
    return sign_in(world.bss_user)


def ticked(*values: str, base: str = "") -> dict[str, object]:
    form: dict[str, object] = {"base": base}
    for value in values:
        form.setdefault(f"units_{value.partition('.')[0].lower()}", []).append(value)
    return form


def settings_of(world):
    with scope(world.scope):
        return distributor_settings()


def prices_of(world, product) -> set[tuple[Term, BillingCycle]]:
    with scope(world.scope):
        rows = db.session.execute(
            select(ProductPrice.term, ProductPrice.cycle).where(ProductPrice.product_id == product.id)
        )
        return {(row.term, row.cycle) for row in rows}


def test_a_distributor_chooses_what_it_sells_and_what_is_shown_first(staff, world):
    """CB-03: the units are the distributor's own choice; one of them is its base unit."""
    saved = staff.save(
        "/bss/units", data=ticked("P1M.monthly", "P4M.every_2_months", "P1Y.monthly", base="P1Y.monthly")
    )
    assert saved.status_code == HTTPStatus.SEE_OTHER
    found = settings_of(world)
    assert (found.units, found.base_unit) == (("P1M.monthly", "P4M.every_2_months", "P1Y.monthly"), "P1Y.monthly")
    shown = staff.get("/bss/units").text
    assert shown.count("checked") == 3
    form = staff.get(f"/bss/products/{world.seats.id}").text
    assert 'value="every_2_months"' in form
    assert 'value="triennial"' not in form


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        (ticked(), "units_p1m", "Choose at least one term and billing cycle"),
        (ticked("P3M.quarterly"), "units_p1m", "1 product has a price for 1 month, billed monthly"),
        (ticked("P1M.monthly", "P1Y.monthly", base="P5Y.annual"), "base", "Choose a base unit among the ones you sell"),
        (ticked("P1M.monthly", "P1Y.monthly", base="P1W.weekly"), "base", "Not a valid choice"),
        (
            {**ticked("P1M.monthly", "P1Y.monthly"), "units_p1y": ["P1Y.triennial"]},
            "units_p1y",
            "is not a valid choice",
        ),
    ],
)
def test_what_cannot_be_chosen_is_said_at_its_field_and_nothing_is_saved(staff, world, form, field, words):
    """CB-03: a unit is not given up while prices stand in it."""
    answer = staff.save("/bss/units", data=form)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert f'id="{field}-error"' in answer.text
    assert settings_of(world).units == UNITS


def test_a_price_for_three_months_is_shown_and_bought(staff, world, session, sign_in):
    """CB-03: a product is priced for 3 months and bought for them."""
    data = {"term": "P3M", "cycle": "quarterly", "currency": "EUR", "list_price": "33.00", "vendor_cost": "25.00"}
    saved = staff.post(f"/bss/products/{world.seats.id}/prices", data=data)
    assert saved.status_code == HTTPStatus.SEE_OTHER
    assert (Term.P3M, BillingCycle.QUARTERLY) in prices_of(world, world.seats)
    with scope(world.scope):
        make_entry(session, world.price_list, world.seats, "28.50", term=Term.P3M, cycle=BillingCycle.QUARTERLY)
    buyer = sign_in(world.direct_buyer)
    shown = buyer.get(f"/product/{world.seats.slug}").text
    assert "3 months, billed every 3 months" in shown
    assert "28.50" in shown
    added = buyer.post(
        "/basket/items", data={"product_id": str(world.seats.id), "price": "P3M.quarterly", "quantity": "2"}
    )
    assert added.status_code == HTTPStatus.SEE_OTHER
    basket = buyer.get("/basket").text
    assert "57.00" in basket
    assert "per licence and 3 months" in basket


@pytest.mark.parametrize(
    ("term", "cycle", "words"),
    [
        ("P1M", "quarterly", "does not fit into the term"),
        ("P3M", "monthly", "You do not sell this term and billing plan"),
        ("P9M", "monthly", "Not a valid choice"),
    ],
)
def test_a_price_outside_the_units_is_refused(staff, world, term, cycle, words):
    """CB-03: a term is a multiple of its cycle, and one that is sold."""
    before = prices_of(world, world.seats)
    data = {"term": term, "cycle": cycle, "currency": "EUR", "list_price": "33.00"}
    answer = staff.post(f"/bss/products/{world.seats.id}/prices", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert prices_of(world, world.seats) == before


def test_the_base_unit_is_shown_first_and_preselected(staff, world, session, sign_in):
    """CB-03, CB-11: a product's own base unit wins over the distributor's, which wins over the shortest cycle."""
    with scope(world.scope):
        session.add(
            ProductPrice(
                product_id=world.seats.id, term=Term.P1Y, cycle=BillingCycle.ANNUAL, currency="EUR",
                list_price=Decimal(120),
            )
        )  # fmt: skip
        make_entry(session, world.price_list, world.seats, "99.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
    buyer = sign_in(world.direct_buyer)
    assert "per licence and month" in buyer.get("/search?q=contoso mail").text
    data = {"version": "1", "billing_type": "on_start", "usage_charge_rule": "actual_days", "price_scheme": "per_unit"}
    staff = sign_in(world.bss_user)
    refused = staff.post(f"/bss/products/{world.seats.id}/charges", data={**data, "base_unit": QUARTERLY})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose a unit that the product has a price for" in refused.text
    saved = staff.post(f"/bss/products/{world.seats.id}/charges", data={**data, "base_unit": "P1Y.annual"})
    assert saved.status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        product = db.session.get_one(Product, (world.id, world.seats.id))
        assert (product.base_term, product.base_cycle) == (Term.P1Y, BillingCycle.ANNUAL)
    buyer = sign_in(world.direct_buyer)
    assert "99.00" in buyer.get("/catalogue").text
    assert "per licence and year" in buyer.get("/catalogue").text
    page = buyer.get(f"/product/{world.seats.slug}").text
    assert "checked" in page[page.index('value="P1Y.annual"') - 120 : page.index('value="P1Y.annual"') + 120]
