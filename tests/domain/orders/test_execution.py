from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.accounts.models import AccountStatus
from app.audit.services import SYSTEM, Actor
from app.billing.models import Charge, Invoice, InvoiceLine
from app.catalogue.models import BillingCycle, ProductKind, ProductPrice, ProductType, Term
from app.core.db import unit_of_work
from app.notifications.models import OutboundMail
from app.orders.errors import AlreadyDelivered, CreditInsufficient
from app.orders.execution import execute_order, process_work
from app.orders.expiry import expire_pending_orders
from app.orders.models import (
    Order,
    OrderEvent,
    OrderItemCost,
    OrderItemVendorCost,
    OrderStatus,
    OrderWork,
    WorkState,
)
from app.orders.partial import deliver_item
from app.pricing.models import PriceListEntry
from app.provisioning.models import ProvisioningTask, TaskKind, TaskStatus
from app.subscriptions.models import (
    Asset,
    AssetStatus,
    Subscription,
    SubscriptionCost,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from tenants.context import direct_customer_scope, scope
from tenants.settings import distributor_settings, save_distributor_settings
from tests.factories.execution import Placed, Wanted, alias_order, all_of, make_order, root_order, use_service_manager
from tests.factories.world import MONDAY_NOON

ONE_TIME = {"term": Term.NONE, "cycle": BillingCycle.ONE_TIME}


def process(world, placed: Placed):
    with scope(world.scope), unit_of_work():
        return process_work(placed.work.id, at=MONDAY_NOON)


def order_of(session, placed: Placed) -> Order:
    return session.get_one(Order, (placed.order.distributor_id, placed.id), populate_existing=True)


def set_cost(session, world, product, price: str) -> None:
    """Change what the world's price list asks for a product."""
    with scope(world.scope):
        entry = next(each for each in all_of(session, PriceListEntry) if each.product_id == product.id)
        entry.price = entry.value = Decimal(price)
        session.commit()


def limit_credit(session, world, account, limit: str) -> None:
    with scope(world.scope):
        session.merge(account).credit_limit = Decimal(limit)
        session.commit()


def test_an_order_makes_subscriptions_assets_tasks_and_one_invoice_and_a_second_run_nothing_more(session, world):
    """CB-F54: one subscription per recurring item, an asset per one-off item, one invoice; repeating adds nothing."""
    use_service_manager(session, world)
    placed = root_order(session, world, [Wanted(world.seats, 5, "10.00"), Wanted(world.tool, 2, "50.00", **ONE_TIME)])
    process(world, placed)
    with scope(world.scope):
        session.get_one(OrderWork, (world.id, placed.work.id)).state = WorkState.PENDING
        session.commit()
    process(world, placed)

    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
        (asset,) = all_of(session, Asset)
        (task,) = all_of(session, ProvisioningTask)
        (invoice,) = all_of(session, Invoice)
        order = order_of(session, placed)
        assert order.status is OrderStatus.EXECUTED
        assert (subscription.quantity, subscription.unit_price) == (5, Decimal("10.00"))
        assert subscription.status is SubscriptionStatus.PENDING_ACTIVATION
        assert subscription.sync_status is SyncStatus.PENDING
        assert subscription.code.startswith("SUB-")
        assert (asset.quantity, asset.status) == (2, AssetStatus.ACTIVE)
        assert (task.kind, task.status, task.subject_id) == (TaskKind.CREATE, TaskStatus.PENDING, subscription.id)
        assert (invoice.net_total, invoice.order_number) == (Decimal("150.00"), placed.number)
        assert invoice.number == "INV-2026-000001"


def test_a_service_without_service_manager_is_active_at_once(session, world):
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    process(world, placed)
    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
        assert subscription.status is SubscriptionStatus.ACTIVE
        assert subscription.sync_status is SyncStatus.NOT_REQUIRED
        assert all_of(session, ProvisioningTask) == []
        ready = [mail for mail in all_of(session, OutboundMail) if mail.template == "subscription_ready"]
        assert [mail.to_email for mail in ready] == [world.direct_buyer.email]


def test_approval_off_executes_without_the_reseller(session, world):
    """RS-F74, SF-F62: with approval off for a cash payer's customer the order becomes Executed at once."""
    placed = alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
    process(world, placed)
    with scope(world.tech.customer_scope()):
        assert order_of(session, placed).status is OrderStatus.EXECUTED
        (subscription,) = all_of(session, Subscription)
        assert subscription.unit_price == Decimal("12.00")


def test_the_distributor_invoices_the_reseller_at_cost_and_the_customer_has_no_invoice(session, world):
    """CB-F122: the customer pays 5 x 10.00 = 50.00, the reseller is invoiced 40.00, the customer has no invoice."""
    set_cost(session, world, world.seats, "8.00")
    placed = alias_order(session, world, [Wanted(world.seats, 5, "10.00")], status=OrderStatus.EXECUTING)
    process(world, placed)
    with scope(world.tech.scope):
        (invoice,) = all_of(session, Invoice)
        (line,) = all_of(session, InvoiceLine)
        assert (invoice.account_id, invoice.net_total) == (world.tech.id, Decimal("40.00"))
        assert (invoice.seller_name, invoice.buyer_name) == ("Nordwind Distribution", "Tech Solutions")
        assert line.end_customer_name == world.tech.customers[0].name
        assert (line.period_from, line.period_to) == (date(2026, 3, 2), date(2026, 4, 1))
        (cost,) = all_of(session, OrderItemCost)
        assert (cost.unit_cost, cost.line_cost) == (Decimal("8.0000"), Decimal("40.00"))
    with scope(world.tech.customer_scope()):
        assert order_of(session, placed).net_total == Decimal("50.00")
        assert all_of(session, Invoice) == all_of(session, InvoiceLine) == all_of(session, Charge) == []
        assert all_of(session, OrderItemCost) == all_of(session, OrderItemVendorCost) == []
    with scope(world.scope):
        (vendor_cost,) = all_of(session, OrderItemVendorCost)
        assert vendor_cost.unit_vendor_cost == Decimal("8.00")


def test_an_order_above_the_available_credit_is_stored_and_not_executed(session, world):
    """CB-F61, SF-F56: above the available credit nothing is made, the order stays, and the no-credit mails go out."""
    limit_credit(session, world, world.direct, "530.00")
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), account_manager_email="manager@nordwind.example"))
        session.commit()
    placed = root_order(session, world, [Wanted(world.seats, 62, "10.00")])
    process(world, placed)
    with scope(world.scope):
        assert order_of(session, placed).status is OrderStatus.SUBMITTED
        assert all_of(session, Subscription) == all_of(session, Invoice) == all_of(session, Charge) == []
        mails = [mail for mail in all_of(session, OutboundMail) if mail.template == "no_available_credit"]
        assert {mail.to_email for mail in mails} == {world.direct_buyer.email, "manager@nordwind.example"}
        assert mails[0].fields["available"] == "€530.00"
        assert mails[0].fields["total"] == "€620.00"


