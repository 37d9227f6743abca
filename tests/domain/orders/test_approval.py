from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from app.accounts.models import PaymentMethod
from app.audit.models import AuditEvent
from app.audit.services import Actor
from app.billing.models import Invoice
from app.catalogue.models import BillingCycle, ProductPrice, Term
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.notifications.models import OutboundMail
from app.orders.approval import approve_order, approve_orders, reject_order
from app.orders.errors import (
    AlreadyDecided,
    CardTokenMissing,
    CreditInsufficient,
    NoLongerOffered,
    OrderNotFound,
    SellBelowCost,
    StorefrontNotOpen,
)
from app.orders.execution import process_work
from app.orders.models import DeliveryStatus, Order, OrderEvent, OrderItem, OrderStatus, OrderWork, WorkState
from app.subscriptions.models import Subscription
from tenants.context import scope
from tenants.models import StorefrontState
from tests.factories.execution import Placed, Wanted, alias_order, all_of
from tests.factories.world import MONDAY_NOON


@pytest.fixture
def approver(world) -> Actor:
    admin = world.tech.admin
    return Actor(admin.id, admin.full_name, reseller_id=world.tech.id)


@pytest.fixture
def placed(session, world) -> Placed:
    return alias_order(session, world, [Wanted(world.seats, 5)])


def status_of(session, placed: Placed) -> OrderStatus:
    return session.get_one(Order, (placed.order.distributor_id, placed.id), populate_existing=True).status


def process_all(session, world) -> None:
    with scope(world.scope):
        waiting = [work.id for work in all_of(session, OrderWork) if work.state is WorkState.PENDING]
        for work_id in waiting:
            with unit_of_work():
                process_work(work_id, at=MONDAY_NOON)


def templates(session, world) -> list[str]:
    with scope(world.scope):
        return sorted(mail.template for mail in all_of(session, OutboundMail))


def test_approve_leads_to_an_executed_order_and_a_subscription(session, world, placed, approver):
    """RS-F73, CB-F59: Pending Reseller Approval, then approve: Executed, a subscription, and a mail to the customer."""
    process_all(session, world)
    assert templates(session, world) == ["order_awaits_approval"]
    with scope(world.tech.scope), unit_of_work():
        order = approve_order(placed.number, approver=approver, at=MONDAY_NOON)
        assert order.status is OrderStatus.EXECUTING
    with scope(world.tech.scope):
        assert all_of(session, Subscription) == []
    process_all(session, world)
    with scope(world.tech.customer_scope()):
        assert status_of(session, placed) is OrderStatus.EXECUTED
        assert len(all_of(session, Subscription)) == 1
    with scope(world.scope):
        (mail,) = [mail for mail in all_of(session, OutboundMail) if mail.template == "order_approved"]
        assert mail.to_email == world.tech.buyers[0].email
        assert mail.sender_reseller_id == world.tech.id
        assert mail.fields["order_url"].endswith(f"/techsolutions/orders/{placed.number}")
        (audit,) = [event for event in all_of(session, AuditEvent) if event.action == "order.approved"]
        assert audit.actor_id == world.tech.admin.id


def test_reject_cancels_with_a_reason_the_customer_reads(session, world, placed, approver):
    """RS-F73, CB-F59: reject: Canceled, the reason visible to the customer, in the order and in a mail."""
    with scope(world.tech.scope), unit_of_work():
        reject_order(placed.number, "  Over this year's budget {sorry} ", approver=approver, at=MONDAY_NOON)
    process_all(session, world)
    with scope(world.tech.customer_scope()):
        order = session.get_one(Order, (world.id, placed.id), populate_existing=True)
        assert (order.status, order.decision_reason) == (OrderStatus.CANCELED, "Over this year's budget {sorry}")
        assert "Over this year's budget {sorry}" in all_of(session, OrderEvent)[-1].text
        assert [item.delivery_status for item in all_of(session, OrderItem)] == [DeliveryStatus.CANCELED]
        assert all_of(session, Subscription) == []
    with scope(world.scope):
        (mail,) = [mail for mail in all_of(session, OutboundMail) if mail.template == "order_declined"]
        assert (mail.to_email, mail.fields["reason"]) == (world.tech.buyers[0].email, "Over this year's budget {sorry}")


@pytest.mark.parametrize("reason", ["", "  no  "[:3], "x" * 501])
def test_a_rejection_needs_a_reason_of_3_to_500_characters(session, world, placed, approver, reason):
    with scope(world.tech.scope), pytest.raises(Invalid) as refused, unit_of_work():
        reject_order(placed.number, reason, approver=approver, at=MONDAY_NOON)
    assert refused.value.codes == ("length",)
    with scope(world.tech.scope):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL


