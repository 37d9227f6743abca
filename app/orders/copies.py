"""A new order like another one: the same products and quantities, at today's prices (CB-18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.audit.services import Actor
from app.core.db import session
from app.core.errors import DomainError
from app.orders.agreed import NOTHING, PricingRights, agreed_of
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_items import WantedItem, add_item
from app.orders.errors import OrderNotFound
from app.orders.licences import added_to
from app.orders.models import Order
from app.orders.queries import get_order, list_items


@dataclass(frozen=True, slots=True)
class Copy:
    """The new order, and what could not be put on it, each with why."""

    order: Order
    left_out: tuple[str, ...]


def copy_order(number: str, *, rights: PricingRights, actor: Actor, at: datetime) -> Copy:
    """Start an order with the items of another one, and of its sub-orders; executed ones can be copied too.

    What added licences to a subscription adds as many again. Prices agreed on are taken along where the person may agree
    on them. What is no longer sold is left out and named.
    Raises OrderNotFound, AccountNotActive, Invalid `ordering_disabled`.
    """
    original = get_order(number)
    if original.account_id is None:
        raise OrderNotFound(number)
    order = create_order(
        NewOrder(original.account_id, po_number=original.po_number, comment=original.comment), actor=actor, at=at
    )
    left_out: list[str] = []
    made: dict[UUID | None, UUID] = {}  # by the item copied
    items = list_items(original.id)
    adds_to = added_to(items)
    for item in items:
        agreed = agreed_of(item.id) if rights.may_agree else NOTHING
        wanted = WantedItem(
            item.product_id, item.term, item.cycle, item.quantity, friendly_name=item.friendly_name, agreed=agreed,
            characteristics=item.characteristics, options=tuple(item.price_options),
            parent_id=made.get(item.parent_item_id) or item.parent_subscription_id, adds_to_id=adds_to.get(item.id),
        )  # fmt: skip
        try:
            with session.begin_nested():
                made[item.id] = add_item(order.number, wanted, rights=rights, actor=actor, at=at).id
        except DomainError as refusal:
            left_out.append(f"{item.product_name}: {refusal}")
    return Copy(order, tuple(left_out))
