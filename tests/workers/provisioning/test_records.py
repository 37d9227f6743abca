"""Plain deliveries are recorded by one statement; what it writes is what the models write, row by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from app.core.db import unit_of_work
from app.notifications.models import OutboundMail
from app.orders import execution_records
from app.orders.models import DeliveryStatus, Order, OrderEvent, OrderItem, OrderStatus
from app.provisioning.claims import RecordedCall, claim_task
from app.provisioning.models import ProvisioningTask, TaskStatus, VendorAccountLink, VendorCall
from app.subscriptions.models import Subscription, SubscriptionEvent, SubscriptionVendorLink
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.execution import Placed, Wanted, alias_order, all_of, root_order, use_service_manager
from workers import answers
from workers.connectors.base import VendorResource
from workers.jobs import provisioning

WRITTEN = (
    Order, OrderItem, OrderEvent, ProvisioningTask, Subscription, SubscriptionEvent, SubscriptionVendorLink,
    VendorCall, OutboundMail,
)  # fmt: skip
OWN = re.compile(r"(SO-2026-|SUB-|resource-)[0-9]+")  # what names this one and no other


@pytest.fixture
def _calls_are_kept(monkeypatch: pytest.MonkeyPatch, vendor, clock) -> None:
    """The vendor in memory says nothing by itself: let each call about a service be told."""
    call_vendor = provisioning.call_vendor

    def told(task: Any, accounts: Any, calls: list[RecordedCall], **more: Any) -> Any:
        outcome = call_vendor(task, accounts, calls, **more)
        calls.append(RecordedCall(clock.now, "services", "POST /services", '{"a": 1}', 200, '{"Code": 0}', 12))
        return outcome

    monkeypatch.setattr(provisioning, "call_vendor", told)


@pytest.fixture
def recorded_together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tasks each recording took in."""
    numbers: list[int] = []
    record = execution_records.record_deliveries

    def counted(done: Sequence[Any], **more: Any) -> frozenset[Any]:
        found = record(done, **more)
        numbers.append(len(found))
        return found

    monkeypatch.setattr(answers, "record_deliveries", counted)
    return numbers


def rows_of(session, world, placed: Placed) -> dict[str, list[dict[str, Any]]]:
    """Everything written about an order, without what names this order and no other."""
    with scope(world.scope):
        subscription_ids = {item.subscription_id for item in all_of(session, OrderItem) if item.order_id == placed.id}
        task_ids = {task.id for task in all_of(session, ProvisioningTask) if task.order_id == placed.id}
        codes = {each.code for each in all_of(session, Subscription) if each.id in subscription_ids}

        item_ids = {item.id for item in all_of(session, OrderItem) if item.order_id == placed.id}
        own = {str(each) for each in {placed.id} | item_ids | subscription_ids | task_ids}

        def belongs(row: Any) -> bool:
            return (
                getattr(row, "order_id", getattr(row, "id", None)) == placed.id
                or getattr(row, "subscription_id", None) in subscription_ids
                or row.id in subscription_ids | task_ids
                or getattr(row, "task_id", None) in task_ids
                or any(code in str(getattr(row, "fields", "")) for code in codes)
            )

        found = {
            model.__tablename__: [_plain(row, own) for row in all_of(session, model) if belongs(row)]
            for model in WRITTEN
        }
        session.expunge_all()
        session.commit()
    return {name: sorted(rows, key=str) for name, rows in found.items()}


def _plain(row: Any, own: set[str]) -> dict[str, Any]:
    values = {column.key: str(getattr(row, column.key)) for column in row.__mapper__.columns if column.key != "id"}
    return {key: "…" if value in own else OWN.sub("…", value) for key, value in values.items()}


