"""What the bell of a storefront tells: deliveries of a person's own orders that moved in this session (SF-34, GO-10)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, select

from app.core.db import session
from app.orders.deliveries import ORDER_CLOCK_LAGS
from app.orders.models import Basket, BasketItem, DeliveryStatus, Order, OrderItem, OrderStatus
from tenants.context import current_scope

MOST_NOTICES = 100
_A_MOMENT = timedelta(microseconds=1)


class NoticeState(enum.Enum):
    """How far a service is, in words for who ordered it: why something failed is not among them."""

    IN_PROGRESS = "In progress"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose bell: a person's session in one storefront. `seen_until` is the newest change already read of, if any."""

    user_id: UUID
    storefront_id: UUID
    since: datetime
    seen_until: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """One provisioned item of an order."""

    name: str
    note: str | None
    order_number: str
    state: NoticeState
    at: datetime


@dataclass(frozen=True, slots=True)
class ShopCounts:
    """The numbers beside the icons of a storefront's header."""

    basket: int = 0
    news: int = 0  # completed or failed since the list was last opened
    under_way: int = 0


# The person's own orders first: few, and found by their index, whatever the distributor's other customers have bought.
_OWN = (
    select(Order.id, Order.number, Order.status, Order.delivery_changed_at)
    .where(
        Order.distributor_id == bindparam("distributor_id"),
        Order.placed_by_id == bindparam("user_id"),
        Order.storefront_id == bindparam("storefront_id"),
        Order.delivery_changed_at >= bindparam("moved_since"),
    )
    .cte("own")
    .prefix_with("MATERIALIZED", dialect="postgresql")
)
_CHANGED_AT = func.coalesce(OrderItem.delivery_changed_at, _OWN.c.delivery_changed_at)
_IS_SETTLED = OrderItem.delivery_status.in_((DeliveryStatus.DELIVERED, DeliveryStatus.FAILED))
# Between checkout and the worker's first look an item is still Pending; in any other order it waits for people.
_IS_UNDER_WAY = (OrderItem.delivery_status == DeliveryStatus.PROVISIONING) | and_(
    OrderItem.delivery_status == DeliveryStatus.PENDING, _OWN.c.status == OrderStatus.EXECUTING
)
_IS_OF_ORDER = and_(OrderItem.distributor_id == bindparam("distributor_id"), OrderItem.order_id == _OWN.c.id)
_IS_FOR_READER: tuple[ColumnElement[bool], ...] = (
    bindparam("since") <= _CHANGED_AT,
    _IS_SETTLED | _IS_UNDER_WAY,
)
_BASKET_ITEMS = (
    select(func.count())
    .select_from(BasketItem)
    .join(Basket, and_(Basket.distributor_id == BasketItem.distributor_id, Basket.id == BasketItem.basket_id))
    .where(Basket.distributor_id == bindparam("distributor_id"), Basket.user_id == bindparam("user_id"))
    .scalar_subquery()
)
_COUNTS = (
    select(
        _BASKET_ITEMS.label("basket"),
        func.count().filter(_IS_SETTLED, bindparam("seen_until") < _CHANGED_AT).label("news"),
        func.count().filter(_IS_UNDER_WAY).label("under_way"),
    )
    .select_from(_OWN)
    .join(OrderItem, _IS_OF_ORDER)
    .where(*_IS_FOR_READER)
)
_NOTICES = (
    select(
        OrderItem.product_name,
        OrderItem.friendly_name,
        OrderItem.alias,
        OrderItem.delivery_status,
        _OWN.c.number,
        _CHANGED_AT.label("changed_at"),
    )
    .select_from(_OWN)
    .join(OrderItem, _IS_OF_ORDER)
    .where(*_IS_FOR_READER)
    .order_by(_CHANGED_AT.desc(), _OWN.c.number.desc(), OrderItem.position)
    .limit(MOST_NOTICES)
)


def shop_counts(reader: Reader) -> ShopCounts:
    """Return the numbers of a header, basket and bell together: one statement on every page of somebody signed in."""
    seen_until = reader.seen_until or reader.since - _A_MOMENT
    row = session.execute(_COUNTS, {**_values(reader), "seen_until": seen_until}).one()
    return ShopCounts(row.basket, row.news, row.under_way)


def list_notices(reader: Reader) -> Sequence[Notice]:
    """Return the reader's notices, the newest change first, at most a hundred."""
    return [_notice(row) for row in session.execute(_NOTICES, _values(reader))]


def read_until(notices: Sequence[Notice], reader: Reader) -> datetime | None:
    """Return the newest change that a list tells as settled, where the reader had not read of it before.

    Not the present: a delivery that is recorded while the list is drawn carries an earlier instant and is still news.
    """
    newest = max((notice.at for notice in notices if notice.state is not NoticeState.IN_PROGRESS), default=None)
    is_news = newest is not None and (reader.seen_until is None or newest > reader.seen_until)
    return newest if is_news else None


def _values(reader: Reader) -> dict[str, object]:
    return {
        "distributor_id": current_scope().distributor_id,
        "user_id": reader.user_id,
        "storefront_id": reader.storefront_id,
        "since": reader.since,
        "moved_since": reader.since - ORDER_CLOCK_LAGS,
    }


def _notice(row: Row[str, str | None, str | None, DeliveryStatus, str, datetime]) -> Notice:
    states = {DeliveryStatus.DELIVERED: NoticeState.COMPLETED, DeliveryStatus.FAILED: NoticeState.FAILED}
    return Notice(
        row.product_name,
        row.friendly_name or row.alias,
        row.number,
        states.get(row.delivery_status, NoticeState.IN_PROGRESS),
        row.changed_at,
    )
