"""Runs, their differences, and repairs: choose, look at what would happen, do it (GO-03)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_choice, asked_export, asked_text, chosen_ids, export, to_with_args, with_args
from app.changes.repairs import repair_drifts
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.provisioning.adoption_queries import count_by_state
from app.provisioning.drift import DriftFilter, DriftRow, count_by_kind, count_drifts, list_drifts
from app.provisioning.errors import RunUnderWay
from app.provisioning.kinds import Capability, can
from app.provisioning.models import (
    AdoptionState,
    DriftKind,
    DriftState,
    ReconciliationRun,
    RunState,
    ServiceManager,
    TaskStatus,
)
from app.provisioning.queries import get_service_manager, list_service_managers
from app.provisioning.reconciliation import OPEN_RUNS, get_run, list_runs, start_run
from app.provisioning.repairs import ALLOWED, MOST, Repair, preview
from app.web.exports import Cell
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("reconciliation", __name__, surface=Surface.BSS)

RUN_WORDS = {
    RunState.QUEUED: "Waiting for a worker",
    RunState.RUNNING: "Reading what the vendor has",
    RunState.COMPLETED: "Completed",
    RunState.WITH_ERRORS: "Completed with errors",
    RunState.FAILED: "Failed",
}
RUN_TONES = {RunState.COMPLETED: "success", RunState.WITH_ERRORS: "warning", RunState.FAILED: "danger"}
DRIFT_WORDS = {
    DriftKind.MISSING_AT_VENDOR: "Missing at the vendor",
    DriftKind.UNKNOWN_HERE: "Unknown here",
    DriftKind.QUANTITY: "Quantity differs",
    DriftKind.PRODUCT: "Product differs",
    DriftKind.STATUS: "Status differs",
}
STATE_WORDS = {
    DriftState.OPEN: "Open",
    DriftState.REPAIRING: "Being repaired",
    DriftState.REPAIRED: "Repaired",
    DriftState.LEFT: "Left as it is",
}
STATE_TONES = {DriftState.OPEN: "warning", DriftState.REPAIRING: "progress", DriftState.REPAIRED: "success"}
REPAIR_WORDS = {
    Repair.SEND_OURS: "Send ours to the vendor",
    Repair.TAKE_THEIRS: "Take over the vendor's quantity",
    Repair.CANCEL_THERE: "Cancel at the vendor",
    Repair.LEAVE: "Leave as it is",
}
HEADER = ("Difference", "Reference at the vendor", "Subscription", "Account", "Ours", "Theirs", "State", "Decided by")


class ActionForm(Form):
    """A button that changes something: nothing but its token."""


@dataclass(frozen=True, slots=True)
class Comparable:
    """A service manager with its newest run, and how many services may be taken over."""

    manager: ServiceManager
    run: ReconciliationRun | None
    open_drifts: int
    adoptable: int
    lists_all: bool  # else only what we have is looked at, and nothing unknown can be found


@bp.get("")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def index() -> ResponseReturnValue:
    """List the service managers that tell what they have, each with its newest comparison."""
    return page(
        "bss/reconciliation/index.html",
        title="Reconciliation",
        rows=[_comparable(each) for each in list_service_managers() if can(each.kind, Capability.READ_SERVICES)],
        words=RUN_WORDS,
        tones=RUN_TONES,
        at_work=OPEN_RUNS,
        may_edit=_may_edit(),
    )


def _comparable(manager: ServiceManager) -> Comparable:
    newest = next(iter(list_runs(manager.id, limit=1)), None)
    adoptions = count_by_state(manager.id)
    return Comparable(
        manager,
        newest,
        sum(count_by_kind(newest.id).values()) if newest else 0,
        adoptions[AdoptionState.FOUND] + adoptions[AdoptionState.READY],
        can(manager.kind, Capability.LIST_SERVICES),
    )


@bp.post("/managers/<uuid:manager_id>")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def compare(manager_id: UUID) -> ResponseReturnValue:
    """Start a comparison; where one is under way, show that one."""
    if not ActionForm().validate_on_submit():
        return redirect(url_for(".index"), code=303)
    try:
        with unit_of_work():
            run_id = start_run(manager_id, actor=signed_in_viewer().actor, at=utc_now()).id
    except RunUnderWay as under_way:
        flash("This service manager is being compared already: this is how far it is.", "info")
        run_id = under_way.run_id
    return redirect(url_for(".run", run_id=run_id), code=303)


@bp.get("/runs/<uuid:run_id>")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def run(run_id: UUID) -> ResponseReturnValue:
    """Show what a comparison has found, or export what the filter finds."""
    shown, wanted = get_run(run_id), asked_filter()
    if kind := asked_export():
        return _export(kind, shown, wanted)
    asked, manager = requested_page(), get_service_manager(shown.service_manager_id)
    drifts = Page(
        list_drifts(run_id, wanted, offset=asked.offset, limit=asked.size),
        count_drifts(run_id, wanted),
        asked.number,
        asked.size,
    )
    return page(
        "bss/reconciliation/run.html",
        title=f"Comparison with {manager.name}",
        breadcrumbs=[Crumb("Reconciliation", url_for(".index")), Crumb(manager.name)],
        run=shown,
        manager=manager,
        is_at_work=shown.state in OPEN_RUNS,
        words=RUN_WORDS[shown.state],
        drifts=drifts,
        counts=count_by_kind(run_id),
        wanted=wanted,
        earlier=[each for each in list_runs(manager.id, limit=10) if each.id != run_id],
        run_words=RUN_WORDS,
        kinds=DRIFT_WORDS,
        states=STATE_WORDS,
        state_of=_state_words,
        repairs=_repairs_for(wanted.kind),
        preview_url=to_with_args(".look", page=""),
        may_edit=_may_edit(),
        sizes=SIZES,
        with_args=with_args,
    )


@bp.get("/runs/<uuid:run_id>/progress")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def progress(run_id: UUID) -> ResponseReturnValue:
    """Answer with the progress alone; once the work is over, with an element that reloads the page."""
    shown = get_run(run_id)
    return render_template(
        "bss/reconciliation/_progress.html",
        run=shown,
        is_at_work=shown.state in OPEN_RUNS,
        words=RUN_WORDS[shown.state],
    )


@bp.post("/runs/<uuid:run_id>/preview")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def look(run_id: UUID) -> ResponseReturnValue:
    """Say what a repair would do to the ticked differences, or to all that the filter finds; nothing is changed."""
    shown, repair, chosen = get_run(run_id), _asked_repair("action"), chosen_ids()
    back = to_with_args(".run")
    if not ActionForm().validate_on_submit() or repair is None or chosen == set():
        flash("Tick the differences first, then choose what to do about them.", "info")
        return redirect(back, code=303)
    with unit_of_work():
        proposals = preview(run_id, asked_filter(), chosen, repair)
    manager = get_service_manager(shown.service_manager_id)
    return page(
        "bss/reconciliation/preview.html",
        title=f"Dry run: {REPAIR_WORDS[repair].lower()}",
        breadcrumbs=[
            Crumb("Reconciliation", url_for(".index")),
            Crumb(manager.name, url_for(".run", run_id=run_id)),
            Crumb("Dry run"),
        ],
        run=shown,
        repair=repair,
        words=REPAIR_WORDS[repair],
        proposals=proposals,
        possible=[each for each in proposals if each.refusal is None],
        most=MOST,
        kinds=DRIFT_WORDS,
        back=back,
    )


@bp.post("/runs/<uuid:run_id>/repair")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def repair(run_id: UUID) -> ResponseReturnValue:
    """Do what the dry run has shown, to the differences it has shown; those decided about meanwhile are left."""
    wanted = _asked_repair("repair")
    chosen = {found for text in request.form.getlist("selected") if (found := parse_id(text)) is not None}
    get_run(run_id)
    if ActionForm().validate_on_submit() and wanted is not None and chosen:
        with unit_of_work():
            applied = repair_drifts(run_id, chosen, wanted, actor=signed_in_viewer().actor, at=utc_now())
        words = "1 difference" if applied.done == 1 else f"{applied.done} differences"
        left = f" {applied.refused} did not fit any more and were left." if applied.refused else ""
        flash(f"{REPAIR_WORDS[wanted]}: {words}.{left}", "success" if applied.done else "info")
    return redirect(url_for(".run", run_id=run_id), code=303)


def asked_filter() -> DriftFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return DriftFilter(asked_text(), asked_choice(DriftKind, "kind"), asked_choice(DriftState, "state"))


def _asked_repair(name: str) -> Repair | None:
    return next((each for each in Repair if each.value == request.form.get(name)), None)


def _repairs_for(kind: DriftKind | None) -> list[tuple[Repair, str]]:
    """Return what may be done about one kind of difference, or about any."""
    offered = ALLOWED[kind] if kind is not None else frozenset(Repair)
    return [(each, words) for each, words in REPAIR_WORDS.items() if each in offered]


def _state_words(row: DriftRow) -> tuple[str, str]:
    """Return a difference's state and its tone; a repair that failed at the vendor says so."""
    if row.drift.state is DriftState.REPAIRING and row.task_status is TaskStatus.FAILED:
        return "The repair failed", "danger"
    return STATE_WORDS[row.drift.state], STATE_TONES.get(row.drift.state, "neutral")


def _export(kind: str, shown: ReconciliationRun, wanted: DriftFilter) -> Response:
    return export(kind, f"comparison-{shown.created_at:%Y-%m-%d}", HEADER, list(_exported(shown.id, wanted)))


def _exported(run_id: UUID, wanted: DriftFilter) -> Iterator[tuple[Cell, ...]]:
    for row in list_drifts(run_id, wanted, limit=None):
        drift = row.drift
        yield (
            DRIFT_WORDS[drift.kind], drift.vendor_reference, row.subscription_code, row.account_name, drift.ours,
            drift.theirs, _state_words(row)[0], drift.decided_by_name,
        )  # fmt: skip


def _may_edit() -> bool:
    return signed_in_viewer().can(Permission.BSS_PROVISIONING_EDIT)
