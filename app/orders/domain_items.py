"""Domain names of order items: taken when they are ordered, let go when they are not (CB-01)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.catalogue.characteristics import domain_of
from app.catalogue.models import ProductType
from app.core.errors import Invalid
from app.orders.models import OrderItem
from app.orders.prechecks.services import ask
from app.subscriptions.domains.services import drop_names, take_name, taken


class TypedLine(Protocol):
    """A line whose product's type is known."""

    @property
    def product_type(self) -> ProductType:
        """The type."""


def take_names(lines: Sequence[TypedLine], items: Sequence[OrderItem], *, field: str, at: datetime) -> None:
    """Take the domain names of new, stored items of an order. Raises Invalid `domain_taken`."""
    errors = []
    for line, item in zip(lines, items, strict=True):
        name = domain_of(line.product_type, item.characteristics)
        if name is not None and not take_name(name, order_item_id=item.id, at=at):
            errors.append(taken(name, field=field))
    if errors:
        raise Invalid(*errors)


def domain_said(item: OrderItem, product_type: ProductType, *, receiver_id: UUID, field: str, at: datetime) -> None:
    """Take the name staff has put on an item, let go another one, and ask its vendor. Raises Invalid `domain_taken`."""
    name = domain_of(product_type, item.characteristics)
    drop_names(item.id, apart_from=name)
    if name is None:
        return
    if not take_name(name, order_item_id=item.id, at=at):
        raise Invalid(taken(name, field=field))
    ask(item, product_type, receiver_id=receiver_id, currency=item.currency, at=at)
