"""How an order's facts are worded for people, on pages and in mails alike."""

from __future__ import annotations

from decimal import Decimal

from app.core.money import write_money
from app.orders.models import DeliveryStatus, Order, OrderStatus

STATUS_WORDS = {
    OrderStatus.DRAFT: "Draft",
    OrderStatus.SUBMITTED: "Submitted",
    OrderStatus.PENDING_RESELLER_APPROVAL: "Pending Reseller Approval",
    OrderStatus.SCHEDULED: "Scheduled",
    OrderStatus.IN_PROGRESS: "In Progress",
    OrderStatus.EXECUTING: "Executing",
    OrderStatus.PARTIALLY_EXECUTED: "Partially Executed",
    OrderStatus.EXECUTED: "Executed",
    OrderStatus.CANCELED: "Canceled",
}


def status_words(status: OrderStatus | DeliveryStatus) -> str:
    """Return a status as the specification spells it."""
    if isinstance(status, OrderStatus):
        return STATUS_WORDS[status]
    return status.value.capitalize()


def total_words(order: Order) -> str:
    """Return the order's net total with its currency, for who pays it."""
    return write_money(order.net_total, order.currency)


def shown_total(order: Order) -> Decimal | None:
    """Return the total its customer may see: none of an order the reseller placed for it (RS-27)."""
    return None if order.placed_by_reseller and order.account_id != order.payer_id else order.net_total
