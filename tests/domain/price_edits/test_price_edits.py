from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.accounts.models import PartialCharges
from app.audit.services import SYSTEM, Actor
from app.billing.documents import generate
from app.billing.models import ChargeKind
from app.catalogue.models import BillingCycle, Term
from app.changes.errors import ChangePending, InvoicePending, WrongChangeState
from app.changes.requests import withdraw_change
from app.core.errors import Invalid
from app.core.ids import new_id
from app.notifications.models import OutboundMail
from app.orders.execution import process_work
from app.pricing.models import PriceList, PriceListEntry, PriceRule
from app.subscriptions.external_prices import find_external_price, follow_vendor
from app.subscriptions.models import (
    ChangeStatus,
    ChangeTiming,
    PriceLabel,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
)
from app.subscriptions.price_models import PriceEdit
from tenants.context import direct_customer_scope, scope
from tests.domain.price_edits.conftest import cost_of, noon, unit_cost
from tests.factories.execution import Wanted, all_of, make_order
from tests.factories.world import MONDAY_NOON

FIRST, TENTH = date(2026, 6, 1), date(2026, 6, 10)
NEXT = ChangeTiming.PERIOD_END
D = Decimal


@pytest.fixture
def bought(world, billing) -> Subscription:
    """Ten seats at 9.00 from 1 June, paid for the month."""
    billing.price(world.seats, "9.00")
    return billing.buy(FIRST, world.seats, 10)


def test_a_paid_cycle_at_90_edited_to_80_gives_a_credit_of_90_and_a_debit_of_80(session, world, billing, bought, edit):
    """CB-F83: a current-cycle edit of a paid 90.00 to 80.00 yields credit 90.00 and debit 80.00."""
    assert billing.papers() == [(FIRST, "invoice", D("90.00"))]
    edit(bought, TENTH, user_price=D("8.00"))
    assert sorted(billing.papers()[1:]) == [(TENTH, "credit_note", D("90.00")), (TENTH, "invoice", D("80.00"))]
    credit, debit = billing.charges()[1:]
    assert (credit.kind, credit.net_amount, credit.credits_id) == (ChargeKind.PRICE, D(-90), billing.charges()[0].id)
    assert (debit.net_amount, debit.period_from, debit.period_to) == (D(80), FIRST, date(2026, 6, 30))
    cost = cost_of(session, world)
    assert (cost.unit_cost, cost.label, cost.user_price) == (D("8.00"), PriceLabel.USER_PRICED, D("8.00"))
    (subscription,) = billing.subscriptions()
    assert subscription.unit_price == D("8.00")  # who pays owns it: its own price follows


def test_a_second_edit_goes_against_the_last_price(session, world, billing, bought, edit):
    edit(bought, TENTH, user_price=D("8.00"))
    edit(bought, TENTH, user_price=D("7.00"), may_go_below_cost=True)
    assert sorted(billing.papers()[3:]) == [(TENTH, "credit_note", D("80.00")), (TENTH, "invoice", D("70.00"))]


def test_the_same_amount_issues_nothing(session, world, billing, bought, edit):
    edit(bought, TENTH, user_price=D("9.00"))
    assert billing.papers() == [(FIRST, "invoice", D("90.00"))]
    assert cost_of(session, world).label is PriceLabel.USER_PRICED


def test_a_repeated_submit_changes_nothing_more(session, world, billing, bought, edit):
    key = new_id()
    first, again = (edit(bought, TENTH, user_price=D("8.00"), key=key).id for _ in range(2))
    assert first == again
    assert len(billing.papers()) == 3
    with scope(world.scope):
        assert len(all_of(session, PriceEdit)) == 1


def test_a_user_price_wins_over_a_user_discount(session, world, bought, edit):
    """CB-26, CB-04: a price by hand beats a discount by hand."""
    edit(bought, TENTH, user_price=D("8.50"), discount_percent=D(50))
    assert unit_cost(session, world) == D("8.50")


