"""Statuses that mail whoever ordered do so however an order gets there (CB-19)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.audit.services import SYSTEM, Actor
from app.core.db import unit_of_work
from app.notifications.models import OutboundMail
from app.orders.abandonment import abandon_item
from app.orders.approval import reject_order
from app.orders.execution import process_work
from app.orders.execution_outcomes import task_failed, task_succeeded
from app.orders.expiry import expire_pending_orders
from app.orders.models import Order, OrderStatus, OrderStatusRow
from app.orders.schedule import cancel_scheduled
from app.orders.statuses import list_statuses
from app.orders.withdrawal import withdraw_order
from app.provisioning.models import ProvisioningTask, TaskStatus
from tenants.context import scope
from tests.factories.execution import Placed, Wanted, alias_order, all_of, root_order, use_service_manager
from tests.factories.world import MONDAY_NOON, World


@pytest.fixture(autouse=True)
def told(session, world) -> None:
    """Executed and Canceled mail whoever ordered."""
    with scope(world.scope):
        for each in list_statuses():
            if each.built_in in (OrderStatus.EXECUTED, OrderStatus.CANCELED):
                known = each.details
                session.add(
                    OrderStatusRow(
                        key=each.ref, number=known.number, name=known.name, description=known.description,
                        type=known.type, storefront_type=known.storefront_type, mails_customer=True,
                    )
                )  # fmt: skip
        session.commit()


def mails(session, world: World) -> list[tuple[str, str]]:
    with scope(world.scope):
        found = [each for each in all_of(session, OutboundMail) if each.template == "order_status"]
        return [(each.to_email, each.fields["status"]) for each in found]


@pytest.fixture
def pending(session, world) -> Placed:
    return alias_order(session, world, [Wanted(world.seats, 5)])


def test_one_that_is_rejected(session, world, pending):
    with scope(world.tech.scope), unit_of_work():
        reject_order(pending.number, "Not this month", approver=Actor(world.tech.admin.id, "Ada"), at=MONDAY_NOON)
    assert mails(session, world) == [(world.tech.buyers[0].email, "Canceled")]


def test_one_that_is_withdrawn(session, world, pending):
    buyer = world.tech.buyers[0]
    with scope(world.tech.customer_scope()), unit_of_work():
        withdraw_order(pending.number, actor=Actor(buyer.id, buyer.full_name), at=MONDAY_NOON)
    assert mails(session, world) == [(buyer.email, "Canceled")]


def test_one_that_nobody_decided_on(session, world, pending):
    with scope(world.scope), unit_of_work():
        assert expire_pending_orders(at=MONDAY_NOON + timedelta(days=30)) == 1
    assert mails(session, world) == [(world.tech.buyers[0].email, "Canceled")]


def test_one_whose_day_does_not_come(session, world):
    placed = root_order(session, world, [Wanted(world.seats)], status=OrderStatus.SCHEDULED)
    with scope(world.scope), unit_of_work():
        cancel_scheduled(placed.number, actor=SYSTEM, at=MONDAY_NOON)
    assert mails(session, world) == [(world.direct_buyer.email, "Canceled")]


@pytest.fixture
def failed(session, world) -> Placed:
    """An order that stands at partially executed, for its one item was refused."""
    use_service_manager(session, world)
    made = root_order(session, world, [Wanted(world.seats, 5, "10.00")])
    with scope(world.scope):
        with unit_of_work():
            process_work(made.work.id, at=MONDAY_NOON)
        with unit_of_work():
            (task,) = all_of(session, ProvisioningTask)
            task.status, task.finished_at = TaskStatus.FAILED, MONDAY_NOON
            task_failed(task, "No such product", at=MONDAY_NOON)
            session.get_one(Order, (world.id, made.id)).status = OrderStatus.PARTIALLY_EXECUTED
            for mail in all_of(session, OutboundMail):
                session.delete(mail)
    return made


def test_one_whose_last_item_comes_after_all(session, world, failed):
    with scope(world.scope), unit_of_work():
        (task,) = all_of(session, ProvisioningTask)
        task_succeeded(task, "svc-1", at=MONDAY_NOON)
    assert mails(session, world) == [(world.direct_buyer.email, "Executed")]


def test_one_whose_last_item_is_given_up(session, world, failed):
    with scope(world.scope), unit_of_work():
        abandon_item(failed.number, failed.items[0].id, actor=SYSTEM, at=MONDAY_NOON)
    assert mails(session, world) == [(world.direct_buyer.email, "Executed")]