def test_over_the_credit_limit_approval_is_refused_and_the_order_stays_pending(session, world, placed, approver):
    """RS-F77: refused with the missing amount; the order stays pending and the customer reads nothing about it."""
    with scope(world.scope):
        session.merge(world.tech.account).credit_limit = Decimal("40.00")
        session.commit()
    with scope(world.tech.scope), pytest.raises(CreditInsufficient) as refused, unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    assert (refused.value.code, refused.value.missing) == ("credit_insufficient", Decimal("10.00"))
    with scope(world.tech.customer_scope()):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL
        assert all_of(session, OrderEvent) == []
    with scope(world.scope):
        assert len(all_of(session, OrderWork)) == 1
        assert all_of(session, Invoice) == []


def test_credit_lost_between_approval_and_execution_returns_the_order_to_pending(session, world, placed, approver):
    """RS-F77 (partly): the final word on credit is the job's; no "approved" mail was sent by then."""
    with scope(world.tech.scope), unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    with scope(world.scope):
        session.merge(world.tech.account).credit_limit = Decimal("40.00")
        session.commit()
    process_all(session, world)
    with scope(world.tech.customer_scope()):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL
    assert "order_approved" not in templates(session, world)
    with scope(world.scope):
        assert all_of(session, Invoice) == all_of(session, Subscription) == []


def test_the_second_decision_is_told_that_the_order_was_decided(session, world, placed, approver):
    with scope(world.tech.scope), unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    with scope(world.tech.scope):
        for decide in (
            lambda: approve_order(placed.number, approver=approver, at=MONDAY_NOON),
            lambda: reject_order(placed.number, "Too late", approver=approver, at=MONDAY_NOON),
        ):
            with pytest.raises(AlreadyDecided) as refused, unit_of_work():
                decide()
            assert refused.value.code == "already_decided"
        assert status_of(session, placed) is OrderStatus.EXECUTING


def test_selling_below_cost_needs_an_explicit_confirmation(session, world, approver):
    placed = alias_order(session, world, [Wanted(world.seats, 5, "9.00")])
    with scope(world.tech.scope), pytest.raises(SellBelowCost), unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    with scope(world.tech.scope):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL
        with unit_of_work():
            approve_order(placed.number, approver=approver, at=MONDAY_NOON, confirm_below_cost=True)
    process_all(session, world)
    with scope(world.tech.scope):
        order = session.get_one(Order, (world.id, placed.id), populate_existing=True)
        assert (order.status, order.net_total) == (OrderStatus.EXECUTED, Decimal("45.00"))


def test_a_product_withdrawn_meanwhile_cannot_be_approved(session, world, placed, approver):
    with scope(world.scope):
        for price in all_of(session, ProductPrice):
            price.is_withdrawn = True
        session.commit()
    with scope(world.tech.scope), pytest.raises(NoLongerOffered), unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    with scope(world.tech.scope):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL


def test_orders_of_a_closed_storefront_cannot_be_approved(session, world, placed, approver):
    with scope(world.scope):
        session.merge(world.tech.storefront).state = StorefrontState.CLOSED
        session.commit()
    with scope(world.tech.scope), pytest.raises(StorefrontNotOpen), unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    with scope(world.tech.scope):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL


def test_a_card_payer_without_a_card_cannot_approve(session, world, placed, approver):
    """RS-F76: a card reseller without token is refused, the order stays pending."""
    with scope(world.scope):
        session.merge(world.tech.account).payment_method = PaymentMethod.CARD
        session.commit()
    with scope(world.tech.scope), pytest.raises(CardTokenMissing), unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    with scope(world.tech.scope):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL


def test_another_resellers_order_does_not_exist_for_us(session, world, placed, approver):
    session.expunge_all()
    with scope(world.cloudia.scope), pytest.raises(OrderNotFound), unit_of_work():
        approve_order(placed.number, approver=approver, at=MONDAY_NOON)
    with scope(world.tech.scope):
        assert status_of(session, placed) is OrderStatus.PENDING_RESELLER_APPROVAL


def test_one_refused_order_does_not_hold_up_the_others_of_a_bulk_approval(session, world, placed, approver):
    below = alias_order(session, world, [Wanted(world.seats, 5, "9.00")])
    later = alias_order(
        session, world, [Wanted(world.tool, 1, "70.00", term=Term.NONE, cycle=BillingCycle.ONE_TIME)], customer=1
    )
    with scope(world.tech.scope), unit_of_work():
        decisions = approve_orders(
            [placed.number, below.number, later.number], approver=approver, at=MONDAY_NOON + timedelta(hours=1)
        )
    assert [type(each.refusal) for each in decisions] == [type(None), SellBelowCost, type(None)]
    with scope(world.tech.scope):
        assert status_of(session, below) is OrderStatus.PENDING_RESELLER_APPROVAL
        assert status_of(session, later) is OrderStatus.EXECUTING


def test_at_most_50_orders_are_approved_at_once(session, world, approver):
    with scope(world.tech.scope), pytest.raises(Invalid) as refused:
        approve_orders([f"SO-{n}" for n in range(51)], approver=approver, at=MONDAY_NOON)
    assert refused.value.codes == ("too_many",)
