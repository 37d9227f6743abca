"""What is charged on the end of a period: quantity-days, of add-ons too, and at every way out (CB-24, CB-27, CB-29)."""

from __future__ import annotations

from datetime import date

import pytest

from app.billing.models import Charge
from app.catalogue.models import BillingType, Product, RelationKind
from app.changes.renewals import bill_day
from app.subscriptions.models import ChangeKind, ChangeTiming, SubscriptionRole
from tenants.context import scope
from tenants.settings import distributor_settings
from tests.domain.changes.conftest import on
from tests.factories.parts import make_sibling, relate

ON_END = {"is_charged": False, "billing_type": BillingType.ON_END}
JUNE_1, JUNE_15, JUNE_30 = date(2026, 6, 1), date(2026, 6, 15), date(2026, 6, 30)
JULY_1 = date(2026, 7, 1)


@pytest.fixture
def backup(session, desk) -> Product:
    """An add-on of the seats at 6.00 a month."""
    product = make_sibling(session, desk.world, "Contoso Backup", "6.00", is_add_on=True)
    relate(session, desk.world, RelationKind.ADD_ON, desk.world.seats, product)
    return product


def with_backup(desk, backup, *, quantity: int, add_ons: int):
    parent = desk.running(quantity=quantity, unit_cost="10.00", **ON_END)
    child = desk.running(
        product=backup, quantity=add_ons, unit_cost="6.00", parent_id=parent.id, role=SubscriptionRole.ADD_ON, **ON_END
    )
    return parent, child


def charges(desk, running) -> list[tuple[str, str, date | None, date | None]]:
    return [
        (each.kind.value, f"{each.net_amount:.2f}", each.period_from, each.period_to)
        for each in desk.rows(Charge)
        if each.subscription_id == running.id
    ]


def cancel(desk, running, *, at, **of) -> None:
    with scope(desk.world.scope):
        reason = distributor_settings().cancellation_reasons[0]
    desk.submit(running, ChangeKind.CANCELLATION, reason=reason, at=at, **of)


def test_more_of_an_add_on_does_not_move_its_parents_quantity_days(desk, backup):
    """CB-24, CB-27: 10 seats of a whole June are 100.00, however many add-ons come; 2 add-ons, 7 from the 16th: 27.00."""
    parent, child = with_backup(desk, backup, quantity=10, add_ons=2)
    desk.submit(parent, ChangeKind.ADD_ON, target_product_id=backup.id, quantity_to=7, at=on(16))
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert charges(desk, parent) == [("recurring", "100.00", JUNE_1, JUNE_30)]
    assert charges(desk, child) == [("recurring", "27.00", JUNE_1, JUNE_30)]


def test_canceling_charges_the_used_days_of_add_ons_too(desk, backup):
    """CB-29: half of June is charged: 25.00 of the seats, 6.00 of the add-ons."""
    parent, child = with_backup(desk, backup, quantity=5, add_ons=2)
    cancel(desk, parent, at=on(15))
    assert charges(desk, parent) == [("recurring", "25.00", JUNE_1, JUNE_15)]
    assert charges(desk, child) == [("recurring", "6.00", JUNE_1, JUNE_15)]
    assert desk.papers() == [("invoice", "25.00"), ("invoice", "6.00")]


def test_an_end_with_the_period_charges_all_of_it_of_add_ons_too(desk, backup):
    parent, child = with_backup(desk, backup, quantity=5, add_ons=2)
    cancel(desk, parent, timing=ChangeTiming.PERIOD_END, at=on(15))
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert charges(desk, parent) == [("recurring", "50.00", JUNE_1, JUNE_30)]
    assert charges(desk, child) == [("recurring", "12.00", JUNE_1, JUNE_30)]


@pytest.mark.parametrize(("timing", "net", "last"), [(ChangeTiming.NOW, "6.00", JUNE_15), (ChangeTiming.PERIOD_END, "12.00", JUNE_30)])  # fmt: skip
def test_an_add_on_that_ends_is_charged_for_the_days_it_ran(desk, backup, timing, net, last):
    """CB-27, CB-29: two at 6.00 to the end of 15 June are 6.00, to the end of the period 12.00."""
    parent, child = with_backup(desk, backup, quantity=5, add_ons=2)
    desk.submit(parent, ChangeKind.ADD_ON, target_product_id=backup.id, quantity_to=0, timing=timing, at=on(15))
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert charges(desk, child) == [("recurring", net, JUNE_1, last)]


def test_a_short_first_period_in_arrears_costs_its_days(desk):
    """CB-32: 10 of the 30 days that end with it, of 60.00."""
    first = (date(2026, 6, 21), JUNE_30)
    running = desk.running(quantity=6, unit_cost="10.00", period=first, anchor_day=1, **ON_END)
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert charges(desk, running) == [("recurring", "20.00", *first)]
