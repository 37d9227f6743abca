"""Choosing what the first period of an ordered item ends with, before the order is executed (CB-28)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Invalid
from app.orders.back_office_items import changeable_item
from app.orders.co_terms import boundary_of
from app.orders.errors import OrderItemNotFound
from app.orders.models import CoTerm, OrderItem
from app.subscriptions.models import Subscription, SubscriptionRole
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class CoTermChoice:
    """What an item's first period is to end with; `code` names the subscription of SUBSCRIPTION."""

    kind: CoTerm
    code: str | None = None


def choose_end(number: str, item_id: UUID, choice: CoTermChoice, *, actor: Actor, at: datetime) -> OrderItem:
    """Choose what the first period of an item ends with, before its order is executed.

    Raises OrderNotFound, OrderItemNotFound, WrongOrderState, and Invalid `co_term_not_offered`, `co_term_unknown`,
    `co_term_payer`, `co_term_ended`, `co_term_short`.
    """
    order, line = changeable_item(number, item_id)
    item = line.item
    other = None
    if choice.kind is not CoTerm.OWN and not _is_alignable(item):
        raise Invalid.field("co_term", "co_term_not_offered", "Only new subscriptions begin a period of their own")
    if choice.kind is CoTerm.SUBSCRIPTION:
        other = _by_code((choice.code or "").strip().upper())
        if other is None:
            raise Invalid.field(
                "subscription", "co_term_unknown", "Enter the code of a subscription, such as SUB-000142"
            )
        _require_alignable(other, item, order.payer_id)
    item.co_term, item.co_term_subscription_id = choice.kind, other.id if other is not None else None
    session.flush()
    record(
        "order.item_aligned", actor=actor, at=at, target_kind="order", target_id=order.id,
        after={"item": str(item.id), "ends_with": other.code if other is not None else choice.kind.value},
    )  # fmt: skip
    return item


def item_of(order_id: UUID, item_id: UUID) -> OrderItem:
    """Return an item of an order; raises OrderItemNotFound."""
    found = session.scalar(
        select(OrderItem).where(
            OrderItem.distributor_id == current_scope().distributor_id,
            OrderItem.order_id == order_id,
            OrderItem.id == item_id,
        )
    )
    if found is None:
        raise OrderItemNotFound(item_id)
    return found


def _is_alignable(item: OrderItem) -> bool:
    is_new = item.subscription_id is None and item.parent_subscription_id is None and item.parent_item_id is None
    return is_new and bool(item.cycle.months)


def _require_alignable(other: Subscription, item: OrderItem, payer_id: UUID) -> None:
    if other.payer_id != payer_id:
        raise Invalid.field("subscription", "co_term_payer", f"{other.code} is billed to another account")
    boundary = boundary_of(other)
    if not other.is_live or boundary is None or other.role is not SubscriptionRole.MAIN:
        raise Invalid.field("subscription", "co_term_ended", f"{other.code} has no end to share")
    if other.term.months < item.term.months or other.cycle.months < item.cycle.months:
        raise Invalid.field("subscription", "co_term_short", f"The term of {other.code} is shorter than this one")


def _by_code(code: str) -> Subscription | None:
    return session.scalar(
        select(Subscription).where(
            Subscription.distributor_id == current_scope().distributor_id, Subscription.code == code
        )
    )
