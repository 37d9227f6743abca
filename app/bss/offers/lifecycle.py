"""What happens to an offer: approved, shared, decided, taken up again, converted (CB-17)."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.bss.offers.blueprint import bp
from app.bss.offers.forms import ActionForm, RefuseForm
from app.bss.offers.views import crumbs, offer_page, staff, status_form
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.offers.lifecycle import approve, convert, mark, put_into, share
from app.orders.offers.machine import OfferMove
from app.orders.offers.rows import find_offer
from app.web.pages import page


@bp.post("/<number>/approve")
@permission_required(Permission.BSS_SALES_APPROVE)
def approve_prices(number: str) -> ResponseReturnValue:
    """Let an offer's discounts stand."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            approve(number, staff=staff(), at=utc_now())
        flash("The prices are approved.", "success")
    return redirect(url_for(".detail", number=number), code=303)


@bp.post("/<number>/share")
@permission_required(Permission.BSS_ORDERS_EDIT)
def share_offer(number: str) -> ResponseReturnValue:
    """Mail an offer to its contact."""
    if ActionForm().validate_on_submit():
        try:
            with unit_of_work():
                share(number, staff=staff(), at=utc_now())
        except Invalid as refusal:
            return offer_page(number, refusal)
        flash(f"{number} is on its way.", "success")
    return redirect(url_for(".detail", number=number), code=303)


@bp.post("/<number>/accept")
@permission_required(Permission.BSS_ORDERS_EDIT)
def accept(number: str) -> ResponseReturnValue:
    """Record that the customer accepted."""
    return _mark(number, OfferMove.ACCEPT)


@bp.post("/<number>/refuse")
@permission_required(Permission.BSS_ORDERS_EDIT)
def refuse(number: str) -> ResponseReturnValue:
    """Record that the customer refused, and why."""
    form = RefuseForm()
    return _mark(number, OfferMove.REFUSE, (form.reason.data or "")[:500])


@bp.post("/<number>/reopen")
@permission_required(Permission.BSS_ORDERS_EDIT)
def reopen(number: str) -> ResponseReturnValue:
    """Take a lost offer up again."""
    return _mark(number, OfferMove.REOPEN)


def _mark(number: str, move: OfferMove, reason: str = "") -> ResponseReturnValue:
    if ActionForm().validate_on_submit():
        try:
            with unit_of_work():
                mark(number, move, reason=reason, staff=staff(), at=utc_now())
        except Invalid as refusal:
            return offer_page(number, refusal)
        flash("Saved.", "success")
    return redirect(url_for(".detail", number=number), code=303)


@bp.post("/<number>/convert")
@permission_required(Permission.BSS_ORDERS_EDIT)
def convert_offer(number: str) -> ResponseReturnValue:
    """Make an accepted offer an order, once; the order opens."""
    if not ActionForm().validate_on_submit():
        return redirect(url_for(".detail", number=number), code=303)
    try:
        with unit_of_work():
            order = convert(number, staff=staff(), at=utc_now())
    except Invalid as refusal:
        return offer_page(number, refusal)
    flash(f"{number} became {order.number}.", "success")
    return redirect(url_for("bss_orders.detail", number=order.number), code=303)


@bp.route("/<number>/status", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def status(number: str) -> ResponseReturnValue:
    """Give an offer another status of its type."""
    offer = find_offer(number, staff())
    form = status_form(offer)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                put_into(number, form.status_ref.data or "", staff=staff(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/offers/status.html",
        title=f"Status of {number}",
        breadcrumbs=crumbs(offer, "Status"),
        offer=offer,
        form=form,
    ), form.status
