"""Another billing cycle of a subscription is its add-ons' cycle, too: each day of them is billed once (CB-26, CB-27)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, BillingType, Product, RelationKind, Term
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.changes.renewals import bill_day
from app.core.errors import Invalid
from app.core.ids import new_id
from app.subscriptions.models import ChangeTiming, SubscriptionChange, SubscriptionRole
from tenants.context import scope
from tests.domain.changes.conftest import on
from tests.domain.changes.test_arrears import charges
from tests.factories.parts import make_sibling, relate
from tests.factories.world import make_entry

YEARLY = {"term": Term.P1Y, "cycle": BillingCycle.ANNUAL}
JUNE_1, JUNE_30, JULY_1 = date(2026, 6, 1), date(2026, 6, 30), date(2026, 7, 1)
JUNE = (JUNE_1, JUNE_30)


@pytest.fixture
def backup(session, desk) -> Product:
    """An add-on of the seats at 6.00 a month."""
    product = make_sibling(session, desk.world, "Contoso Backup", "6.00", is_add_on=True)
    relate(session, desk.world, RelationKind.ADD_ON, desk.world.seats, product)
    return product


@pytest.fixture
def sold_yearly(session, desk, backup) -> None:
    """The add-on at 60.00 a year."""
    with scope(desk.world.scope):
        make_entry(session, desk.world.price_list, backup, "60.00", **YEARLY)
        session.commit()


def with_backup(desk, backup, **columns):
    """Five seats for a year, billed by the month, with two of the add-on."""
    columns = {"term": Term.P1Y, **columns}
    parent = desk.running(quantity=5, unit_cost="10.00", **columns)
    child = desk.running(
        product=backup, quantity=2, unit_cost="6.00", parent_id=parent.id, role=SubscriptionRole.ADD_ON, **columns
    )
    return parent, child


def make_yearly(desk, parent, *, timing: ChangeTiming, day: int = 10) -> None:
    wanted = WantedPrice(user_price=Decimal(100), cycle=BillingCycle.ANNUAL)
    edit = NewPriceEdit(subscription_id=parent.id, wanted=wanted, timing=timing, request_key=new_id())
    desk.do(edit_price, edit, actor=SYSTEM, at=on(day))


def test_a_longer_cycle_now_bills_the_add_ons_by_it_too(desk, backup, sold_yearly):
    """CB-26, CB-27: 12.00 of June come back, 120.00 are charged for the year from its first day."""
    parent, child = with_backup(desk, backup)
    make_yearly(desk, parent, timing=ChangeTiming.NOW)
    year = (JUNE_1, date(2027, 5, 31))
    after = desk.subscription(child)
    assert (after.cycle, after.period_from, after.period_to) == (BillingCycle.ANNUAL, *year)
    assert desk.charged(child) == [("price", "-12.00", *JUNE), ("price", "120.00", *year)]
    assert sorted(desk.papers()) == [("credit_note", "62.00"), ("invoice", "620.00")]
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert len(desk.papers()) == 2
    desk.do(bill_day, desk.world.direct.id, date(2027, 6, 1), at=on(1, 12))
    assert charges(desk, child)[-1] == ("recurring", "120.00", date(2027, 6, 1), date(2028, 5, 31))


def test_an_add_on_bought_on_the_way_is_charged_for_its_days_of_the_longer_cycle(desk, backup, sold_yearly):
    """CB-27: from 21 June to the end of the year are 345 of 365 days of 120.00: 113.42."""
    parent = desk.running(quantity=5, unit_cost="10.00", term=Term.P1Y)
    first = (date(2026, 6, 21), JUNE_30)
    child = desk.running(
        product=backup, quantity=2, unit_cost="6.00", term=Term.P1Y, period=first, anchor_day=1, parent_id=parent.id,
        role=SubscriptionRole.ADD_ON,
    )  # fmt: skip
    make_yearly(desk, parent, timing=ChangeTiming.NOW, day=25)
    assert desk.charged(child) == [
        ("price", "-12.00", *first), ("price", "113.42", date(2026, 6, 21), date(2027, 5, 31)),
    ]  # fmt: skip


def test_the_next_cycle_bills_the_add_ons_by_it_too(desk, backup, sold_yearly):
    """CB-26, CB-27: from July on, when the term begins anew, a year at 60.00 each, not a month's price for it."""
    parent, child = with_backup(desk, backup, renews_on=JULY_1)
    make_yearly(desk, parent, timing=ChangeTiming.PERIOD_END)
    assert desk.subscription(child).cycle is BillingCycle.MONTHLY
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert desk.subscription(child).cycle is BillingCycle.ANNUAL
    year = (JULY_1, date(2027, 6, 30))
    assert charges(desk, child) == [("recurring", "12.00", *JUNE), ("recurring", "120.00", *year)]
    assert charges(desk, parent)[-1] == ("recurring", "500.00", *year)


@pytest.mark.parametrize(
    ("timing", "renews_on"), [(ChangeTiming.NOW, date(2027, 6, 1)), (ChangeTiming.PERIOD_END, JULY_1)]
)
def test_an_add_on_that_is_not_sold_for_the_cycle_is_in_its_way(desk, backup, timing, renews_on):
    """CB-27: refused at the field, naming the add-on; nothing changes."""
    parent, child = with_backup(desk, backup, renews_on=renews_on)
    with pytest.raises(Invalid, match="Contoso Backup") as refused:
        make_yearly(desk, parent, timing=timing)
    assert (refused.value.codes, refused.value.errors[0].field) == (("add_ons_not_sold",), "cycle")
    assert {desk.subscription(each).cycle for each in (parent, child)} == {BillingCycle.MONTHLY}
    assert (desk.rows(SubscriptionChange), desk.papers()) == ([], [])


def test_in_arrears_the_last_period_is_charged_at_the_price_it_was_used_at(desk, backup, sold_yearly):
    """CB-26, CB-32: June by the month, whatever July costs."""
    parent, child = with_backup(desk, backup, is_charged=False, billing_type=BillingType.ON_END, renews_on=JULY_1)
    make_yearly(desk, parent, timing=ChangeTiming.PERIOD_END)
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert charges(desk, parent) == [("recurring", "50.00", *JUNE)]
    assert charges(desk, child) == [("recurring", "12.00", *JUNE)]


def test_a_longer_cycle_for_the_same_amount_is_charged_for_its_days(desk):
    """CB-26: 50.00 a month becomes 50.00 a year: what was paid for June is credited, the year charged."""
    running = desk.running(quantity=5, unit_cost="10.00", term=Term.P1Y)
    wanted = WantedPrice(user_price=Decimal(10), cycle=BillingCycle.ANNUAL)
    edit = NewPriceEdit(
        subscription_id=running.id, wanted=wanted, timing=ChangeTiming.NOW, request_key=new_id(), may_go_below_cost=True
    )
    desk.do(edit_price, edit, actor=SYSTEM, at=on(10))
    assert desk.charged(running) == [("price", "-50.00", *JUNE), ("price", "50.00", JUNE_1, date(2027, 5, 31))]
