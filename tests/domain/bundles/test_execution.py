from __future__ import annotations

from decimal import Decimal

import pytest

from app.audit.services import SYSTEM
from app.billing.models import Charge, Invoice
from app.catalogue.bundles.models import ComponentRule
from app.catalogue.bundles.services import Component, set_components
from app.catalogue.models import ProductKind, ProductType
from app.notifications.models import OutboundMail
from app.orders.models import DeliveryStatus, OrderItem, OrderStatus
from app.provisioning.models import ProvisioningTask
from app.subscriptions.bundles import PartOfBundle, require_not_component
from app.subscriptions.models import (
    Subscription,
    SubscriptionCost,
    SubscriptionRole,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.problems import find_problem
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of, make_order, root_order, use_service_manager
from tests.factories.parts import make_bundle, make_sibling, open_tasks
from tests.factories.world import MONDAY_NOON, make_product

ACTIVE, PENDING = SubscriptionStatus.ACTIVE, SubscriptionStatus.PENDING_ACTIVATION


@pytest.fixture
def office(session, world):
    """A bundle at 15.80 a month: one seat at 12.00 less 10 % and two of an extra at 5.00 the pair."""
    use_service_manager(session, world)
    extra = make_sibling(session, world, "Contoso Extra", "2.50")
    return make_bundle(session, world, "15.80", [(world.seats, 1), (extra, 2)])


def by_role(session, world):
    with scope(world.scope):
        found = all_of(session, Subscription)
        bundle = next(each for each in found if each.role is SubscriptionRole.MAIN)
        parts = [each for each in found if each.role is SubscriptionRole.COMPONENT]
        session.expunge_all()
        session.commit()
    return bundle, parts


def test_a_bundle_defined_by_its_parts_is_bought_at_their_price(session, world, vendor, run_order):
    """CB-F27: 12.00 -10 % + 5.00 costs 15.80; one invoiced subscription and one technical record per component."""
    use_service_manager(session, world)
    with scope(world.scope):
        extra = make_product(session, world.product_type, "Contoso Extra", list_price="5.00")
        bundle_type = ProductType(name="Bundles", kind=ProductKind.BUNDLE, created_at=MONDAY_NOON)
        session.add(bundle_type)
        session.flush()
        product = make_product(session, bundle_type, "Office bundle", list_price="0.00")
        set_components(
            product.id,
            [Component(world.seats.id, 1, ComponentRule.DISCOUNT, Decimal(10)), Component(extra.id, 1)],
            version=1,
            actor=SYSTEM,
            at=MONDAY_NOON,
        )
        session.commit()
        session.refresh(product)
        session.expunge_all()
        session.commit()
    placed = make_order(session, world, world.direct, world.direct_buyer, [Wanted(product, 1, "15.80")])
    run_order(placed)
    bundle, parts = by_role(session, world)
    assert len(parts) == 2
    with scope(world.scope):
        (charge,) = all_of(session, Charge)
        (invoice,) = all_of(session, Invoice)
    assert (charge.subscription_id, charge.net_amount, invoice.net_total) == (
        bundle.id, Decimal("15.80"), Decimal("15.80"),
    )  # fmt: skip


def test_a_bundle_makes_one_invoiced_subscription_and_a_technical_record_per_component(
    session, world, vendor, run_order, office
):
    """CB-F27 (partly): quantities multiply, only the bundle has a cost, each component has a task of its own."""
    run_order(root_order(session, world, [Wanted(office, 3, "15.80")]))
    bundle, parts = by_role(session, world)
    assert (bundle.quantity, bundle.sync_status, bundle.status) == (3, SyncStatus.PENDING, PENDING)
    assert [(each.quantity, each.quantity_per_parent, each.parent_id) for each in parts] == [
        (3, 1, bundle.id), (6, 2, bundle.id),
    ]  # fmt: skip
    with scope(world.scope):
        (charge,) = all_of(session, Charge)
        assert (charge.subscription_id, charge.net_amount) == (bundle.id, Decimal("47.40"))
        (invoice,) = all_of(session, Invoice)
        assert invoice.net_total == Decimal("47.40")
        (cost,) = all_of(session, SubscriptionCost)
        assert cost.subscription_id == bundle.id
        tasks = all_of(session, ProvisioningTask)
        assert [(task.subject_id, task.request["quantity"]) for task in tasks] == [
            (parts[0].id, 3), (parts[1].id, 6),
        ]  # fmt: skip


def test_a_bundle_is_active_when_the_last_component_stands_and_one_mail_says_so(
    session, world, vendor, run_order, run_task, office
):
    """CB-F27 (partly): each component has its own sync status, the bundle has the worst; one mail per bundle."""
    run_order(alias_order(session, world, [Wanted(office, 1, "15.80")], status=OrderStatus.EXECUTING))
    first, second = open_tasks(session, world)
    run_task(first)
    bundle, parts = by_role(session, world)
    assert (bundle.status, bundle.sync_status) == (PENDING, SyncStatus.PENDING)
    assert [each.sync_status for each in parts] == [SyncStatus.SYNCHRONISED, SyncStatus.PENDING]
    run_task(second)
    bundle, parts = by_role(session, world)
    assert (bundle.status, bundle.sync_status) == (ACTIVE, SyncStatus.SYNCHRONISED)
    assert {each.status for each in parts} == {ACTIVE}
    with scope(world.scope):
        (item,) = all_of(session, OrderItem)
        assert item.delivery_status is DeliveryStatus.DELIVERED
        links = {each.subscription_id: each.vendor_reference for each in all_of(session, SubscriptionVendorLink)}
        assert links == {parts[0].id: "resource-1", parts[1].id: "resource-2"}
        mails = [mail.template for mail in all_of(session, OutboundMail)]
        assert mails.count("subscription_ready") == 1


def test_a_bundle_with_a_failed_component_is_failed_and_recovers_with_it(
    session, world, vendor, run_order, run_task, office
):
    run_order(root_order(session, world, [Wanted(office, 1, "15.80")]))
    first, second = open_tasks(session, world)
    vendor.reject_next(times=2, code="9", reason="No such plan")
    run_task(first)
    run_task(second)
    bundle, parts = by_role(session, world)
    assert (bundle.status, bundle.sync_status) == (PENDING, SyncStatus.FAILED)
    with scope(world.scope):
        assert (
            find_problem(bundle.id) == f"{parts[0].friendly_name}: No such plan; {parts[1].friendly_name}: No such plan"
        )
        (item,) = all_of(session, OrderItem)
        assert item.delivery_status is DeliveryStatus.FAILED


def test_components_nobody_sets_up_stand_at_once(session, world, run_order):
    extra = make_sibling(session, world, "Contoso Extra", "2.50")
    bundle_product = make_bundle(session, world, "15.80", [(world.seats, 1), (extra, 1)])
    run_order(root_order(session, world, [Wanted(bundle_product, 2, "15.80")]))
    bundle, parts = by_role(session, world)
    assert (bundle.status, bundle.sync_status) == (ACTIVE, SyncStatus.NOT_REQUIRED)
    assert [(each.status, each.quantity) for each in parts] == [(ACTIVE, 2), (ACTIVE, 2)]


def test_an_execution_that_runs_twice_makes_no_second_component(session, world, vendor, run_order, office):
    placed = root_order(session, world, [Wanted(office, 1, "15.80")])
    run_order(placed)
    run_order(placed)
    assert len(by_role(session, world)[1]) == 2


def test_a_component_refuses_to_be_changed_alone(session, world, vendor, run_order, office):
    """CB-F28 (partly): the guard every change of a subscription passes names the bundle."""
    run_order(root_order(session, world, [Wanted(office, 1, "15.80")]))
    bundle, parts = by_role(session, world)
    with scope(world.scope), pytest.raises(PartOfBundle, match=bundle.code):
        require_not_component(parts[0])


def test_more_of_a_bundle_is_more_of_each_component_and_counts_once_all_have_confirmed(
    session, world, vendor, run_order, run_task, office
):
    """CB-11: a quantity change hits the whole bundle; the bundle's own quantity follows the last vendor."""
    run_order(root_order(session, world, [Wanted(office, 1, "15.80")]))
    for task in open_tasks(session, world):
        run_task(task)
    bundle, _ = by_role(session, world)
    run_order(root_order(session, world, [Wanted(office, 2, "15.80", columns={"subscription_id": bundle.id})]))
    first, second = open_tasks(session, world)
    assert [task.request["quantity"] for task in (first, second)] == [3, 6]
    run_task(first)
    assert by_role(session, world)[0].quantity == 1
    run_task(second)
    bundle, parts = by_role(session, world)
    assert (bundle.quantity, bundle.sync_status) == (3, SyncStatus.SYNCHRONISED)
    assert [each.quantity for each in parts] == [3, 6]
    with scope(world.scope):
        assert all_of(session, OrderItem)[-1].delivery_status is DeliveryStatus.DELIVERED
