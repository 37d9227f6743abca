"""Who pays another price hears of it: with a term, when a promotion is over, or when staff changes it (CB-16, CB-26, CB-43)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Term
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.changes.renewals import bill_day
from app.core.ids import new_id
from app.notifications.models import OutboundMail
from app.orders.execution import process_work
from app.orders.models import OrderStatus
from app.pricing.models import Promotion, PromotionAmount, PromotionDuration
from app.pricing.rules import MarkupTarget, set_markup
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionCost
from tenants.context import scope
from tests.domain.renewals.conftest import noon
from tests.domain.renewals.test_reminders import mails
from tests.factories.execution import Wanted, alias_order, all_of
from tests.factories.world import MONDAY_NOON

JUNE_1, JULY_1 = date(2026, 6, 1), date(2026, 7, 1)
APRIL_2 = date(2026, 4, 2)


def told(session, world, template: str) -> list[tuple[str, str, str, str]]:
    """To whom, from which price to which, and from which day on."""
    return [
        (mail.to_email, mail.fields["price_before"], mail.fields["price_now"], mail.fields["valid_from"])
        for mail in mails(session, world, template)
    ]


def promote(session, world, *, cycles_left: int) -> None:
    """Let the only subscription have 20 % off for so many more cycles."""
    with scope(world.scope):
        promotion = Promotion(
            name="Spring offer", starts_on=JUNE_1, amount_kind=PromotionAmount.PERCENT, value=Decimal(20),
            duration=PromotionDuration.LIMITED, cycles=3, created_at=MONDAY_NOON,
        )  # fmt: skip
        session.add(promotion)
        session.flush()
        (cost,) = all_of(session, SubscriptionCost)
        cost.base_cost, cost.unit_cost = Decimal(20), Decimal(16)
        cost.promotion_id, cost.promotion_cycles_left = promotion.id, cycles_left
        (subscription,) = all_of(session, Subscription)
        if subscription.account_id == subscription.payer_id:
            subscription.unit_price = Decimal(16)
        session.commit()


def test_a_customer_hears_of_the_price_of_a_new_term_once(billing, world, session):
    """CB-43: price change at renewal, to the customer, with both prices and the day."""
    bought = billing.buy(JUNE_1, world.seats, 5)
    billing.price(world.seats, "12.00")
    for _ in range(2):
        billing.pass_until(JULY_1)
    assert told(session, world, "price_changed") == [(world.direct_buyer.email, "€10.00", "€12.00", "2026-07-01")]
    (mail,) = mails(session, world, "price_changed")
    assert mail.fields["subscription_url"].endswith(f"/billing/subscriptions/{bought.code}")
    billing.pass_until(date(2026, 8, 1))
    assert len(mails(session, world, "price_changed")) == 1


def test_a_price_that_stays_is_not_told_of(billing, world, session):
    billing.buy(JUNE_1, world.suite, 1, "20.00", term=Term.P1Y, cycle=BillingCycle.MONTHLY)
    billing.price(world.suite, "30.00", term=Term.P1Y, cycle=BillingCycle.MONTHLY)
    billing.pass_until(date(2027, 5, 31))
    assert mails(session, world, "price_changed") == []


def test_a_promotion_that_is_over_is_told_of_instead_of_the_price(billing, world, session):
    """CB-16, CB-F46 (partly): when it ends the price is recomputed and its customer hears of it."""
    billing.buy(JUNE_1, world.seats, 3, "20.00")
    promote(session, world, cycles_left=1)
    billing.price(world.seats, "20.00")
    billing.pass_until(JULY_1)
    assert mails(session, world, "promotion_ended") == []
    billing.pass_until(date(2026, 9, 1))
    assert told(session, world, "promotion_ended") == [(world.direct_buyer.email, "€16.00", "€20.00", "2026-08-01")]
    assert [mail.fields["promotion_name"] for mail in mails(session, world, "promotion_ended")] == ["Spring offer"]
    assert mails(session, world, "price_changed") == []


@pytest.fixture
def customers(session, world) -> Subscription:
    """A monthly subscription of Tech Solutions' customer, since 2 March; it pays 12.00, the reseller 10.00."""
    placed = alias_order(session, world, [Wanted(world.seats, 1)], status=OrderStatus.EXECUTING)
    with scope(world.scope):
        process_work(placed.work.id, at=MONDAY_NOON)
        session.commit()
        (made,) = all_of(session, Subscription)
        return made


