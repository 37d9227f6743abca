"""Sharing an order with who pays for it: its link and its paper by mail (CB-18)."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app.access import permission_required, signed_in_viewer
from app.bss.orders.blueprint import bp
from app.bss.orders.forms import ActionForm
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.back_office_queries import get_for_back_office
from app.orders.shares.services import VALID_FOR, end_share, likely_recipient, share_of, share_order
from app.web.forms import Form
from app.web.pages import page
from themes.frames import Crumb


class ShareForm(Form):
    """Who gets it."""

    to_email = StringField(
        "E-mail",
        validators=[
            InputRequired("Enter an e-mail address, such as anna@company.com"),
            Length(max=254, message="Use at most 254 characters"),
        ],
    )


@bp.route("/<number>/share", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def share(number: str) -> ResponseReturnValue:
    """Mail an order's link; show the one that stands."""
    order, at = get_for_back_office(number), utc_now()
    form = ShareForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = share_order(number, form.to_email.data or "", actor=signed_in_viewer().actor, at=at)
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{number} is on its way to {made.to_email}.", "success")
            return redirect(url_for(".share", number=number), code=303)
    elif not form.is_submitted():
        form.to_email.data = likely_recipient(order)
    return page(
        "bss/orders/share.html",
        title=f"Share {number}",
        breadcrumbs=[
            Crumb("Orders", url_for(".index")),
            Crumb(number, url_for(".detail", number=number)),
            Crumb("Share"),
        ],
        order=order,
        form=form,
        shared=share_of(order.id, at=at),
        days=VALID_FOR.days,
    ), form.status


@bp.post("/<number>/share/end")
@permission_required(Permission.BSS_ORDERS_EDIT)
def stop_sharing(number: str) -> ResponseReturnValue:
    """Take the link back."""
    get_for_back_office(number)
    if ActionForm().validate_on_submit():
        with unit_of_work():
            end_share(number, actor=signed_in_viewer().actor, at=utc_now())
        flash("The link has ended.", "success")
    return redirect(url_for(".share", number=number), code=303)
