from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, update

from app.audit.services import SYSTEM
from app.billing.models import Charge, ChargeKind, Invoice, InvoiceKind
from app.catalogue.models import BillingCycle, ProductType, Term
from app.changes.assets import NewAssetPrice, edit_asset_price
from app.changes.price_quotes import WantedPrice
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.orders.abandonment import CannotAbandon, abandon_item
from app.orders.errors import OrderItemNotFound
from app.orders.execution import process_work
from app.orders.execution_outcomes import task_failed
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.subscriptions.models import Asset, Subscription, SubscriptionStatus
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, all_of, root_order, use_service_manager
from tests.factories.world import MONDAY_NOON, World


@pytest.fixture
def placed(session, world) -> Placed:
    """An executed order of five seats whose provisioning failed for good."""
    use_service_manager(session, world)
    made = root_order(session, world, [Wanted(world.seats, 5, "10.00")])
    with scope(world.scope):
        with unit_of_work():
            process_work(made.work.id, at=MONDAY_NOON)
        with unit_of_work():
            (task,) = all_of(session, ProvisioningTask)
            task.status, task.finished_at = TaskStatus.FAILED, MONDAY_NOON
            task_failed(task, "No such product", at=MONDAY_NOON)
    return made


def abandon(placed: Placed) -> OrderItem:
    with unit_of_work():
        return abandon_item(placed.number, placed.items[0].id, actor=SYSTEM, at=MONDAY_NOON)


def test_a_sale_that_never_came_is_credited_in_full(session, world: World, placed):
    """CB-F74: invoiced 50.00, credited 50.00; the subscription is canceled and the task ended."""
    with scope(world.scope):
        abandon(placed)
        papers = {paper.kind: paper.net_total for paper in all_of(session, Invoice)}
        assert papers == {InvoiceKind.INVOICE: Decimal("50.00"), InvoiceKind.CREDIT_NOTE: Decimal("50.00")}
        assert sum(charge.net_amount for charge in all_of(session, Charge)) == 0
        credit = next(charge for charge in all_of(session, Charge) if charge.kind is ChargeKind.ABANDONMENT)
        assert credit.credits_id is not None
        (subscription,) = all_of(session, Subscription)
        (task,) = all_of(session, ProvisioningTask)
        (item,) = all_of(session, OrderItem)
        assert subscription.status is SubscriptionStatus.CANCELED
        assert (task.status, item.delivery_status) == (TaskStatus.CANCELED, DeliveryStatus.CANCELED)
        assert session.get_one(Order, (world.id, placed.id)).status is OrderStatus.EXECUTED


def test_it_is_credited_once(session, world: World, placed):
    with scope(world.scope):
        abandon(placed)
        with pytest.raises(CannotAbandon):
            abandon(placed)
        assert len(all_of(session, Invoice)) == 2


def test_what_was_delivered_is_not_abandoned(session, world: World):
    made = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    with scope(world.scope):
        with unit_of_work():
            process_work(made.work.id, at=MONDAY_NOON)
        with pytest.raises(CannotAbandon):
            abandon(made)
        (subscription,) = all_of(session, Subscription)
        assert subscription.status is SubscriptionStatus.ACTIVE
        assert len(all_of(session, Invoice)) == 1


@pytest.mark.parametrize("status", [TaskStatus.RUNNING, TaskStatus.SUCCEEDED])
def test_nothing_is_taken_from_a_worker(session, world: World, placed, status):
    with scope(world.scope):
        with unit_of_work():
            (task,) = all_of(session, ProvisioningTask)
            task.status = status
        with pytest.raises(CannotAbandon):
            abandon(placed)
        assert len(all_of(session, Invoice)) == 1


def test_items_of_other_orders_are_not_found(session, world: World, placed):
    other = root_order(session, world, [Wanted(world.seats)])
    with scope(world.scope), pytest.raises(OrderItemNotFound), unit_of_work():
        abandon_item(placed.number, other.items[0].id, actor=SYSTEM, at=MONDAY_NOON)


def test_an_asset_whose_price_was_edited_is_credited_what_is_left(session, world: World):
    """CB-20, CB-31: 50.00 edited to 20.00 before it came to nothing: 20.00 come back, not 70.00."""
    use_service_manager(session, world)
    with scope(world.scope):
        manager_id = session.scalars(
            select(ProductType.service_manager_id).where(ProductType.service_manager_id.is_not(None))
        ).first()
        session.execute(update(ProductType).values(service_manager_id=manager_id))
        session.commit()
    once = {"term": Term.NONE, "cycle": BillingCycle.ONE_TIME}
    made = root_order(session, world, [Wanted(world.tool, 1, "50.00", **once)])
    with scope(world.scope):
        with unit_of_work():
            process_work(made.work.id, at=MONDAY_NOON)
        (asset,) = all_of(session, Asset)
        cheaper = NewAssetPrice(
            code=asset.code, wanted=WantedPrice(user_price=Decimal(20)), request_key=new_id(), may_go_below_cost=True
        )
        with unit_of_work():
            edit_asset_price(cheaper, actor=SYSTEM, at=MONDAY_NOON)
        with unit_of_work():
            (task,) = all_of(session, ProvisioningTask)
            task.status, task.finished_at = TaskStatus.FAILED, MONDAY_NOON
            task_failed(task, "No such product", at=MONDAY_NOON)
        abandon(made)
        amounts = [charge.net_amount for charge in all_of(session, Charge)]
        assert (sum(amounts), min(amounts)) == (0, Decimal(-50))
        assert [each.net_total for each in all_of(session, Invoice) if each.kind is InvoiceKind.CREDIT_NOTE][-1] == 20
