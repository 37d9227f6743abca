"""The import of a vendor price sheet, step by step (CB-14, CB-15)."""

from __future__ import annotations

from uuid import UUID

from flask import abort, flash, redirect, render_template, send_file, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.categories.choices import category_choices
from app.bss.imports.forms import ConfirmForm, RuleForm, UploadForm
from app.bss.listing import asked_export, export, list_page, with_args
from app.catalogue.imports import queries
from app.catalogue.imports.models import ImportRun, ImportState
from app.catalogue.imports.queries import category_rules
from app.catalogue.imports.runs import confirm_import, discard_import, get_run
from app.catalogue.imports.sheet import PLAIN_SEGMENT
from app.catalogue.imports.upload import media_file, upload_sheet
from app.catalogue.services import add_rule, delete_rule
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.provisioning.queries import list_service_managers
from app.web.pages import page
from app.web.pagination import SIZES, Page, listed, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("imports", __name__, surface=Surface.BSS)

STATE_WORDS = {
    ImportState.UPLOADED: "Waiting to be checked",
    ImportState.CHECKING: "Checking",
    ImportState.READY: "Ready to confirm",
    ImportState.QUEUED: "Waiting to be applied",
    ImportState.APPLYING: "Applying",
    ImportState.COMPLETED: "Completed",
    ImportState.FAILED: "Failed",
    ImportState.DISCARDED: "Discarded",
}
TONES = {
    ImportState.READY: "warning",
    ImportState.COMPLETED: "success",
    ImportState.FAILED: "danger",
    ImportState.DISCARDED: "neutral",
}
AT_WORK = frozenset({ImportState.UPLOADED, ImportState.CHECKING, ImportState.QUEUED, ImportState.APPLYING})
KINDS = (("prices", "Prices"), ("products", "Products"), ("groups", "Product groups"), ("types", "Product types"))
SEGMENT_NOTES = {"Commercial": "for everybody", "Education": "for schools", "Charity": "for non-profits"}
ISSUE_HEADER = ("Row", "Column", "Code", "Problem")


@bp.get("")
@permission_required(Permission.BSS_IMPORTS_RUN)
def index() -> ResponseReturnValue:
    """List the imports, the latest first."""
    runs = listed(lambda asked: queries.list_runs(limit=asked.size, offset=asked.offset), queries.count_runs)
    return list_page("bss/imports/index.html", "Imports", runs, STATE_WORDS, TONES)


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_IMPORTS_RUN)
def new() -> ResponseReturnValue:
    """Take a sheet in and check it in the background."""
    form = UploadForm()
    form.service_manager.choices = [("", "None for now"), *((str(m.id), m.name) for m in list_service_managers())]
    if form.validate_on_submit():
        try:
            with unit_of_work():
                run = upload_sheet(
                    form.file.data.stream,
                    form.file.data.filename or "sheet.csv",
                    service_manager_id=parse_id(form.service_manager.data or ""),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".detail", run_id=run.id), code=303)
    crumbs = [Crumb("Imports", url_for(".index")), Crumb("Import a price sheet")]
    return page("bss/imports/new.html", title="Import a price sheet", breadcrumbs=crumbs, form=form), form.status


@bp.get("/<uuid:run_id>")
@permission_required(Permission.BSS_IMPORTS_RUN)
def detail(run_id: UUID) -> ResponseReturnValue:
    """Show a run where it stands: progress, preview, result."""
    return _show(get_run(run_id), ConfirmForm(formdata=None), RuleForm(formdata=None))


@bp.get("/<uuid:run_id>/progress")
@permission_required(Permission.BSS_IMPORTS_RUN)
def progress(run_id: UUID) -> ResponseReturnValue:
    """Answer with the progress alone; once the work is over, with an element that reloads the page."""
    run = get_run(run_id)
    return render_template(
        "bss/imports/_progress.html", run=run, is_at_work=run.state in AT_WORK, words=STATE_WORDS[run.state]
    )


@bp.post("/<uuid:run_id>/confirm")
@permission_required(Permission.BSS_IMPORTS_RUN)
def confirm(run_id: UUID) -> ResponseReturnValue:
    """Agree to the preview."""
    run = get_run(run_id)
    form = ConfirmForm()
    form.segments.choices = _segment_choices(run, form.segments.data or [])
    if form.validate_on_submit():
        try:
            with unit_of_work():
                confirm_import(run_id, segments=form.segments.data or (), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".detail", run_id=run_id), code=303)
    return _show(run, form, RuleForm(formdata=None)), form.status


