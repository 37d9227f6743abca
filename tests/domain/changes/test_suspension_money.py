"""Suspension beside what waits for its day, and beside the billing (CB-24, CB-30)."""

from __future__ import annotations

from datetime import date

import pytest

from app.accounts.models import AccountStatus
from app.accounts.services import set_status
from app.billing.models import Charge
from app.catalogue.models import BillingType
from app.changes.errors import ChangePending
from app.changes.renewals import bill_day
from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, SubscriptionStatus
from tenants.context import scope
from tests.domain.changes.conftest import STAFF, on
from workers.jobs.changes import follow_account_status

ACTIVE, SUSPENDED = SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED
JULY = date(2026, 7, 1)


@pytest.fixture
def follow(desk):
    """Give the direct customer a status; what follows from it is done."""

    def to(status: AccountStatus, at) -> None:
        desk.do(set_status, desk.world.direct.id, status, actor=STAFF, at=at)
        desk.clock.now = at
        follow_account_status(str(desk.world.direct.id), distributor_id=str(desk.world.id))
        desk.run_tasks(at=at)

    return to


@pytest.fixture
def free_while_suspended(desk, session) -> None:
    with scope(desk.world.scope):
        session.merge(desk.world.product_type).billed_while_suspended = False
        session.commit()


def recurring(desk, running) -> list[tuple[str, date, date]]:
    return [
        (f"{each.net_amount:.2f}", each.period_from, each.period_to)
        for each in desk.rows(Charge)
        if each.subscription_id == running.id and each.period_to > date(2026, 6, 30)
    ]


def suspend_and_resume(desk, running, *days) -> None:
    for day, kind in days:
        desk.submit(running, kind, at=day)
        desk.run_tasks(at=day)


def test_an_account_is_suspended_whatever_waits_for_the_periods_end(desk, follow):
    """CB-30: one job suspends them all; what was scheduled waits on, and comes."""
    running = desk.running(is_provisioned=True)
    change = desk.submit(running, ChangeKind.QUANTITY, quantity_to=3, timing=ChangeTiming.PERIOD_END, at=on(5))
    follow(AccountStatus.SUSPENDED, on(10))
    assert (desk.subscription(running).status, desk.change(change).status) == (SUSPENDED, ChangeStatus.SCHEDULED)
    follow(AccountStatus.ACTIVE, on(12))
    assert (desk.subscription(running).status, desk.change(change).status) == (ACTIVE, ChangeStatus.SCHEDULED)
    desk.do(bill_day, desk.world.direct.id, JULY, at=on(1, 7))
    desk.run_tasks(at=on(1, 7))
    assert desk.subscription(running).quantity == 3
    assert desk.change(change).status is ChangeStatus.COMPLETED


def test_a_person_does_not_suspend_beside_a_request(desk):
    """CB-F78: that is for whole accounts alone."""
    running = desk.running(is_provisioned=True)
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=3, timing=ChangeTiming.PERIOD_END, at=on(5))
    with pytest.raises(ChangePending):
        desk.submit(running, ChangeKind.SUSPENSION, at=on(6))
    assert desk.subscription(running).status is ACTIVE


def test_a_period_that_began_free_is_charged_from_the_day_it_is_active_again(desk, free_while_suspended):
    """CB-30: 60.00 a month, active again on 16 July: 16 of 31 days are 30.97; August is a whole month."""
    running = desk.running(unit_cost="12.00", is_provisioned=True)
    suspend_and_resume(desk, running, (on(10), ChangeKind.SUSPENSION))
    desk.do(bill_day, desk.world.direct.id, JULY, at=on(1, 7))
    assert recurring(desk, running) == []
    suspend_and_resume(desk, running, (on(16, 7), ChangeKind.ACTIVATION))
    assert recurring(desk, running) == [("30.97", date(2026, 7, 16), date(2026, 7, 31))]
    desk.do(bill_day, desk.world.direct.id, date(2026, 8, 1), at=on(1, 8))
    assert recurring(desk, running)[1:] == [("60.00", date(2026, 8, 1), date(2026, 8, 31))]


