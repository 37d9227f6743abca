"""One order with its items, its history and the live timeline of provisioning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.models import DeliveryStatus, Order, OrderStatus
from app.orders.queries import get_order, list_events, list_items
from app.orders.words import shown_total, status_words
from app.storefront.shopping import price_unit
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("orders", __name__, surface=Surface.STOREFRONT, path="/orders")

DELIVERY_STATES = {
    DeliveryStatus.PENDING: "pending",
    DeliveryStatus.PROVISIONING: "running",
    DeliveryStatus.DELIVERED: "done",
    DeliveryStatus.FAILED: "failed",
    DeliveryStatus.CANCELED: "failed",
}
EVENT_STATES = {"rejected": "failed", "failed": "failed", "retry": "waiting", "provisioning": "running"}
MOVING = (OrderStatus.EXECUTING, OrderStatus.SUBMITTED, OrderStatus.PENDING_RESELLER_APPROVAL, OrderStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the timeline, as its macro draws it."""

    title: str
    state: str
    at: datetime | None = None
    actor: str | None = None
    next_retry_at: datetime | None = None
    cause: str | None = None
    acts_next: str | None = None
    url: str | None = None


def timeline_of(order: Order) -> list[Step]:
    """Return what happened to an order and what comes next, in words for its buyer."""
    steps = [
        Step(
            event.text,
            EVENT_STATES.get(event.kind, "done"),
            at=event.at,
            actor=event.actor_name,
            next_retry_at=event.next_attempt_at,
        )
        for event in list_events(order.id)
    ]
    if order.status is OrderStatus.PENDING_RESELLER_APPROVAL:
        steps.append(Step("Approval", "waiting", acts_next="Your supplier reviews the order"))
    elif order.status is OrderStatus.EXECUTING:
        steps.append(Step("Your services are being set up", "running"))
    return steps


def is_moving(order: Order, items: list[object]) -> bool:
    """Whether the page should look again by itself."""
    return order.status in MOVING or any(
        item.delivery_status in (DeliveryStatus.PENDING, DeliveryStatus.PROVISIONING)  # type: ignore[attr-defined]
        for item in items
    )


def _hides_amounts(order: Order) -> bool:
    return signed_in_viewer().kind is UserKind.END_CUSTOMER and shown_total(order) is None


@bp.get("/<number>")
@permission_required(Permission.ORDERS_VIEW)
def detail(number: str) -> ResponseReturnValue:
    """Show an order; what is not in the viewer's scope does not exist."""
    order = get_order(number)
    items = list(list_items(order.id))
    context = {
        "order": order,
        "items": items,
        "steps": timeline_of(order),
        "status": status_words(order.status),
        "status_words": status_words,
        "hides_amounts": _hides_amounts(order),
        "price_unit": price_unit,
        "poll_url": url_for(".progress", number=number) if is_moving(order, items) else None,
    }
    return page(
        "storefront/orders/detail.html",
        title=f"Order {order.number}",
        breadcrumbs=[Crumb("Billing", url_for("storefront_billing.index")), Crumb(order.number)],
        **context,
    )


@bp.get("/<number>/progress")
@permission_required(Permission.ORDERS_VIEW)
def progress(number: str) -> ResponseReturnValue:
    """Return the order's timeline alone, for a page that looks again."""
    order = get_order(number)
    items = list(list_items(order.id))
    return render_template(
        "storefront/orders/_progress.html",
        order=order,
        items=items,
        steps=timeline_of(order),
        status_words=status_words,
        poll_url=request.path if is_moving(order, items) else None,
    )