def test_a_discount_counts_from_where_the_price_comes_from(session, world, billing, bought, edit):
    edit(bought, TENTH, discount_percent=D(10))
    cost = cost_of(session, world)
    assert (cost.unit_cost, cost.base_cost, cost.label) == (D("8.10"), D("9.00"), PriceLabel.USER_DISCOUNT)
    edit(bought, TENTH, discount_percent=D(5))  # of the base again, not of what was discounted
    assert unit_cost(session, world) == D("8.55")
    edit(bought, TENTH)
    assert (unit_cost(session, world), cost_of(session, world).label) == (D("9.00"), PriceLabel.LIST)


def test_a_chosen_list_gives_todays_price(session, world, billing, bought, edit):
    with scope(world.scope):
        special = PriceList(name="Special", currency="EUR", valid_from=FIRST, created_at=MONDAY_NOON)
        session.add(special)
        session.flush()
        list_id = special.id
        session.add(
            PriceListEntry(
                price_list_id=list_id, product_id=world.seats.id, term=Term.P1M, cycle=BillingCycle.MONTHLY,
                rule=PriceRule.FIXED, value=D("8.20"), price=D("8.20"),
            )
        )  # fmt: skip
        session.commit()
    edit(bought, TENTH, price_list_id=list_id)
    cost = cost_of(session, world)
    assert (cost.unit_cost, cost.price_list_id, cost.label) == (D("8.20"), list_id, PriceLabel.LIST)
    billing.pass_until(date(2026, 7, 1))
    assert unit_cost(session, world) == D("8.20")  # and goes on pricing it
    with pytest.raises(Invalid) as refusal:
        edit(bought, date(2026, 7, 2), price_list_id=new_id())
    assert refusal.value.codes == ("not_priced",)


def test_licences_added_within_the_cycle_are_priced_anew_too(session, world, billing, bought, edit):
    placed = make_order(
        session, world, world.direct, world.direct_buyer,
        [Wanted(world.seats, 5, "9.00", columns={"subscription_id": bought.id})], at=noon(date(2026, 6, 16)),
    )  # fmt: skip
    with scope(world.scope):
        process_work(placed.work.id, at=noon(date(2026, 6, 16)))
        session.commit()
    assert billing.papers()[-1][2] == D("22.50")  # 45.00 x 15/30
    edit(bought, date(2026, 6, 20), user_price=D("8.00"))
    assert sorted(paper[2] for paper in billing.papers()[-2:]) == [D("100.00"), D("112.50")]


def test_the_current_cycle_is_locked_while_its_change_is_not_invoiced(session, world, billing, bought, edit):
    """CB-F82: an edit of the current cycle is locked while pending invoices exist; generated, it is possible again."""
    billing.account(partial_charges=PartialCharges.BILLING_DAY)
    edit(bought, TENTH, user_price=D("8.00"))
    assert len(billing.papers()) == 1
    with pytest.raises(InvoicePending):
        edit(bought, TENTH, user_price=D("8.50"))
    session.rollback()
    assert unit_cost(session, world) == D("8.00")
    with scope(world.scope):
        generate(world.direct.id, actor=SYSTEM, on=TENTH, at=noon(TENTH))
        session.commit()
    edit(bought, TENTH, user_price=D("8.50"))
    assert unit_cost(session, world) == D("8.50")


def test_the_cycle_can_only_become_longer_now(session, world, billing, edit):
    """CB-F82: within the current cycle the cycle cannot be shortened; a longer one begins on the cycle's first day."""
    billing.price(world.suite, "20.00", term=Term.P1Y)
    billing.price(world.suite, "220.00", term=Term.P1Y, cycle=BillingCycle.ANNUAL)
    bought = billing.buy(FIRST, world.suite, 2, "20.00", term=Term.P1Y)
    edit(bought, TENTH, cycle=BillingCycle.ANNUAL)
    assert sorted(billing.papers()[1:]) == [(TENTH, "credit_note", D("40.00")), (TENTH, "invoice", D("440.00"))]
    (longer,) = billing.subscriptions()
    assert (longer.cycle, longer.period_from, longer.period_to) == (BillingCycle.ANNUAL, FIRST, date(2027, 5, 31))
    with pytest.raises(Invalid) as refusal:
        edit(bought, TENTH, cycle=BillingCycle.MONTHLY)
    assert refusal.value.codes == ("shorter_cycle",)
    session.rollback()
    assert billing.subscriptions()[0].cycle is BillingCycle.ANNUAL
    edit(bought, TENTH, cycle=BillingCycle.MONTHLY, timing=NEXT)  # from the next one on it may