@pytest.mark.usefixtures("_calls_are_kept")
@pytest.mark.parametrize("place", [alias_order, root_order])
def test_one_statement_writes_what_the_models_write(
    session, world, vendor, run_order, run_task, clock, monkeypatch, recorded_together, place: Callable
):
    use_service_manager(session, world)
    pictures = []
    for way in ("first, for the account", "models", "statement"):
        placed = place(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
        run_order(placed)
        with monkeypatch.context() as patched:
            if way == "models":
                patched.setattr(answers, "record_deliveries", lambda *_args, **_more: frozenset())
            clock.forward(minutes=3)
            for task in _tasks(session, world, placed):
                run_task(task)
            clock.forward(minutes=-3)
        pictures.append(rows_of(session, world, placed))
    _, models, statement = pictures
    assert recorded_together == [1, 1]
    assert statement == models
    assert {name: len(rows) for name, rows in statement.items() if name != "outbound_mails"} == {
        "orders": 1, "order_items": 1, "order_events": 3, "provisioning_tasks": 1, "subscriptions": 1,
        "subscription_events": 2, "subscription_vendor_links": 1, "vendor_calls": 1,
    }  # fmt: skip
    ready = [mail for mail in statement["outbound_mails"] if mail["template"] == "subscription_ready"]
    assert len(ready) == 1


def test_a_plain_task_takes_one_statement_to_claim_and_one_to_record(
    session, world, vendor, run_order, run_task, connection: Connection
):
    use_service_manager(session, world)
    counts = []
    for _ in range(2):
        placed = root_order(session, world, [Wanted(world.seats, 2, "10.00")])
        run_order(placed)
        (task,) = _tasks(session, world, placed)
        with statements_of(connection) as seen:
            run_task(task)
        counts.append(len(seen))
    assert counts == [
        2 + 4,
        2,
    ]  # the first makes the account known: what was answered, looked up, nobody else's, linked


def test_a_batch_takes_as_many_statements_as_one_task(
    session, world, vendor, run_order, run_task, connection: Connection
):
    use_service_manager(session, world)
    run_order(root_order(session, world, [Wanted(world.seats, 1, "10.00")]))
    provisioning.provision_batch(str(world.id), distributor_id=str(world.id))  # the account is known from here on
    run_order(root_order(session, world, [Wanted(world.seats, n, "10.00") for n in range(1, 8)]))
    with statements_of(connection) as seen:
        provisioning.provision_batch(str(world.id), distributor_id=str(world.id))
    assert len(seen) == 2
    assert _statuses(session, world) == [TaskStatus.SUCCEEDED] * 8


def test_one_answer_that_cannot_be_recorded_does_not_spoil_the_others(
    session, world, vendor, run_order, clock, monkeypatch, recorded_together
):
    use_service_manager(session, world)
    run_order(root_order(session, world, [Wanted(world.seats, n, "10.00") for n in range(1, 5)]))
    create = vendor.create

    def create_with_a_long_name(request, **more):
        made = create(request, **more)
        return VendorResource("x" * 201, made.name) if request.quantity == 2 else made

    monkeypatch.setattr(vendor, "create", create_with_a_long_name)
    provisioning.provision_batch(str(world.id), distributor_id=str(world.id))
    assert sorted(_statuses(session, world), key=str) == [TaskStatus.PENDING] + [TaskStatus.SUCCEEDED] * 3
    assert recorded_together == []  # together it failed, so each was recorded by itself
    with scope(world.scope):
        (waiting,) = [task for task in all_of(session, ProvisioningTask) if task.status is TaskStatus.PENDING]
        assert "DataError" in (waiting.message or "")
        assert waiting.next_attempt_at == clock.now + timedelta(minutes=1)
        assert len(all_of(session, SubscriptionVendorLink)) == 3


def test_a_task_another_run_holds_is_left_alone(session, world, vendor, run_order, clock):
    use_service_manager(session, world)
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    run_order(placed)
    (task,) = _tasks(session, world, placed)
    before = rows_of(session, world, placed)
    with scope(world.scope):
        with unit_of_work():
            lost = claim_task(task.id, at=clock.now)
        with unit_of_work():
            held = claim_task(task.id, at=clock.now + timedelta(minutes=10))
        assert lost is not None
        assert held is not None
        late = execution_records.Delivery(lost, "late", "", [])
        with unit_of_work():
            assert execution_records.record_deliveries([late], at=clock.now) == frozenset()
        session.expunge_all()
    after = rows_of(session, world, placed)
    for each in (
        "orders",
        "order_items",
        "order_events",
        "subscriptions",
        "subscription_vendor_links",
        "outbound_mails",
    ):
        assert after[each] == before[each]


def test_what_is_not_plain_goes_the_longer_way(session, world, vendor, run_order, run_task, clock, recorded_together):
    """Added licences, and what had failed before, are recorded through the models."""
    use_service_manager(session, world)
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    run_order(placed)
    (task,) = _tasks(session, world, placed)
    with scope(world.scope), unit_of_work():
        session.execute(OrderItem.__table__.update().values(delivery_status=DeliveryStatus.FAILED))
    run_task(task)
    assert recorded_together == [0]
    with scope(world.scope):
        subscription_id = session.scalar(select(Subscription.id))
        session.commit()
    more = root_order(session, world, [Wanted(world.seats, 3, "10.00", columns={"subscription_id": subscription_id})])
    run_order(more)
    (added,) = _tasks(session, world, more)
    run_task(added)
    assert recorded_together == [0]
    assert _statuses(session, world) == [TaskStatus.SUCCEEDED] * 2
    with scope(world.scope):
        assert session.scalar(select(Subscription.quantity)) == 4
        assert len(all_of(session, VendorAccountLink)) == 1


def _tasks(session, world, placed: Placed) -> list[ProvisioningTask]:
    with scope(world.scope):
        found = [task for task in all_of(session, ProvisioningTask) if task.order_id == placed.id]
        session.expunge_all()
        session.commit()
    return found


def _statuses(session, world) -> list[TaskStatus]:
    with scope(world.scope):
        found = [task.status for task in all_of(session, ProvisioningTask)]
        session.expunge_all()
        session.commit()
    return found
