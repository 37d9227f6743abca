"""What a purchase charges, by the account's and the product's options, on the real path from order to invoice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.accounts.models import BillingDayRule, PartialCharges
from app.audit.services import SYSTEM
from app.billing.documents import generate
from app.billing.models import ChargeKind
from app.catalogue.models import BillingCycle, BillingType, Term, UsageChargeRule
from tenants.context import scope
from tests.domain.renewals.conftest import noon

JULY_9 = date(2026, 7, 9)


def money(text: str) -> Decimal:
    return Decimal(text)


def test_a_purchase_is_aligned_to_the_billing_day(billing, world):
    """CB-F101 (partly): billing day 1, 5 x 10.00 ordered on 9 July: 37.10 for 9 to 31 July, then 50.00."""
    billing.prorate(1)
    subscription = billing.buy(JULY_9, world.seats, 5)
    assert (subscription.period_from, subscription.period_to) == (JULY_9, date(2026, 7, 31))
    assert billing.papers() == [(JULY_9, "invoice", money("37.10"))]
    assert billing.pass_until(date(2026, 8, 1)) == [date(2026, 8, 1)]
    assert billing.papers()[1:] == [(date(2026, 8, 1), "invoice", money("50.00"))]
    assert [each.kind for each in billing.charges()] == [ChargeKind.STUB, ChargeKind.RECURRING]


def test_partial_charges_wait_for_the_billing_day(billing, world):
    """CB-F101: with *next billing day* one invoice of 87.10 on 1 August; without, 37.10 and then 50.00."""
    billing.prorate(1, partial_charges=PartialCharges.BILLING_DAY)
    billing.buy(JULY_9, world.seats, 5)
    assert billing.papers() == []
    billing.pass_until(date(2026, 8, 1))
    assert billing.papers() == [(date(2026, 8, 1), "invoice", money("87.10"))]


def test_a_stub_is_charged_by_the_days_of_its_month(billing, world):
    """CB-F102: an order on 10 January is charged 22/31, one on 10 April 21/30."""
    billing.prorate(1)
    billing.buy(date(2026, 1, 10), world.seats, 31)
    billing.buy(date(2026, 4, 10), world.seats, 30)
    assert [net for _, _, net in billing.papers()] == [money("220.00"), money("210.00")]


def test_a_products_own_billing_day_wins(billing, world):
    """CB-F103: product billing day 15, 30.00, ordered on 10 July: 5.00 for 10 to 14 July, then 15 July to 14 August."""
    billing.price(world.seats, "30.00")
    billing.product(world.seats, billing_day=15)
    subscription = billing.buy(date(2026, 7, 10), world.seats, 1, "30.00")
    assert subscription.period_to == date(2026, 7, 14)
    billing.pass_until(date(2026, 7, 15))
    assert [net for _, _, net in billing.papers()] == [money("5.00"), money("30.00")]
    assert billing.subscriptions()[0].period_to == date(2026, 8, 14)


def test_a_product_excluded_from_proration_keeps_its_own_anniversary(billing, world):
    """CB-F104: full amount at once, own anniversary."""
    billing.prorate(1)
    billing.product(world.seats, excluded_from_proration=True)
    subscription = billing.buy(JULY_9, world.seats, 5)
    assert subscription.period_to == date(2026, 8, 8)
    assert billing.papers() == [(JULY_9, "invoice", money("50.00"))]
    assert billing.pass_until(date(2026, 8, 9)) == [date(2026, 8, 9)]


def test_the_full_amount_for_the_stub_where_the_product_says_so(billing, world):
    """CB-F105: usage charge rule *full amount*: 9 to 31 July costs 50.00."""
    billing.prorate(1)
    billing.product(world.seats, usage_charge_rule=UsageChargeRule.FULL_AMOUNT)
    subscription = billing.buy(JULY_9, world.seats, 5)
    assert subscription.period_to == date(2026, 7, 31)
    assert billing.papers() == [(JULY_9, "invoice", money("50.00"))]


def test_the_setup_fee_stands_on_the_first_invoice_only(billing, world):
    """CB-F13: 5 x 10.00 and a setup fee of 25.00 once: 75.00, then 50.00."""
    billing.price(world.seats, "10.00", setup_fee=money("25.00"))
    billing.buy(date(2026, 7, 1), world.seats, 5)
    billing.pass_until(date(2026, 8, 1))
    assert [net for _, _, net in billing.papers()] == [money("75.00"), money("50.00")]


def test_a_setup_fee_is_never_prorated(billing, world):
    billing.prorate(1)
    billing.price(world.seats, "10.00", setup_fee=money("25.00"))
    billing.buy(JULY_9, world.seats, 5)
    assert [net for _, _, net in billing.papers()] == [money("62.10")]


def test_the_day_of_the_first_order_becomes_the_billing_day(billing, world):
    billing.account(prorated_billing=True, billing_day_rule=BillingDayRule.FIRST_ORDER, billing_day=None)
    first = billing.buy(JULY_9, world.seats, 1)
    second = billing.buy(date(2026, 7, 20), world.seats, 1)
    assert (first.period_to, second.period_to) == (date(2026, 8, 8), date(2026, 8, 8))


def test_a_product_in_arrears_is_invoiced_when_its_period_is_over(billing, world):
    """CB-F38 (partly): nothing at purchase, the period's amount after its last day."""
    billing.product(world.seats, billing_type=BillingType.ON_END)
    billing.buy(date(2026, 6, 1), world.seats, 5)
    assert billing.papers() == []
    assert billing.pass_until(date(2026, 6, 30)) == []
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers() == [(date(2026, 7, 1), "invoice", money("50.00"))]


def test_a_yearly_price_aligned_to_the_billing_day(billing, world):
    billing.prorate(1)
    billing.price(world.suite, "1200.00", Term.P1Y, BillingCycle.ANNUAL)
    billing.buy(JULY_9, world.suite, 1, "1200.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
    billing.pass_until(date(2026, 8, 1))
    assert [net for _, _, net in billing.papers()] == [money("75.62"), money("1200.00")]
    subscription = billing.subscriptions()[0]
    assert (subscription.period_to, subscription.renews_on) == (date(2027, 7, 31), date(2027, 8, 1))


def test_generated_early_the_run_does_not_bill_it_again(billing, world, session):
    """CB-F107: *Generate invoices* issues 37.10 before 1 August; the run then bills August alone."""
    billing.prorate(1, partial_charges=PartialCharges.BILLING_DAY)
    billing.buy(JULY_9, world.seats, 5)
    early = date(2026, 7, 20)
    with scope(world.scope):
        generate(world.direct.id, actor=SYSTEM, on=early, at=noon(early))
        session.commit()
    billing.pass_until(date(2026, 8, 1))
    assert billing.papers() == [
        (early, "invoice", money("37.10")),
        (date(2026, 8, 1), "invoice", money("50.00")),
    ]
