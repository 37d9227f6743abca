"""What becomes of add-ons when their subscription becomes another product (CB-25, CB-27)."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from app.catalogue.models import RelationKind
from app.core.errors import Invalid
from app.subscriptions.models import ChangeKind, Subscription, SubscriptionRole, SubscriptionStatus
from tests.domain.changes.conftest import on
from tests.domain.upgrades.test_upgrades import target_of
from tests.factories.parts import make_sibling, relate
from workers.connectors.base import AddOnAction

UPGRADE = ChangeKind.UPGRADE
JUNE_16 = on(16)


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