@bp.post("/<uuid:run_id>/discard")
@permission_required(Permission.BSS_IMPORTS_RUN)
def discard(run_id: UUID) -> ResponseReturnValue:
    """Put the preview aside."""
    with unit_of_work():
        run = discard_import(run_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{run.file_name} was discarded. Nothing of it was imported.", "success")
    return redirect(url_for(".index"), code=303)


@bp.post("/<uuid:run_id>/rules")
@permission_required(Permission.BSS_IMPORTS_RUN)
def save_rule(run_id: UUID) -> ResponseReturnValue:
    """Save a category rule and show the preview with it."""
    run = get_run(run_id)
    form = RuleForm()
    form.category_id.choices = category_choices()
    if form.validate_on_submit() and (rule := form.to_rule()) is not None:
        try:
            with unit_of_work():
                add_rule(rule, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".detail", run_id=run_id, _anchor="groups"), code=303)
    return _show(run, ConfirmForm(formdata=None), form), form.status


@bp.post("/<uuid:run_id>/rules/<uuid:rule_id>/delete")
@permission_required(Permission.BSS_IMPORTS_RUN)
def drop_rule(run_id: UUID, rule_id: UUID) -> ResponseReturnValue:
    """Forget a category rule and show the preview without it."""
    with unit_of_work():
        delete_rule(rule_id, actor=signed_in_viewer().actor, at=utc_now())
    return redirect(url_for(".detail", run_id=run_id, _anchor="groups"), code=303)


@bp.get("/<uuid:run_id>/issues")
@permission_required(Permission.BSS_IMPORTS_RUN)
def issues(run_id: UUID) -> ResponseReturnValue:
    """List what was wrong, row by row, or export it."""
    run = get_run(run_id)
    if kind := asked_export():
        rows = [(each.row_number, each.column, each.code, each.message) for each in queries.export_issues(run_id)]
        return export(kind, "import-issues", ISSUE_HEADER, rows)
    asked = requested_page()
    found = Page(
        queries.list_issues(run_id, limit=asked.size, offset=asked.offset),
        queries.count_issues(run_id),
        asked.number,
        asked.size,
    )
    crumbs = [
        Crumb("Imports", url_for(".index")),
        Crumb(run.file_name, url_for(".detail", run_id=run_id)),
        Crumb("Issues"),
    ]
    return page(
        "bss/imports/issues.html",
        title="Rows that cannot be imported",
        breadcrumbs=crumbs,
        run=run,
        issues=found,
        sizes=SIZES,
        with_args=with_args,
    )


@bp.get("/<uuid:run_id>/report.csv")
@permission_required(Permission.BSS_IMPORTS_RUN)
def report(run_id: UUID) -> ResponseReturnValue:
    """Download what became of every row."""
    run = get_run(run_id)
    if run.report_path is None or not media_file(run.report_path).is_file():
        abort(404)
    name = run.file_name.rsplit(".", 1)[0]
    return send_file(
        media_file(run.report_path).resolve(), "text/csv", as_attachment=True, download_name=f"{name} report.csv"
    )


def _segment_choices(run: ImportRun, chosen: list[str]) -> list[tuple[str, str]]:
    segments = {**run.summary.get("segments", {})}
    for name in chosen:  # what the service refuses is told by the service
        segments.setdefault(name, 0)
    return [
        (name, " ".join(filter(None, (name, SEGMENT_NOTES.get(name, ""), f"({count} products)"))))
        for name, count in sorted(segments.items(), key=lambda each: (each[0] != PLAIN_SEGMENT, each[0]))
    ]


def _show(run: ImportRun, confirming: ConfirmForm, rule: RuleForm) -> str:
    if run.state is ImportState.READY:
        return _preview(run, confirming, rule)
    return page(
        "bss/imports/detail.html",
        title=run.file_name,
        breadcrumbs=[Crumb("Imports", url_for(".index")), Crumb(run.file_name)],
        run=run,
        is_at_work=run.state in AT_WORK,
        words=STATE_WORDS[run.state],
        tone=TONES.get(run.state, "progress"),
        kinds=KINDS,
        issues=queries.list_issues(run.id, limit=10),
    )


def _preview(run: ImportRun, confirming: ConfirmForm, rule: RuleForm) -> str:
    confirming.segments.choices = _segment_choices(run, confirming.segments.data or [])
    if not confirming.is_submitted() or confirming.segments.data is None:
        confirming.segments.data = list(run.segments)
    rule.category_id.choices = category_choices(none="Choose a category")
    groups = queries.group_matches(run)
    return page(
        "bss/imports/preview.html",
        title=run.file_name,
        breadcrumbs=[Crumb("Imports", url_for(".index")), Crumb(run.file_name)],
        run=run,
        form=confirming,
        rule_form=rule,
        rules=category_rules(),
        kinds=KINDS,
        groups=groups,
        unmatched=sum(group.category_id is None for group in groups),
        categories=dict(category_choices()),
        changed=queries.changed_prices(run),
        samples=queries.sample_rows(run),
        issues=queries.list_issues(run.id, limit=10),
        words=STATE_WORDS[run.state],
        tone=TONES[run.state],
    )
