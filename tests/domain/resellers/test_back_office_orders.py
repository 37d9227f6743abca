"""Plans and products ordered by the distributor's staff (RS-05, RS-06, CB-18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.accounts.models import Account, AccountStatus
from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import BoundSession
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.back_office import NewOrder, create_order, has_orders
from app.orders.back_office_execution import cancel, execute
from app.orders.back_office_items import ItemChange, WantedItem, add_item, change_item, remove_item
from app.orders.errors import AccountNotActive, WrongOrderState
from app.orders.models import Order, OrderItem, OrderItemCost, OrderStatus, OrderWork
from app.orders.plan_upgrades import PlanUpgrade, upgrade_reseller
from app.resellers.aliases import hold_alias
from app.subscriptions.models import Subscription
from tenants.context import scope
from tenants.models import Address
from tests.domain.resellers.conftest import live_plan_of
from tests.factories.world import MONDAY_NOON, World


@pytest.fixture
def staff(world: World) -> Actor:
    return Actor(world.bss_user.id, world.bss_user.full_name)


def plan(product: Product, alias: str | None) -> WantedItem:
    return WantedItem(product.id, Term.P1M, BillingCycle.MONTHLY, alias=alias)


def works(session: BoundSession, order: Order) -> list[str]:
    return list(session.scalars(select(OrderWork.kind).where(OrderWork.order_id == order.id)).all())


def test_an_order_is_priced_for_its_payer_at_cost(world: World, staff: Actor, session: BoundSession) -> None:
    customer = world.tech.customers[0]
    with scope(world.scope):
        order = create_order(NewOrder(customer.id, po_number=" PO-7 "), actor=staff, at=MONDAY_NOON)
        add_item(
            order.number, WantedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, 3), actor=staff, at=MONDAY_NOON
        )
        cost = session.scalars(select(OrderItemCost)).one()

    assert (order.account_id, order.payer_id, order.reseller_id) == (customer.id, world.tech.id, world.tech.id)
    assert (order.status, order.po_number, order.net_total) == (OrderStatus.SUBMITTED, "PO-7", Decimal("30.00"))
    assert order.name == f"Tech Customer 1 {order.number}"
    assert (cost.unit_cost, cost.line_cost, cost.account_id) == (Decimal(10), Decimal(30), world.tech.id)


def test_a_product_without_a_price_for_the_payer_is_refused(world: World, staff: Actor, session) -> None:
    with scope(world.scope):
        order = create_order(NewOrder(world.tech.id), actor=staff, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal:
            add_item(
                order.number, WantedItem(world.seats.id, Term.P1Y, BillingCycle.ANNUAL), actor=staff, at=MONDAY_NOON
            )
        items = session.scalar(select(func.count()).select_from(OrderItem).where(OrderItem.order_id == order.id))

    assert refusal.value.codes == ("not_priced",)
    assert items == 0


def test_items_are_changed_and_removed_until_execution(world: World, staff: Actor, session: BoundSession) -> None:
    with scope(world.scope):
        order = create_order(NewOrder(world.tech.id), actor=staff, at=MONDAY_NOON)
        item = add_item(
            order.number, WantedItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY), actor=staff, at=MONDAY_NOON
        )
        change_item(order.number, item.id, ItemChange(5, "Sales team"), version=1, actor=staff, at=MONDAY_NOON)
        assert (item.friendly_name, order.net_total) == ("Sales team", Decimal("50.00"))
        remove_item(order.number, item.id, actor=staff, at=MONDAY_NOON)

    assert order.net_total == 0


def test_an_empty_order_cannot_be_executed(world: World, staff: Actor, session: BoundSession) -> None:
    with scope(world.scope):
        order = create_order(NewOrder(world.tech.id), actor=staff, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal:
            execute(order.number, actor=staff, at=MONDAY_NOON)

        assert (refusal.value.codes, order.status, works(session, order)) == (
            ("order_empty",),
            OrderStatus.SUBMITTED,
            [],
        )


def test_an_inactive_account_cannot_order(world: World, staff: Actor, session: BoundSession) -> None:
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.id)).status = AccountStatus.INACTIVE
        session.flush()
        with pytest.raises(AccountNotActive):
            create_order(NewOrder(world.tech.customers[0].id), actor=staff, at=MONDAY_NOON)
        assert session.scalar(select(func.count()).select_from(Order)) == 0


def test_an_account_without_ordering_cannot_order(world: World, staff: Actor, session: BoundSession) -> None:
    with scope(world.scope):
        session.get_one(Account, (world.id, world.direct.id)).ordering_enabled = False
        session.flush()
        with pytest.raises(Invalid) as refusal:
            create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON)

    assert refusal.value.codes == ("ordering_disabled",)


def test_a_plan_is_not_executed_without_alias(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    """RS-F12: executing a back-office plan order without alias is `alias_required`; there is no subscription."""
    with scope(world.scope):
        order = create_order(NewOrder(world.basic.id), actor=staff, at=MONDAY_NOON)
        add_item(order.number, plan(priced_plans[0], None), actor=staff, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal:
            execute(order.number, actor=staff, at=MONDAY_NOON)

        assert [(error.field, error.code) for error in refusal.value.errors] == [("alias", "alias_required")]
        assert (order.status, works(session, order)) == (OrderStatus.SUBMITTED, [])
        assert session.scalar(select(func.count()).select_from(Subscription)) == 0


def test_a_plan_with_a_free_alias_goes_to_execution_once(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    """RS-F13 (partly): the same order with a free alias executes; a second execution is a conflict."""
    with scope(world.scope):
        order = create_order(NewOrder(world.basic.id), actor=staff, at=MONDAY_NOON)
        item = add_item(order.number, plan(priced_plans[0], None), actor=staff, at=MONDAY_NOON)
        change_item(order.number, item.id, ItemChange(1, alias=" SunRise "), version=1, actor=staff, at=MONDAY_NOON)
        execute(order.number, actor=staff, at=MONDAY_NOON)
        with pytest.raises(WrongOrderState):
            execute(order.number, actor=staff, at=MONDAY_NOON)

        assert (item.alias, order.net_total, order.status) == ("sunrise", Decimal(0), OrderStatus.EXECUTING)
        assert works(session, order) == ["execute"]


def test_an_alias_is_checked_when_the_item_is_saved(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    """RS-F20, RS-F21 (partly): a taken alias is refused on its field; the item is not saved."""
    with scope(world.scope):
        hold_alias(new_id(), "sunrise", reseller_id=world.cloudia.id, at=MONDAY_NOON)
        order = create_order(NewOrder(world.basic.id), actor=staff, at=MONDAY_NOON)
        for alias in ("techsolutions", "sunrise"):
            with pytest.raises(Invalid) as refusal:
                add_item(order.number, plan(priced_plans[0], alias), actor=staff, at=MONDAY_NOON)
            assert [(error.field, error.code) for error in refusal.value.errors] == [("alias", "taken")]
        assert session.scalar(select(func.count()).select_from(OrderItem)) == 0


def test_an_alias_lost_between_save_and_execution_refuses_it(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    eight_days = MONDAY_NOON + timedelta(days=8)
    with scope(world.scope):
        order = create_order(NewOrder(world.basic.id), actor=staff, at=MONDAY_NOON)
        add_item(order.number, plan(priced_plans[0], "sunrise"), actor=staff, at=MONDAY_NOON)
        hold_alias(new_id(), "sunrise", reseller_id=world.cloudia.id, at=eight_days)
        with pytest.raises(Invalid) as refusal:
            execute(order.number, actor=staff, at=eight_days)

        assert refusal.value.codes == ("taken",)
        assert (order.status, works(session, order)) == (OrderStatus.SUBMITTED, [])


def test_a_plan_is_refused_for_an_account_without_reselling(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    with scope(world.scope):
        order = create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal:
            add_item(order.number, plan(priced_plans[0], "sunrise"), actor=staff, at=MONDAY_NOON)

    assert refusal.value.codes == ("reseller_required",)


def test_a_second_plan_on_an_order_or_beside_a_live_one_is_refused(
    world: World, staff: Actor, priced_plans: Sequence[Product]
) -> None:
    """RS-F11: a second plan while one is live, or on the same order, is `plan_already_active`."""
    with scope(world.scope):
        order = create_order(NewOrder(world.basic.id), actor=staff, at=MONDAY_NOON)
        add_item(order.number, plan(priced_plans[0], "sunrise"), actor=staff, at=MONDAY_NOON)
        with pytest.raises(Invalid) as beside:
            add_item(order.number, plan(priced_plans[1], "sunset"), actor=staff, at=MONDAY_NOON)
        live_plan_of(world.cloudia, priced_plans[0])
        other = create_order(NewOrder(world.cloudia.id), actor=staff, at=MONDAY_NOON)
        with pytest.raises(Invalid) as live:
            add_item(other.number, plan(priced_plans[1], "sunset"), actor=staff, at=MONDAY_NOON)

    assert (beside.value.codes, live.value.codes) == (("plan_already_active",), ("plan_already_active",))


@pytest.mark.parametrize("quantity", [0, 2])
def test_a_plans_quantity_is_one(world: World, staff: Actor, priced_plans: Sequence[Product], quantity: int) -> None:
    """RS-F10: plan quantity cannot be other than 1."""
    with scope(world.scope):
        order = create_order(NewOrder(world.basic.id), actor=staff, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal:
            add_item(
                order.number, replace(plan(priced_plans[0], "sunrise"), quantity=quantity), actor=staff, at=MONDAY_NOON
            )

    assert refusal.value.codes == ("quantity_fixed",)


def test_cancelling_lets_the_alias_go(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    with scope(world.scope):
        order = create_order(NewOrder(world.basic.id), actor=staff, at=MONDAY_NOON)
        add_item(order.number, plan(priced_plans[0], "sunrise"), actor=staff, at=MONDAY_NOON)
        cancel(order.number, reason="Typed twice", actor=staff, at=MONDAY_NOON)
        held = session.scalar(select(func.count()).select_from(Address).where(Address.alias == "sunrise"))
        with pytest.raises(WrongOrderState):
            cancel(order.number, reason="Again", actor=staff, at=MONDAY_NOON)

    assert (order.status, held) == (OrderStatus.CANCELED, 0)


def test_the_shortcut_creates_and_executes_one_order(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    """RS-F14 (partly): the "Upgrade reseller" shortcut leaves an order behind, on its way to execution."""
    upgrade = PlanUpgrade(priced_plans[1].id, Term.P1Y, BillingCycle.ANNUAL, "sunrise")
    with scope(world.scope):
        order = upgrade_reseller(world.basic.id, upgrade, actor=staff, at=MONDAY_NOON)

        assert (order.status, order.net_total) == (OrderStatus.EXECUTING, Decimal("490.00"))
        assert works(session, order) == ["execute"]


def test_the_shortcut_switches_a_live_plan_without_asking_for_an_alias(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    with scope(world.scope):
        current = live_plan_of(world.cloudia, priced_plans[0])
        order = upgrade_reseller(
            world.cloudia.id,
            PlanUpgrade(priced_plans[1].id, Term.P1M, BillingCycle.MONTHLY),
            actor=staff,
            at=MONDAY_NOON,
        )
        item = session.scalars(select(OrderItem).where(OrderItem.order_id == order.id)).one()

    assert (item.subscription_id, item.alias, order.status) == (current.id, None, OrderStatus.EXECUTING)


def test_the_shortcut_pressed_twice_orders_once(
    world: World, staff: Actor, priced_plans: Sequence[Product], session: BoundSession
) -> None:
    upgrade = PlanUpgrade(priced_plans[0].id, Term.P1M, BillingCycle.MONTHLY, "sunrise")
    with scope(world.scope):
        upgrade_reseller(world.basic.id, upgrade, actor=staff, at=MONDAY_NOON)
        with session.begin_nested(), pytest.raises(Invalid) as refusal:
            upgrade_reseller(world.basic.id, upgrade, actor=staff, at=MONDAY_NOON)

    assert refusal.value.codes == ("plan_already_active",)
    assert "is being executed" in str(refusal.value)


def test_a_first_order_fixes_the_currency(world: World, staff: Actor) -> None:
    with scope(world.scope):
        assert not has_orders(world.direct.id)
        create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON)
        assert has_orders(world.direct.id)