@pytest.mark.parametrize("day", [1, 2])
def test_a_period_opened_late_is_charged_to_who_was_active_when_it_began(desk, free_while_suspended, day):
    """CB-30, CB-32: the billing comes on 3 July, after a suspension on 1 or 2 July: July is charged, and once."""
    running = desk.running(unit_cost="12.00", is_provisioned=True)
    suspend_and_resume(desk, running, (on(day, 7), ChangeKind.SUSPENSION))
    desk.do(bill_day, desk.world.direct.id, JULY, at=on(3, 7))
    suspend_and_resume(desk, running, (on(16, 7), ChangeKind.ACTIVATION))
    assert recurring(desk, running) == [("60.00", JULY, date(2026, 7, 31))]


def test_a_period_that_waited_for_the_vendors_suspension_begins_free(desk, free_while_suspended):
    """CB-30: asked for in June, confirmed on 3 July: July is opened then, and charged from 16 July on."""
    running = desk.running(unit_cost="12.00", is_provisioned=True)
    desk.submit(running, ChangeKind.SUSPENSION, at=on(30))
    desk.do(bill_day, desk.world.direct.id, JULY, at=on(1, 7))
    desk.run_tasks(at=on(3, 7))
    desk.do(bill_day, desk.world.direct.id, JULY, at=on(3, 7, 13))
    assert recurring(desk, running) == []
    suspend_and_resume(desk, running, (on(16, 7), ChangeKind.ACTIVATION))
    assert recurring(desk, running) == [("30.97", date(2026, 7, 16), date(2026, 7, 31))]


def test_a_period_that_was_never_ours_to_charge_stays_free(desk, free_while_suspended):
    """GO-06: what was taken over is billed from its next period, suspended meanwhile or not."""
    running = desk.running(is_provisioned=True, is_charged=False)
    suspend_and_resume(desk, running, (on(10), ChangeKind.SUSPENSION), (on(20), ChangeKind.ACTIVATION))
    assert desk.charged(running) == []


@pytest.mark.usefixtures("free_while_suspended")
def test_within_a_paid_period_nothing_is_charged_again(desk):
    running = desk.running(is_provisioned=True)
    suspend_and_resume(desk, running, (on(10), ChangeKind.SUSPENSION), (on(20), ChangeKind.ACTIVATION))
    assert desk.charged(running) == []


def test_where_suspension_is_billed_nothing_is_charged_twice(desk):
    running = desk.running(unit_cost="12.00", is_provisioned=True)
    suspend_and_resume(desk, running, (on(10), ChangeKind.SUSPENSION))
    desk.do(bill_day, desk.world.direct.id, JULY, at=on(1, 7))
    suspend_and_resume(desk, running, (on(16, 7), ChangeKind.ACTIVATION))
    assert recurring(desk, running) == [("60.00", JULY, date(2026, 7, 31))]


@pytest.mark.parametrize(("days", "net"), [([10], "16.67"), ([10, 21], "33.33"), ([], "50.00")])
def test_arrears_count_the_days_it_was_active(desk, free_while_suspended, days, net):
    """CB-30: 50.00 a month on its end, suspended after 10 June, active again from 21 June: 20 of 30 days."""
    running = desk.running(is_provisioned=True, billing_type=BillingType.ON_END, is_charged=False)
    kinds = (ChangeKind.SUSPENSION, ChangeKind.ACTIVATION)
    suspend_and_resume(desk, running, *((on(day), kind) for day, kind in zip(days, kinds, strict=False)))
    desk.do(bill_day, desk.world.direct.id, JULY, at=on(1, 7))
    june = [f"{each.net_amount:.2f}" for each in desk.rows(Charge) if each.subscription_id == running.id]
    assert june == [net]
