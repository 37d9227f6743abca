"""Days pass: periods open, are priced and charged once, or the subscription ends (CB-28, CB-32)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from app.audit.services import SYSTEM
from app.billing.models import ChargeKind, Invoice
from app.catalogue.models import BillingCycle, BillingType, Term
from app.changes.renewals import bill_day, payers_with_due
from app.core.ids import new_id
from app.orders.execution import process_work
from app.orders.models import OrderStatus
from app.pricing.models import (
    PriceList,
    PriceListAssignment,
    PriceListEntry,
    PriceRule,
    Promotion,
    PromotionAmount,
    PromotionDuration,
)
from app.pricing.rules import MarkupTarget, set_markup
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionStatus
from tenants.context import scope
from tests.domain.renewals.conftest import noon
from tests.factories.execution import Wanted, alias_order, all_of
from tests.factories.world import MONDAY_NOON

JUNE_1 = date(2026, 6, 1)
YEARLY = {"term": Term.P1Y, "cycle": BillingCycle.ANNUAL}
MONTHLY_OF_YEAR = {"term": Term.P1Y, "cycle": BillingCycle.MONTHLY}


def money(text: str) -> Decimal:
    return Decimal(text)


def change(session, world, model, **values) -> None:
    """Set columns of the only row of a model."""
    with scope(world.scope):
        (row,) = all_of(session, model)
        for name, value in values.items():
            setattr(row, name, value)
        session.commit()


def test_periods_end_before_the_anchor_day_and_remember_it(billing, world):
    """CB-F86: started on 31 Jan 2026, periods end on 27 Feb, 30 Mar, 29 Apr."""
    first = billing.buy(date(2026, 1, 31), world.seats, 1)
    ends = [first.period_to]
    for day in (date(2026, 2, 28), date(2026, 3, 31)):
        billing.pass_until(day)
        ends.append(billing.subscriptions()[0].period_to)
    assert ends == [date(2026, 2, 27), date(2026, 3, 30), date(2026, 4, 29)]


def test_without_auto_renew_it_expires_and_is_not_invoiced_again(billing, world, session):
    """CB-F87: auto-renew off: Expired the day after the period, no further invoice."""
    billing.buy(JUNE_1, world.seats, 5)
    change(session, world, Subscription, auto_renew=False)
    billing.pass_until(date(2026, 6, 30))
    assert billing.subscriptions()[0].status is SubscriptionStatus.ACTIVE
    billing.pass_until(date(2026, 9, 1))
    assert billing.subscriptions()[0].status is SubscriptionStatus.EXPIRED
    assert len(billing.papers()) == 1


def test_a_year_that_is_billed_monthly_runs_to_its_end_without_auto_renew(billing, world, session):
    billing.buy(JUNE_1, world.suite, 1, "20.00", **MONTHLY_OF_YEAR)
    change(session, world, Subscription, auto_renew=False)
    billing.pass_until(date(2027, 5, 31))
    assert billing.subscriptions()[0].status is SubscriptionStatus.ACTIVE
    assert len(billing.papers()) == 12
    billing.pass_until(date(2027, 6, 1))
    assert billing.subscriptions()[0].status is SubscriptionStatus.EXPIRED


def test_instalments_add_up_to_the_term_to_the_cent(billing, world):
    """CB-F89: 100.00 in 12 is 11 x 8.33 and 8.37."""
    billing.price(world.suite, "8.3333", **MONTHLY_OF_YEAR)
    billing.buy(JUNE_1, world.suite, 1, "8.3333", **MONTHLY_OF_YEAR)
    billing.pass_until(date(2027, 5, 31))
    nets = [net for _, _, net in billing.papers()]
    assert nets == [money("8.33")] * 11 + [money("8.37")]
    assert sum(nets) == money("100.00")


def test_an_inactive_product_goes_on_renewing(billing, world):
    """CB-F6: deactivating a product removes it from the catalogue; its subscriptions still renew."""
    billing.buy(JUNE_1, world.seats, 5)
    billing.product(world.seats, is_active=False, is_published=False)
    billing.pass_until(date(2026, 7, 1))
    assert [net for _, _, net in billing.papers()] == [money("50.00"), money("50.00")]


def test_a_promotion_lowers_its_cycles_and_no_more(billing, world, session):
    """CB-F46 (partly): 20 % for 3 cycles on 60.00 is 48.00 three times, then 60.00; the first one is the order's."""
    billing.buy(JUNE_1, world.seats, 3, "20.00")
    with scope(world.scope):
        promotion = Promotion(
            name="Three months", starts_on=JUNE_1, amount_kind=PromotionAmount.PERCENT, value=money("20"),
            duration=PromotionDuration.LIMITED, cycles=3, created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(promotion)
        session.flush()
        (cost,) = all_of(session, SubscriptionCost)
        cost.base_cost, cost.unit_cost = money("20"), money("16")
        cost.promotion_id, cost.promotion_cycles_left = promotion.id, 2
        session.commit()
    billing.price(world.seats, "20.00")
    billing.pass_until(date(2026, 9, 1))
    assert [net for _, _, net in billing.papers()][1:] == [money("48.00"), money("48.00"), money("60.00")]


def test_a_days_work_done_twice_charges_once(billing, world, session):
    """CB-F106 (partly): running the billing for a day again creates no duplicates."""
    billing.buy(JUNE_1, world.seats, 5)
    for _ in range(2):
        with scope(world.scope):
            bill_day(world.direct.id, date(2026, 7, 1), at=noon(date(2026, 7, 1)))
            session.commit()
    assert [net for _, _, net in billing.papers()] == [money("50.00"), money("50.00")]


def test_missed_days_are_caught_up_each_with_its_own_paper(billing, world):
    """CB-F106 (partly): after missed days the run catches up, oldest first."""
    billing.buy(JUNE_1, world.seats, 5)
    billing.buy(JUNE_1 + timedelta(days=1), world.seats, 1)
    worked = billing.pass_until(date(2026, 8, 3))
    assert worked == [date(2026, 7, 1), date(2026, 7, 2), date(2026, 8, 1), date(2026, 8, 2)]
    assert [day for day, _, _ in billing.papers()][2:] == worked


def test_several_subscriptions_of_a_day_stand_on_one_invoice(billing, world, session):
    billing.buy(JUNE_1, world.seats, 5)
    billing.buy(JUNE_1, world.suite, 1, "20.00", **MONTHLY_OF_YEAR)
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers()[2:] == [(date(2026, 7, 1), "invoice", money("70.00"))]


def test_only_payers_with_something_due_are_billed(billing, world):
    billing.buy(JUNE_1, world.seats, 5)
    with scope(world.scope):
        assert list(payers_with_due(date(2026, 6, 30))) == []
        assert list(payers_with_due(date(2026, 7, 1))) == [world.direct.id]


def test_a_new_price_waits_for_the_next_term(billing, world):
    """Editing an entry re-prices at the next renewal, not within a running term (CB-05)."""
    billing.buy(JUNE_1, world.suite, 1, "20.00", **MONTHLY_OF_YEAR)
    billing.price(world.suite, "30.00", **MONTHLY_OF_YEAR)
    billing.pass_until(date(2027, 6, 1))
    nets = [net for _, _, net in billing.papers()]
    assert nets == [money("20.00")] * 12 + [money("30.00")]


def test_a_newly_assigned_list_touches_no_running_subscription(billing, world, session):
    """CB-F17 (partly): the list it was bought by goes on pricing it, also at renewal."""
    billing.buy(JUNE_1, world.seats, 5)
    with scope(world.scope):
        cheaper = PriceList(name="Cheaper", currency="EUR", valid_from=date(2026, 1, 1), created_at=MONDAY_NOON)
        session.add(cheaper)
        session.flush()
        session.add(
            PriceListEntry(
                price_list_id=cheaper.id, product_id=world.seats.id, term=Term.P1M, cycle=BillingCycle.MONTHLY,
                rule=PriceRule.FIXED, value=money("1"), price=money("1"),
            )
        )  # fmt: skip
        session.add(
            PriceListAssignment(
                id=new_id(), payer_id=world.direct.id, price_list_id=cheaper.id, priority=-1, assigned_at=MONDAY_NOON
            )
        )
        session.commit()
    billing.pass_until(date(2026, 7, 1))
    assert [net for _, _, net in billing.papers()] == [money("50.00"), money("50.00")]


def test_a_suspended_subscription_is_billed_unless_its_type_says_no(billing, world, session):
    billing.buy(JUNE_1, world.seats, 5)
    change(session, world, Subscription, status=SubscriptionStatus.SUSPENDED)
    billing.pass_until(date(2026, 7, 1))
    assert len(billing.papers()) == 2
    with scope(world.scope):
        session.merge(world.product_type).billed_while_suspended = False
        session.commit()
    billing.pass_until(date(2026, 8, 1))
    assert len(billing.papers()) == 2
    assert billing.subscriptions()[0].period_to == date(2026, 8, 31)


def test_arrears_follow_each_period(billing, world):
    billing.product(world.seats, billing_type=BillingType.ON_END)
    billing.buy(JUNE_1, world.seats, 5)
    billing.pass_until(date(2026, 8, 1))
    assert [(day, net) for day, _, net in billing.papers()] == [
        (date(2026, 7, 1), money("50.00")),
        (date(2026, 8, 1), money("50.00")),
    ]
    assert {charge.kind for charge in billing.charges()} == {ChargeKind.RECURRING}


def test_a_reseller_is_billed_for_its_customers_at_cost(billing, world, session):
    """The wholesale side renews; the line names the customer, the customer has no paper."""
    placed = alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
    with scope(world.scope):
        process_work(placed.work.id, at=MONDAY_NOON)
        session.commit()
        bill_day(world.tech.id, date(2026, 4, 2), at=noon(date(2026, 4, 2)))
        session.commit()
        papers = all_of(session, Invoice)
    assert [(paper.account_id, paper.net_total) for paper in papers] == [(world.tech.id, money("50.00"))] * 2
    with scope(world.tech.customer_scope()):
        assert all_of(session, Invoice) == []


def test_a_customers_price_follows_its_resellers_markup_at_renewal(world, session):
    """A retail price is frozen within a term and found anew at its end (CB-41); one that is not shown stays so."""
    placed = alias_order(session, world, [Wanted(world.seats, 5), Wanted(world.seats, 1)], status=OrderStatus.EXECUTING)
    with scope(world.scope):
        process_work(placed.work.id, at=MONDAY_NOON)
        session.commit()
        shown, unseen = all_of(session, Subscription)
        unseen.unit_price = None
        session.commit()
    with scope(world.tech.scope):
        set_markup(
            MarkupTarget.of_product(world.seats.id),
            money("50"),
            reseller_id=world.tech.id,
            actor=SYSTEM,
            at=MONDAY_NOON,
        )
        session.commit()
    with scope(world.scope):
        assert shown.unit_price == money("12.00")
        bill_day(world.tech.id, date(2026, 4, 2), at=noon(date(2026, 4, 2)))
        session.commit()
        session.refresh(shown)
        session.refresh(unseen)
        assert (shown.unit_price, unseen.unit_price) == (money("15.00"), None)