def test_under_an_alias_a_credit_shortage_shows_as_pending_approval_only(session, world):
    """CB-F61, SF-F56: the reseller's Admins get the mail, the customer sees Pending Reseller Approval and no reason."""
    limit_credit(session, world, world.tech.account, "40.00")
    placed = alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
    process(world, placed)
    with scope(world.tech.customer_scope()):
        assert order_of(session, placed).status is OrderStatus.PENDING_RESELLER_APPROVAL
        assert all_of(session, Subscription) == []
        assert "credit" not in " ".join(event.text for event in all_of(session, OrderEvent)).lower()
    with scope(world.scope):
        mails = [mail for mail in all_of(session, OutboundMail) if mail.template == "no_available_credit"]
        assert [mail.to_email for mail in mails] == [world.tech.admin.email]
        assert all_of(session, Invoice) == []


def test_an_order_equal_to_the_available_credit_is_executed(session, world):
    """CB-F62: equal passes, tax included."""
    with scope(world.scope):
        save_distributor_settings(replace(distributor_settings(), tax_percent="24"))
        session.commit()
    limit_credit(session, world, world.direct, "62.00")
    placed = root_order(session, world, [Wanted(world.seats, 5, "10.00")])
    process(world, placed)
    with scope(world.scope):
        assert order_of(session, placed).status is OrderStatus.EXECUTED
        (invoice,) = all_of(session, Invoice)
        assert (invoice.tax_total, invoice.total) == (Decimal("12.00"), Decimal("62.00"))
        later = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    process(world, later)
    with scope(world.scope):
        assert order_of(session, later).status is OrderStatus.SUBMITTED


