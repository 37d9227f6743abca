"""Delivering a part of an order: a sub-order of its own, executed and invoiced by itself (CB-20, CB-21).

The order keeps the rest and is Partially Executed until that is delivered too: the rest is executed in the order itself,
so a sub-order is only made where something is left. Charging starts with the delivery.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select

from app.accounts.queries import get_account_for_update
from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.delivered_fields import keep_fields
from app.orders.errors import AlreadyDelivered, OrderItemNotFound, WrongOrderState
from app.orders.execution import finish, require_credit, require_executable, require_offered
from app.orders.execution_costs import costs_by_item, order_cost, setup_fees_of, write_costs
from app.orders.execution_events import add_event
from app.orders.execution_items import Execution, start_item
from app.orders.execution_rows import Line, catch_up_running, lines_of, lock_order_by_number, parties_of
from app.orders.machine import Move, advance, at_first
from app.orders.models import DeliveryStatus, Order, OrderItem, OrderStatus
from app.orders.statuses import tell_status
from app.pricing.promotions.services import count_redemptions
from app.provisioning.services import nudge_tasks
from tenants.context import current_scope
from tenants.days import distributors_day

DELIVERABLE = frozenset({OrderStatus.SUBMITTED, OrderStatus.IN_PROGRESS, OrderStatus.PARTIALLY_EXECUTED})
PART = "A part of the order is delivered: {names}."


@dataclass(frozen=True, slots=True)
class Delivery:
    """What staff delivers of an order. `vendor_reference`: what people call the service at its vendor.

    `fields` are what custom fields of what each item makes hold, by field (CB-21).
    """

    number: str
    item_ids: frozenset[UUID]
    vendor_reference: str | None = None
    fields: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubOrder:
    """A part of an order that was delivered."""

    number: str
    status: OrderStatus


def deliver_item(
    number: str, item_id: UUID, *, actor: Actor, at: datetime, vendor_reference: str | None = None
) -> Order:
    """Deliver one item; see `deliver_items`."""
    return deliver_items(Delivery(number, frozenset({item_id}), vendor_reference), actor=actor, at=at)


def deliver_rest(number: str, *, actor: Actor, at: datetime) -> Order:
    """Deliver all that is left of an order; see `deliver_items`."""
    order = lock_order_by_number(number)
    ids = frozenset(item.id for item in _items(order) if item.delivery_status is DeliveryStatus.PENDING)
    return deliver_items(Delivery(number, ids), actor=actor, at=at)


def deliver_items(wanted: Delivery, *, actor: Actor, at: datetime) -> Order:
    """Record that people delivered items, or start automatic ones; returns the order they were executed in.

    Raises OrderNotFound, WrongOrderState, OrderItemNotFound, AlreadyDelivered, Invalid `required`, what execution
    refuses (CreditInsufficient, NoLongerOffered, AccountNotActive), and Invalid `value` at a custom field. Nothing is
    made then. Needs the distributor's scope.
    """
    order = lock_order_by_number(wanted.number)
    if order.status not in DELIVERABLE:
        raise WrongOrderState(order.number, order.status)
    if not wanted.item_ids:
        raise Invalid.field("items", "required", "Tick the items to deliver")
    chosen, rest = _chosen(order, wanted.item_ids)
    if order.status is OrderStatus.SUBMITTED:  # its first delivery; one In Progress was counted when it was taken up
        count_redemptions({each.item.promotion_id for each in (*chosen, *rest) if each.item.promotion_id is not None})
    parties = parties_of(order)
    get_account_for_update(parties.payer.id)
    require_executable(order, chosen, parties)
    starts_on = order.starts_on or distributors_day(at)
    catch_up_running(chosen, at=at)
    cost = order_cost(chosen, parties.payer, on=distributors_day(at))
    require_offered(order, cost)
    require_credit(order, parties.payer, cost)
    write_costs(chosen, parties, cost, {})
    target = _sub_order(order, chosen, at=at) if rest else order
    run = Execution(target, parties, starts_on, at, wanted.vendor_reference, setup_fees_of(cost))
    costs = costs_by_item(chosen)
    tasks = [start_item(run, line, costs[line.item.id]) for line in chosen]
    nudge_tasks([task for task in tasks if task is not None])
    for line in chosen:
        keep_fields(line, wanted.fields, actor=actor, at=at)
    if target is not order:
        advance(order, Move.DELIVER_PART)
        tell_status(order, at=at)
        names = ", ".join(line.item.product_name for line in chosen)
        add_event(order, "part_delivered", PART.format(names=names), at=at)
    has_failed = any(line.item.delivery_status is DeliveryStatus.FAILED for line in chosen)
    finish(run, chosen, Move.FAIL_PART if has_failed else Move.FINISH)
    record("order.items_delivered", actor=actor, at=at, target_kind="order", target_id=order.id,
           after={"in": target.number, "items": ", ".join(str(line.item.id) for line in chosen)})  # fmt: skip
    session.flush()
    return target


def sub_orders_of(order_id: UUID) -> Sequence[SubOrder]:
    """Return what was delivered of an order, oldest first."""
    here = current_scope().distributor_id
    rows = session.execute(
        select(Order.number, Order.status)
        .where(Order.distributor_id == here, Order.parent_id == order_id)
        .order_by(Order.id)
    )
    return [SubOrder(row.number, row.status) for row in rows]


def _chosen(order: Order, item_ids: Collection[UUID]) -> tuple[list[Line], list[Line]]:
    """Return the lines to deliver and those that are left; an add-on goes with or after its parent (CB-20)."""
    lines = lines_of(order)
    known = {line.item.id: line for line in lines}
    moved = _moved(order, set(item_ids) - known.keys())
    for item_id in item_ids:
        if item_id in moved:
            raise AlreadyDelivered(item_id, moved[item_id].delivery_status)
        if item_id not in known:
            raise OrderItemNotFound(item_id)
        status = known[item_id].item.delivery_status
        if status is not DeliveryStatus.PENDING:
            raise AlreadyDelivered(item_id, status)
    chosen = [line for line in lines if line.item.id in item_ids]
    rest = [line for line in lines if line.item.id not in item_ids]
    waiting = {line.item.id for line in rest if line.item.delivery_status is DeliveryStatus.PENDING}
    for line in chosen:
        if line.item.parent_item_id in waiting:
            raise Invalid.field(
                "items", "parent_first", f"{line.item.product_name} is delivered with what it is added to, or later"
            )
    return chosen, [line for line in rest if line.item.id in waiting]


def _moved(order: Order, item_ids: Collection[UUID]) -> dict[UUID, OrderItem]:
    """Return those of the items that were delivered in a sub-order before."""
    if not item_ids:
        return {}
    found = session.scalars(
        select(OrderItem)
        .join(Order, (Order.distributor_id == OrderItem.distributor_id) & (Order.id == OrderItem.order_id))
        .where(
            OrderItem.distributor_id == order.distributor_id, Order.parent_id == order.id, OrderItem.id.in_(item_ids)
        )
    )
    return {item.id: item for item in found}


def _sub_order(order: Order, chosen: Sequence[Line], *, at: datetime) -> Order:
    """Make the sub-order and give it the items."""
    total = sum((line.item.line_total for line in chosen), Decimal(0))
    parts = session.scalar(
        select(func.count()).where(Order.distributor_id == order.distributor_id, Order.parent_id == order.id)
    )
    part = Order(
        id=new_id(),
        reseller_id=order.reseller_id,
        account_id=order.account_id,
        parent_id=order.id,
        number=f"{order.number}-{(parts or 0) + 1}",
        name=order.name,
        status=at_first(Move.RECORD),
        channel=order.channel,
        storefront_id=order.storefront_id,
        payer_id=order.payer_id,
        net_total=total,
        currency=order.currency,
        contact_email=order.contact_email,
        placed_by_id=order.placed_by_id,
        api_client_id=order.api_client_id,
        api_client_name=order.api_client_name,
        placed_by_reseller=order.placed_by_reseller,
        placed_at=order.placed_at,
        delivery_changed_at=at,
        po_number=order.po_number,
        offer_id=order.offer_id,
    )
    session.add(part)
    session.flush()
    for line in chosen:
        line.item.order_id = part.id
    session.flush()
    return part


def _items(order: Order) -> Sequence[OrderItem]:
    return [line.item for line in lines_of(order)]
