"""Reads of orders for the distributor's staff: the wholesale side only.

No query here selects what a reseller's customer pays (decisions section 8): amounts come from the costs of the items,
and are missing until the execution job has written them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import session
from app.core.money import round_money
from app.orders.errors import OrderNotFound
from app.orders.models import (
    DeliveryStatus,
    Order,
    OrderChannel,
    OrderItem,
    OrderItemCost,
    OrderItemVendorCost,
    OrderStatus,
)
from app.subscriptions.models import VendorProblem
from tenants.context import current_scope

SHORTEST_SEARCH = 2
RECEIVER, PAYER = aliased(Account), aliased(Account)
NET_TOTAL = (
    select(func.sum(OrderItemCost.line_cost))
    .join(
        OrderItem, (OrderItem.distributor_id == OrderItemCost.distributor_id) & (OrderItem.id == OrderItemCost.item_id)
    )
    .where(OrderItem.distributor_id == Order.distributor_id, OrderItem.order_id == Order.id)
    .correlate(Order)
    .scalar_subquery()
)
HEADER = (
    Order.id,
    Order.number,
    Order.name,
    Order.status,
    Order.channel,
    Order.account_id,
    Order.payer_id,
    Order.currency,
    Order.contact_email,
    Order.placed_by_id,
    Order.placed_at,
    Order.execute_on,
    Order.executed_at,
    Order.decision_reason,
    Order.po_number,
    Order.comment,
    Order.storefront_id,
    RECEIVER.name.label("account_name"),
    PAYER.name.label("payer_name"),
    PAYER.currency.label("payer_currency"),
    NET_TOTAL.label("net_total"),
)


@dataclass(frozen=True, slots=True)
class BackOfficeFilter:
    """What to list. `search` looks into number, account and PO number; days are the distributor's, both included."""

    search: str = ""
    status: OrderStatus | None = None
    channel: OrderChannel | None = None
    account_id: UUID | None = None  # receives it, or pays for it
    placed_from: date | None = None
    placed_to: date | None = None


@dataclass(frozen=True, slots=True)
class BackOfficeOrder:
    """An order as staff see it; `net_total` is what the payer pays the distributor, None until it is known."""

    id: UUID
    number: str
    name: str
    status: OrderStatus
    channel: OrderChannel
    account_id: UUID
    account_name: str
    payer_id: UUID
    payer_name: str
    currency: str  # of the payer
    net_total: Decimal | None
    contact_email: str
    placed_by_id: UUID
    placed_at: datetime
    execute_on: date | None
    executed_at: datetime | None
    decision_reason: str | None
    po_number: str | None
    comment: str | None

    @property
    def is_for_end_customer(self) -> bool:
        """Whether somebody else pays than who receives it."""
        return self.account_id != self.payer_id


@dataclass(frozen=True, slots=True)
class BackOfficeItem:
    """An item with its wholesale price and, for who may see it, what the vendor asks."""

    id: UUID
    product_id: UUID
    product_name: str
    plan_edition: str | None
    term: Term
    cycle: BillingCycle
    quantity: int
    friendly_name: str | None
    alias: str | None
    subscription_id: UUID | None
    delivery_status: DeliveryStatus
    failure_reason: str | None
    unit_cost: Decimal | None
    line_cost: Decimal | None
    currency: str
    unit_vendor_cost: Decimal | None

    @property
    def line_vendor_cost(self) -> Decimal | None:
        """What the vendor asks for the whole line, rounded once."""
        return (
            None if self.unit_vendor_cost is None else round_money(self.unit_vendor_cost * self.quantity, self.currency)
        )


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """The statement of an order, net. `monthly_run_rate` counts recurring items per month of their cycle (CB-18)."""

    vendor_cost: Decimal | None
    net: Decimal
    monthly_run_rate: Decimal
    currency: str

    @property
    def profit(self) -> Decimal | None:
        """What is left to the distributor."""
        return None if self.vendor_cost is None else self.net - self.vendor_cost


def find_orders(wanted: BackOfficeFilter, *, zone: str, limit: int, offset: int = 0) -> Sequence[BackOfficeOrder]:
    """Return one page of orders, the newest first; drafts live in baskets and are never listed."""
    statement = _filtered(_with_names(select(*HEADER)), wanted, zone).order_by(Order.placed_at.desc(), Order.id.desc())
    return [_order(row) for row in session.execute(statement.limit(limit).offset(offset))]


def count_found(wanted: BackOfficeFilter, *, zone: str) -> int:
    """Return how many orders the filter finds."""
    statement = _filtered(_with_names(select(func.count()).select_from(Order)), wanted, zone)
    return session.scalar(statement) or 0


def get_for_back_office(number: str) -> BackOfficeOrder:
    """Return one order by number; raises OrderNotFound."""
    row = session.execute(_with_names(select(*HEADER)).where(Order.number == number)).one_or_none()
    if row is None:
        raise OrderNotFound(number)
    return _order(row)


