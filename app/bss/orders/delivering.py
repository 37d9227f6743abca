"""Delivering one item with what is known of it: its reference at the vendor, and custom fields (CB-21)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import Length, Optional

from app.access import permission_required, signed_in_viewer
from app.bss.custom_fields import typed_fields, with_typed
from app.bss.orders.blueprint import bp
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.orders.back_office_queries import get_for_back_office
from app.orders.delivered_fields import fields_of_delivery, line_to_deliver
from app.orders.partial import Delivery, deliver_items
from app.web.forms import Form
from app.web.pages import page
from themes.frames import Crumb


class DeliveryForm(Form):
    """What the service is called at its vendor; custom fields are read beside it."""

    vendor_reference = StringField(
        "Reference", validators=[Optional(), Length(max=200, message="Use at most 200 characters")],
        description="What the service is called at its vendor.",
    )  # fmt: skip


@bp.route("/<number>/items/<uuid:item_id>/deliver", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EXECUTE)
def deliver_item(number: str, item_id: UUID) -> ResponseReturnValue:
    """Deliver one item; what is left stays in the order."""
    order = get_for_back_office(number)
    line = line_to_deliver(order.id, item_id)
    form, errors = DeliveryForm(), dict[str, str]()
    if form.validate_on_submit():
        delivery = Delivery(
            number, frozenset([item_id]), (form.vendor_reference.data or "").strip() or None, typed_fields()
        )
        try:
            with unit_of_work():
                made = deliver_items(delivery, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            errors = {error.field: error.message for error in refusal.errors if parse_id(error.field) is not None}
            form.take(refusal)
        else:
            flash(f"Delivered in {made.number}." if made.number != number else f"{number} is executed.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/orders/deliver.html",
        title=f"Deliver {line.item.product_name}",
        breadcrumbs=[
            Crumb("Orders", url_for(".index")),
            Crumb(number, url_for(".detail", number=number)),
            Crumb("Deliver"),
        ],
        order=order,
        item=line.item,
        form=form,
        answers=with_typed(fields_of_delivery(line), typed_fields()),
        errors=errors,
    ), form.status
