"""Ending subscriptions: when, by whom, at what price, and what stays as it was when it does not come to it (CB-29)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.catalogue.models import BillingCycle, BillingType, ProductRelation, RelationKind, RequiredMode, Term
from app.catalogue.refunds import PRESETS
from app.changes.dependants import NeededByOthers
from app.changes.due import apply_due
from app.changes.requests import accept_change, reject_change, withdraw_change
from app.core.errors import Invalid
from app.notifications.models import OutboundMail
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.subscriptions.errors import WrongSubscriptionState
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    SubscriptionChange,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.queries import find_subscription_for_update
from tenants.context import direct_customer_scope, scope
from tenants.settings import distributor_settings, save_distributor_settings
from tests.domain.changes.conftest import STAFF, on

CANCELLATION = ChangeKind.CANCELLATION
DAY, END = ChangeTiming.ON_DATE, ChangeTiming.PERIOD_END


def cancel(desk, running, *, at, reason="Unused", **of):
    return desk.submit(running, CANCELLATION, at=at, reason=reason, **of)


def policy(desk, session, **columns) -> None:
    """Set switches of the product type that everything is sold by."""
    with scope(desk.world.scope):
        product_type = session.merge(desk.world.product_type)
        for name, value in columns.items():
            setattr(product_type, name, value)
        session.commit()


def preset(name: str) -> dict:
    return PRESETS[name].as_json()


def test_an_immediate_cancellation_gives_back_the_days_after_it(desk):
    """CB-F93: immediate cancellation on 10 June of 120.00/June credits 80.00 under the default policy."""
    running = desk.running(quantity=12, unit_cost="10.00", is_provisioned=True)
    cancel(desk, running, at=on(10))
    assert desk.subscription(running).status is SubscriptionStatus.ACTIVE
    desk.run_tasks(at=on(10))
    ended = desk.subscription(running)
    assert (ended.status, ended.canceled_at) == (SubscriptionStatus.CANCELED, on(10))
    assert desk.charged(running) == [("cancellation", "-80.00", date(2026, 6, 11), date(2026, 6, 30))]
    assert desk.papers() == [("credit_note", "80.00")]


def test_a_vendor_that_fails_leaves_everything_as_it_was(desk):
    """CB-F92: immediate full cancellation with a failing vendor leaves the subscription Active, no credit, Failed + Retry."""
    running = desk.running(is_provisioned=True)
    desk.vendor.reject_next(reason="no")
    change = cancel(desk, running, at=on(10))
    desk.run_tasks(at=on(10))
    kept = desk.subscription(running)
    assert (kept.status, kept.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.FAILED)
    assert (desk.papers(), desk.change(change).status) == ([], ChangeStatus.FAILED)
    (task,) = desk.rows(ProvisioningTask)
    assert task.status is TaskStatus.FAILED  # what the operators' Retry starts again
    assert "change_failed" in [mail.template for mail in desk.rows(OutboundMail)]


def test_giving_up_a_failed_cancellation_makes_the_subscription_free_again(desk):
    running = desk.running(is_provisioned=True)
    desk.vendor.reject_next()
    change = cancel(desk, running, at=on(10))
    desk.run_tasks(at=on(10))
    desk.do(reject_change, change.id, "The vendor keeps it until July", actor=STAFF, at=on(11))
    kept = desk.subscription(running)
    assert (kept.status, kept.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
    assert [task.status for task in desk.rows(ProvisioningTask)] == [TaskStatus.CANCELED]
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=8, at=on(16))
    desk.run_tasks(at=on(16))
    assert desk.subscription(running).quantity == 8


def test_a_day_within_the_running_period_may_be_chosen_and_no_other(desk):
    """CB-F90: specific-date cancellation accepts today and past days of the cycle, refuses future and earlier dates."""
    for day, code in ((date(2026, 6, 16), "future"), (date(2026, 5, 31), "before_period")):
        running = desk.running()
        with pytest.raises(Invalid) as refused:
            cancel(desk, running, timing=DAY, effective_on=day, at=on(15))
        assert refused.value.codes == (code,)
        assert desk.subscription(running).status is SubscriptionStatus.ACTIVE
    for day, credited in ((date(2026, 6, 15), "-25.00"), (date(2026, 6, 1), "-48.33")):
        running = desk.running(quantity=5, unit_cost="10.00")
        cancel(desk, running, timing=DAY, effective_on=day, at=on(15))
        assert desk.subscription(running).status is SubscriptionStatus.CANCELED
        assert [net for _, net, _, _ in desk.charged(running)] == [credited]


def test_an_end_with_the_period_waits_for_it_and_costs_nothing(desk):
    """CB-F91: end-of-period cancellation shows Pending cancellation, bills normally, ends on the date, refunds 0."""
    running = desk.running(is_provisioned=True)
    change = cancel(desk, running, timing=END, at=on(10))
    assert desk.subscription(running).status is SubscriptionStatus.PENDING_CANCELLATION
    assert desk.change(change).status is ChangeStatus.SCHEDULED
    assert desk.rows(ProvisioningTask) == []

    def due(day):
        return apply_due(find_subscription_for_update(running.id), on=day, at=on(1, 7))

    assert desk.do(due, date(2026, 7, 1)) is False
    desk.run_tasks(at=on(1, 7))
    assert desk.subscription(running).status is SubscriptionStatus.CANCELED
    assert desk.papers() == []


@pytest.mark.parametrize("status", [SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED])
def test_an_end_with_the_period_can_be_withdrawn_before(desk, status):
    """CB-F91 (partly): it can be withdrawn before."""
    running = desk.running(status=status)
    change = cancel(desk, running, timing=END, at=on(10))
    desk.do(withdraw_change, change.id, actor=STAFF, at=on(11))
    assert desk.subscription(running).status is status
    assert desk.change(change).status is ChangeStatus.WITHDRAWN


@pytest.mark.parametrize(
    ("hours", "credited"), [(23, "-240.00"), (24, "-240.00"), (72, "-216.00"), (168, "-184.00"), (169, None)]
)
def test_the_new_commerce_windows(desk, session, hours, credited):
    """CB-F94: full at 23 h, 216.00 of 240.00 at 72 h (720 h), refused at 169 h."""
    policy(desk, session, refund_policy=preset("nce"))
    bought_at = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
    running = desk.running(quantity=24, unit_cost="10.00", bought_at=bought_at)
    at = datetime.fromtimestamp(bought_at.timestamp() + hours * 3600, tz=UTC)
    if credited is None:
        with pytest.raises(Invalid) as refused:
            cancel(desk, running, at=at)
        assert refused.value.codes == ("outside_window",)
        assert desk.subscription(running).status is SubscriptionStatus.ACTIVE
        return
    cancel(desk, running, at=at)
    assert [net for _, net, _, _ in desk.charged(running)] == [credited]


def test_added_licences_have_a_clock_of_their_own(desk, session):
    """CB-F94 (partly): a new window per added seats: those of yesterday go back in full, the first ones do not go at all."""
    policy(desk, session, refund_policy=preset("nce"))
    running = desk.running(quantity=5, unit_cost="30.00", bought_at=datetime(2026, 6, 1, tzinfo=UTC))
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=8, at=on(16))
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=6, at=on(16, hour=20))
    assert [net for _, net, _, _ in desk.charged(running)] == ["45.00", "-30.00"]
    with pytest.raises(Invalid):
        desk.submit(running, ChangeKind.QUANTITY, quantity_to=4, at=on(16, hour=21))
    assert desk.subscription(running).quantity == 6


def test_what_was_given_back_is_not_given_back_twice(desk):
    running = desk.running(quantity=5, unit_cost="10.00")
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=3, at=on(10))
    cancel(desk, running, at=on(20))
    assert [net for _, net, _, _ in desk.charged(running)] == ["-13.33", "-10.00"]


def test_licences_added_within_the_period_count_in_the_refund(desk):
    running = desk.running(quantity=5, unit_cost="10.00")
    desk.submit(running, ChangeKind.QUANTITY, quantity_to=8, at=on(16))
    cancel(desk, running, at=on(20))
    assert [net for _, net, _, _ in desk.charged(running)] == ["15.00", "-26.67"]  # 80.00 x 10/30


@pytest.mark.parametrize(("percent", "charged"), [(Decimal(100), "700.00"), (Decimal(50), "350.00")])
def test_leaving_a_commitment_early_costs_the_whole_cycles_left(desk, session, percent, charged):
    policy(desk, session, refund_policy={"allowed": "never"}, early_termination_percent=percent)
    running = desk.running(
        quantity=1, unit_cost="100.00", term=Term.P1Y, cycle=BillingCycle.MONTHLY,
        period=(date(2026, 5, 1), date(2026, 5, 31)), renews_on=date(2027, 1, 1), starts_on=date(2026, 1, 1),
        bought_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    cancel(desk, running, at=on(31, 5))
    assert [(kind, net) for kind, net, _, _ in desk.charged(running)] == [("termination", charged)]
    assert desk.papers() == [("invoice", charged)]


def test_a_commitment_without_a_way_out_is_kept(desk, session):
    policy(desk, session, refund_policy={"allowed": "never"})
    running = desk.running(term=Term.P1Y, renews_on=date(2027, 6, 1))
    for timing in (ChangeTiming.NOW, END):
        with pytest.raises(Invalid) as refused:
            cancel(desk, running, timing=timing, at=on(10))
        assert "1 Jun 2027" in str(refused.value)
    assert desk.rows(SubscriptionChange) == []


def test_used_days_of_a_period_in_arrears_are_charged(desk):
    running = desk.running(quantity=3, unit_cost="10.00", is_charged=False, billing_type=BillingType.ON_END)
    cancel(desk, running, at=on(10))
    assert desk.charged(running) == [("recurring", "10.00", date(2026, 6, 1), date(2026, 6, 10))]


def test_a_trial_gives_nothing_back(desk):
    running = desk.running(is_charged=False, trial_ends_on=date(2026, 6, 20))
    cancel(desk, running, at=on(10))
    assert (desk.subscription(running).status, desk.charged(running)) == (SubscriptionStatus.CANCELED, [])


def test_what_others_need_is_not_canceled_from_under_them(desk, session):
    """CB-F24: cancelling a required product with active dependants is refused and names them."""
    with scope(desk.world.scope):
        session.add(
            ProductRelation(
                kind=RelationKind.REQUIRED, product_id=desk.world.suite.id, other_id=desk.world.seats.id, position=0
            )
        )
        session.commit()
    base = desk.running()
    needing = desk.running(product=desk.world.suite, friendly_name="Suite of the office")
    with pytest.raises(NeededByOthers) as refused:
        cancel(desk, base, at=on(10))
    assert "Suite of the office" in str(refused.value)
    assert desk.subscription(base).status is SubscriptionStatus.ACTIVE
    assert desk.rows(SubscriptionChange) == []
    cancel(desk, base, at=on(10), details={"despite_dependants": True}, comment="Agreed by phone")
    assert desk.subscription(base).status is SubscriptionStatus.CANCELED
    assert desk.subscription(needing).status is SubscriptionStatus.ACTIVE


def test_any_of_several_required_products_is_enough(desk, session):
    with scope(desk.world.scope):
        suite = session.merge(desk.world.suite)
        suite.required_mode = RequiredMode.ANY
        for other in (desk.world.seats, desk.world.tool):
            session.add(ProductRelation(kind=RelationKind.REQUIRED, product_id=suite.id, other_id=other.id, position=0))
        session.commit()
    base = desk.running()
    desk.running(product=desk.world.tool)
    desk.running(product=desk.world.suite)
    cancel(desk, base, at=on(10))
    assert desk.subscription(base).status is SubscriptionStatus.CANCELED


@pytest.mark.parametrize("status", list(SubscriptionStatus))
def test_only_what_is_active_or_suspended_is_canceled(desk, status):
    running = desk.running(status=status)
    if status in (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED):
        cancel(desk, running, at=on(10))
        assert desk.subscription(running).status is SubscriptionStatus.CANCELED
        return
    with pytest.raises(WrongSubscriptionState):
        cancel(desk, running, at=on(10))
    assert desk.subscription(running).status is status


@pytest.mark.parametrize("kind", [ChangeKind.ACTIVATION, ChangeKind.RENEWAL, ChangeKind.QUANTITY])
def test_a_canceled_subscription_never_comes_back(desk, kind):
    """CB-F97: a cancelled subscription offers no reactivation."""
    running = desk.running()
    cancel(desk, running, at=on(10))
    with pytest.raises(WrongSubscriptionState) as refused:
        desk.submit(running, kind, quantity_to=8, at=on(11))
    assert "canceled" in str(refused.value)


def test_staff_say_why(desk):
    running = desk.running()
    for reason in (None, "Because"):
        with pytest.raises(Invalid) as refused:
            cancel(desk, running, reason=reason, at=on(10))
        assert refused.value.codes == ("required",)
    assert desk.rows(SubscriptionChange) == []


@pytest.fixture
def customers(desk):
    return direct_customer_scope(desk.world.id, desk.world.direct.id)


def mails_to(desk, *templates: str) -> list[tuple[str, str]]:
    return [(mail.template, mail.to_email) for mail in desk.rows(OutboundMail) if mail.template in templates]


def name_manager(desk) -> None:
    def save():
        save_distributor_settings(replace(distributor_settings(), account_manager_email="manager@nordwind.example"))

    desk.do(save)


def ask(desk, running, customers, *, at, **of):
    change = cancel(desk, running, at=at, where=customers, is_from_storefront=True, reason=None, **of)
    assert change.status is ChangeStatus.SUBMITTED
    desk.look(change, at=at)
    return change


def test_a_customers_cancellation_is_carried_out_where_the_type_says_so(desk, customers):
    running = desk.running(quantity=12, is_provisioned=True)
    change = ask(desk, running, customers, at=on(10))
    desk.run_tasks(at=on(10))
    assert (desk.change(change).status, desk.papers()) == (ChangeStatus.COMPLETED, [("credit_note", "80.00")])
    assert mails_to(desk, "cancellation_completed", "cancellation_requested") == [
        ("cancellation_completed", desk.world.direct_buyer.email)
    ]


def test_a_request_is_decided_on_where_nothing_is_automatic(desk, session, customers):
    """CB-F95: with automatic cancellation off, a storefront cancel creates a request; accept cancels, with the right mails."""
    name_manager(desk)
    policy(desk, session, automatic_cancellation=False)
    running = desk.running(quantity=12, is_provisioned=True)
    change = ask(desk, running, customers, at=on(10), comment="We move to paper")
    waiting = desk.change(change)
    assert (waiting.status, waiting.examined_at) == (ChangeStatus.SUBMITTED, on(10))
    assert mails_to(desk, "cancellation_requested") == [("cancellation_requested", "manager@nordwind.example")]
    assert (desk.rows(ProvisioningTask), desk.papers()) == ([], [])
    desk.do(accept_change, change.id, actor=STAFF, at=on(12))
    desk.run_tasks(at=on(12))
    assert desk.subscription(running).status is SubscriptionStatus.CANCELED
    assert desk.papers() == [("credit_note", "80.00")]  # from the day it was asked for
    assert mails_to(desk, "cancellation_completed", "subscription_canceled") == [
        ("cancellation_completed", desk.world.direct_buyer.email),
        ("subscription_canceled", "manager@nordwind.example"),
    ]


def test_a_rejected_request_keeps_the_subscription(desk, session, customers):
    """CB-F95 (partly): reject keeps, with the right mails."""
    policy(desk, session, automatic_cancellation=False)
    running = desk.running(is_provisioned=True)
    change = ask(desk, running, customers, at=on(10))
    with pytest.raises(Invalid):
        desk.do(reject_change, change.id, " ", actor=STAFF, at=on(12))
    desk.do(reject_change, change.id, "Committed until 2027", actor=STAFF, at=on(12))
    decided = desk.change(change)
    assert (decided.status, decided.decision_reason) == (ChangeStatus.REJECTED, "Committed until 2027")
    kept = desk.subscription(running)
    assert (kept.status, kept.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
    assert (desk.rows(ProvisioningTask), desk.papers()) == ([], [])
    assert mails_to(desk, "request_rejected") == [("request_rejected", desk.world.direct_buyer.email)]


@pytest.mark.parametrize(("cap", "waits"), [(Decimal(119), True), (Decimal(120), False)])
def test_amounts_above_the_cap_are_decided_on(desk, session, customers, cap, waits):
    """CB-F96: requests above the amount cap need approval though automatic is on."""
    policy(desk, session, automatic_cancellation=True, cancellation_cap=cap)
    running = desk.running(quantity=12, unit_cost="10.00")
    change = ask(desk, running, customers, at=on(10))
    assert (desk.change(change).status is ChangeStatus.SUBMITTED) is waits
    assert (desk.subscription(running).status is SubscriptionStatus.ACTIVE) is waits


def test_a_customer_withdraws_what_nobody_has_decided_on(desk, session, customers):
    policy(desk, session, automatic_cancellation=False)
    running = desk.running()
    change = ask(desk, running, customers, at=on(10))
    desk.do_in(customers, withdraw_change, change.id, actor=STAFF, at=on(11))
    assert desk.change(change).status is ChangeStatus.WITHDRAWN
    desk.look(change, at=on(12))
    assert desk.subscription(running).status is SubscriptionStatus.ACTIVE


def test_a_customers_partial_cancellation_is_a_lower_quantity(desk, session, customers):
    policy(desk, session, automatic_cancellation=False)
    running = desk.running(quantity=10, unit_cost="12.00")
    change = desk.submit(
        running, ChangeKind.QUANTITY, quantity_to=6, at=on(10), where=customers, is_from_storefront=True
    )
    desk.look(change, at=on(10))
    assert (desk.change(change).status, desk.subscription(running).quantity) == (ChangeStatus.SUBMITTED, 10)
    desk.do(accept_change, change.id, actor=STAFF, at=on(11))
    assert (desk.subscription(running).quantity, desk.papers()) == (6, [("credit_note", "32.00")])


def test_a_request_that_is_overtaken_is_refused_by_the_job(desk, customers):
    running = desk.running(quantity=5)
    change = cancel(desk, running, at=on(10), where=customers, is_from_storefront=True, reason=None)

    def fail_sync():
        find_subscription_for_update(running.id).sync_status = SyncStatus.FAILED

    desk.do(fail_sync)
    desk.look(change, at=on(10))
    assert desk.change(change).status is ChangeStatus.REJECTED
    assert desk.subscription(running).status is SubscriptionStatus.ACTIVE