def test_an_edit_for_the_next_cycle_waits_for_it(session, world, billing, bought, edit):
    """CB-26: stored, shown with its date, applied at the renewal."""
    change = edit(bought, TENTH, user_price=D("8.00"), timing=NEXT)
    assert (change.status, change.effective_on) == (ChangeStatus.SCHEDULED, date(2026, 7, 1))
    assert (unit_cost(session, world), len(billing.papers())) == (D("9.00"), 1)
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers()[1:] == [(date(2026, 7, 1), "invoice", D("80.00"))]
    billing.pass_until(date(2026, 8, 1))
    assert billing.papers()[2:] == [(date(2026, 8, 1), "invoice", D("80.00"))]


def test_an_edit_for_the_next_cycle_may_be_withdrawn(session, world, billing, bought, edit):
    change = edit(bought, TENTH, user_price=D("8.00"), timing=NEXT)
    with pytest.raises(ChangePending):
        edit(bought, TENTH, user_price=D("8.50"), timing=NEXT)
    session.rollback()
    with scope(world.scope):
        withdraw_change(change.id, actor=SYSTEM, at=noon(TENTH))
        session.commit()
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers()[1:] == [(date(2026, 7, 1), "invoice", D("90.00"))]


def test_who_pays_an_edited_price_does_not_withdraw_it(session, world, billing, bought, edit):
    """CB-26: what the distributor has decided waits for the cycle; a customer withdraws what it may ask for."""
    change = edit(bought, TENTH, user_price=D("9.50"), timing=NEXT)
    with scope(direct_customer_scope(world.id, world.direct.id)), pytest.raises(WrongChangeState):
        withdraw_change(change.id, actor=Actor(world.direct_buyer.id, "Ada"), at=noon(TENTH))
    session.rollback()
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers()[1:] == [(date(2026, 7, 1), "invoice", D("95.00"))]


def test_an_edit_of_the_current_cycle_cancels_the_one_that_waits(session, world, billing, bought, edit):
    waiting = edit(bought, TENTH, user_price=D("8.00"), timing=NEXT)
    edit(bought, TENTH, user_price=D("8.50"))
    with scope(world.scope):
        assert session.get_one(SubscriptionChange, (world.id, waiting.id)).status is ChangeStatus.WITHDRAWN
    billing.pass_until(date(2026, 7, 1))
    assert billing.papers()[-1] == (date(2026, 7, 1), "invoice", D("85.00"))


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"user_price": D(-1)}, "amount_range"),
        ({"user_price": D("100000000")}, "amount_range"),
        ({"user_price": D("8.00001")}, "decimals_4"),
        ({"user_price": D("NaN")}, "amount_range"),
        ({"discount_percent": D("100.01")}, "percent_range"),
        ({"discount_percent": D(-1)}, "percent_range"),
        ({"discount_percent": D("1.005")}, "decimals_2"),
        ({"user_price": D("7.99")}, "below_cost"),
        ({"discount_percent": D(20)}, "below_cost"),
        ({"cycle": BillingCycle.TRIENNIAL}, "not_priced"),
        ({}, "unchanged"),
    ],
)
def test_a_wrong_price_is_refused_and_nothing_changes(session, world, billing, bought, edit, wanted, code):
    with pytest.raises(Invalid) as refusal:
        edit(bought, TENTH, **wanted)
    assert refusal.value.codes == (code,)
    session.rollback()
    assert (unit_cost(session, world), len(billing.papers())) == (D("9.00"), 1)
    with scope(world.scope):
        assert all_of(session, PriceEdit) == all_of(session, SubscriptionChange) == []


