from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import update

from app.accounts.models import Account
from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, ProductPrice, Term, VendorCost
from app.core.errors import Invalid
from app.notifications.models import OutboundMail
from app.orders.execution import process_work
from app.pricing.models import PriceListEntry, PriceRule, Promotion, PromotionAmount, PromotionDuration
from app.subscriptions.models import ChangeTiming, PriceLabel, SubscriptionCost
from app.subscriptions.protection import (
    activate_protection,
    list_protectable,
    locked_vendor_cost,
    remind_of_protection,
    tell_of_ended_protection,
)
from tenants.context import scope
from tests.domain.price_edits.conftest import cost_of, noon, unit_cost
from tests.factories.execution import Wanted, all_of, make_order
from tests.factories.world import MONDAY_NOON

D = Decimal
BOUGHT = date(2026, 3, 10)


@pytest.fixture
def protected(world, billing):
    """Seats bought on 10 March at 10.00, protected for 12 months."""
    billing.price(world.seats, "10.00", protection_months=12)
    return billing.buy(BOUGHT, world.seats, 5)


def more_seats(session, world, subscription, day: date, quantity: int) -> None:
    placed = make_order(
        session, world, world.direct, world.direct_buyer,
        [Wanted(world.seats, quantity, "12.00", columns={"subscription_id": subscription.id})], at=noon(day),
    )  # fmt: skip
    with scope(world.scope):
        process_work(placed.work.id, at=noon(day))
        session.commit()


def test_a_protected_price_holds_for_more_licences_and_renewals_until_its_term_is_over(
    session, world, billing, protected
):
    """CB-F20: +2 licences after a price rise cost the old price; the first renewal after the term costs the new."""
    assert cost_of(session, world).protected_until == date(2027, 3, 9)
    billing.price(world.seats, "12.00")
    billing.pass_until(date(2026, 7, 10))
    assert billing.papers()[-1] == (date(2026, 7, 10), "invoice", D("50.00"))
    more_seats(session, world, protected, date(2026, 7, 10), 2)
    assert billing.papers()[-1][2] == D("20.00")  # two for the whole cycle, at 10.00
    billing.pass_until(date(2027, 2, 10))
    assert billing.papers()[-1] == (date(2027, 2, 10), "invoice", D("70.00"))
    billing.pass_until(date(2027, 3, 10))
    assert billing.papers()[-1] == (date(2027, 3, 10), "invoice", D("84.00"))


def test_sell_price_and_vendors_cost_are_locked_out_of_customers_reach(session, world, billing, protected):
    """CB-06: sell and cost prices are locked; the vendor's is read by the distributor alone."""
    cost = cost_of(session, world)
    assert (cost.label, cost.protected_price, cost.protected_list_price) == (PriceLabel.PROTECTED, D(10), D(10))
    with scope(world.scope):
        assert locked_vendor_cost(protected.id).vendor_cost == D("8.00")


def test_without_a_term_nothing_is_protected(session, world, billing):
    billing.buy(BOUGHT, world.seats)
    assert (cost_of(session, world).protected_until, cost_of(session, world).label) == (None, PriceLabel.LIST)


def test_a_price_by_hand_is_never_protected(session, world, billing, protected, edit):
    """CB-F21: a subscription with a hand-set price shows no protection, and is given none."""
    edit(protected, date(2026, 3, 12), user_price=D("9.00"))
    cost = cost_of(session, world)
    assert (cost.protected_until, cost.protected_price, cost.label) == (None, None, PriceLabel.USER_PRICED)
    with scope(world.scope):
        assert list_protectable(on=BOUGHT) == []
        with pytest.raises(Invalid) as refusal:
            activate_protection([protected.id], on=BOUGHT, actor=SYSTEM, at=noon(BOUGHT))
    assert refusal.value.codes == ("hand_priced",)
    assert cost_of(session, world).protected_until is None


def test_protection_is_activated_for_many_or_for_none(session, world, billing):
    """CB-06: bulk and single "activate protection" for existing subscriptions."""
    first, second = billing.buy(BOUGHT, world.seats), billing.buy(BOUGHT, world.seats)
    unprotectable = billing.buy(BOUGHT, world.suite, price="20.00", term=Term.P1Y)
    billing.price(world.seats, "10.00", protection_months=6)
    later = date(2026, 4, 1)
    with scope(world.scope):
        assert {each.subscription.id for each in list_protectable(on=later)} == {first.id, second.id}
        with pytest.raises(Invalid) as refusal:
            activate_protection([first.id, unprotectable.id], on=later, actor=SYSTEM, at=noon(later))
        assert refusal.value.codes == ("no_protection_term",)
        session.rollback()
        assert activate_protection([first.id, second.id], on=later, actor=SYSTEM, at=noon(later)) == 2
        session.commit()
        assert list_protectable(on=later) == []
        ends = {cost.protected_until for cost in all_of(session, SubscriptionCost)}
        assert ends == {None, date(2026, 9, 30)}
        with pytest.raises(Invalid) as refusal:
            activate_protection([first.id], on=later, actor=SYSTEM, at=noon(later))
    assert refusal.value.codes == ("already_protected",)


def test_the_end_of_a_protection_is_told_once_30_days_before(session, world, protected):
    with scope(world.scope):
        assert remind_of_protection(on=date(2027, 2, 6), at=MONDAY_NOON) == 0
        assert remind_of_protection(on=date(2027, 2, 7), at=MONDAY_NOON) == 1
        assert remind_of_protection(on=date(2027, 2, 8), at=MONDAY_NOON) == 0
        session.commit()
        mails = [mail for mail in all_of(session, OutboundMail) if mail.to_email == world.direct_buyer.email]
        mails = [mail for mail in mails if mail.template == "protection_ending"]
        assert [mail.fields["protected_until"] for mail in mails] == ["2027-03-09"]