def test_an_order_with_a_non_automatic_product_is_in_progress_until_each_item_is_delivered(session, world):
    """SF-F64: In Progress until activation is recorded; charging and the invoice start with delivery (CB-21)."""
    with scope(world.scope):
        by_hand = ProductType(
            name="Migration service",
            kind=ProductKind.SUBSCRIPTION,
            non_automatic=True,
            created_at=MONDAY_NOON,
            service_manager_id=use_service_manager(session, world, kind="manual").id,
        )
        session.add(by_hand)
        session.flush()
        session.merge(world.suite).product_type_id = by_hand.id
        session.commit()
    placed = root_order(
        session, world, [Wanted(world.suite, 1, "20.00", term=Term.P1Y), Wanted(world.seats, 2, "10.00")]
    )
    process(world, placed)
    with scope(world.scope):
        assert order_of(session, placed).status is OrderStatus.IN_PROGRESS
        assert all_of(session, Subscription) == all_of(session, Invoice) == all_of(session, Charge) == []
        first, second = placed.items
        with unit_of_work():
            deliver_item(placed.number, first.id, actor=SYSTEM, at=MONDAY_NOON, vendor_reference="M-1")
        assert order_of(session, placed).status is OrderStatus.PARTIALLY_EXECUTED
        (subscription,) = all_of(session, Subscription)
        assert subscription.status is SubscriptionStatus.ACTIVE
        assert [link.vendor_reference for link in all_of(session, SubscriptionVendorLink)] == ["M-1"]
        assert all_of(session, ProvisioningTask) == []
        assert [paper.order_number for paper in all_of(session, Invoice)] == [f"{placed.number}-1"]
        with pytest.raises(AlreadyDelivered), unit_of_work():
            deliver_item(placed.number, first.id, actor=SYSTEM, at=MONDAY_NOON)
        with unit_of_work():
            deliver_item(placed.number, second.id, actor=SYSTEM, at=MONDAY_NOON)
        order = order_of(session, placed)
        assert order.status is OrderStatus.EXECUTED
        assert len(all_of(session, ProvisioningTask)) == 1
        assert [paper.net_total for paper in all_of(session, Invoice)] == [Decimal("20.00"), Decimal("20.00")]


def test_a_new_price_list_changes_the_next_order_and_no_live_subscription(session, world):
    """RS-F7 (order side): the next order costs the new price, the running subscription keeps its own."""
    first = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    process(world, first)
    set_cost(session, world, world.seats, "9.00")
    second = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    process(world, second)
    with scope(world.scope):
        costs = [cost.unit_cost for cost in all_of(session, SubscriptionCost)]
        assert costs == [Decimal("10.0000"), Decimal("9.0000")]


def test_a_product_no_longer_sold_leaves_the_order_waiting_and_says_so_to_staff(session, world):
    with scope(world.scope):
        for price in all_of(session, ProductPrice):
            if price.product_id == world.seats.id:
                price.is_withdrawn = True
        session.commit()
    placed = root_order(session, world, [Wanted(world.seats, 1, "10.00")])
    process(world, placed)
    with scope(world.scope):
        assert order_of(session, placed).status is OrderStatus.SUBMITTED
        assert "no longer available" in (session.get_one(OrderWork, (world.id, placed.work.id)).message or "")
        assert all_of(session, Subscription) == []


