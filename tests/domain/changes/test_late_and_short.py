"""Changes of a quantity in short first periods, after their day, and beside what was given up (CB-20, CB-24, CB-29)."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM
from app.catalogue.models import ProductType
from app.changes.renewals import bill_day
from app.changes.repairs import repair_drifts
from app.changes.requests import accept_change
from app.core import db
from app.orders.abandonment import abandon_item
from app.orders.execution import process_work
from app.orders.execution_outcomes import task_failed
from app.provisioning.models import Drift, DriftKind, ProvisioningTask, ReconciliationRun, RunState, TaskStatus
from app.provisioning.repairs import Repair
from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, SubscriptionStatus
from tenants.context import scope
from tenants.settings import distributor_settings
from tests.domain.changes.conftest import STAFF, Desk, on
from tests.domain.changes.test_arrears import charges
from tests.factories.execution import Wanted, all_of, make_order
from tests.factories.subscriptions import Running

JULY_1, AUGUST_1 = date(2026, 7, 1), date(2026, 8, 1)


def order_licences(desk: Desk, running: Running, quantity: int, *, at: datetime):
    """Order so many more licences of what runs; returns the order's number and its item's id."""
    world = desk.world
    more = Wanted(world.seats, quantity, "10.00", columns={"subscription_id": running.id})
    placed = make_order(db.session, world, world.direct, world.direct_buyer, [more], at=at)
    work_id, number, item_id = placed.work.id, placed.number, placed.items[0].id
    db.session.remove()
    desk.do(process_work, work_id, at=at)
    return number, item_id


@pytest.mark.parametrize("billed_on", [1, 5])
def test_licences_confirmed_in_a_later_period_are_charged_there_from_that_day(desk, billed_on):
    """CB-24, CB-32: three ordered on 29 June, confirmed on 3 July: 2 of June's days, 29 of July's, run late or not."""
    running = desk.running(quantity=5, unit_cost="12.00", is_provisioned=True)
    order_licences(desk, running, 3, at=on(29))
    if billed_on == 1:
        desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    for _ in range(2):
        desk.run_tasks(at=on(3, 7))
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(5, 7))
    found = {(kind, net) for kind, net, *_ in charges(desk, running)}
    assert found == {
        ("recurring", "60.00"), ("quantity", "2.40"), ("quantity", "33.68"),
    }  # fmt: skip
    desk.do(bill_day, desk.world.direct.id, AUGUST_1, at=on(1, 8))
    assert charges(desk, running)[-1][:2] == ("recurring", "96.00")


@pytest.fixture
def decided(session, desk) -> None:
    """Nothing a customer gives up is automatic."""
    with scope(desk.world.scope):
        session.execute(update(ProductType).values(automatic_cancellation=False, automatic_downgrade=False))
        session.commit()


def test_licences_added_in_a_short_first_period_cost_its_days_of_the_cycle(desk):
    """CB-24, CB-32: three at 10.00 for 10 of the cycle's 30 days are 10.00, ordered or changed."""
    first = (date(2026, 6, 21), date(2026, 6, 30))
    ordered, changed = (
        desk.running(quantity=5, unit_cost="10.00", period=first, anchor_day=1, is_charged=False) for _ in range(2)
    )
    order_licences(desk, ordered, 3, at=on(21))
    desk.submit(changed, ChangeKind.QUANTITY, quantity_to=8, at=on(21))
    assert charges(desk, ordered) == charges(desk, changed) == [("quantity", "10.00", *first)]


