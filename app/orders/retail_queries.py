"""Orders as the programs of a storefront's owner read them: at what customers pay, never at what the owner pays (BC-33).

Amounts stand where the customer was shown them: of orders of this storefront. What a reseller ordered itself, and what
staff of the distributor ordered, has none here; its costs are on the invoices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Product, Term
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
from app.core.db import session
from app.orders.errors import OrderNotFound
from app.orders.models import DeliveryStatus, Order, OrderChannel, OrderItem, OrderStatus
from tenants.context import current_scope

IS_SHOWN = or_(
    Order.channel.in_((OrderChannel.ALIAS, OrderChannel.API)),
    and_(Order.reseller_id.is_(None), Order.channel == OrderChannel.ROOT),
)
NET_TOTAL = case((IS_SHOWN, Order.net_total))
COLUMNS = (
    Order.id,
    Order.number,
    Order.status,
    Order.account_id,
    Account.name.label("account_name"),
    NET_TOTAL.label("net_total"),
    Order.currency,
    Order.po_number,
    Order.comment,
    Order.placed_at,
    Order.execute_on,
    Order.executed_at,
    Order.api_client_name,
)
ORDER_PROPERTIES = {
    "number": Property(Order.number),
    "status": Property(Order.status, choices=OrderStatus),
    "customer_id": Property(Order.account_id, Kind.ID),
    "customer_name": Property(Account.name),
    "net_total": Property(NET_TOTAL, Kind.AMOUNT),
    "currency": Property(Order.currency),
    "po_number": Property(Order.po_number),
    "placed_at": Property(Order.placed_at, Kind.INSTANT),
    "executed_at": Property(Order.executed_at, Kind.INSTANT),
}  # what programs may name (BC-32)


@dataclass(frozen=True, slots=True)
class RetailOrder:
    """An order; `net_total` is the customer's, None where it was shown none."""

    id: UUID
    number: str
    status: OrderStatus
    account_id: UUID
    account_name: str
    net_total: Decimal | None
    currency: str
    po_number: str | None
    comment: str | None
    placed_at: datetime
    execute_on: date | None
    executed_at: datetime | None
    api_client_name: str | None


@dataclass(frozen=True, slots=True)
class RetailItem:
    """An item; amounts as its order's."""

    id: UUID
    product_id: UUID
    product_code: str
    product_name: str
    term: Term
    cycle: BillingCycle
    quantity: int
    friendly_name: str | None
    subscription_id: UUID | None
    unit_price: Decimal | None
    line_total: Decimal | None
    currency: str
    delivery_status: DeliveryStatus


def list_retail_orders(
    program_id: UUID, *, limit: int, offset: int = 0, criteria: Criteria = EVERYTHING
) -> Sequence[RetailOrder]:
    """Return a page of the orders in the scope's reach and the program's own drafts, the newest first."""
    statement = in_order(
        narrowed(_orders(select(*COLUMNS), program_id), criteria, ORDER_PROPERTIES),
        criteria,
        ORDER_PROPERTIES,
        otherwise=(Order.placed_at.desc(), Order.id.desc()),
    )
    return [RetailOrder(**row) for row in session.execute(statement.limit(limit).offset(offset)).mappings()]


def count_retail_orders(program_id: UUID, *, criteria: Criteria = EVERYTHING) -> int:
    """Return how many there are."""
    statement = _orders(select(func.count()).select_from(Order), program_id)
    return session.scalar(narrowed(statement, criteria, ORDER_PROPERTIES)) or 0


def get_retail_order(number: str, program_id: UUID) -> RetailOrder:
    """Return one order by number; raises OrderNotFound."""
    statement = _orders(select(*COLUMNS), program_id).where(Order.number == number)
    row = session.execute(statement).mappings().one_or_none()
    if row is None:
        raise OrderNotFound(number)
    return RetailOrder(**row)


def items_of_retail(order_id: UUID) -> Sequence[RetailItem]:
    """Return the items of an order by position, with those delivered in sub-orders."""
    rows = session.execute(
        select(
            OrderItem.id,
            OrderItem.product_id,
            Product.code.label("product_code"),
            OrderItem.product_name,
            OrderItem.term,
            OrderItem.cycle,
            OrderItem.quantity,
            OrderItem.friendly_name,
            OrderItem.subscription_id,
            case((IS_SHOWN, OrderItem.unit_price)).label("unit_price"),
            case((IS_SHOWN, OrderItem.line_total)).label("line_total"),
            OrderItem.currency,
            OrderItem.delivery_status,
        )
        .join(Order, (Order.distributor_id == OrderItem.distributor_id) & (Order.id == OrderItem.order_id))
        .join(Product, (Product.distributor_id == OrderItem.distributor_id) & (Product.id == OrderItem.product_id))
        .where(
            OrderItem.distributor_id == current_scope().distributor_id,
            or_(Order.id == order_id, Order.parent_id == order_id),
        )
        .order_by(OrderItem.position, OrderItem.id)
    )
    return [RetailItem(**row) for row in rows.mappings()]


def _orders(statement: Any, program_id: UUID) -> Any:
    return statement.join(
        Account, (Account.distributor_id == Order.distributor_id) & (Account.id == Order.account_id)
    ).where(
        Order.distributor_id == current_scope().distributor_id,
        Order.parent_id.is_(None),  # sub-orders are told of in the order
        or_(Order.status != OrderStatus.DRAFT, Order.api_client_id == program_id),
    )
