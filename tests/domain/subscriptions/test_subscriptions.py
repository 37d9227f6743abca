from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.catalogue.models import BillingCycle, Term
from app.core.ids import new_id
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import (
    Asset,
    Subscription,
    SubscriptionCost,
    SubscriptionEvent,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.problems import find_problem
from app.subscriptions.queries import get_subscription, list_history
from app.subscriptions.services import (
    NewAsset,
    NewSubscription,
    Owner,
    activate,
    change_quantity,
    create_asset_for_item,
    create_for_item,
    mark_failed,
    mark_pending,
)
from tenants.context import scope
from tests.factories.execution import Wanted, alias_order, all_of
from tests.factories.world import MONDAY, MONDAY_NOON


@pytest.fixture
def new(session, world) -> NewSubscription:
    """What an order item of Tech Solutions' first customer asks for."""
    placed = alias_order(session, world, [Wanted(world.seats, 5)])
    return NewSubscription(
        owner=Owner(world.tech.customers[0].id, world.tech.id, world.tech.id, world.tech.id, bought_by_reseller=False),
        order_item_id=placed.items[0].id,
        product_id=world.seats.id,
        name="Contoso Mail",
        quantity=5,
        term=Term.P1Y,
        cycle=BillingCycle.MONTHLY,
        unit_price=Decimal("12.00"),
        currency="EUR",
        starts_on=MONDAY,
        sync_status=SyncStatus.PENDING,
        plan_edition=None,
        unit_cost=Decimal("10.00"),
        price_list_id=None,
        rule="default_markup",
        markup_percent=Decimal(20),
    )


def test_one_item_makes_one_subscription_however_often_it_is_asked(session, world, new):
    with scope(world.scope):
        first, second = create_for_item(new, at=MONDAY_NOON), create_for_item(new, at=MONDAY_NOON)
        assert first is second
        assert (len(all_of(session, Subscription)), len(all_of(session, SubscriptionCost))) == (1, 1)
        assert (first.status, first.renews_on) == (SubscriptionStatus.PENDING_ACTIVATION, date(2027, 3, 2))


def test_its_customer_sees_the_subscription_and_never_the_cost(session, world, new):
    with scope(world.scope):
        code = create_for_item(new, at=MONDAY_NOON).code
        activate(get_subscription(code).id, at=MONDAY_NOON, vendor_reference="resource-1")
        session.commit()
        session.expunge_all()
    with scope(world.tech.customer_scope()):
        assert get_subscription(code).unit_price == Decimal("12.00")
        assert all_of(session, SubscriptionCost) == all_of(session, SubscriptionVendorLink) == []
    with scope(world.tech.customer_scope(1)), pytest.raises(SubscriptionNotFound):
        get_subscription(code)
    with scope(world.cloudia.scope), pytest.raises(SubscriptionNotFound):
        get_subscription(code)


def test_activating_twice_changes_nothing_more(session, world, new):
    with scope(world.scope):
        made = create_for_item(new, at=MONDAY_NOON)
        for _ in range(2):
            activate(made.id, at=MONDAY_NOON, vendor_reference="resource-1")
            session.flush()
        assert (made.status, made.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
        assert [event.kind for event in list_history(made.id)] == ["purchase", "activated"]
        assert len(all_of(session, SubscriptionVendorLink)) == 1


def test_a_confirmed_quantity_stands_in_the_history(session, world, new):
    with scope(world.scope):
        made = create_for_item(new, at=MONDAY_NOON)
        mark_pending(made.id)
        change_quantity(made.id, 8, at=MONDAY_NOON)
        change_quantity(made.id, 8, at=MONDAY_NOON)
        session.flush()
        increases = [event for event in all_of(session, SubscriptionEvent) if event.kind == "increase"]
        assert [(event.quantity_change, event.quantity_after) for event in increases] == [(3, 8)]


def test_a_failure_keeps_the_vendors_message_cut_to_what_fits(session, world, new):
    with scope(world.scope):
        made = create_for_item(new, at=MONDAY_NOON)
        mark_failed(made.id, "x" * 900)
        assert (made.sync_status, len(find_problem(made.id) or "")) == (SyncStatus.FAILED, 500)
        assert made.status is SubscriptionStatus.PENDING_ACTIVATION


def test_one_item_makes_one_asset(session, world, new):
    with scope(world.scope):
        asked = NewAsset(new.owner, new.order_item_id, world.tool.id, "Fabrikam Tool", 2, Decimal(60), "EUR")
        create_asset_for_item(asked, at=MONDAY_NOON)
        create_asset_for_item(asked, at=MONDAY_NOON)
        (asset,) = all_of(session, Asset)
        assert (asset.code[:4], asset.quantity) == ("AST-", 2)


def test_what_does_not_exist_cannot_be_activated(world):
    with scope(world.scope), pytest.raises(SubscriptionNotFound):
        activate(new_id(), at=MONDAY_NOON)
