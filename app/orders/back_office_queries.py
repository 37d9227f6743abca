"""Reads of orders for the distributor's staff: the wholesale side only.

No query here selects what a reseller's customer pays (decisions section 8): amounts come from the costs of the items,
and are missing until the execution job has written them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, exists, func, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.catalogue.characteristics import missing_errors
from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
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
    OrderStatusRow,
)
from app.orders.words import STATUS_WORDS
from app.subscriptions.models import VendorProblem
from tenants.context import current_scope

SHORTEST_SEARCH = 2
MANUAL = 50  # what the widget of the home page holds
RECEIVER, PAYER, PARENT = aliased(Account), aliased(Account), aliased(Order)
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
    Order.version,
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
    Order.parent_id,
    Order.offer_id,
    Order.starts_on,
    Order.run_at,
    Order.run_failed_at,
    OrderStatusRow.name.label("custom_status"),
    PARENT.number.label("parent_number"),
    RECEIVER.name.label("account_name"),
    PAYER.name.label("payer_name"),
    PAYER.currency.label("payer_currency"),
    NET_TOTAL.label("net_total"),
)


ORDER_PROPERTIES = {
    "number": Property(Order.number),
    "name": Property(Order.name),
    "status": Property(Order.status, choices=OrderStatus),
    "channel": Property(Order.channel, choices=OrderChannel),
    "account_id": Property(Order.account_id, Kind.ID),
    "account_name": Property(RECEIVER.name),
    "payer_id": Property(Order.payer_id, Kind.ID),
    "payer_name": Property(PAYER.name),
    "net_total": Property(NET_TOTAL, Kind.AMOUNT),
    "po_number": Property(Order.po_number),
    "placed_at": Property(Order.placed_at, Kind.INSTANT),
    "executed_at": Property(Order.executed_at, Kind.INSTANT),
}  # what programs may name (BC-32)


@dataclass(frozen=True, slots=True)
class BackOfficeFilter:
    """What to list. `search` looks into number, account and PO number; days are the distributor's, both included."""

    search: str = ""
    status: OrderStatus | None = None
    channel: OrderChannel | None = None
    account_id: UUID | None = None  # receives it, or pays for it
    placed_from: date | None = None
    placed_to: date | None = None
    is_flagged: bool = False  # scheduled, and all its tries have failed
    drafts_of: UUID | None = None  # a program, which sees its own drafts too


@dataclass(frozen=True, slots=True)
class BackOfficeOrder:
    """An order as staff see it; `net_total` is what the payer pays the distributor, None until it is known."""

    id: UUID
    number: str
    version: int  # of what its edit form shows
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
    placed_by_id: UUID | None  # None: a program did
    placed_at: datetime
    execute_on: date | None
    executed_at: datetime | None
    decision_reason: str | None
    po_number: str | None
    comment: str | None
    parent_id: UUID | None
    parent_number: str | None
    offer_id: UUID | None
    starts_on: date | None
    run_at: datetime | None
    run_failed_at: datetime | None
    custom_status: str | None  # the distributor's own name for where it stands

    @property
    def status_words(self) -> str:
        """Where it stands, in the distributor's words."""
        return self.custom_status or STATUS_WORDS[self.status]

    @property
    def is_for_end_customer(self) -> bool:
        """Whether somebody else pays than who receives it."""
        return self.account_id != self.payer_id


@dataclass(frozen=True, slots=True)
class BackOfficeItem:
    """An item with its wholesale price and, for who may see it, what the vendor asks."""

    id: UUID
    version: int
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
    base_cost: Decimal | None  # of the price lists, where another price was agreed on
    user_price: Decimal | None
    discount_percent: Decimal | None
    characteristics: Mapping[str, Any]
    price_options: Sequence[str]
    unit_vendor_cost: Decimal | None
    parent_item_id: UUID | None  # of an add-on

    @property
    def is_below_cost(self) -> bool:
        """Whether it is sold for less than the vendor asks."""
        return (
            self.unit_cost is not None and self.unit_vendor_cost is not None and self.unit_cost < self.unit_vendor_cost
        )

    @property
    def agreed_words(self) -> str:
        """What staff agreed on; empty where the price lists' price holds."""
        if self.user_price is not None:
            return "Price by hand"
        return f"{self.discount_percent.normalize():f} % discount" if self.discount_percent else ""

    @property
    def line_vendor_cost(self) -> Decimal | None:
        """What the vendor asks for the whole line, rounded once."""
        return (
            None if self.unit_vendor_cost is None else round_money(self.unit_vendor_cost * self.quantity, self.currency)
        )


def find_orders(
    wanted: BackOfficeFilter, *, zone: str, limit: int, offset: int = 0, criteria: Criteria = EVERYTHING
) -> Sequence[BackOfficeOrder]:
    """Return one page of orders, the newest first unless a program's `criteria` say otherwise; drafts are a program's."""
    statement = _filtered(_with_names(select(*HEADER), wanted.drafts_of), wanted, zone)
    statement = in_order(
        narrowed(statement, criteria, ORDER_PROPERTIES),
        criteria,
        ORDER_PROPERTIES,
        otherwise=(Order.placed_at.desc(), Order.id.desc()),
    )
    return [_order(row) for row in session.execute(statement.limit(limit).offset(offset))]


