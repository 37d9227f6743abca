"""The import of product files: upload, columns, preview, result (CB-14)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_choice, asked_export, export, list_page, with_args
from app.bss.product_files.forms import MappingForm, SheetForm, UploadForm, mapping_form
from app.catalogue.product_files import queries
from app.catalogue.product_files.fields import guessed
from app.catalogue.product_files.files import (
    MAY_BE_MAPPED,
    choose_sheet,
    confirm_file,
    discard_file,
    map_columns,
    upload_file,
)
from app.catalogue.product_files.models import ProductFile, ProductFileState, RowOutcome
from app.catalogue.queries import list_product_types
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.currencies import usable_currencies
from app.web.pages import page
from app.web.pagination import SIZES, Page, listed, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("product_files", __name__, surface=Surface.BSS)

State = ProductFileState
STATE_WORDS = {
    State.UPLOADED: "Columns to be mapped",
    State.CHECK_QUEUED: "Waiting to be checked",
    State.CHECKING: "Checking",
    State.READY: "Ready to confirm",
    State.QUEUED: "Waiting to be applied",
    State.APPLYING: "Applying",
    State.COMPLETED: "Completed",
    State.FAILED: "Failed",
    State.DISCARDED: "Discarded",
}
TONES = {
    State.UPLOADED: "warning",
    State.READY: "warning",
    State.COMPLETED: "success",
    State.FAILED: "danger",
    State.DISCARDED: "neutral",
}
AT_WORK = frozenset({State.CHECK_QUEUED, State.CHECKING, State.QUEUED, State.APPLYING})
STEP = {
    State.UPLOADED: 2, State.CHECK_QUEUED: 3, State.CHECKING: 3, State.READY: 3, State.QUEUED: 4, State.APPLYING: 4,
    State.COMPLETED: 4,
}  # fmt: skip
OUTCOME_WORDS = {
    RowOutcome.CREATED: "Created",
    RowOutcome.UPDATED: "Updated",
    RowOutcome.SKIPPED: "Skipped",
    RowOutcome.ERROR: "Error",
}
OUTCOME_TONES = {
    RowOutcome.CREATED: "success",
    RowOutcome.UPDATED: "progress",
    RowOutcome.SKIPPED: "neutral",
    RowOutcome.ERROR: "danger",
}
REPORT_HEADER = ("Row", "Result", "Code", "Name", "Message")


@bp.get("")
@permission_required(Permission.BSS_IMPORTS_RUN)
def index() -> ResponseReturnValue:
    """List the files, the latest first."""
    found = listed(lambda asked: queries.list_files(limit=asked.size, offset=asked.offset), queries.count_files)
    return list_page("bss/product_files/index.html", "Product files", found, STATE_WORDS, TONES)


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_IMPORTS_RUN)
def new() -> ResponseReturnValue:
    """Step 1: take a file in."""
    form = UploadForm()
    form.currency.choices = [(code, code) for code in usable_currencies()]
    form.product_type_id.choices = [
        ("", "Named by a column"),
        *((str(each.product_type.id), each.product_type.name) for each in list_product_types()),
    ]
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = upload_file(form.file.data.stream, form.to_file(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".columns", file_id=made.id), code=303)
    crumbs = [Crumb("Product files", url_for(".index")), Crumb("Import products")]
    return page("bss/product_files/new.html", title="Import products", breadcrumbs=crumbs, form=form), form.status


@bp.route("/<uuid:file_id>/columns", methods=["GET", "POST"])
@permission_required(Permission.BSS_IMPORTS_RUN)
def columns(file_id: UUID) -> ResponseReturnValue:
    """Step 2: say which column fills which field."""
    file = queries.get_file(file_id)
    if file.state not in MAY_BE_MAPPED:
        return redirect(url_for(".detail", file_id=file_id), code=303)
    form = _mapping_form(file)
    if form.validate_on_submit():
        given = {field.key: form[field.form_name].data or "" for field in queries.fields_of(file)}
        try:
            with unit_of_work():
                map_columns(
                    file_id,
                    given,
                    match_by=form.match_by.data or (),
                    is_published=bool(form.is_published.data),
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".detail", file_id=file_id), code=303)
    return _show_columns(file, form, SheetForm(formdata=None, sheet=file.sheet)), form.status


@bp.post("/<uuid:file_id>/sheet")
@permission_required(Permission.BSS_IMPORTS_RUN)
def sheet(file_id: UUID) -> ResponseReturnValue:
    """Read another sheet of the workbook."""
    file = queries.get_file(file_id)
    form = SheetForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                choose_sheet(file_id, form.sheet.data or "")
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".columns", file_id=file_id), code=303)
    return _show_columns(file, _mapping_form(file, is_fresh=True), form), form.status


@bp.get("/<uuid:file_id>")
@permission_required(Permission.BSS_IMPORTS_RUN)
def detail(file_id: UUID) -> ResponseReturnValue:
    """Show a file where it stands: progress, preview, result; its rows filtered, or as a file."""
    file = queries.get_file(file_id)
    if file.state is State.UPLOADED:
        return redirect(url_for(".columns", file_id=file_id), code=303)
    outcome = asked_choice(RowOutcome, "outcome")
    if kind := asked_export():
        rows = [
            (row.row_number, OUTCOME_WORDS[row.outcome], row.code, row.name, row.message)
            for row in queries.export_rows(file_id, outcome=outcome)
        ]
        return export(kind, "product-import-report", REPORT_HEADER, rows)
    asked = requested_page()
    rows_shown = Page(
        queries.list_rows(file_id, outcome=outcome, limit=asked.size, offset=asked.offset),
        queries.count_rows(file_id, outcome=outcome),
        asked.number,
        asked.size,
    )
    return page(
        "bss/product_files/detail.html",
        title=file.file_name,
        breadcrumbs=[Crumb("Product files", url_for(".index")), Crumb(file.file_name)],
        file=file,
        is_at_work=file.state in AT_WORK,
        words=STATE_WORDS[file.state],
        tone=TONES.get(file.state, "progress"),
        step=STEP.get(file.state),
        rows=rows_shown,
        outcome=outcome,
        outcomes=[(each.value, OUTCOME_WORDS[each]) for each in RowOutcome],
        outcome_words=OUTCOME_WORDS,
        outcome_tones=OUTCOME_TONES,
        sizes=SIZES,
        with_args=with_args,
    )


@bp.get("/<uuid:file_id>/progress")
@permission_required(Permission.BSS_IMPORTS_RUN)
def progress(file_id: UUID) -> ResponseReturnValue:
    """Answer with the progress alone; once the work is over, with an element that reloads the page."""
    file = queries.get_file(file_id)
    return render_template(
        "bss/product_files/_progress.html", file=file, is_at_work=file.state in AT_WORK, words=STATE_WORDS[file.state]
    )


@bp.post("/<uuid:file_id>/confirm")
@permission_required(Permission.BSS_IMPORTS_RUN)
def confirm(file_id: UUID) -> ResponseReturnValue:
    """Step 3: agree to the dry run."""
    with unit_of_work():
        confirm_file(file_id, actor=signed_in_viewer().actor, at=utc_now())
    return redirect(url_for(".detail", file_id=file_id), code=303)


@bp.post("/<uuid:file_id>/discard")
@permission_required(Permission.BSS_IMPORTS_RUN)
def discard(file_id: UUID) -> ResponseReturnValue:
    """Put the file aside."""
    with unit_of_work():
        file = discard_file(file_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{file.file_name} was discarded. Nothing of it was imported.", "success")
    return redirect(url_for(".index"), code=303)


def _mapping_form(file: ProductFile, *, is_fresh: bool = False) -> MappingForm:
    fields, names = queries.fields_of(file), queries.columns_of(file)
    chosen = file.mapping or guessed(fields, names, queries.remembered_mapping())
    form = mapping_form(fields, names, chosen)
    if is_fresh or request.method == "GET":
        form.process(formdata=None)
        if file.match_by:
            form.match_by.data = list(file.match_by)
        form.is_published.data = bool(file.defaults.get("is_published"))
    return form


def _show_columns(file: ProductFile, form: MappingForm, sheet_form: SheetForm) -> str:
    sheets = [each["name"] for each in file.sheets if each["columns"]]
    sheet_form.sheet.choices = [(name, name) for name in sheets]
    if not sheet_form.is_submitted():
        sheet_form.sheet.data = file.sheet
    sections: dict[str, list[str]] = {}
    for field in queries.fields_of(file):
        sections.setdefault(field.section, []).append(field.form_name)
    needed = {field.form_name for field in queries.fields_of(file) if field.is_needed}
    kept = [field.label.partition(" (")[0].lower() for field in queries.fields_of(file) if field.is_kept]
    return page(
        "bss/product_files/columns.html",
        title=file.file_name,
        breadcrumbs=[Crumb("Product files", url_for(".index")), Crumb(file.file_name), Crumb("Columns")],
        file=file,
        form=form,
        sections=sections,
        needed=needed,
        kept=kept,
        sheet_form=sheet_form,
        has_sheets=len(sheets) > 1,
        type_name=(found.name if (found := queries.default_type(file)) is not None else None),
    )
