"""One order with its items, its history and the live timeline of provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField
from wtforms.validators import InputRequired

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.models import DeliveryStatus, Order, OrderEvent, OrderItem, OrderStatus
from app.orders.queries import get_order, list_events, list_items
from app.orders.schedule import ONE_DAY, cancel_scheduled, last_day, reschedule
from app.orders.statuses import shown_status
from app.orders.withdrawal import may_withdraw, withdraw_order
from app.orders.words import shown_total, status_words
from app.subscriptions.queries import codes_of
from app.web.formats import day, when
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.days import distributors_day
from themes.frames import Crumb

bp = surface_blueprint("orders", __name__, surface=Surface.STOREFRONT, path="/orders")

EVENT_STATES = {"rejected": "failed", "failed": "failed", "retry": "waiting", "provisioning": "running"}
UNDER_WAY = (DeliveryStatus.PENDING, DeliveryStatus.PROVISIONING)
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


def timeline_of(order: Order, items: Sequence[OrderItem]) -> list[Step]:
    """Return what happened to an order and what comes next, in words for its buyer."""
    under_way = {item.id for item in items if item.delivery_status in UNDER_WAY}
    steps = [
        Step(
            event.text,
            _state_of(event, under_way),
            at=event.at,
            actor=event.actor_name,
            next_retry_at=event.next_attempt_at if event.item_id in under_way else None,
        )
        for event in list_events(order.id)
    ]
    if order.status is OrderStatus.PENDING_RESELLER_APPROVAL:
        steps.append(Step("Approval", "waiting", acts_next="Your supplier reviews the order"))
    elif order.status is OrderStatus.EXECUTING:
        steps.append(Step("Your services are being set up", "running"))
    return steps


def _state_of(event: OrderEvent, under_way: set[UUID]) -> str:
    """Return how an event is marked: what was under way when it was written may be over by now."""
    state = EVENT_STATES.get(event.kind, "done")
    return "done" if state in ("running", "waiting") and event.item_id not in under_way else state


def is_moving(order: Order, items: Sequence[OrderItem]) -> bool:
    """Whether the page should look again by itself."""
    return order.status in MOVING or any(item.delivery_status in UNDER_WAY for item in items)


def _hides_amounts(order: Order) -> bool:
    return signed_in_viewer().kind is UserKind.END_CUSTOMER and shown_total(order) is None


def _live_part(order: Order, items: Sequence[OrderItem]) -> Mapping[str, Any]:
    """Return what the part that renews itself shows."""
    return {
        "order": order,
        "items": items,
        "steps": timeline_of(order, items),
        "status_words": status_words,
        "hides_amounts": _hides_amounts(order),
        "codes": codes_of(item.subscription_id for item in items),
        "poll_url": url_for(".progress", number=order.number) if is_moving(order, items) else None,
    }


def _about(order: Order) -> list[tuple[str, object]]:
    """Return the facts above the items; a reseller reads both companies of an order for its customer (RS-03)."""
    facts: list[tuple[str, object]] = [("Order date", when(order.placed_at))]
    if signed_in_viewer().kind is not UserKind.END_CUSTOMER and order.payer_id != order.account_id:
        payer = session.get(Account, (order.distributor_id, order.payer_id))
        facts += [("For", order.name), ("Billed to", payer.name if payer else None)]
    optional = [
        ("Scheduled for" if order.status is OrderStatus.SCHEDULED else "Requested start", _day(order)),
        ("Your reference", order.po_number),
        ("Comment", order.comment),
        ("Reason", order.decision_reason),
    ]
    return facts + [(label, value) for label, value in optional if value]


class RescheduleForm(Form):
    """Another day for a scheduled order."""

    execute_on = DateField("Execute on", validators=[InputRequired("Choose a day")])


@bp.get("/<number>")
@permission_required(Permission.ORDERS_VIEW)
def detail(number: str) -> ResponseReturnValue:
    """Show an order; what is not in the viewer's scope does not exist."""
    order = get_order(number)
    items = list_items(order.id)
    return page(
        "storefront/orders/detail.html",
        title=f"Order {order.number}",
        breadcrumbs=[
            Crumb("Billing", url_for("storefront_billing.index")),
            Crumb("Orders", url_for("storefront_billing.orders")),
            Crumb(order.number),
        ],
        status=shown_status(order),
        about=_about(order),
        may_withdraw=may_withdraw(order, signed_in_viewer().actor),
        may_reschedule=order.status is OrderStatus.SCHEDULED and signed_in_viewer().can(Permission.ORDERS_SCHEDULE),
        **_live_part(order, items),
    )


def _day(order: Order) -> str | None:
    return day(order.execute_on) if order.execute_on else None


@bp.get("/<number>/progress")
@permission_required(Permission.ORDERS_VIEW)
def progress(number: str) -> ResponseReturnValue:
    """Return the order's items and timeline alone, for a page that looks again."""
    order = get_order(number)
    return render_template(
        "storefront/orders/_progress.html", is_fragment=True, **_live_part(order, list_items(order.id))
    )


@bp.post("/<number>/withdraw")
@permission_required(Permission.CHECKOUT)
def withdraw(number: str) -> ResponseReturnValue:
    """Take back an order that still waits for approval."""
    with unit_of_work():
        withdraw_order(number, actor=signed_in_viewer().actor, at=utc_now())
    flash("The order was withdrawn.", "success")
    return redirect(url_for(".detail", number=number), code=303)


@bp.route("/<number>/reschedule", methods=["GET", "POST"])
@permission_required(Permission.ORDERS_SCHEDULE)
def reschedule_order(number: str) -> ResponseReturnValue:
    """Choose another day for a scheduled order, until its execution starts (SF-32)."""
    order = get_order(number)
    form = RescheduleForm()
    if form.validate_on_submit() and form.execute_on.data is not None:
        try:
            with unit_of_work():
                reschedule(number, form.execute_on.data, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The order was moved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    elif not form.is_submitted():
        form.execute_on.data = order.execute_on
    today = distributors_day(utc_now())
    return page(
        "storefront/orders/reschedule.html",
        title=f"Reschedule order {order.number}",
        breadcrumbs=[
            Crumb("Orders", url_for("storefront_billing.orders")),
            Crumb(order.number, url_for(".detail", number=number)),
            Crumb("Reschedule"),
        ],
        order=order,
        form=form,
        tomorrow=today + ONE_DAY,
        last_day=last_day(today),
    ), form.status


@bp.post("/<number>/cancel")
@permission_required(Permission.ORDERS_SCHEDULE)
def cancel_order(number: str) -> ResponseReturnValue:
    """Cancel a scheduled order, until its execution starts; nothing is charged."""
    with unit_of_work():
        cancel_scheduled(
            number, reason=request.form.get("reason", "")[:500], actor=signed_in_viewer().actor, at=utc_now()
        )
    flash("The order was canceled.", "success")
    return redirect(url_for(".detail", number=number), code=303)