def count_found(wanted: BackOfficeFilter, *, zone: str, criteria: Criteria = EVERYTHING) -> int:
    """Return how many orders the filter finds."""
    statement = _filtered(_with_names(select(func.count()).select_from(Order), wanted.drafts_of), wanted, zone)
    return session.scalar(narrowed(statement, criteria, ORDER_PROPERTIES)) or 0


def get_for_back_office(number: str, *, drafts_of: UUID | None = None) -> BackOfficeOrder:
    """Return one order by number; raises OrderNotFound."""
    row = session.execute(_with_names(select(*HEADER), drafts_of).where(Order.number == number)).one_or_none()
    if row is None:
        raise OrderNotFound(number)
    return _order(row)


def items_for_back_office(order_id: UUID) -> Sequence[BackOfficeItem]:
    """Return an order's items by position, with costs."""
    rows = session.execute(
        select(
            OrderItem.id,
            OrderItem.version,
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
            OrderItemCost.base_cost,
            OrderItemCost.user_price,
            OrderItemCost.discount_percent,
            OrderItem.characteristics,
            OrderItem.price_options,
            func.coalesce(OrderItemCost.currency, OrderItem.currency).label("currency"),
            OrderItemVendorCost.unit_vendor_cost,
            OrderItem.parent_item_id,
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


def missing_answers_of(items: Sequence[BackOfficeItem]) -> Mapping[UUID, list[str]]:
    """Return which characteristics items lack, by item: they are red, and block the execution (CB-18)."""
    here = current_scope().distributor_id
    rows = session.execute(
        select(Product, ProductType)
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(Product.distributor_id == here, Product.id.in_({item.product_id for item in items}))
    )
    known = {product.id: (product_type, product) for product, product_type in rows}
    found = {
        item.id: [error.message for error in missing_errors(*known[item.product_id], item.characteristics)]
        for item in items
        if item.delivery_status is DeliveryStatus.PENDING and item.subscription_id is None
    }
    return {item_id: messages for item_id, messages in found.items() if messages}


def manual_orders(*, limit: int = MANUAL) -> Sequence[BackOfficeOrder]:
    """Return orders of storefronts that people have to deliver something of, the newest first (CB-21)."""
    waits = exists().where(
        OrderItem.distributor_id == Order.distributor_id,
        OrderItem.order_id == Order.id,
        OrderItem.delivery_status == DeliveryStatus.PENDING,
        Product.distributor_id == OrderItem.distributor_id,
        Product.id == OrderItem.product_id,
        ProductType.distributor_id == Product.distributor_id,
        ProductType.id == Product.product_type_id,
        ProductType.non_automatic,
    )
    statement = (
        _with_names(select(*HEADER))
        .where(
            Order.channel != OrderChannel.BSS,
            Order.status.in_((OrderStatus.SUBMITTED, OrderStatus.IN_PROGRESS, OrderStatus.PARTIALLY_EXECUTED)),
            waits,
        )
        .order_by(Order.placed_at.desc(), Order.id.desc())
    )
    return [_order(row) for row in session.execute(statement.limit(limit))]


def _with_names(statement: Any, drafts_of: UUID | None = None) -> Any:
    is_placed = Order.status != OrderStatus.DRAFT
    return (
        statement.join(RECEIVER, (RECEIVER.distributor_id == Order.distributor_id) & (RECEIVER.id == Order.account_id))
        .join(PAYER, (PAYER.distributor_id == Order.distributor_id) & (PAYER.id == Order.payer_id))
        .outerjoin(PARENT, (PARENT.distributor_id == Order.distributor_id) & (PARENT.id == Order.parent_id))
        .outerjoin(
            OrderStatusRow,
            (OrderStatusRow.distributor_id == Order.distributor_id) & (OrderStatusRow.id == Order.custom_status_id),
        )
        .where(
            Order.distributor_id == current_scope().distributor_id,
            is_placed if drafts_of is None else is_placed | (Order.api_client_id == drafts_of),
        )
    )


def _filtered(statement: Select[Any], wanted: BackOfficeFilter, zone: str) -> Select[Any]:
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        columns = (Order.number, RECEIVER.name, PAYER.name, func.coalesce(Order.po_number, ""))
        statement = statement.where(func.lower(func.concat_ws(" ", *columns)).contains(text, autoescape=True))
    if wanted.status is not None:
        statement = statement.where(Order.status == wanted.status)
    if wanted.is_flagged:
        statement = statement.where(Order.status == OrderStatus.SCHEDULED, Order.run_failed_at.is_not(None))
    if wanted.channel is not None:
        statement = statement.where(Order.channel == wanted.channel)
    if wanted.account_id is not None:
        statement = statement.where((Order.account_id == wanted.account_id) | (Order.payer_id == wanted.account_id))
    if wanted.placed_from is not None:
        statement = statement.where(Order.placed_at >= start_of_day(wanted.placed_from, zone))
    if wanted.placed_to is not None:
        statement = statement.where(Order.placed_at < start_of_day(wanted.placed_to + timedelta(days=1), zone))
    return statement


def start_of_day(day: date, zone: str) -> datetime:
    """Return the instant a day begins in a zone."""
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone))


def _order(row: Row[Any]) -> BackOfficeOrder:
    return BackOfficeOrder(
        id=row.id,
        number=row.number,
        version=row.version,
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
        parent_id=row.parent_id,
        parent_number=row.parent_number,
        offer_id=row.offer_id,
        starts_on=row.starts_on,
        run_at=row.run_at,
        run_failed_at=row.run_failed_at,
        custom_status=row.custom_status,
    )
