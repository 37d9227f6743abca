"""Licences are ordered, and days may pass until they are executed: what has ended meanwhile takes no more."""

from __future__ import annotations

from app.billing.models import Charge
from app.core import db
from app.orders.execution import process_work
from app.orders.models import DeliveryStatus, OrderItem
from app.provisioning.models import ProvisioningTask
from app.subscriptions.models import ChangeKind, SubscriptionStatus
from tenants.context import scope
from tenants.settings import distributor_settings
from tests.domain.changes.conftest import on
from tests.factories.execution import Wanted, make_order


def test_licences_for_a_canceled_subscription_are_neither_charged_nor_asked_for(desk):
    """CB-F70: an action its state does not allow is refused also where it was ordered before the state changed."""
    world = desk.world
    running = desk.running(quantity=10, unit_cost="10.00", is_provisioned=True)
    with scope(world.scope):
        reason = distributor_settings().cancellation_reasons[0]
    desk.submit(running, ChangeKind.CANCELLATION, reason=reason, at=on(5))
    desk.run_tasks(at=on(5))
    assert desk.subscription(running).status is SubscriptionStatus.CANCELED
    charged, asked = len(desk.rows(Charge)), len(desk.rows(ProvisioningTask))

    more = Wanted(world.seats, 3, "10.00", columns={"subscription_id": running.id})
    placed = make_order(db.session, world, world.direct, world.direct_buyer, [more], at=on(10))
    work_id, item_id = placed.work.id, placed.items[0].id
    db.session.remove()
    desk.do(process_work, work_id, at=on(10))

    (item,) = [each for each in desk.rows(OrderItem) if each.id == item_id]
    assert item.delivery_status is DeliveryStatus.FAILED
    assert "Canceled" in (item.failure_reason or "") or "canceled" in (item.failure_reason or "")
    assert (len(desk.rows(Charge)), len(desk.rows(ProvisioningTask))) == (charged, asked)