def test_a_resellers_customer_hears_of_its_own_price_in_the_resellers_name(session, world, customers):
    """CB-43: mails to end customers carry the reseller's brand and retail prices only."""
    with scope(world.tech.scope):
        set_markup(
            MarkupTarget.of_product(world.seats.id), Decimal(50), reseller_id=world.tech.id, actor=SYSTEM, at=MONDAY_NOON
        )  # fmt: skip
        session.commit()
    with scope(world.scope):
        bill_day(world.tech.id, APRIL_2, at=noon(APRIL_2))
        session.commit()
    assert told(session, world, "price_changed") == [(world.tech.buyers[0].email, "€12.00", "€15.00", "2026-04-02")]
    (mail,) = mails(session, world, "price_changed")
    assert (mail.sender_reseller_id, mail.storefront_id) == (world.tech.id, world.tech.storefront.id)


def test_a_promotion_of_the_resellers_cost_is_told_to_the_reseller_and_not_to_its_customer(session, world, customers):
    """CB-16, CB-F123 (partly): the cost is the payer's business alone."""
    promote(session, world, cycles_left=0)
    with scope(world.scope):
        bill_day(world.tech.id, APRIL_2, at=noon(APRIL_2))
        session.commit()
    (mail,) = mails(session, world, "promotion_ended")
    assert (mail.to_email, mail.sender_reseller_id) == (world.tech.admin.email, None)
    assert mail.storefront_id == world.root.id
    with scope(world.scope):
        customers_mails = [each for each in all_of(session, OutboundMail) if each.sender_reseller_id == world.tech.id]
    assert customers_mails
    assert not any("Spring offer" in str(each.fields) or "16.00" in str(each.fields) for each in customers_mails)


def test_a_price_that_its_customer_does_not_see_is_not_told(billing, world, session):
    billing.buy(JUNE_1, world.seats, 5)
    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
        subscription.unit_price = None
        session.commit()
    billing.price(world.seats, "12.00")
    billing.pass_until(JULY_1)
    assert mails(session, world, "price_changed") == []


@pytest.mark.parametrize(("timing", "day"), [(ChangeTiming.NOW, "2026-06-10"), (ChangeTiming.PERIOD_END, "2026-07-01")])
def test_a_price_that_staff_changes_is_told_once_from_its_day_on(billing, world, session, timing, day):
    """CB-26: price changed, to the customer."""
    bought = billing.buy(JUNE_1, world.seats, 5)
    with scope(world.scope):
        edit_price(
            NewPriceEdit(
                subscription_id=bought.id, wanted=WantedPrice(user_price=Decimal("9.50")), timing=timing,
                request_key=new_id(), may_go_below_cost=True,
            ),
            actor=SYSTEM, at=noon(date(2026, 6, 10)),
        )  # fmt: skip
        session.commit()
    billing.pass_until(date(2026, 8, 1))
    assert told(session, world, "price_changed") == [(world.direct_buyer.email, "€10.00", "€9.50", day)]


def test_all_mails_of_prices_show_their_fields_only(session, world, billing):
    """The retail side: nobody is told a cost that is not theirs."""
    billing.buy(JUNE_1, world.seats, 5)
    billing.price(world.seats, "12.00")
    billing.pass_until(JULY_1)
    with scope(world.scope):
        fields = {mail.template: set(mail.fields) for mail in all_of(session, OutboundMail)}
    assert fields["price_changed"] == {
        "friendly_name", "quantity", "price_before", "price_now", "valid_from", "subscription_url",
    }  # fmt: skip
