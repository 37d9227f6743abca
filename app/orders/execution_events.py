"""Lines of an order's history, in words for its buyer: no names of suppliers, no technical detail (GO-10, SF-34)."""

from __future__ import annotations

from datetime import datetime

from app.core.db import session
from app.orders.models import Order, OrderEvent, OrderItem

EXECUTED = "The order is accepted. The services are being set up; there is nothing for you to do."
AWAITING_APPROVAL = "The order waits for approval."
APPROVED = "The order was approved."
ON_HOLD = "The order is recorded and waits to be executed. We will be in touch if anything is needed."
NO_CREDIT = "The order is recorded. It will be executed once the available credit covers it."
IN_PROGRESS = "The order is in progress: our team sets it up and records each delivery here."
READY = "{name} is ready."
SETTING_UP = "{name} is being set up."
RETRY = "{name} takes longer than usual to set up. We try again by ourselves; there is nothing for you to do."
BY_A_PERSON = "{name} is being set up by our team; there is nothing for you to do."
FAILED = "{name}: provisioning failed – the provider has been informed."
TRY_AGAIN = "{name} is being set up again."
MAX_TEXT = 300


def add_event(
    order: Order,
    kind: str,
    text: str,
    *,
    at: datetime,
    item: OrderItem | None = None,
    actor_name: str | None = None,
    next_attempt_at: datetime | None = None,
) -> None:
    """Add a line; `{name}` in the text is the item's product."""
    session.add(
        OrderEvent(
            reseller_id=order.reseller_id,
            account_id=order.account_id,
            order_id=order.id,
            item_id=item.id if item is not None else None,
            at=at,
            kind=kind,
            text=event_text(text, item.product_name if item is not None else None),
            actor_name=actor_name,
            next_attempt_at=next_attempt_at,
        )
    )


def event_text(text: str, product_name: str | None) -> str:
    """Return a line as it is stored; `{name}` is the product."""
    words = text.format(name=product_name) if product_name is not None else text
    return words if len(words) <= MAX_TEXT else words[: MAX_TEXT - 1] + "…"
