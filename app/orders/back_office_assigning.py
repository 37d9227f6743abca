"""Assigning what an order holds to subscriptions that run already: it adds licences to them instead of new ones (CB-18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from app.audit.services import Actor
from app.catalogue.quantities import require_quantity
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.orders.agreed import agreed_of
from app.orders.back_office import changeable_order, note_change
from app.orders.back_office_items import price_order
from app.orders.back_office_licences import add_to, is_more_licences, let_go
from app.orders.errors import OrderItemNotFound
from app.orders.execution_rows import Line, lines_of, parties_of
from app.orders.models import Order, OrderItem

PREFIX = "item-"


def assign(number: str, wanted: Mapping[UUID, UUID | None], *, actor: Actor, at: datetime) -> Order:
    """Let items add to subscriptions, by item; None: one makes a subscription of its own. Items not named stay.

    Raises OrderNotFound, WrongOrderState, OrderItemNotFound, and Invalid at `item-<id>` with what `add_to` refuses and
    the codes of quantities. Nothing is changed then.
    """
    order = changeable_order(number)
    lines = {line.item.id: line for line in lines_of(order)}
    if wanted.keys() - lines.keys():
        raise OrderItemNotFound(next(iter(wanted.keys() - lines.keys())))
    moved = {each: to for each, to in wanted.items() if _adds_to(lines[each]) != to}
    for item_id in moved:  # first all go, so that two items can change places
        let_go(lines[item_id].item)
    for item_id, to in moved.items():
        _assign(lines[item_id], to, [line.item for line in lines.values()])
    session.flush()
    if moved:
        price_order(order, parties_of(order), at)
        words = ", ".join(f"{lines[each].item.product_name}: {to or 'of its own'}" for each, to in moved.items())
        note_change(order, actor, at, {"assigned": words})
    return order


def field_of(item_id: UUID) -> str:
    """Return the field of an item on the page."""
    return f"{PREFIX}{item_id}"


def item_of(field: str) -> UUID:
    """Return the item of a field of the page."""
    return UUID(field.removeprefix(PREFIX))


def _adds_to(line: Line) -> UUID | None:
    return line.item.subscription_id if is_more_licences(line.item, line.product) else None


def _assign(line: Line, to: UUID | None, items: list[OrderItem]) -> None:
    item, held = line.item, 0
    try:
        if line.product.plan_edition is not None or line.product.is_add_on:
            raise Invalid.field("product", "not_assigned", f"{item.product_name} is not assigned here")
        if to is not None:
            held = add_to(item, line.product, to, items, agreed=agreed_of(item.id))
        require_quantity(line.product, line.product_type, item.quantity, held=held)
    except Invalid as refusal:
        raise Invalid(
            *(FieldError(field_of(item.id), error.code, error.message) for error in refusal.errors)
        ) from refusal
