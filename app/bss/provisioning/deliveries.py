"""What people deliver: items of orders In Progress, one click each; charging starts with the delivery (CB-21)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.provisioning.blueprint import bp
from app.bss.provisioning.forms import DeliveryForm
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.permissions import Permission
from app.orders.partial import deliver_item
from app.orders.repairs import list_undelivered
from app.web.pages import page
from themes.frames import Crumb


@bp.get("/deliveries")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def deliveries() -> ResponseReturnValue:
    """List what waits for people, the oldest orders first."""
    return _show(DeliveryForm(formdata=None))


def _show(form: DeliveryForm) -> ResponseReturnValue:
    return page(
        "bss/provisioning/deliveries.html",
        title="Deliveries by people",
        breadcrumbs=[Crumb("Provisioning", url_for(".index")), Crumb("Deliveries by people")],
        rows=list_undelivered(),
        form=form,
        may_edit=signed_in_viewer().can(Permission.BSS_PROVISIONING_EDIT),
    ), form.status


@bp.post("/deliveries/<number>/<uuid:item_id>")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def deliver(number: str, item_id: UUID) -> ResponseReturnValue:
    """Record a delivery, or start what a service manager does; the last one executes the order."""
    form = DeliveryForm()
    if not form.validate_on_submit():
        return _show(form)
    with unit_of_work():
        order = deliver_item(
            number,
            item_id,
            actor=signed_in_viewer().actor,
            at=utc_now(),
            vendor_reference=(form.vendor_reference.data or "").strip() or None,
        )
    flash(f"Recorded for {order.number}.", "success")
    return redirect(url_for(".deliveries"), code=303)
