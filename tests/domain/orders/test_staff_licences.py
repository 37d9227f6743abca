"""Licences that staff's orders add to a running subscription (CB-18, CB-24)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import update

from app.audit.services import Actor
from app.billing.models import Charge, ChargeKind
from app.catalogue.models import BillingCycle, Term
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.agreed import AgreedPrice, PricingRights
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_assigning import assign
from app.orders.back_office_execution import execute
from app.orders.back_office_items import ItemChange, WantedItem, add_item, change_item
from app.orders.copies import copy_order
from app.orders.execution import process_work
from app.orders.models import CoTerm, Order, OrderItem, OrderStatus, OrderWork, WorkState
from app.pricing.models import PriceListEntry
from app.provisioning.models import ProvisioningTask, TaskKind
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import all_of, use_service_manager
from tests.factories.parts import noon
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import World

JUNE_16 = noon(2026, 6, 16)
ALL_RIGHTS = PricingRights(may_agree=True, may_go_below_cost=True)


@pytest.fixture
def staff(world: World) -> Actor:
    return Actor(world.bss_user.id, "Mia")


@pytest.fixture
def number(session, world: World, staff: Actor) -> str:
    with scope(world.scope), unit_of_work():
        return create_order(NewOrder(world.direct.id), actor=staff, at=JUNE_16).number


@pytest.fixture
def running(session, world: World) -> Running:
    """Five seats of the direct customer at 10.00 for June, bought when the list said so; today it says 12.00."""
    with scope(world.scope):
        of_seats = PriceListEntry.product_id == world.seats.id
        session.execute(update(PriceListEntry).where(of_seats).values(value=Decimal(12), price=Decimal(12)))
        session.commit()
    return make_running(session, world, world.direct, world.seats)


def more(world: World, adds_to: UUID | None, quantity: int = 3, **said: object) -> WantedItem:
    return WantedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, quantity, adds_to_id=adds_to, **said)  # type: ignore[arg-type]


def put(world: World, number: str, wanted: WantedItem, staff: Actor) -> UUID:
    with scope(world.scope), unit_of_work():
        return add_item(number, wanted, rights=ALL_RIGHTS, actor=staff, at=JUNE_16).id


def run(session, world: World, number: str, staff: Actor) -> None:
    with scope(world.scope):
        with unit_of_work():
            execute(number, actor=staff, at=JUNE_16)
        (work,) = [each for each in all_of(session, OrderWork) if each.state is WorkState.PENDING]
        with unit_of_work():
            process_work(work.id, at=JUNE_16)


def rows(session, world: World, model: type) -> list:
    with scope(world.scope):
        return all_of(session, model)


def test_licences_are_charged_at_the_subscriptions_price_for_the_rest_of_its_period(
    session, world: World, staff, number, running
):
    """CB-24: 5 to 8 at 10.00, June, on the 16th: 30.00 x 15/30 = 15.00, whatever the list says today."""
    item_id = put(world, number, more(world, running.id), staff)
    (item,) = rows(session, world, OrderItem)
    assert (item.id, item.subscription_id, item.unit_price, item.line_total) == (
        item_id,
        running.id,
        Decimal("10.0000"),
        Decimal("30.00"),
    )
    run(session, world, number, staff)
    (subscription,) = rows(session, world, Subscription)
    assert (subscription.quantity, subscription.period_to) == (8, date(2026, 6, 30))
    (charge,) = [each for each in rows(session, world, Charge) if each.kind is ChargeKind.QUANTITY]
    assert (charge.net_amount, charge.quantity) == (Decimal("15.00"), 3)
    (order,) = rows(session, world, Order)
    assert order.status is OrderStatus.EXECUTED


def test_the_vendor_comes_first(session, world: World, staff, number):
    """CB-22: the new total is asked for; until the vendor has confirmed it, the old one stands."""
    manager = use_service_manager(session, world)
    running = make_running(
        session, world, world.direct, world.seats, vendor_reference="V-1", service_manager_id=manager.id
    )
    put(world, number, more(world, running.id), staff)
    run(session, world, number, staff)
    (task,) = rows(session, world, ProvisioningTask)
    assert (task.kind, task.subject_id, task.request["quantity"]) == (TaskKind.UPDATE, running.id, 8)
    (subscription,) = rows(session, world, Subscription)
    assert subscription.quantity == 5


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"status": SubscriptionStatus.SUSPENDED}, "subscription_not_active"),
        ({"status": SubscriptionStatus.CANCELED}, "subscription_not_active"),
        ({"cycle": BillingCycle.ANNUAL, "term": Term.P1Y}, "subscription_unknown"),
        ({"plan_edition": None, "product_id": None}, "subscription_unknown"),
    ],
)
def test_what_cannot_take_licences_is_refused(session, world: World, staff, number, running, broken, code):
    with scope(world.scope):
        changed = {"product_id": world.suite.id} if "product_id" in broken else broken
        session.execute(update(Subscription).values(**changed))
        session.commit()
    with pytest.raises(Invalid) as refusal:
        put(world, number, more(world, running.id), staff)
    assert refusal.value.codes == (code,)
    assert rows(session, world, OrderItem) == []


def test_a_subscription_of_another_account_is_unknown(session, world: World, staff, number):
    stranger = make_running(session, world, world.basic.account, world.seats)
    for adds_to in (stranger.id, new_id()):
        with pytest.raises(Invalid) as refusal:
            put(world, number, more(world, adds_to), staff)
        assert refusal.value.codes == ("subscription_unknown",)
    assert rows(session, world, OrderItem) == []


def test_one_item_adds_to_a_subscription(session, world: World, staff, number, running):
    put(world, number, more(world, running.id), staff)
    with pytest.raises(Invalid) as refusal:
        put(world, number, more(world, running.id), staff)
    assert refusal.value.codes == ("already_added",)
    assert len(rows(session, world, OrderItem)) == 1


def test_licences_have_no_price_of_their_own(session, world: World, staff, number, running):
    agreed = AgreedPrice(Decimal(9))
    with pytest.raises(Invalid) as refusal:
        put(world, number, more(world, running.id, agreed=agreed), staff)
    assert refusal.value.codes == ("licence_price",)
    item_id = put(world, number, more(world, running.id), staff)
    with scope(world.scope), pytest.raises(Invalid) as refusal, unit_of_work():
        change_item(
            number, item_id, ItemChange(4, agreed=agreed), version=1, rights=ALL_RIGHTS, actor=staff, at=JUNE_16
        )
    assert refusal.value.codes == ("licence_price",)
    (item,) = rows(session, world, OrderItem)
    assert (item.quantity, item.unit_price, item.is_price_agreed) == (3, Decimal("10.0000"), False)


def test_limits_are_about_what_is_held_then(session, world: World, staff, number, running):
    with scope(world.scope):
        product = session.merge(world.seats)
        product.max_quantity = 8
        session.commit()
    with pytest.raises(Invalid) as refusal:
        put(world, number, more(world, running.id, quantity=4), staff)
    assert refusal.value.codes == ("quantity_range",)
    item_id = put(world, number, more(world, running.id, quantity=3), staff)
    with scope(world.scope), pytest.raises(Invalid) as refusal, unit_of_work():
        change_item(number, item_id, ItemChange(4), version=1, actor=staff, at=JUNE_16)
    assert refusal.value.codes == ("quantity_range",)


def test_what_became_busy_blocks_the_execution(session, world: World, staff, number, running):
    """CB-20: nothing is created."""
    put(world, number, more(world, running.id), staff)
    with scope(world.scope):
        session.execute(update(Subscription).values(status=SubscriptionStatus.SUSPENDED))
        session.commit()
        with pytest.raises(Invalid) as refusal, unit_of_work():
            execute(number, actor=staff, at=JUNE_16)
        assert refusal.value.codes == ("subscription_not_active",)
        assert (all_of(session, Order)[0].status, all_of(session, OrderWork)) == (OrderStatus.SUBMITTED, [])


def test_an_item_is_assigned_and_let_go(session, world: World, staff, number, running):
    """Assigned it costs what the subscription does and follows its period; let go it is a new one at today's price."""
    item_id = put(world, number, more(world, None), staff)
    with scope(world.scope):
        session.execute(update(OrderItem).values(co_term=CoTerm.MONTH_END))
        session.commit()
        with unit_of_work():
            assign(number, {item_id: running.id}, actor=staff, at=JUNE_16)
        (item,) = all_of(session, OrderItem)
        assert (item.subscription_id, item.line_total, item.co_term) == (running.id, Decimal("30.00"), CoTerm.OWN)
        assert all_of(session, Order)[0].net_total == Decimal("30.00")
        with unit_of_work():
            assign(number, {item_id: None}, actor=staff, at=JUNE_16)
        (item,) = all_of(session, OrderItem)
        assert (item.subscription_id, item.line_total) == (None, Decimal("36.00"))


