"""What becomes of add-ons when their subscription becomes another product (CB-25, CB-27)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from app.catalogue.models import BillingCycle, BillingType, RelationKind, Term
from app.changes.kinds.upgrade import CYCLE, TERM
from app.changes.renewals import bill_day
from app.core.errors import Invalid
from app.subscriptions.models import (
    ChangeKind,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionRole,
    SubscriptionStatus,
)
from tenants.context import scope
from tests.domain.changes.conftest import on
from tests.domain.changes.test_arrears import charges
from tests.domain.upgrades.test_upgrades import target_of
from tests.factories.parts import make_sibling, relate
from tests.factories.world import make_entry
from workers.connectors.base import AddOnAction

UPGRADE = ChangeKind.UPGRADE
JUNE_16 = on(16)
YEARLY = {"term": Term.P1Y, "cycle": BillingCycle.ANNUAL}
A_YEAR = {TERM: "P1Y", CYCLE: "annual"}


@pytest.fixture
def with_add_ons(session, desk, premium):
    """Ten seats with two of an add-on that premium has too, and one that it has not."""
    world = desk.world
    kept = make_sibling(session, world, "Contoso Backup", "6.00", is_add_on=True)
    lost = make_sibling(session, world, "Contoso Relic", "3.00", is_add_on=True)
    for product in (kept, lost):
        relate(session, world, RelationKind.ADD_ON, world.seats, product)
    relate(session, world, RelationKind.ADD_ON, premium, kept)
    parent = desk.running(quantity=10, unit_cost="8.00", is_provisioned=True)
    made = [
        desk.running(
            product=product, quantity=quantity, unit_cost=price, role=SubscriptionRole.ADD_ON, parent_id=parent.id
        )
        for product, quantity, price in ((kept, 2, "6.00"), (lost, 1, "3.00"))
    ]
    return parent, *made


def test_add_ons_the_target_has_not_block_with_a_list(desk, premium, with_add_ons):
    """CB-25: the others block with a list; nothing changes."""
    parent, *_ = with_add_ons
    with pytest.raises(Invalid, match="Contoso Relic") as refused:
        desk.submit(parent, UPGRADE, target_product_id=premium.id, at=JUNE_16)
    assert refused.value.codes == ("add_ons_lost",)
    assert "Contoso Backup" not in str(refused.value)
    assert desk.subscription(parent).status is SubscriptionStatus.ACTIVE


def test_ticked_they_are_canceled_and_the_others_move(desk, premium, with_add_ons):
    """CB-25: add-ons valid for the target move; the others are cancelled if the user ticks so, and credited."""
    parent, kept, lost = with_add_ons
    change = desk.submit(parent, UPGRADE, target_product_id=premium.id, details={"cancels_add_ons": True}, at=JUNE_16)
    desk.run_tasks(at=JUNE_16)
    (call,) = desk.vendor.requests
    assert {each.product_name: each.action for each in call.request.add_ons} == {
        "Contoso Backup": AddOnAction.NONE, "Contoso Relic": AddOnAction.CANCEL,
    }  # fmt: skip
    target = target_of(desk, change)
    moved, ended = desk.subscription(kept), desk.subscription(lost)
    assert (moved.parent_id, moved.status, moved.quantity) == (target.id, SubscriptionStatus.ACTIVE, 2)
    assert ended.status is SubscriptionStatus.CANCELED
    assert desk.charged(kept) == []
    assert desk.charged(lost) == [("cancellation", "-1.40", date(2026, 6, 17), date(2026, 6, 30))]


def test_a_partial_upgrade_leaves_the_add_ons_with_the_rest(desk, premium, with_add_ons):
    parent, kept, lost = with_add_ons
    desk.submit(parent, UPGRADE, target_product_id=premium.id, quantity_to=6, at=JUNE_16)
    for _ in range(2):
        desk.run_tasks(at=JUNE_16)
    assert desk.subscription(parent).quantity == 6
    assert {desk.subscription(each).parent_id for each in (kept, lost)} == {parent.id}


def test_moving_into_an_existing_subscription_merges_the_add_ons(desk, premium, with_add_ons):
    """CB-27 (partly): one record per add-on and subscription, also after a move."""
    parent, kept, _ = with_add_ons
    existing = desk.running(product=premium, quantity=3, unit_cost="14.00", is_provisioned=True)
    own = desk.running(
        product=SimpleNamespace(id=desk.subscription(kept).product_id, name="Contoso Backup"),
        quantity=5,
        unit_cost="6.00",
        role=SubscriptionRole.ADD_ON,
        parent_id=existing.id,
    )
    desk.submit(
        parent, UPGRADE, target_product_id=premium.id, target_subscription_id=existing.id,
        details={"cancels_add_ons": True}, at=JUNE_16,
    )  # fmt: skip
    for _ in range(2):
        desk.run_tasks(at=JUNE_16)
    grown, canceled = (call.request for call in desk.vendor.requests)
    assert [(each.product_name, each.quantity) for each in grown.add_ons] == [("Contoso Backup", 7)]
    assert (grown.quantity, canceled.vendor_reference) == (13, "resource-1")
    assert (desk.subscription(own).quantity, desk.subscription(own).status) == (7, SubscriptionStatus.ACTIVE)
    live = [each for each in desk.rows(Subscription) if each.status is SubscriptionStatus.ACTIVE]
    assert {each.id for each in live} == {existing.id, own.id}


def test_linked_add_ons_follow_what_stays_and_what_grows(session, desk, premium):
    """CB-25, CB-27: a partial upgrade leaves as many linked add-ons as licences, on both sides."""
    guard = make_sibling(session, desk.world, "Contoso Guard", "1.00", is_add_on=True)
    for product in (desk.world.seats, premium):
        relate(session, desk.world, RelationKind.ADD_ON, product, guard, is_quantity_linked=True)
    source = desk.running(quantity=10, unit_cost="8.00")
    existing = desk.running(product=premium, quantity=3, unit_cost="14.00")
    linked = {
        parent.id: desk.running(
            product=guard, quantity=quantity, unit_cost="1.00", role=SubscriptionRole.ADD_ON, parent_id=parent.id,
            quantity_per_parent=1,
        )
        for parent, quantity in ((source, 10), (existing, 3))
    }  # fmt: skip
    desk.submit(
        source, UPGRADE, target_product_id=premium.id, target_subscription_id=existing.id, quantity_to=6, at=JUNE_16
    )
    assert {key: desk.subscription(each).quantity for key, each in linked.items()} == {source.id: 6, existing.id: 7}
    assert desk.charged(linked[source.id]) == [("cancellation", "-1.87", date(2026, 6, 17), date(2026, 6, 30))]
    assert desk.charged(linked[existing.id]) == [("add_on", "2.00", date(2026, 6, 16), date(2026, 6, 30))]


@pytest.fixture
def with_backup(session, desk, premium):
    """Ten seats by the month with two of an add-on that premium has too; premium is sold by the year, too."""
    world = desk.world
    backup = make_sibling(session, world, "Contoso Backup", "6.00", is_add_on=True, list_price="6.00")
    for product in (world.seats, premium):
        relate(session, world, RelationKind.ADD_ON, product, backup)
    with scope(world.scope):
        make_entry(session, world.price_list, premium, "150.00", **YEARLY)
        session.commit()
    parent = desk.running(quantity=10, unit_cost="8.00")
    child = desk.running(
        product=backup, quantity=2, unit_cost="6.00", role=SubscriptionRole.ADD_ON, parent_id=parent.id
    )
    return parent, child, backup


@pytest.fixture
def sold_yearly(session, desk, with_backup) -> None:
    """The add-on at 60.00 a year."""
    with scope(desk.world.scope):
        make_entry(session, desk.world.price_list, with_backup[2], "60.00", **YEARLY)
        session.commit()


def test_add_ons_go_along_into_another_cycle_and_are_billed_by_it(desk, premium, with_backup, sold_yearly):
    """CB-25, CB-27: 6.00 for half of June come back, 120.00 are charged for the target's year."""
    parent, child, _ = with_backup
    change = desk.submit(parent, UPGRADE, target_product_id=premium.id, details=A_YEAR, at=JUNE_16)
    target, moved = target_of(desk, change), desk.subscription(child)
    year = (date(2026, 6, 16), date(2027, 6, 15))
    assert (moved.parent_id, moved.term, moved.cycle) == (target.id, Term.P1Y, BillingCycle.ANNUAL)
    assert (moved.period_from, moved.period_to) == (target.period_from, target.period_to) == year
    assert desk.charged(child) == [("upgrade", "-6.00", year[0], date(2026, 6, 30)), ("add_on", "120.00", *year)]
    desk.do(bill_day, desk.world.direct.id, date(2027, 6, 16), at=on(16, 12))
    assert charges(desk, child)[-1] == ("recurring", "120.00", date(2027, 6, 16), date(2028, 6, 15))


