"""Bulk changes of the catalogue: choose, preview, apply; a large one can be watched and left (RS-19, GO-08)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import current_address, permission_required
from app.catalogue.models import Product
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.manage.listings.forms import BulkForm
from app.manage.listings.views import bp, filter_values, requested_filter
from app.manage.selling import seller_of_request
from app.pricing.amounts import percent_of
from app.resellers.listings import NEEDS_PERCENT, REASONS, ListingChange, RowResult
from app.resellers.listings_bulk import (
    MAX_ROWS,
    BulkOutcome,
    Preview,
    bulk,
    checked_selection,
    get_run,
    list_run_rows,
    preview,
)
from app.resellers.listings_section import matching_ids
from app.resellers.models import ListingAction, ListingRunState
from app.web.exports import csv_response
from app.web.pages import page
from tenants.context import current_scope
from themes.frames import Crumb

ACTION_WORDS = {
    ListingAction.LIST: "List with markup",
    ListingAction.SET_MARKUP: "Set markup",
    ListingAction.ADD_POINTS: "Add points to markup",
    ListingAction.UNLIST: "Unlist",
    ListingAction.TRIALS_ON: "Offer trials",
    ListingAction.TRIALS_OFF: "Stop trials",
}
ASKS_PERCENT = (ListingAction.LIST, *NEEDS_PERCENT)
PREVIEWED = 100
NAMED_IN_NOTICE = 10


def _requested_action() -> ListingAction:
    try:
        return ListingAction(request.form.get("action", ""))
    except ValueError:
        raise Invalid.field("action", "choice", "Choose what to do with the products") from None


def _selection() -> list[UUID]:
    """Return the ticked products, or all of the filter in the address where "all matching" is ticked."""
    if request.form.get("all_matching"):
        return matching_ids(requested_filter(), seller_of_request().buyer, limit=MAX_ROWS + 1)
    found = (parse_id(text) for text in request.form.getlist("selected"))
    return [product_id for product_id in found if product_id is not None]


def _change(action: ListingAction, text: str) -> ListingChange:
    if action not in ASKS_PERCENT or (action is ListingAction.LIST and not text.strip()):
        return ListingChange(action)
    if action is ListingAction.ADD_POINTS and text.strip().startswith(("-", "−")):
        return ListingChange(action, -percent_of(text.strip()[1:]))
    return ListingChange(action, percent_of(text.strip().removeprefix("+")))


@bp.post("/bulk")
@permission_required(Permission.MANAGE_LISTINGS)
def change_many() -> ResponseReturnValue:
    """Change the chosen products, after asking for a percentage and showing its effect where there is one."""
    seller, form, step = seller_of_request(), BulkForm(), request.form.get("step", "")
    try:
        action = _requested_action()
        selection = checked_selection(_selection())
    except Invalid as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for(".index", **filter_values(requested_filter())), HTTPStatus.SEE_OTHER)
    if action in ASKS_PERCENT and step not in ("preview", "apply"):
        return _bulk_page(action, selection, BulkForm(formdata=None), None)
    who: dict[str, Any] = {"reseller_id": seller.reseller_id, "on": seller.on, "actor": seller.actor, "at": seller.at}
    try:
        change = _change(action, form.percent.data or "")
        if step == "preview":
            return _bulk_page(action, selection, form, preview(change, selection, **who))
        with unit_of_work():
            outcome = bulk(change, selection, **who)
    except Invalid as refusal:
        form.take(refusal)
        return _bulk_page(action, selection, form, None), form.status
    if outcome.run_id is not None:
        return redirect(url_for(".run", run_id=outcome.run_id), HTTPStatus.SEE_OTHER)
    _tell(outcome)
    return redirect(url_for(".index", **filter_values(requested_filter())), HTTPStatus.SEE_OTHER)


def _bulk_page(action: ListingAction, selection: Sequence[UUID], form: BulkForm, effect: Preview | None) -> str:
    return page(
        "manage/listings/bulk.html",
        title=ACTION_WORDS[action],
        breadcrumbs=[Crumb(current_address().distributor_name, url_for(".index")), Crumb(ACTION_WORDS[action])],
        action=action,
        selection=selection,
        all_matching=bool(request.form.get("all_matching")),
        kept=filter_values(requested_filter()),
        form=form,
        effect=effect,
        rows=[] if effect is None else [row for row in effect.rows if row.reason is None][:PREVIEWED],
        skipped=[] if effect is None else _named(effect.skipped),
    )


def _named(results: Sequence[RowResult]) -> list[tuple[str, str]]:
    """Return names and reasons of products that would be, or were, skipped."""
    shown = results[:PREVIEWED]
    names = {
        row.id: row.name
        for row in session.execute(
            select(Product.id, Product.name).where(
                Product.distributor_id == current_scope().distributor_id,
                Product.id.in_([result.product_id for result in shown]),
            )
        )
    }
    return [(names.get(row.product_id, "A product"), REASONS[row.reason]) for row in shown if row.reason is not None]


def _tell(outcome: BulkOutcome) -> None:
    if outcome.done:
        flash("1 product changed." if outcome.done == 1 else f"{outcome.done} products changed.", "success")
    if outcome.skipped:
        named = _named(outcome.skipped)[:NAMED_IN_NOTICE]
        told = "; ".join(f"{name}: {reason}" for name, reason in named)
        more = len(outcome.skipped) - len(named)
        flash(f"{len(outcome.skipped)} skipped. {told}{f'; and {more} more' if more else ''}.", "warning")


@bp.get("/runs/<uuid:run_id>")
@permission_required(Permission.MANAGE_LISTINGS)
def run(run_id: UUID) -> ResponseReturnValue:
    """Show how far a large change has come, and what it skipped."""
    found = get_run(run_id, reseller_id=seller_of_request().reseller_id)
    if request.args.get("export") == "csv":
        rows = (
            (row.name, row.code, row.result or "waiting", REASONS.get(row.reason or "", ""))
            for row in list_run_rows(found)
        )
        return csv_response("bulk-change", ("Name", "SKU", "Result", "Reason"), rows)
    template = "manage/listings/_progress.html" if "fragment" in request.args else "manage/listings/run.html"
    return page(
        template,
        title=ACTION_WORDS[found.action],
        breadcrumbs=[Crumb(current_address().distributor_name, url_for(".index")), Crumb("Bulk change")],
        run=found,
        is_over=found.state in (ListingRunState.COMPLETED, ListingRunState.FAILED),
        skipped=list_run_rows(found, only_skipped=True, limit=PREVIEWED),
        reasons=REASONS,
    )
