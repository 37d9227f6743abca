"""What migration 0040 tells of charges that stood before it: what they are of, and whether they are taxed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from importlib import import_module

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM
from app.billing.documents import bill
from app.billing.models import Charge, ChargeKind
from app.billing.usage.models import ResourceKind
from app.billing.usage.rates import RateDetails, add_rate
from app.catalogue.models import BillingCycle, ProductKind, ProductType, Term
from tenants.context import scope
from tests.domain.billing.test_tax_codes import describe
from tests.domain.billing.test_taxed_charges import billing, charge_named, is_taxed, owed
from tests.domain.renewals.conftest import noon
from tests.factories.world import make_product

__all__ = ("billing",)
JUNE_1 = date(2026, 6, 1)
older = import_module("migrations.versions.0040_charges")
Tell = Callable[[], dict[str, bool]]


@pytest.fixture
def tell(session, world, billing) -> Tell:
    """Wipe out what the migration adds, let it tell, and return which charges are taxed."""

    def do() -> dict[str, bool]:
        with scope(world.scope):
            session.execute(update(Charge).values(product_id=None, is_taxed=Charge.source_key == ""))
            older.tell_older_charges(session.connection())
            session.commit()
            session.expire_all()
        return is_taxed(session, world)

    return do


def set_charge(session, world, key: str, **columns) -> None:
    with scope(world.scope):
        session.execute(update(Charge).where(Charge.source_key == key).values(**columns))
        session.commit()


def bill_two(session, world, billing, *, exempt: bool) -> None:
    """Invoice 50.00 of seats and 30.00 of a suite together, the suite exempt already or from then on."""
    seats_id = billing.buy(JUNE_1, world.seats).id
    suite_id = billing.buy(JUNE_1, world.suite, term=Term.P1Y, cycle=BillingCycle.MONTHLY).id
    if exempt:
        describe(session, world, world.suite, is_taxable=False)
    owed(session, world, ("seats", "50.00", world.seats), ("suite", "30.00", world.suite))
    set_charge(session, world, "seats", subscription_id=seats_id)
    set_charge(session, world, "suite", subscription_id=suite_id)
    with scope(world.scope):
        bill(world.direct, ("seats", "suite"), on=JUNE_1, at=noon(JUNE_1))
        session.commit()
    describe(session, world, world.suite, is_taxable=False)


def test_charges_are_of_what_was_subscribed_to_or_ordered_and_taxed_as_it_is(session, world, billing, tell):
    """CB-02: what is of no product is taxed."""
    seats_id, running_id = world.seats.id, billing.buy(JUNE_1, world.seats, 5).id
    (item_id,) = (each.order_item_id for each in billing.charges())
    owed(session, world, ("subscribed", "1.00", None), ("ordered", "1.00", None), ("fee", "1.00", None))
    set_charge(session, world, "subscribed", subscription_id=running_id)
    set_charge(session, world, "ordered", order_item_id=item_id)
    describe(session, world, world.seats, is_taxable=False)
    told = tell()
    assert (told["subscribed"], told["ordered"], told["fee"]) == (False, False, True)
    of = {key: charge_named(session, world, key).product_id for key in ("subscribed", "ordered", "fee")}
    assert of == {"subscribed": seats_id, "ordered": seats_id, "fee": None}


def test_usage_is_of_the_add_on_that_prices_it(session, world, billing, tell):
    """CB-13: an exempt add-on of a taxed product."""
    running_id = billing.buy(JUNE_1, world.seats, 5).id
    with scope(world.scope):
        kind = ProductType(name="Metered", kind=ProductKind.PAY_PER_USE, created_at=noon(JUNE_1))
        session.add(kind)
        session.flush()
        compute = make_product(session, kind, "Compute")
        pack = make_product(session, world.product_type, "Pack", is_add_on=True, is_taxable=False)
        details = RateDetails(
            resource="Traffic", kind=ResourceKind.METERED, unit="GB", currency="EUR", price=None, add_on_id=pack.id
        )
        rate = add_rate(compute.id, details, actor=SYSTEM, at=noon(JUNE_1))
        key, pack_id = f"usage:{running_id}:{rate.id}:20260601:1", pack.id
        session.commit()
    owed(session, world, (key, "18.00", None))
    set_charge(session, world, key, subscription_id=running_id, kind=ChargeKind.USAGE)
    assert tell()[key] is False
    assert charge_named(session, world, key).product_id == pack_id


@pytest.mark.parametrize("was_taxable", [True, False])
def test_what_is_invoiced_is_taxed_as_its_invoice_says_and_so_are_its_credits(
    session, world, billing, tell, was_taxable
):
    """CB-29: the product has become the contrary since."""
    describe(session, world, world.seats, is_taxable=was_taxable)
    running_id = billing.buy(JUNE_1, world.seats, 5).id
    (invoiced,) = billing.charges()
    owed(session, world, ("credit", "-10.00", None), ("more", "5.00", None))
    set_charge(session, world, "credit", subscription_id=running_id, credits_id=invoiced.id)
    set_charge(session, world, "more", subscription_id=running_id)
    describe(session, world, world.seats, is_taxable=not was_taxable)
    assert tell() == {invoiced.source_key: was_taxable, "credit": was_taxable, "more": not was_taxable}


@pytest.mark.parametrize("exempt", [True, False])
def test_an_invoice_of_two_products_says_whether_both_were_taxed_else_the_products_do(
    session, world, billing, tell, exempt
):
    """CB-29: with tax on its whole net it has taxed both, one exempt since or not."""
    bill_two(session, world, billing, exempt=exempt)
    told = tell()
    assert (told["seats"], told["suite"]) == (True, not exempt)
