"""Executing an order now or on a day, delivering parts of it, moving it by hand, canceling it (CB-19, CB-20, CB-21)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor_today
from app.bss.orders.blueprint import bp
from app.bss.orders.forms import ActionForm, CancelForm, ExecuteForm, MoveForm
from app.bss.orders.views import order_page
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.orders.abandonment import abandon_item
from app.orders.back_office_execution import BY_PEOPLE, Start, cancel, execute, first_start
from app.orders.back_office_queries import BackOfficeOrder, get_for_back_office
from app.orders.models import OrderStatus
from app.orders.partial import Delivery, deliver_items
from app.orders.removal import delete_order
from app.orders.schedule import last_day
from app.orders.statuses import choices_by_hand, choices_for_cancel, move_by_hand
from app.web.pages import page
from themes.frames import Crumb


@bp.route("/<number>/execute", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EXECUTE)
def execute_order(number: str) -> ResponseReturnValue:
    """Ask for the execution, from a day on; what is missing is told with 422, a second time is a conflict."""
    form = ExecuteForm()
    if form.validate_on_submit():
        start = Start(form.starts_on.data, may_backdate=signed_in_viewer().can(Permission.BSS_BILLING_EDIT))
        try:
            with unit_of_work():
                order = execute(number, start=start, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            if all(error.field != "starts_on" for error in refusal.errors):
                return order_page(number, refusal)
            form.take(refusal)
        else:
            words = "is scheduled" if order.status is OrderStatus.SCHEDULED else "is being executed"
            flash(f"{number} {words}.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    order_shown = get_for_back_office(number)
    today = distributor_today()
    if not form.is_submitted():
        form.starts_on.data = order_shown.execute_on or today
    may_backdate = signed_in_viewer().can(Permission.BSS_BILLING_EDIT)
    return page(
        "bss/orders/execute.html",
        title=f"Execute {number}",
        breadcrumbs=_crumbs(order_shown, "Execute"),
        order=order_shown,
        form=form,
        first=first_start(today) if may_backdate else today,
        last=today if order_shown.status in BY_PEOPLE else last_day(today),
    ), form.status


@bp.post("/<number>/deliver")
@permission_required(Permission.BSS_ORDERS_EXECUTE)
def deliver(number: str) -> ResponseReturnValue:
    """Deliver the ticked items in a sub-order; what is left stays in the order."""
    if not ActionForm().validate_on_submit():
        return redirect(url_for(".detail", number=number), code=303)
    ids = frozenset(found for text in request.form.getlist("selected") if (found := parse_id(text)) is not None)
    reference = request.form.get("vendor_reference", "").strip()[:200] or None
    try:
        with unit_of_work():
            made = deliver_items(Delivery(number, ids, reference), actor=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        return order_page(number, refusal)
    flash(f"Delivered in {made.number}." if made.number != number else f"{number} is executed.", "success")
    return redirect(url_for(".detail", number=number), code=303)


@bp.post("/<number>/items/<uuid:item_id>/abandon")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def abandon(number: str, item_id: UUID) -> ResponseReturnValue:
    """Give an item up whose provisioning never succeeded: it is credited in full (CB-F74)."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            name = abandon_item(number, item_id, actor=signed_in_viewer().actor, at=utc_now()).product_name
        flash(f"{name} was given up and credited.", "success")
    return redirect(url_for(".detail", number=number), code=303)


@bp.route("/<number>/status", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def move(number: str) -> ResponseReturnValue:
    """Put an order into another status of the distributor's own."""
    order = get_for_back_office(number)
    form = MoveForm()
    form.status_ref.choices = [
        ("", "As it stands by itself"),
        *((each.ref, each.details.name) for each in choices_by_hand()),
    ]
    if form.validate_on_submit():
        try:
            with unit_of_work():
                move_by_hand(number, form.status_ref.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/orders/move.html",
        title=f"Status of {number}",
        breadcrumbs=_crumbs(order, "Status"),
        order=order,
        form=form,
    ), form.status


@bp.route("/<number>/cancel", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def cancel_order(number: str) -> ResponseReturnValue:
    """Cancel an order that was not executed, or what is left of it."""
    order = get_for_back_office(number)
    form = CancelForm()
    named = choices_for_cancel()
    form.status_ref.choices = [("", "Canceled"), *((each.ref, each.details.name) for each in named)]
    if form.validate_on_submit():
        try:
            with unit_of_work():
                cancel(
                    number,
                    reason=form.reason.data or "",
                    status_id=_status(form),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{number} was canceled.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/orders/cancel.html",
        title=f"Cancel {order.number}",
        breadcrumbs=_crumbs(order, "Cancel"),
        order=order,
        form=form,
        has_names=bool(named),
    ), form.status


def _status(form: CancelForm) -> UUID | None:
    if not form.status_ref.data:
        return None
    found = parse_id(form.status_ref.data)
    if found is None:
        raise Invalid.field("status_ref", "choice", "Choose one of the statuses")
    return found


def _crumbs(order: BackOfficeOrder, label: str) -> list[Crumb]:
    return [
        Crumb("Orders", url_for(".index")),
        Crumb(order.number, url_for(".detail", number=order.number)),
        Crumb(label),
    ]


@bp.route("/<number>/delete", methods=["GET", "POST"])
@permission_required(Permission.BSS_SALES_APPROVE)
def delete(number: str) -> ResponseReturnValue:
    """Delete an order staff has recorded and nobody executed; asked once more on a page of its own."""
    order = get_for_back_office(number)
    form = ActionForm()
    if form.validate_on_submit():
        with unit_of_work():
            delete_order(number, actor=signed_in_viewer().actor, at=utc_now())
        flash(f"{number} was deleted.", "success")
        return redirect(url_for(".index"), code=303)
    return page(
        "bss/orders/delete.html",
        title=f"Delete {number}",
        breadcrumbs=[
            Crumb("Orders", url_for(".index")),
            Crumb(number, url_for(".detail", number=number)),
            Crumb("Delete"),
        ],
        order=order,
        form=form,
    ), form.status
