"""Ordered items whose first period ends with something else (CB-28)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.audit.services import Actor
from app.billing.models import Charge, Invoice
from app.catalogue.models import BillingCycle, Term
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.orders.co_term_choices import CoTermChoice, choose_end
from app.orders.models import CoTerm, Order, OrderChannel, OrderItem, OrderStatus
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import Wanted, all_of, make_order
from tests.factories.parts import noon
from tests.factories.subscriptions import make_running
from tests.factories.world import make_entry, make_product

STAFF = Actor(None, "Sam Staff")
YEARLY = {"term": Term.P1Y, "cycle": BillingCycle.ANNUAL}
ON = noon(2026, 9, 15)


@pytest.fixture
def yearly(session, world):
    """A product at 1,200.00 a year."""
    with scope(world.scope):
        product = make_product(session, world.product_type, "Contoso Yearly", list_price="1200.00", **YEARLY)
        make_entry(session, world.price_list, product, "1200.00", **YEARLY)
        session.commit()
        session.refresh(product)
        session.expunge(product)
    return product


@pytest.fixture
def placed(session, world, clock, yearly):
    """An order of the back office, not executed yet."""
    clock.now = ON
    return make_order(
        session, world, world.direct, world.direct_buyer, [Wanted(yearly, 1, "1200.00", **YEARLY)],
        channel=OrderChannel.BSS, status=OrderStatus.SUBMITTED, at=ON,
    )  # fmt: skip


def other(session, world, *, account=None, ends: date = date(2026, 3, 31), **columns):
    """A yearly subscription whose term ends on a day."""
    last = ends.replace(year=ends.year + 1) if ends < date(2026, 9, 15) else ends
    first = date(last.year - 1, 4, 1)
    return make_running(
        session, world, account or world.direct, world.suite, quantity=1, period=(first, last), **YEARLY, **columns
    )


def choose(world, placed, kind, code=None):
    with scope(world.scope), unit_of_work():
        return choose_end(placed.number, placed.items[0].id, CoTermChoice(kind, code), actor=STAFF, at=ON)


def execute(session, world, placed, run_order):
    with scope(world.scope):
        session.get(Order, (world.id, placed.id)).status = OrderStatus.EXECUTING
        session.commit()
    run_order(placed)
    with scope(world.scope):
        subscription = next(each for each in all_of(session, Subscription) if each.order_item_id == placed.items[0].id)
        (charge,) = [each for each in all_of(session, Charge) if each.subscription_id == subscription.id]
        session.expunge_all()
        session.commit()
    return subscription, charge


def test_the_same_end_as_another_subscription_makes_a_short_first_period(session, world, placed, run_order):
    """CB-F88: 1,200.00 yearly, 15 Sep 2026 to 31 Mar 2027 is 198 of 365 days and bills 650.96."""
    code = other(session, world).code
    choose(world, placed, CoTerm.SUBSCRIPTION, code.lower())
    subscription, charge = execute(session, world, placed, run_order)
    assert (charge.net_amount, charge.period_from, charge.period_to) == (
        Decimal("650.96"), date(2026, 9, 15), date(2027, 3, 31),
    )  # fmt: skip
    assert (subscription.period_to, subscription.anchor_day, subscription.renews_on) == (
        date(2027, 3, 31), 1, date(2027, 4, 1),
    )  # fmt: skip
    with scope(world.scope):
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("650.96")


def test_an_end_that_february_cut_short_keeps_the_day_that_is_meant(session, world, placed, run_order):
    """CB-28: aligned to the 31st's 28 February, its periods begin on the 31st, too: in 2028 on the 29th of February."""
    last = date(2027, 2, 27)
    code = make_running(
        session, world, world.direct, world.suite, quantity=1, period=(date(2026, 2, 28), last), anchor_day=31,
        **YEARLY,
    ).code  # fmt: skip
    choose(world, placed, CoTerm.SUBSCRIPTION, code)
    subscription, charge = execute(session, world, placed, run_order)
    assert (subscription.period_to, subscription.anchor_day) == (last, 31)
    assert (charge.net_amount, charge.period_to) == (Decimal("545.75"), last)


def test_the_end_of_the_calendar_month_is_the_nearest(session, world, placed, run_order):
    """CB-28: 15 to 30 September are 16 of the 365 days that end on 30 September: 52.60."""
    choose(world, placed, CoTerm.MONTH_END)
    subscription, charge = execute(session, world, placed, run_order)
    assert (charge.net_amount, subscription.period_to, subscription.anchor_day) == (
        Decimal("52.60"), date(2026, 9, 30), 1,
    )  # fmt: skip


def test_its_own_term_is_a_whole_period(session, world, placed, run_order):
    choose(world, placed, CoTerm.MONTH_END)
    choose(world, placed, CoTerm.OWN)
    subscription, charge = execute(session, world, placed, run_order)
    assert (charge.net_amount, subscription.period_to) == (Decimal("1200.00"), date(2027, 9, 14))


def test_what_cannot_be_aligned_to_is_refused_and_nothing_changes(session, world, placed):
    """CB-28: aligning to a subscription of another bill-to, ended or shorter than the unit is refused."""
    monthly = make_running(session, world, world.direct, world.seats, period=(date(2026, 9, 1), date(2026, 9, 30)))
    cases = {
        other(session, world, account=world.basic.account).code: "co_term_payer",
        other(session, world, status=SubscriptionStatus.CANCELED).code: "co_term_ended",
        monthly.code: "co_term_short",
        "SUB-999999": "co_term_unknown",
        "": "co_term_unknown",
    }
    for code, expected in cases.items():
        with pytest.raises(Invalid) as refused:
            choose(world, placed, CoTerm.SUBSCRIPTION, code)
        assert refused.value.codes == (expected,)
    with scope(world.scope):
        assert [each.co_term for each in all_of(session, OrderItem)] == [CoTerm.OWN]


def test_an_executed_order_is_not_aligned_any_more(session, world, placed, run_order):
    execute(session, world, placed, run_order)
    with pytest.raises(Conflict):
        choose(world, placed, CoTerm.MONTH_END)
