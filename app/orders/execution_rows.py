"""What an execution reads: the order under lock, its lines with products and types, buyer and payer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from app.accounts.models import Account
from app.catalogue.models import Product, ProductType
from app.changes.renewals import catch_up
from app.core.db import session
from app.orders.errors import OrderNotFound
from app.orders.models import Order, OrderItem
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class Line:
    """An order item with the product and the type that steer its execution."""

    item: OrderItem
    product: Product
    product_type: ProductType


@dataclass(frozen=True, slots=True)
class Parties:
    """Who receives the services and who pays the distributor: one and the same at the root, except for resellers."""

    receiver: Account
    payer: Account

    @property
    def is_for_end_customer(self) -> bool:
        """Whether the payer bought for somebody else."""
        return self.receiver.id != self.payer.id


def lock_order(order_id: UUID) -> Order:
    """Return an order as it stands, locked until the transaction ends; raises OrderNotFound."""
    return _locked(str(order_id), Order.id == order_id)


def lock_order_by_number(number: str) -> Order:
    """Return an order by number, locked until the transaction ends; raises OrderNotFound."""
    return _locked(number, Order.number == number)


def lines_of(order: Order) -> Sequence[Line]:
    """Return an order's lines by position."""
    rows = session.execute(
        select(OrderItem, Product, ProductType)
        .join(Product, (Product.distributor_id == OrderItem.distributor_id) & (Product.id == OrderItem.product_id))
        .join(
            ProductType,
            (ProductType.distributor_id == Product.distributor_id) & (ProductType.id == Product.product_type_id),
        )
        .where(OrderItem.distributor_id == order.distributor_id, OrderItem.order_id == order.id)
        .order_by(OrderItem.position, OrderItem.id)
        .execution_options(populate_existing=True)
    )
    return [Line(item, product, product_type) for item, product, product_type in rows]


def catch_up_running(lines: Sequence[Line], *, at: datetime) -> None:
    """Bill what an order adds to up to its day, before prices are read: the billing run may be late (CB-32)."""
    ids = [line.item.subscription_id or line.item.parent_subscription_id for line in lines]
    if running := {each for each in ids if each is not None}:
        catch_up(running, at=at)


def parties_of(order: Order) -> Parties:
    """Return buyer and payer of an order. The payer is out of an end customer's reach: not for buyers' pages."""
    ids = {order.account_id, order.payer_id}
    found = {
        account.id: account
        for account in session.scalars(
            select(Account).where(Account.distributor_id == order.distributor_id, Account.id.in_(ids))
        )
    }
    if order.account_id is None or ids - found.keys():
        raise OrderNotFound(order.number)
    return Parties(found[order.account_id], found[order.payer_id])


def find_order_number(order_id: UUID) -> str | None:
    """Return the number people quote of an order, or None where it is out of reach."""
    return session.scalar(
        select(Order.number).where(Order.distributor_id == current_scope().distributor_id, Order.id == order_id)
    )


def find_order_of_item(item_id: UUID | None) -> str | None:
    """Return the number of the order something was bought with, or None where that is out of reach."""
    return session.scalar(
        select(Order.number)
        .join(OrderItem, (OrderItem.distributor_id == Order.distributor_id) & (OrderItem.order_id == Order.id))
        .where(Order.distributor_id == current_scope().distributor_id, OrderItem.id == item_id)
    )


def _locked(name: str, condition: ColumnElement[bool]) -> Order:
    found: Order | None = session.scalar(
        select(Order)
        .where(Order.distributor_id == current_scope().distributor_id, condition)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise OrderNotFound(name)
    return found