def test_add_ons_not_sold_for_the_targets_cycle_block_with_a_list(desk, premium, with_backup):
    """CB-25, CB-27: nothing changes; ticked they are canceled, and what is not used of them comes back."""
    parent, child, _ = with_backup
    with pytest.raises(Invalid, match="Contoso Backup") as refused:
        desk.submit(parent, UPGRADE, target_product_id=premium.id, details=A_YEAR, at=JUNE_16)
    assert refused.value.codes == ("add_ons_lost",)
    assert (desk.rows(SubscriptionChange), desk.papers()) == ([], [])
    ticked = {**A_YEAR, "cancels_add_ons": True}
    desk.submit(parent, UPGRADE, target_product_id=premium.id, details=ticked, at=JUNE_16)
    assert desk.subscription(child).status is SubscriptionStatus.CANCELED
    assert desk.charged(child) == [("cancellation", "-5.60", date(2026, 6, 17), date(2026, 6, 30))]


def test_with_the_next_period_the_add_ons_of_that_period_are_charged(desk, premium, with_backup):
    """CB-25, CB-27: each month of the add-on once, before and after the change."""
    parent, child, _ = with_backup
    desk.submit(parent, UPGRADE, target_product_id=premium.id, timing=ChangeTiming.PERIOD_END, at=JUNE_16)
    for month in (7, 8):
        desk.do(bill_day, desk.world.direct.id, date(2026, month, 1), at=on(1, month))
    assert [(net, first) for _, net, first, _ in charges(desk, child)] == [
        ("12.00", date(2026, month, 1)) for month in (6, 7, 8)
    ]