def test_what_a_reseller_buys_for_its_customer_shows_no_price_to_it(session, world):
    customer = world.tech.customers[0]
    placed = make_order(
        session, world, customer, world.tech.admin, [Wanted(world.seats, 1, "10.00")],
        payer=world.tech.account, placed_by_reseller=True,
    )  # fmt: skip
    process(world, placed)
    with scope(world.tech.customer_scope()):
        (subscription,) = all_of(session, Subscription)
        assert (subscription.unit_price, subscription.bought_by_reseller) == (None, True)


def test_more_licences_count_once_the_vendor_has_confirmed(session, world):
    use_service_manager(session, world)
    first = root_order(session, world, [Wanted(world.seats, 5, "10.00")])
    process(world, first)
    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
    more = root_order(session, world, [Wanted(world.seats, 3, "10.00", columns={"subscription_id": subscription.id})])
    process(world, more)
    with scope(world.scope):
        (subscription,) = all_of(session, Subscription)
        assert subscription.quantity == 5
        _create, update = all_of(session, ProvisioningTask)
        assert (update.kind, update.sequence, update.request["quantity"]) == (TaskKind.UPDATE, 2, 8)
        assert len(all_of(session, Invoice)) == 2
        assert order_of(session, more).status is OrderStatus.EXECUTED


def test_a_buyer_starts_its_order_again_once_the_credit_covers_it(session, world):
    limit_credit(session, world, world.direct, "40.00")
    placed = root_order(session, world, [Wanted(world.seats, 5, "10.00")])
    process(world, placed)
    own = direct_customer_scope(world.id, world.direct.id)
    buyer = Actor(world.direct_buyer.id, "Dora")
    with scope(own), pytest.raises(CreditInsufficient), unit_of_work():
        execute_order(placed.number, actor=buyer, at=MONDAY_NOON)
    with scope(own):
        assert order_of(session, placed).status is OrderStatus.SUBMITTED
    limit_credit(session, world, world.direct, "50.00")
    with scope(own), unit_of_work():
        execute_order(placed.number, actor=buyer, at=MONDAY_NOON)
    with scope(world.scope):
        (work,) = [each for each in all_of(session, OrderWork) if each.state is WorkState.PENDING]
        with unit_of_work():
            process_work(work.id, at=MONDAY_NOON)
        assert order_of(session, placed).status is OrderStatus.EXECUTED


def test_a_suspended_account_has_nothing_executed(session, world):
    with scope(world.scope):
        session.merge(world.tech.customers[0]).status = AccountStatus.SUSPENDED
        session.commit()
    placed = alias_order(session, world, [Wanted(world.seats, 5)], status=OrderStatus.EXECUTING)
    process(world, placed)
    with scope(world.scope):
        assert order_of(session, placed).status is OrderStatus.PENDING_RESELLER_APPROVAL
        assert all_of(session, Subscription) == all_of(session, Invoice) == []


def test_an_order_nobody_decided_on_is_canceled_after_30_days_and_its_buyer_told(session, world):
    placed = alias_order(session, world, [Wanted(world.seats, 5)])
    with scope(world.scope):
        with unit_of_work():
            assert expire_pending_orders(at=MONDAY_NOON + timedelta(days=29)) == 0
        assert order_of(session, placed).status is OrderStatus.PENDING_RESELLER_APPROVAL
        for expected in (1, 0):
            with unit_of_work():
                assert expire_pending_orders(at=MONDAY_NOON + timedelta(days=30)) == expected
        assert order_of(session, placed).status is OrderStatus.CANCELED
        declined = [mail for mail in all_of(session, OutboundMail) if mail.template == "order_declined"]
        assert [mail.to_email for mail in declined] == [world.tech.buyers[0].email]
