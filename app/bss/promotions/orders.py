"""A promotion's code on an order of the back office (CB-16)."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app.access import permission_required, signed_in_viewer
from app.bss.promotions.blueprint import bp
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.order_promotions import apply_code, remove_promotions
from app.orders.queries import get_order, list_items
from app.pricing.promotions.queries import promotions_by_id
from app.web.forms import Form
from app.web.pages import page
from themes.frames import Crumb


class CodeForm(Form):
    """A promotion's code."""

    code = StringField(
        "Promotion code",
        validators=[InputRequired("Enter a code"), Length(max=60, message="Use at most 60 characters")],
    )


@bp.route("/orders/<number>", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def order(number: str) -> ResponseReturnValue:
    """Show which promotions lower an order, and take another code."""
    found, form = get_order(number), CodeForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                apply_code(number, form.code.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The code was accepted; the order's prices follow.", "success")
            return redirect(url_for("bss_orders.detail", number=number), code=303)
    items = list_items(found.id)
    promotions = promotions_by_id({item.promotion_id for item in items if item.promotion_id is not None})
    return page(
        "bss/promotions/order.html",
        title="Promotion code",
        breadcrumbs=[Crumb("Orders", url_for("bss_orders.index")), _order(number), Crumb("Promotion code")],
        number=number,
        lowered=[(item, promotions[item.promotion_id]) for item in items if item.promotion_id is not None],
        form=form,
    ), form.status


@bp.post("/orders/<number>/remove")
@permission_required(Permission.BSS_ORDERS_EDIT)
def remove_from_order(number: str) -> ResponseReturnValue:
    """Take an order's promotions away."""
    get_order(number)
    with unit_of_work():
        remove_promotions(number, actor=signed_in_viewer().actor, at=utc_now())
    flash("The promotions were removed.", "success")
    return redirect(url_for("bss_orders.detail", number=number), code=303)


def _order(number: str) -> Crumb:
    return Crumb(number, url_for("bss_orders.detail", number=number))