def test_merged_add_ons_are_billed_to_the_end_of_the_targets_period(desk, premium, with_backup, sold_yearly):
    """CB-25, CB-27: 6.00 come back of June; two more at 60.00 for 350 of 365 days are 115.07."""
    parent, child, backup = with_backup
    year = (date(2026, 6, 1), date(2027, 5, 31))
    existing = desk.running(product=premium, quantity=3, unit_cost="150.00", period=year, **YEARLY)
    own = desk.running(
        product=backup, quantity=5, unit_cost="60.00", period=year, role=SubscriptionRole.ADD_ON,
        parent_id=existing.id, **YEARLY,
    )  # fmt: skip
    desk.submit(parent, UPGRADE, target_product_id=premium.id, target_subscription_id=existing.id, at=JUNE_16)
    assert (desk.subscription(own).quantity, desk.subscription(child).status) == (7, SubscriptionStatus.CANCELED)
    assert desk.charged(child) == [("upgrade", "-6.00", date(2026, 6, 16), date(2026, 6, 30))]
    assert desk.charged(own) == [("add_on", "115.07", date(2026, 6, 16), year[1])]


def test_merged_linked_add_ons_are_as_many_as_licences_and_charged_once(session, desk, premium):
    """CB-27: ten and three guards are thirteen; what was paid for the ten that moved comes back."""
    guard = make_sibling(session, desk.world, "Contoso Guard", "1.00", is_add_on=True)
    for product in (desk.world.seats, premium):
        relate(session, desk.world, RelationKind.ADD_ON, product, guard, is_quantity_linked=True)
    source = desk.running(quantity=10, unit_cost="8.00")
    existing = desk.running(product=premium, quantity=3, unit_cost="14.00")
    moved, own = (
        desk.running(
            product=guard, quantity=quantity, unit_cost="1.00", role=SubscriptionRole.ADD_ON, parent_id=parent.id,
            quantity_per_parent=1,
        )
        for parent, quantity in ((source, 10), (existing, 3))
    )  # fmt: skip
    desk.submit(source, UPGRADE, target_product_id=premium.id, target_subscription_id=existing.id, at=JUNE_16)
    assert desk.subscription(own).quantity == 13
    assert [net for _, net, *_ in desk.charged(moved)] == ["-5.00"]
    assert [net for _, net, *_ in desk.charged(own)] == ["5.00"]


def test_merged_add_ons_in_arrears_are_charged_on_both_sides_for_their_days(session, desk, premium, with_backup):
    """CB-24, CB-27: two to the 15th are 6.00; five, and seven from the 16th, are 36.00."""
    world, (_, _, backup) = desk.world, with_backup
    on_end = {"is_charged": False, "billing_type": BillingType.ON_END}
    source = desk.running(quantity=1, unit_cost="8.00", **on_end)
    existing = desk.running(product=premium, quantity=3, unit_cost="14.00", **on_end)
    moved, own = (
        desk.running(
            product=backup, quantity=quantity, unit_cost="6.00", role=SubscriptionRole.ADD_ON, parent_id=parent.id,
            **on_end,
        )
        for parent, quantity in ((source, 2), (existing, 5))
    )  # fmt: skip
    desk.submit(source, UPGRADE, target_product_id=premium.id, target_subscription_id=existing.id, at=JUNE_16)
    desk.do(bill_day, world.direct.id, date(2026, 7, 1), at=on(1, 7))
    assert [net for _, net, *_ in charges(desk, moved)] == ["6.00"]
    assert [net for _, net, *_ in charges(desk, own)] == ["36.00"]
