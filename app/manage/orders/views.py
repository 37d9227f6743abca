"""Orders for a reseller's staff: the approval queue, the list, one order with both sides of it (RS-25)."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField

from app.access import permission_required, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.manage.customers.blueprint import reseller
from app.orders.approval import approve_order, approve_orders, reject_order
from app.orders.errors import OrderNotFound, SellBelowCost
from app.orders.models import DeliveryStatus, OrderStatus
from app.orders.queries import list_events
from app.orders.reseller_queries import (
    PendingOrder,
    StaffFilter,
    count_staff_orders,
    get_staff_order,
    list_pending_orders,
    list_staff_orders,
    staff_items,
)
from app.orders.words import status_words
from app.owner.lists import Chip, chosen, with_args
from app.web.exports import csv_response, xlsx_response
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("orders", __name__, surface=Surface.MANAGE)

EXPORT_ROWS = 10_000
EXPORT_HEADER = ("Order", "Date", "Customer", "Status", "Placed by", "Sell total", "Cost total", "Margin", "Currency")
STATE_OF_EVENT = {"rejected": "failed", "failed": "failed", "retry": "waiting", "waiting": "waiting"}


class RejectForm(Form):
    """Why an order is declined; the customer reads it."""

    reason = TextAreaField("Reason", description="3 to 500 characters. The customer reads it.")


@bp.get("/pending")
@permission_required(Permission.ORDER_APPROVE)
def pending() -> ResponseReturnValue:
    """List orders that wait for a decision, the oldest first, with today's cost."""
    owner, asked, at = reseller(), requested_page(), utc_now()
    wanted = StaffFilter(status=OrderStatus.PENDING_RESELLER_APPROVAL)
    rows = list_pending_orders(owner.id, at=at, limit=asked.size, offset=asked.offset)
    return page(
        "manage/orders/pending.html",
        title="Pending orders",
        found=Page(rows, count_staff_orders(owner.id, wanted), asked.number, asked.size),
        ages={row.row.order.id: (at - row.row.order.placed_at).days for row in rows},
        with_args=with_args,
    )


@bp.post("/pending")
@permission_required(Permission.ORDER_APPROVE)
def approve_selected() -> ResponseReturnValue:
    """Approve up to 50 orders at once; each that cannot be approved says why and stays."""
    numbers = request.form.getlist("selected")
    try:
        with unit_of_work():
            decisions = approve_orders(numbers, approver=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for(".pending"), code=303)
    approved = sum(decision.refusal is None for decision in decisions)
    if approved:
        flash(
            f"{approved} orders approved; provisioning has started."
            if approved > 1
            else "1 order approved; provisioning has started.",
            "success",
        )
    for decision in decisions:
        if decision.refusal is not None:
            flash(str(decision.refusal), "warning")
    if not decisions:
        flash("Select the orders to approve first.", "warning")
    return redirect(url_for(".pending"), code=303)


@bp.get("")
@permission_required(Permission.MANAGE_ORDERS)
def index() -> ResponseReturnValue:
    """List the orders of the reseller and its customers, or export them."""
    owner, status = reseller(), chosen(OrderStatus, "status")
    wanted = StaffFilter(search=request.args.get("q", "")[:100], status=status)
    if request.args.get("export") in ("csv", "xlsx"):
        return _export(wanted)
    asked = requested_page()
    rows = list_staff_orders(owner.id, wanted, at=utc_now(), limit=asked.size, offset=asked.offset)
    return page(
        "manage/orders/index.html",
        title="Orders",
        found=Page(rows, count_staff_orders(owner.id, wanted), asked.number, asked.size),
        wanted=wanted,
        statuses=[(each.value, status_words(each)) for each in OrderStatus if each is not OrderStatus.DRAFT],
        chips=[Chip(f"Status: {status_words(status)}", with_args(status=None, page=None))] if status else [],
        status_words=status_words,
        with_args=with_args,
    )


def _export(wanted: StaffFilter) -> ResponseReturnValue:
    rows = [
        (
            row.order.number,
            row.order.placed_at.date(),
            row.customer_name,
            status_words(row.order.status),
            row.placed_by,
            None if row.order.placed_by_reseller else row.sell_total,
            row.cost_total,
            row.margin,
            row.order.currency,
        )
        for row in list_staff_orders(reseller().id, wanted, at=utc_now(), limit=EXPORT_ROWS)
    ]
    answer = csv_response if request.args["export"] == "csv" else xlsx_response
    return answer("orders", EXPORT_HEADER, rows)


@bp.get("/<number>")
@permission_required(Permission.MANAGE_ORDERS)
def detail(number: str) -> ResponseReturnValue:
    """Show one order: lines with sell price and cost, what happened, what to decide."""
    return _detail_page(number, RejectForm(formdata=None))


def _found(number: str) -> PendingOrder:
    found = get_staff_order(reseller().id, number, at=utc_now())
    if found is None:
        raise OrderNotFound(number)
    return found


def _detail_page(number: str, form: RejectForm) -> ResponseReturnValue:
    found = _found(number)
    order = found.row.order
    steps: list[dict[str, object]] = [
        {
            "title": event.text,
            "state": STATE_OF_EVENT.get(event.kind, "done"),
            "at": event.at,
            "actor": event.actor_name,
            "next_retry_at": event.next_attempt_at,
        }
        for event in list_events(order.id)
    ]
    is_pending = order.status is OrderStatus.PENDING_RESELLER_APPROVAL
    if is_pending:
        steps.append({"title": "Approval", "state": "waiting", "acts_next": "You decide"})
    items = staff_items(order, at=utc_now())
    return page(
        "manage/orders/detail.html",
        title=order.number,
        breadcrumbs=[Crumb("Orders", url_for(".index")), Crumb(order.number)],
        found=found,
        order=order,
        items=items,
        failed=[each.item for each in items if each.item.delivery_status is DeliveryStatus.FAILED],
        steps=steps,
        form=form,
        is_pending=is_pending,
        may_decide=is_pending and signed_in_viewer().can(Permission.ORDER_APPROVE),
        status_words=status_words,
    ), form.status


@bp.post("/<number>/approve")
@permission_required(Permission.ORDER_APPROVE)
def approve(number: str) -> ResponseReturnValue:
    """Approve one order; selling below cost needs a second, explicit yes (RS-25)."""
    try:
        with unit_of_work():
            order = approve_order(
                number,
                approver=signed_in_viewer().actor,
                at=utc_now(),
                confirm_below_cost=request.form.get("confirm_below_cost") == "1",
            )
    except SellBelowCost as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for(".detail", number=number, _anchor="decide"), code=303)
    flash(f"{order.number} approved; provisioning has started.", "success")
    return redirect(url_for(".detail", number=order.number), code=303)


@bp.post("/<number>/reject")
@permission_required(Permission.ORDER_APPROVE)
def reject(number: str) -> ResponseReturnValue:
    """Decline one order; the customer reads the reason."""
    form = RejectForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                order = reject_order(number, form.reason.data or "", approver=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{order.number} was declined; the customer gets your reason.", "success")
            return redirect(url_for(".detail", number=order.number), code=303)
    return _detail_page(number, form)