def items_for_back_office(order_id: UUID) -> Sequence[BackOfficeItem]:
    """Return an order's items by position, with costs."""
    rows = session.execute(
        select(
            OrderItem.id,
            OrderItem.product_id,
            OrderItem.product_name,
            Product.plan_edition,
            OrderItem.term,
            OrderItem.cycle,
            OrderItem.quantity,
            OrderItem.friendly_name,
            OrderItem.alias,
            OrderItem.subscription_id,
            OrderItem.delivery_status,
            func.coalesce(OrderItem.failure_reason, VendorProblem.reason).label("failure_reason"),
            OrderItemCost.unit_cost,
            OrderItemCost.line_cost,
            func.coalesce(OrderItemCost.currency, OrderItem.currency).label("currency"),
            OrderItemVendorCost.unit_vendor_cost,
        )
        .join(Product, (Product.distributor_id == OrderItem.distributor_id) & (Product.id == OrderItem.product_id))
        .outerjoin(
            OrderItemCost,
            (OrderItemCost.distributor_id == OrderItem.distributor_id) & (OrderItemCost.item_id == OrderItem.id),
        )
        .outerjoin(
            OrderItemVendorCost,
            (OrderItemVendorCost.distributor_id == OrderItem.distributor_id)
            & (OrderItemVendorCost.item_id == OrderItem.id),
        )
        .outerjoin(
            VendorProblem,
            (VendorProblem.distributor_id == OrderItem.distributor_id) & (VendorProblem.subject_id == OrderItem.id),
        )
        .where(OrderItem.distributor_id == current_scope().distributor_id, OrderItem.order_id == order_id)
        .order_by(OrderItem.position, OrderItem.id)
    )
    return [BackOfficeItem(**row) for row in rows.mappings()]


def totals_of(items: Sequence[BackOfficeItem], currency: str) -> OrderTotals:
    """Add up an order: 1,200.00 a year + 10.00 a month is a run rate of 110.00."""
    net = sum((item.line_cost for item in items if item.line_cost is not None), Decimal(0))
    vendor = [item.line_vendor_cost for item in items]
    known = [amount for amount in vendor if amount is not None]
    rate = sum(
        (item.line_cost / item.cycle.months for item in items if item.line_cost is not None and item.cycle.months),
        Decimal(0),
    )
    is_complete = bool(items) and len(known) == len(items)
    return OrderTotals(sum(known, Decimal(0)) if is_complete else None, net, round_money(rate, currency), currency)


def orders_per_day(*, first: date, last: date, zone: str) -> Sequence[tuple[date, int]]:
    """Return how many orders were placed on each day of a period, days without one included."""
    day = func.date(func.timezone(zone, Order.placed_at))
    rows = session.execute(
        select(day, func.count())
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.status != OrderStatus.DRAFT,
            Order.placed_at >= _start(first, zone),
            Order.placed_at < _start(last + timedelta(days=1), zone),
        )
        .group_by(day)
    )
    found: dict[date, int] = {row[0]: row[1] for row in rows}
    days = (last - first).days + 1
    return [(first + timedelta(days=number), found.get(first + timedelta(days=number), 0)) for number in range(days)]


def count_by_status() -> dict[OrderStatus, int]:
    """Return how many orders stand in each status, drafts left out."""
    rows = session.execute(
        select(Order.status, func.count())
        .where(Order.distributor_id == current_scope().distributor_id, Order.status != OrderStatus.DRAFT)
        .group_by(Order.status)
    )
    return {row[0]: row[1] for row in rows}


def _with_names(statement: Any) -> Any:
    return (
        statement.join(RECEIVER, (RECEIVER.distributor_id == Order.distributor_id) & (RECEIVER.id == Order.account_id))
        .join(PAYER, (PAYER.distributor_id == Order.distributor_id) & (PAYER.id == Order.payer_id))
        .where(Order.distributor_id == current_scope().distributor_id, Order.status != OrderStatus.DRAFT)
    )


def _filtered(statement: Select[Any], wanted: BackOfficeFilter, zone: str) -> Select[Any]:
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        columns = (Order.number, RECEIVER.name, PAYER.name, func.coalesce(Order.po_number, ""))
        statement = statement.where(func.lower(func.concat_ws(" ", *columns)).contains(text, autoescape=True))
    if wanted.status is not None:
        statement = statement.where(Order.status == wanted.status)
    if wanted.channel is not None:
        statement = statement.where(Order.channel == wanted.channel)
    if wanted.account_id is not None:
        statement = statement.where((Order.account_id == wanted.account_id) | (Order.payer_id == wanted.account_id))
    if wanted.placed_from is not None:
        statement = statement.where(Order.placed_at >= _start(wanted.placed_from, zone))
    if wanted.placed_to is not None:
        statement = statement.where(Order.placed_at < _start(wanted.placed_to + timedelta(days=1), zone))
    return statement


def _start(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone))


def _order(row: Row[Any]) -> BackOfficeOrder:
    return BackOfficeOrder(
        id=row.id,
        number=row.number,
        name=row.name,
        status=row.status,
        channel=row.channel,
        account_id=row.account_id,
        account_name=row.account_name,
        payer_id=row.payer_id,
        payer_name=row.payer_name,
        currency=row.payer_currency,
        net_total=row.net_total,
        contact_email=row.contact_email,
        placed_by_id=row.placed_by_id,
        placed_at=row.placed_at,
        execute_on=row.execute_on,
        executed_at=row.executed_at,
        decision_reason=row.decision_reason,
        po_number=row.po_number,
        comment=row.comment,
    )
