"""Reads of orders for a reseller's staff: what the customer pays beside what the reseller pays (RS-24, RS-25).

Never for customers. Costs of executed orders stand in side rows; those of pending ones are found by today's price lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.accounts.queries import get_account
from app.catalogue.models import Product, ProductType
from app.core.db import session
from app.identity.models import User
from app.orders.execution_costs import OrderCost, order_cost, sold_below_cost
from app.orders.execution_rows import Line
from app.orders.models import Order, OrderEvent, OrderItem, OrderItemCost, OrderStatus
from tenants.context import current_scope
from tenants.days import distributors_day

SHORTEST_SEARCH = 2
PART = aliased(Order)  # an order itself, or one of its sub-orders


@dataclass(frozen=True, slots=True)
class StaffFilter:
    """What to list. Drafts never appear; a search looks into number, customer and PO number."""

    search: str = ""
    status: OrderStatus | None = None
    account_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StaffOrder:
    """An order with both sides of it, net. `cost_total` None: not known yet, or a product is no longer sold."""

    order: Order
    customer_name: str
    placed_by: str
    sell_total: Decimal
    cost_total: Decimal | None

    @property
    def margin(self) -> Decimal | None:
        """What is left to the reseller; None for its own orders, and where the cost is not known."""
        if self.cost_total is None or self.order.account_id == self.order.payer_id or self.order.placed_by_reseller:
            return None
        return self.sell_total - self.cost_total

    @property
    def margin_percent(self) -> Decimal | None:
        """The margin's share of the sell price, one decimal."""
        if self.margin is None or not self.sell_total:
            return None
        return (self.margin / self.sell_total * 100).quantize(Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order that waits for the reseller's decision, with today's cost."""

    row: StaffOrder
    lines: tuple[str, ...]  # "10 x Contoso Mail"
    below_cost: tuple[str, ...]  # products whose sell price no longer covers their cost
    missing: tuple[str, ...]  # products that are no longer sold to the reseller


@dataclass(frozen=True, slots=True)
class StaffItem:
    """A line of an order with its cost; None where it is not known."""

    item: OrderItem
    unit_cost: Decimal | None
    line_cost: Decimal | None


def list_staff_orders(
    reseller_id: UUID, wanted: StaffFilter, *, at: datetime, limit: int | None, offset: int = 0
) -> Sequence[StaffOrder]:
    """Return one page of a reseller's and its customers' orders, the newest first."""
    statement = _listed(reseller_id, wanted).order_by(Order.placed_at.desc(), Order.id.desc()).offset(offset)
    if limit is not None:
        statement = statement.limit(limit)
    rows = session.execute(statement).all()
    today = _todays_costs([row[0] for row in rows if row[0].status is OrderStatus.PENDING_RESELLER_APPROVAL], at=at)
    return [_staff_order(row, today) for row in rows]


def count_staff_orders(reseller_id: UUID, wanted: StaffFilter) -> int:
    """Return how many orders the filter finds."""
    return session.scalar(select(func.count()).select_from(_listed(reseller_id, wanted).subquery())) or 0


def list_pending_orders(reseller_id: UUID, *, at: datetime, limit: int, offset: int = 0) -> Sequence[PendingOrder]:
    """Return orders that wait for the reseller, the oldest first; a bounded number of statements whatever the page."""
    wanted = StaffFilter(status=OrderStatus.PENDING_RESELLER_APPROVAL)
    rows = session.execute(
        _listed(reseller_id, wanted).order_by(Order.placed_at, Order.id).limit(limit).offset(offset)
    ).all()
    orders = [row[0] for row in rows]
    lines = _lines_of(orders)
    today = _costs(lines, orders, at=at)
    return [_pending(_staff_order(row, today), lines[row[0].id], today[row[0].id]) for row in rows]


def get_staff_order(reseller_id: UUID, number: str, *, at: datetime) -> PendingOrder | None:
    """Return one order of the reseller's with costs and warnings, or None where it is out of reach."""
    statement = _listed(reseller_id, StaffFilter()).where(Order.number == number)
    row = session.execute(statement).one_or_none()
    if row is None:
        return None
    lines = _lines_of([row[0]])
    is_pending = row[0].status is OrderStatus.PENDING_RESELLER_APPROVAL
    today = _costs(lines, [row[0]], at=at) if is_pending else {}
    cost = today.get(row[0].id) or OrderCost({}, (), Decimal(0), Decimal(0))
    return _pending(_staff_order(row, today), lines[row[0].id], cost)


def staff_items(order: Order, *, at: datetime) -> Sequence[StaffItem]:
    """Return the lines of an order with their costs: today's while it is pending, then those of its execution."""
    lines = _lines_of([order])[order.id]
    if order.status is OrderStatus.PENDING_RESELLER_APPROVAL:
        cost = _costs({order.id: lines}, [order], at=at)[order.id]
        found = {key: (each.unit_cost, each.line_cost) for key, each in cost.by_item.items()}
    else:
        rows = session.execute(
            select(OrderItemCost.item_id, OrderItemCost.unit_cost, OrderItemCost.line_cost).where(
                OrderItemCost.distributor_id == order.distributor_id,
                OrderItemCost.item_id.in_([line.item.id for line in lines]),
            )
        )
        found = {item_id: (unit, total) for item_id, unit, total in rows}
    return [StaffItem(line.item, *found.get(line.item.id, (None, None))) for line in lines]


def order_history(account_id: UUID, *, limit: int) -> Sequence[tuple[OrderEvent, str]]:
    """Return what happened to an account's orders with their numbers, the newest first."""
    rows = session.execute(
        select(OrderEvent, Order.number)
        .join(Order, (Order.distributor_id == OrderEvent.distributor_id) & (Order.id == OrderEvent.order_id))
        .where(OrderEvent.distributor_id == current_scope().distributor_id, Order.account_id == account_id)
        .order_by(OrderEvent.at.desc(), OrderEvent.id.desc())
        .limit(limit)
    )
    return [(event, number) for event, number in rows]


def orders_per_month(reseller_id: UUID, *, since: date, zone: str) -> dict[date, int]:
    """Return how many orders of a reseller's customers were placed in each month since a day; empty months are missing."""
    month = func.date(func.date_trunc("month", func.timezone(zone, Order.placed_at)))
    rows = session.execute(
        select(month, func.count())
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.reseller_id == reseller_id,
            Order.account_id != reseller_id,
            Order.status.not_in((OrderStatus.DRAFT, OrderStatus.CANCELED)),
            Order.parent_id.is_(None),
            func.timezone(zone, Order.placed_at) >= since,
        )
        .group_by(month)
    )
    return {row[0]: row[1] for row in rows}


