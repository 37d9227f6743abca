"""Terms of other lengths than a month and a year, on the whole way from the order to the renewal (CB-03, CB-28)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Term
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.core.errors import Invalid
from app.core.ids import new_id
from app.subscriptions.models import ChangeTiming
from tenants.context import scope
from tests.domain.renewals.conftest import noon

QUARTERS = {"term": Term.P1Y, "cycle": BillingCycle.QUARTERLY}
HALVES = {"term": Term.P6M, "cycle": BillingCycle.HALF_YEARLY}
MONTHS = {"term": Term.P1Y, "cycle": BillingCycle.MONTHLY}


def test_quarters_end_with_their_year_and_begin_another(billing, world):
    """CB-03: cycles of 3 months from 31 May, 60.00 each: four to a year, then four more."""
    billing.price(world.suite, "60.00", **QUARTERS)
    first = billing.buy(date(2026, 5, 31), world.suite, 1, "60.00", **QUARTERS)
    ends, renewals = [first.period_to], [first.renews_on]
    for day in (date(2026, 8, 31), date(2026, 11, 30), date(2027, 2, 28), date(2027, 5, 31)):
        billing.pass_until(day)
        ends.append(billing.subscriptions()[0].period_to)
        renewals.append(billing.subscriptions()[0].renews_on)
    assert ends == [
        date(2026, 8, 30), date(2026, 11, 29), date(2027, 2, 27), date(2027, 5, 30), date(2027, 8, 30),
    ]  # fmt: skip
    assert renewals == [date(2027, 5, 31)] * 4 + [date(2028, 5, 31)]
    assert [net for _, _, net in billing.papers()] == [Decimal("60.00")] * 5


def test_a_half_year_is_aligned_to_the_billing_day_by_the_days_of_its_cycle(billing, world):
    """CB-32: 184.00 for 6 months, bought on 16 September with billing day 1: 15 of the 184 days that end on the 30th."""
    billing.prorate(1)
    billing.price(world.suite, "184.00", **HALVES)
    bought = billing.buy(date(2026, 9, 16), world.suite, 1, "184.00", **HALVES)
    assert (bought.period_to, bought.renews_on) == (date(2026, 9, 30), date(2027, 4, 1))
    billing.pass_until(date(2027, 4, 1))
    nets = [net for _, _, net in billing.papers()]
    # 1 April to 30 September has 183 days: 184.00 x 15 / 183 = 15.08
    assert nets == [Decimal("15.08"), Decimal("184.00"), Decimal("184.00")]
    assert billing.subscriptions()[0].renews_on == date(2027, 10, 1)


@pytest.mark.parametrize(("passed", "fits"), [(3, True), (4, False)])
def test_a_cycle_must_end_with_the_term_it_is_changed_in(billing, world, passed, fits):
    """CB-03: after three paid months of a year nine are left, three quarters; after four eight, which are no quarters."""
    billing.price(world.suite, "60.00", **QUARTERS)
    bought = billing.buy(date(2026, 1, 1), world.suite, 1, "20.00", **MONTHS)
    on = date(2026, passed, 1)
    billing.pass_until(on)
    new = NewPriceEdit(
        subscription_id=bought.id, wanted=WantedPrice(cycle=BillingCycle.QUARTERLY), timing=ChangeTiming.PERIOD_END,
        request_key=new_id(),
    )  # fmt: skip
    with scope(world.scope):
        if not fits:
            with pytest.raises(Invalid) as refused:
                edit_price(new, actor=SYSTEM, at=noon(on))
            assert [(error.field, error.code) for error in refused.value.errors] == [("cycle", "cycle_does_not_fit")]
            return
        edit_price(new, actor=SYSTEM, at=noon(on))
    billing.pass_until(date(2027, 1, 1))
    periods = billing.subscriptions()[0]
    assert (periods.cycle, periods.period_from, periods.renews_on) == (
        BillingCycle.QUARTERLY, date(2027, 1, 1), date(2028, 1, 1),
    )  # fmt: skip