def test_two_items_change_places_and_share_none(session, world: World, staff, number, running):
    other = make_running(session, world, world.direct, world.seats, quantity=2)
    first = put(world, number, more(world, running.id), staff)
    second = put(world, number, more(world, other.id), staff)
    with scope(world.scope):
        with unit_of_work():
            assign(number, {first: other.id, second: running.id}, actor=staff, at=JUNE_16)
        with pytest.raises(Invalid) as refusal, unit_of_work():
            assign(number, {first: running.id}, actor=staff, at=JUNE_16)
        assert [(each.field, each.code) for each in refusal.value.errors] == [(f"item-{first}", "already_added")]
        found = {each.id: each.subscription_id for each in all_of(session, OrderItem)}
        assert found == {first: other.id, second: running.id}


def test_a_copy_adds_as_many_again(session, world: World, staff, number, running):
    """What made a subscription makes another one; what added to one adds to the same."""
    put(world, number, more(world, running.id), staff)
    put(world, number, more(world, None, quantity=1), staff)
    run(session, world, number, staff)
    with scope(world.scope), unit_of_work():
        copied = copy_order(number, rights=ALL_RIGHTS, actor=staff, at=JUNE_16)
    assert copied.left_out == ()
    found = [each for each in rows(session, world, OrderItem) if each.order_id == copied.order.id]
    assert [(each.subscription_id, each.quantity) for each in found] == [(running.id, 3), (None, 1)]


def test_a_trial_goes_on_as_paid(session, world: World, staff, number):
    """CB-12, CB-18: an item with a trial's id, at today's price and another billing period than the trial's."""
    trial = make_running(
        session, world, world.direct, world.seats, is_charged=False, trial_ends_on=date(2026, 6, 30),
        term=Term.NONE, cycle=BillingCycle.ONE_TIME,
    )  # fmt: skip
    put(world, number, more(world, trial.id, quantity=4), staff)
    run(session, world, number, staff)
    (subscription,) = rows(session, world, Subscription)
    assert (subscription.id, subscription.quantity, subscription.trial_ends_on) == (trial.id, 4, None)
    assert (subscription.term, subscription.cycle) == (Term.P1M, BillingCycle.MONTHLY)
