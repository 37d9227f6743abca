"""Lines of a price list from Excel or CSV: upload, preview, result (CB-05, CB-14)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_choice, asked_export, export, with_args
from app.bss.price_lists.forms import LinesFileForm
from app.bss.price_lists.views import bp, crumbs_of
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.price_list_files.models import LineOutcome, ListFileState
from app.pricing.price_list_files.queries import count_outcomes, export_rows, get_file, list_files, list_rows
from app.pricing.price_list_files.services import confirm_lines, discard_lines, upload_lines
from app.pricing.price_lists import queries
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page

STATE_WORDS = {
    ListFileState.READY: "Ready to confirm",
    ListFileState.COMPLETED: "Completed",
    ListFileState.DISCARDED: "Discarded",
}
STATE_TONES = {
    ListFileState.READY: "warning",
    ListFileState.COMPLETED: "success",
    ListFileState.DISCARDED: "neutral",
}
OUTCOME_WORDS = {
    LineOutcome.CREATED: "Added",
    LineOutcome.CHANGED: "Changed",
    LineOutcome.UNCHANGED: "As it is",
    LineOutcome.ERROR: "Error",
}
OUTCOME_TONES = {
    LineOutcome.CREATED: "success",
    LineOutcome.CHANGED: "progress",
    LineOutcome.UNCHANGED: "neutral",
    LineOutcome.ERROR: "danger",
}
REPORT_HEADER = ("Row", "Result", "Code", "Product", "Term and billing plan", "Price before", "Price after", "Message")


@bp.route("/price-lists/<uuid:price_list_id>/import", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def import_lines(price_list_id: UUID) -> ResponseReturnValue:
    """Take a file in and show what it would do."""
    price_list, form = queries.get_price_list(price_list_id), LinesFileForm()
    if form.validate_on_submit():
        name = form.file.data.filename or "lines.xlsx"
        try:
            with unit_of_work():
                actor = signed_in_viewer().actor
                made = upload_lines(form.file.data.stream, name, price_list_id, actor=actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".lines_file", price_list_id=price_list_id, file_id=made.id), code=303)
    shown = page(
        "bss/price_lists/import.html",
        title=f"Import lines of {price_list.name}",
        breadcrumbs=crumbs_of(price_list, "Import"),
        price_list=price_list,
        form=form,
        files=list_files(price_list_id),
        state_words=STATE_WORDS,
        state_tones=STATE_TONES,
    )
    return shown, form.status


@bp.get("/price-lists/<uuid:price_list_id>/import/<uuid:file_id>")
@permission_required(Permission.BSS_PRICES_EDIT)
def lines_file(price_list_id: UUID, file_id: UUID) -> ResponseReturnValue:
    """Show what each row would do, or did; or the same as a file."""
    price_list, file = queries.get_price_list(price_list_id), get_file(price_list_id, file_id)
    outcome = asked_choice(LineOutcome, "outcome")
    if kind := asked_export():
        rows = [
            (
                each.row.row_number, OUTCOME_WORDS[each.row.outcome], each.row.code, each.product_name, each.row.unit,
                each.row.price_before, each.row.price_after, each.row.message,
            )
            for each in export_rows(file_id, outcome=outcome)
        ]  # fmt: skip
        return export(kind, "price-list-import", REPORT_HEADER, rows)
    asked, counts = requested_page(), count_outcomes(file_id)
    found = Page(
        list_rows(file_id, outcome=outcome, limit=asked.size, offset=asked.offset),
        counts[outcome] if outcome is not None else file.rows_total,
        asked.number,
        asked.size,
    )
    return page(
        "bss/price_lists/file.html",
        title=file.file_name,
        breadcrumbs=crumbs_of(price_list, file.file_name),
        price_list=price_list,
        file=file,
        state=STATE_WORDS[file.state],
        tone=STATE_TONES[file.state],
        rows=found,
        counts={each.value: counts[each] for each in LineOutcome},
        outcome=outcome,
        outcome_words=OUTCOME_WORDS,
        outcome_tones=OUTCOME_TONES,
        sizes=SIZES,
        with_args=with_args,
    )


@bp.post("/price-lists/<uuid:price_list_id>/import/<uuid:file_id>/confirm")
@permission_required(Permission.BSS_PRICES_EDIT)
def confirm_file(price_list_id: UUID, file_id: UUID) -> ResponseReturnValue:
    """Agree to the preview: its good rows are in the list at once."""
    if Form().validate_on_submit():
        with unit_of_work():
            written = confirm_lines(price_list_id, file_id, actor=signed_in_viewer().actor, at=utc_now())
        flash(f"{written:,} prices were added or changed.", "success")
    return redirect(url_for(".lines_file", price_list_id=price_list_id, file_id=file_id), code=303)


@bp.post("/price-lists/<uuid:price_list_id>/import/<uuid:file_id>/discard")
@permission_required(Permission.BSS_PRICES_EDIT)
def discard_file(price_list_id: UUID, file_id: UUID) -> ResponseReturnValue:
    """Put the file aside."""
    if Form().validate_on_submit():
        with unit_of_work():
            file = discard_lines(price_list_id, file_id, at=utc_now())
        flash(f"{file.file_name} was discarded. The list is as it was.", "success")
    return redirect(url_for(".import_lines", price_list_id=price_list_id), code=303)
