"""Promotions in BSS: listed, made, changed, deleted while unused (CB-16)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor_today
from app.bss.listing import asked_choice, asked_export, asked_text, export, with_args
from app.bss.promotions.blueprint import bp
from app.bss.promotions.forms import AMOUNT_WORDS, DURATION_WORDS, PromotionForm
from app.catalogue.queries import products_by_id
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.order_promotions import delete_unordered
from app.pricing.currencies import usable_currencies
from app.pricing.models import Promotion, PromotionAmount
from app.pricing.promotions.queries import (
    PromotionFilter,
    PromotionState,
    count_promotions,
    get_promotion,
    list_promotions,
)
from app.pricing.promotions.services import create_promotion, update_promotion
from app.web.exports import Cell
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from themes.frames import Crumb

STATE_WORDS = {
    PromotionState.RUNNING: "Running",
    PromotionState.PLANNED: "Planned",
    PromotionState.OVER: "Over",
    PromotionState.INACTIVE: "Inactive",
}
EXPORT_HEADER = (
    "Name", "Code", "First day", "Last day", "Reduction", "Of", "Currency", "For", "Cycles", "Orders", "At most",
    "Active",
)  # fmt: skip


@bp.get("")
@permission_required(Permission.BSS_PRICES_VIEW)
def index() -> ResponseReturnValue:
    """List promotions, or export them."""
    today = distributor_today()
    wanted = PromotionFilter(today, asked_text(), asked_choice(PromotionState, "state"))
    if kind := asked_export():
        return export(kind, "promotions", EXPORT_HEADER, [_exported(each) for each in list_promotions(wanted)])
    asked = requested_page()
    found = list_promotions(wanted, limit=asked.size, offset=asked.offset)
    return page(
        "bss/promotions/index.html",
        title="Promotions",
        promotions=Page(found, count_promotions(wanted), asked.number, asked.size),
        wanted=wanted,
        states=STATE_WORDS,
        state_of={each.id: STATE_WORDS[_state(each, today)] for each in found},
        durations=DURATION_WORDS,
        is_percent={each.id: each.amount_kind is PromotionAmount.PERCENT for each in found},
        sizes=SIZES,
        with_args=with_args,
        may_edit=signed_in_viewer().can(Permission.BSS_PRICES_EDIT),
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def new() -> ResponseReturnValue:
    """Make a promotion."""
    form = PromotionForm()
    _choose(form)
    if not form.is_submitted():
        form.starts_on.data = distributor_today()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = create_promotion(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{made.name} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New promotion", None), form.status


@bp.route("/<uuid:promotion_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def edit(promotion_id: UUID) -> ResponseReturnValue:
    """Change a promotion."""
    promotion = get_promotion(promotion_id)
    known = products_by_id({*promotion.product_ids, *promotion.required_product_ids})
    form = PromotionForm.of(promotion, known)
    _choose(form)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                update_promotion(
                    promotion_id,
                    form.to_details(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The promotion was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, promotion.name, promotion), form.status


@bp.post("/<uuid:promotion_id>/delete")
@permission_required(Permission.BSS_PRICES_EDIT)
def delete(promotion_id: UUID) -> ResponseReturnValue:
    """Delete a promotion nobody has used."""
    name = get_promotion(promotion_id).name
    with unit_of_work():
        delete_unordered(promotion_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{name} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


def _choose(form: PromotionForm) -> None:
    form.currency.choices = [("", "Of a percentage: none"), *((code, code) for code in usable_currencies())]


def _form(form: PromotionForm, title: str, promotion: Promotion | None) -> str:
    crumbs = [Crumb("Promotions", url_for(".index")), Crumb(title)]
    return page("bss/promotions/edit.html", title=title, breadcrumbs=crumbs, form=form, promotion=promotion)


def _state(promotion: Promotion, today: date) -> PromotionState:
    if not promotion.is_active:
        return PromotionState.INACTIVE
    if promotion.ends_on is not None and promotion.ends_on < today:
        return PromotionState.OVER
    return PromotionState.PLANNED if promotion.starts_on > today else PromotionState.RUNNING


def _exported(promotion: Promotion) -> tuple[Cell, ...]:
    return (
        promotion.name, promotion.code, promotion.starts_on, promotion.ends_on, AMOUNT_WORDS[promotion.amount_kind],
        promotion.value, promotion.currency, DURATION_WORDS[promotion.duration], promotion.cycles, promotion.redeemed,
        promotion.max_redemptions, promotion.is_active,
    )  # fmt: skip