def _listed(reseller_id: UUID, wanted: StaffFilter) -> Any:
    cost = (
        select(func.sum(OrderItemCost.line_cost))
        .join(
            OrderItem,
            (OrderItem.distributor_id == OrderItemCost.distributor_id) & (OrderItem.id == OrderItemCost.item_id),
        )
        .join(PART, (PART.distributor_id == OrderItem.distributor_id) & (PART.id == OrderItem.order_id))
        .where(PART.distributor_id == Order.distributor_id, (PART.id == Order.id) | (PART.parent_id == Order.id))
        .correlate(Order)
        .scalar_subquery()
    )
    statement: Any = (
        select(Order, Account.name, User.first_name, User.last_name, cost.label("cost"))
        .join(Account, (Account.distributor_id == Order.distributor_id) & (Account.id == Order.account_id))
        .outerjoin(User, (User.distributor_id == Order.distributor_id) & (User.id == Order.placed_by_id))
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.reseller_id == reseller_id,
            Order.status != OrderStatus.DRAFT,
            Order.parent_id.is_(None),  # sub-orders are told of in the order
        )
    )
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        searched = (Order.number, Account.name, Order.po_number)
        statement = statement.where(or_(*(func.lower(column).contains(text, autoescape=True) for column in searched)))
    if wanted.status is not None:
        statement = statement.where(Order.status == wanted.status)
    if wanted.account_id is not None:
        statement = statement.where(Order.account_id == wanted.account_id)
    return statement


def _staff_order(row: Any, today: dict[UUID, OrderCost]) -> StaffOrder:
    order, customer_name, first_name, last_name, cost = row
    now = today.get(order.id)
    if now is not None:
        cost = None if now.missing else now.net_total
    placed_by = order.api_client_name or f"{first_name or ''} {last_name or ''}".strip()
    return StaffOrder(order, customer_name, placed_by, order.net_total, cost)


def _pending(row: StaffOrder, lines: Sequence[Line], cost: OrderCost) -> PendingOrder:
    return PendingOrder(
        row,
        tuple(f"{line.item.quantity} x {line.item.product_name}" for line in lines),
        sold_below_cost(lines, cost),
        tuple(item.product_name for item in cost.missing),
    )


def _lines_of(orders: Iterable[Order]) -> dict[UUID, list[Line]]:
    """Return the lines of several orders, with those of their sub-orders, in one statement."""
    found: dict[UUID, list[Line]] = {order.id: [] for order in orders}
    if not found:
        return found
    rows = session.execute(
        select(OrderItem, Product, ProductType, PART.parent_id)
        .join(PART, (PART.distributor_id == OrderItem.distributor_id) & (PART.id == OrderItem.order_id))
        .join(Product, (Product.distributor_id == OrderItem.distributor_id) & (Product.id == OrderItem.product_id))
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(
            OrderItem.distributor_id == current_scope().distributor_id,
            PART.id.in_(found) | PART.parent_id.in_(found),
        )
        .order_by(OrderItem.position, OrderItem.id)
    )
    for item, product, product_type, parent_id in rows:
        whole = parent_id if parent_id in found else item.order_id
        found[whole].append(Line(item, product, product_type))
    return found


def _todays_costs(orders: Sequence[Order], *, at: datetime) -> dict[UUID, OrderCost]:
    return _costs(_lines_of(orders), orders, at=at) if orders else {}


def _costs(lines: dict[UUID, list[Line]], orders: Sequence[Order], *, at: datetime) -> dict[UUID, OrderCost]:
    """Price all lines together, then hand each order its part: one quote per payer, and there is one per reseller."""
    found: dict[UUID, OrderCost] = {}
    day = distributors_day(at)
    for payer_id in {order.payer_id for order in orders}:
        own = [order for order in orders if order.payer_id == payer_id]
        pooled = [line for order in own for line in lines[order.id]]
        cost = order_cost(pooled, get_account(payer_id), on=day)
        for order in own:
            ids = {line.item.id for line in lines[order.id]}
            part = {key: each for key, each in cost.by_item.items() if key in ids}
            net = sum((each.line_cost for each in part.values()), Decimal(0))
            missing = tuple(item for item in cost.missing if item.id in ids)
            found[order.id] = OrderCost(part, missing, net, net)
    return found