def test_licences_that_were_given_up_do_not_count_in_a_refund(desk):
    """CB-20, CB-29: ten of June canceled on the 15th are 50.00 back, whatever was credited of five that never came."""
    running = desk.running(quantity=10, unit_cost="10.00", is_provisioned=True)
    number, item_id = order_licences(desk, running, 5, at=on(10))

    def refuse() -> None:
        (task,) = all_of(db.session, ProvisioningTask)
        task.status, task.finished_at = TaskStatus.FAILED, on(10)
        task_failed(task, "No such product", at=on(10))

    desk.do(refuse)
    desk.do(abandon_item, number, item_id, actor=SYSTEM, at=on(10))
    with scope(desk.world.scope):
        reason = distributor_settings().cancellation_reasons[0]
    desk.submit(running, ChangeKind.CANCELLATION, reason=reason, at=on(15))
    desk.run_tasks(at=on(15))
    assert desk.charged(running) == [("cancellation", "-50.00", date(2026, 6, 16), date(2026, 6, 30))]


def test_a_decrease_accepted_after_its_day_begins_with_the_next_period(desk, decided):
    """CB-24, CB-29: July was used with ten, so nothing of it comes back; four from August on."""
    running = desk.running(quantity=10, unit_cost="12.00", is_provisioned=True)
    change = desk.submit(
        running, ChangeKind.QUANTITY, quantity_to=4, timing=ChangeTiming.PERIOD_END, is_from_storefront=True, at=on(29)
    )
    desk.look(change, at=on(29))
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    desk.do(accept_change, change.id, actor=STAFF, at=on(3, 7))
    accepted = desk.change(change)
    assert (accepted.status, accepted.effective_on) == (ChangeStatus.SCHEDULED, AUGUST_1)
    for _ in range(2):
        desk.do(bill_day, desk.world.direct.id, AUGUST_1, at=on(1, 8))
        desk.run_tasks(at=on(1, 8))
    assert [net for _, net, *_ in charges(desk, running)] == ["120.00", "120.00", "48.00"]
    assert desk.subscription(running).quantity == 4


def test_an_end_accepted_after_its_day_comes_with_the_next_period(desk, decided):
    """CB-29: what was asked for the end of June and agreed to in July ends with July, which is charged."""
    running = desk.running(quantity=10, unit_cost="12.00")
    change = desk.submit(
        running, ChangeKind.CANCELLATION, timing=ChangeTiming.PERIOD_END, is_from_storefront=True, at=on(29)
    )
    desk.look(change, at=on(29))
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    desk.do(accept_change, change.id, actor=STAFF, at=on(3, 7))
    assert desk.change(change).effective_on == AUGUST_1
    assert desk.subscription(running).status is SubscriptionStatus.PENDING_CANCELLATION
    desk.do(bill_day, desk.world.direct.id, AUGUST_1, at=on(1, 8))
    assert desk.subscription(running).status is SubscriptionStatus.CANCELED
    assert [net for _, net, *_ in charges(desk, running)] == ["120.00", "120.00"]


def test_a_vendors_quantity_taken_over_before_a_late_run_counts_from_the_next_period(desk):
    """GO-03, CB-32: what the repair says of itself holds on 3 July, too: July is five, August eight."""
    running = desk.running(quantity=5, unit_cost="12.00", is_provisioned=True)

    def differ() -> tuple:
        run = ReconciliationRun(
            service_manager_id=desk.manager_id, state=RunState.COMPLETED, started_by_name="Ada", created_at=on(3, 7)
        )
        db.session.add(run)
        db.session.flush()
        drift = Drift(
            run_id=run.id, kind=DriftKind.QUANTITY, vendor_reference="resource-1", subscription_id=running.id,
            ours="5", theirs="8",
        )  # fmt: skip
        db.session.add(drift)
        db.session.flush()
        return run.id, drift.id

    run_id, drift_id = desk.do(differ)
    desk.do(repair_drifts, run_id, {drift_id}, Repair.TAKE_THEIRS, actor=STAFF, at=on(3, 7))
    assert desk.subscription(running).quantity == 8
    for day in (JULY_1, AUGUST_1):
        desk.do(bill_day, desk.world.direct.id, day, at=on(5, 8))
    assert [net for _, net, *_ in charges(desk, running)][1:] == ["60.00", "96.00"]