def test_customer_and_account_manager_are_told_once_when_a_protection_ends(session, world, protected):
    """CB-06: protection ending in 30 days, ended (customer + AM)."""
    with scope(world.scope):
        session.get_one(Account, (world.id, world.direct.id)).owner_id = world.bss_user.id
        session.flush()
        remind_of_protection(on=date(2027, 2, 7), at=MONDAY_NOON)
        assert tell_of_ended_protection(on=date(2027, 3, 8), at=MONDAY_NOON) == 0
        assert tell_of_ended_protection(on=date(2027, 3, 9), at=MONDAY_NOON) == 1
        assert tell_of_ended_protection(on=date(2027, 3, 10), at=MONDAY_NOON) == 0
        session.commit()
        told = [(mail.template, mail.to_email) for mail in all_of(session, OutboundMail)]
        for template in ("protection_ending", "protection_ended"):
            assert (template, world.bss_user.email) in told
            assert (template, world.direct_buyer.email) in told
            assert len([each for each in told if each[0] == template]) == 2


def test_a_promotion_lowers_three_cycles_and_then_the_price_is_whole_again(session, world, billing):
    """CB-F46: 20 % for 3 cycles on 3 x 20.00: 48.00, 48.00, 48.00, then 60.00, from the order on."""
    billing.price(world.seats, "20.00")
    with scope(world.scope):
        promotion = Promotion(
            name="Spring", starts_on=BOUGHT, amount_kind=PromotionAmount.PERCENT, value=D(20),
            duration=PromotionDuration.LIMITED, cycles=3, created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(promotion)
        session.flush()
        promotion_id = promotion.id
        session.commit()
    billing.buy(BOUGHT, world.seats, 3, "16.00", columns={"promotion_id": promotion_id})
    billing.pass_until(date(2026, 6, 10))
    assert [net for _, _, net in billing.papers()] == [D("48.00"), D("48.00"), D("48.00"), D("60.00")]
    assert (unit_cost(session, world), cost_of(session, world).promotion_id) == (D("20.00"), None)


def test_a_running_promotion_counts_in_an_edited_price(session, world, billing, edit):
    billing.price(world.seats, "20.00")
    with scope(world.scope):
        promotion = Promotion(
            name="For life", starts_on=BOUGHT, amount_kind=PromotionAmount.AMOUNT, value=D(5), currency="EUR",
            duration=PromotionDuration.LIFETIME, created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(promotion)
        session.flush()
        promotion_id = promotion.id
        session.commit()
    bought = billing.buy(BOUGHT, world.seats, 2, "15.00", columns={"promotion_id": promotion_id})
    assert unit_cost(session, world) == D("15.00")
    edit(bought, BOUGHT, discount_percent=D(10))
    assert unit_cost(session, world) == D("13.00")  # 20.00 - 10 % - 5.00


def test_protection_survives_a_renewal_at_an_edited_list(session, world, billing, protected):
    with scope(world.scope):
        session.execute(update(SubscriptionCost).values(price_list_id=world.price_list.id))
        session.commit()
    billing.price(world.seats, "30.00")
    billing.pass_until(date(2026, 4, 10))
    assert unit_cost(session, world) == D("10.00")


@pytest.mark.parametrize(
    ("rule", "value", "expected"), [("discount", 20, "8.00"), ("markup", 50, "12.00"), ("same", None, "10.00")]
)
def test_an_edited_rule_counts_from_what_was_locked(session, world, billing, protected, rule, value, expected):
    """CB-05, CB-06: for a protected subscription the new rule is applied to the locked sell or vendor's cost."""
    with scope(world.scope):
        for model, column in ((ProductPrice, "list_price"), (VendorCost, "vendor_cost")):
            session.execute(update(model).where(model.product_id == world.seats.id).values({column: D(99)}))
        session.execute(
            update(PriceListEntry)
            .where(PriceListEntry.product_id == world.seats.id)
            .values(rule=PriceRule(rule), value=value, price=D(77))
        )
        session.commit()
    billing.pass_until(date(2026, 4, 10))
    assert unit_cost(session, world) == D(expected)
    assert billing.subscriptions()[0].unit_price == D(expected)  # the customer that pays reads it


def test_a_protected_subscription_keeps_its_cycle_until_the_next_one(session, world, billing, edit):
    """CB-06: quantity changes are allowed at the locked price; a change of the unit in the current cycle is not."""
    billing.price(world.suite, "20.00", term=Term.P1Y, protection_months=12)
    billing.price(world.suite, "57.00", term=Term.P1Y, cycle=BillingCycle.QUARTERLY)
    bought = billing.buy(BOUGHT, world.suite, 2, "20.00", term=Term.P1Y)
    third_month = date(2026, 5, 10)  # nine months are left from its end on
    billing.pass_until(third_month)
    with pytest.raises(Invalid) as refusal:
        edit(bought, third_month, cycle=BillingCycle.QUARTERLY)
    assert refusal.value.codes == ("protected",)
    session.rollback()
    assert billing.subscriptions()[0].cycle is BillingCycle.MONTHLY
    edit(bought, third_month, cycle=BillingCycle.QUARTERLY, timing=ChangeTiming.PERIOD_END)