def test_a_trial_has_no_price_to_set(session, world, bought, edit):
    with scope(world.scope):
        session.get_one(Subscription, (world.id, bought.id)).trial_ends_on = date(2026, 6, 30)
        session.commit()
    with pytest.raises(Invalid) as refusal:
        edit(bought, TENTH, user_price=D("8.00"))
    assert refusal.value.codes == ("trial",)


def test_a_price_by_hand_removes_the_vendors(session, world, bought, edit):
    """CB-26: setting a user price removes the external status."""
    with scope(world.scope):
        follow_vendor(session.get_one(Subscription, (world.id, bought.id)), at=noon(FIRST))
        session.commit()
    edit(bought, TENTH, user_price=D("8.00"))
    with scope(world.scope):
        assert find_external_price(bought.id) is None


def test_a_customer_of_a_reseller_never_reads_an_edited_cost(session, world, billing, edit):
    """CB-26: what is edited is what the reseller pays; its customer's change row says no amount."""
    shop = world.tech
    placed = make_order(
        session, world, shop.customers[0], shop.buyers[0], [Wanted(world.seats, 2, "12.50")],
        payer=shop.account, at=noon(FIRST),
    )  # fmt: skip
    with scope(world.scope):
        process_work(placed.work.id, at=noon(FIRST))
        session.commit()
        (bought,) = all_of(session, Subscription)
    edit(bought, TENTH, user_price=D("8.88"))
    with scope(shop.customer_scope()):
        (change,) = all_of(session, SubscriptionChange)
        assert "8.88" not in str(change.details)
        assert all_of(session, PriceEdit) == all_of(session, SubscriptionCost) == []
        assert all_of(session, Subscription)[0].unit_price == D("12.50")


def a_special_list(session, world, price: str = "8.20", **columns) -> PriceList:
    """A list that prices the seats by the month, and nothing else."""
    with scope(world.scope):
        special = PriceList(name="Special", currency="EUR", valid_from=FIRST, created_at=MONDAY_NOON, **columns)
        session.add(special)
        session.flush()
        entry = PriceListEntry(
            price_list_id=special.id, product_id=world.seats.id, term=Term.P1M, cycle=BillingCycle.MONTHLY,
            rule=PriceRule.FIXED, value=D(price), price=D(price),
        )  # fmt: skip
        session.add(entry)
        session.commit()
        session.expunge(special)
    return special


def test_an_edit_whose_list_has_ended_is_dropped_and_the_billing_goes_on(session, world, billing, bought, edit):
    """CB-26, CB-32: nobody's billing stands still for it; the price stays, and staff is told."""
    other = billing.buy(FIRST, world.suite, 1, "20.00", term=Term.P1Y)
    special = a_special_list(session, world, valid_to=date(2026, 6, 20))
    change = edit(bought, TENTH, timing=NEXT, price_list_id=special.id)
    billing.pass_until(date(2026, 7, 1))
    with scope(world.scope):
        assert session.get_one(SubscriptionChange, (world.id, change.id)).status is ChangeStatus.REJECTED
        ends = {each.id: each.period_to for each in all_of(session, Subscription)}
        assert (ends[bought.id], ends[other.id]) == (date(2026, 7, 31), date(2026, 7, 31))
        mails = {each.template for each in all_of(session, OutboundMail)}
    assert "change_failed" in mails
    assert [cost.unit_cost for cost in costs_of(session, world, bought)] == [D("9.00")]
    edit(bought, date(2026, 7, 2), timing=NEXT, user_price=D("8.00"))  # nothing stands in the way of another one


def costs_of(session, world, subscription: Subscription) -> list[SubscriptionCost]:
    with scope(world.scope):
        return [each for each in all_of(session, SubscriptionCost) if each.subscription_id == subscription.id]
