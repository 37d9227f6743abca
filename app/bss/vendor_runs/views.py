"""Reading a vendor's services definition: start, ribbon, log (CB-15)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_choice, asked_export, asked_text, export, with_args
from app.bss.vendor_runs.words import (
    ACTION_WORDS,
    DESCRIBING_KINDS,
    ENTITY_WORDS,
    LEVEL_TONES,
    shown,
)
from app.catalogue.vendor_runs import queries
from app.catalogue.vendor_runs.models import EntryAction, EntryLevel
from app.catalogue.vendor_runs.runs import KEPT, cancel_run, start_run
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict
from app.identity.permissions import Permission
from app.provisioning.queries import get_service_manager, list_service_managers
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("vendor_runs", __name__, surface=Surface.BSS)

HEADER = ("Time (UTC)", "Level", "Kind", "External id", "Action", "Message")


class CannotDescribe(Conflict):
    """The service manager is switched off, or of a kind without a services definition."""


@bp.get("")
@permission_required(Permission.BSS_CATALOGUE_SYNC)
def index() -> ResponseReturnValue:
    """List the service managers that tell what their vendors sell, each with its last run."""
    managers = [manager for manager in list_service_managers() if manager.kind in DESCRIBING_KINDS]
    at = utc_now()
    return page(
        "bss/vendor_runs/index.html",
        title="Vendor catalogues",
        vendors=[(manager, shown(queries.last_run(manager.id), at)) for manager in managers],
    )


@bp.post("/start/<uuid:manager_id>")
@permission_required(Permission.BSS_CATALOGUE_SYNC)
def start(manager_id: UUID) -> ResponseReturnValue:
    """Ask for a services definition and return at once; a second start is a conflict that names the running one."""
    manager = get_service_manager(manager_id)
    if manager.kind not in DESCRIBING_KINDS:
        raise CannotDescribe(f"{manager.name} has no services definition")
    if not manager.is_active:
        raise CannotDescribe(f"{manager.name} is switched off. Switch it on to read its services definition.")
    with unit_of_work():
        run = start_run(manager.id, manager.name, actor=signed_in_viewer().actor, at=utc_now())
    return redirect(url_for(".detail", run_id=run.id), code=303)


@bp.get("/of/<uuid:manager_id>")
@permission_required(Permission.BSS_CATALOGUE_SYNC)
def runs(manager_id: UUID) -> ResponseReturnValue:
    """List a service manager's last runs."""
    manager, at = get_service_manager(manager_id), utc_now()
    return page(
        "bss/vendor_runs/runs.html",
        title=manager.name,
        breadcrumbs=[Crumb("Vendor catalogues", url_for(".index")), Crumb(manager.name)],
        manager=manager,
        runs=[shown(run, at) for run in queries.list_runs(manager_id, limit=KEPT)],
        last=shown(queries.last_run(manager_id), at),
    )


@bp.get("/<uuid:run_id>")
@permission_required(Permission.BSS_CATALOGUE_SYNC)
def detail(run_id: UUID) -> ResponseReturnValue:
    """Show a run: ribbon, counts, and its log, filtered or as a file."""
    run = queries.get_run(run_id)
    level, action, search = asked_choice(EntryLevel, "level"), asked_choice(EntryAction, "action"), asked_text()
    if kind := asked_export():
        rows = (
            (f"{each.at:%Y-%m-%d %H:%M:%S}", each.level.value, each.entity_kind, each.external_id, each.action.value,
             each.message)
            for each in queries.export_entries(run_id, level=level, action=action, search=search)
        )  # fmt: skip
        return export(kind, "services-definition-log", HEADER, list(rows))
    asked = requested_page()
    entries = Page(
        queries.list_entries(run_id, level=level, action=action, search=search, limit=asked.size, offset=asked.offset),
        queries.count_entries(run_id, level=level, action=action, search=search),
        asked.number,
        asked.size,
    )
    return page(
        "bss/vendor_runs/detail.html",
        title=f"Services definition of {run.manager_name}",
        breadcrumbs=[
            Crumb("Vendor catalogues", url_for(".index")),
            Crumb(run.manager_name, url_for(".runs", manager_id=run.service_manager_id)),
            Crumb("Run"),
        ],
        shown=shown(run, utc_now()),
        run=run,
        entries=entries,
        level=level,
        action=action,
        search=search,
        levels=[(each.value, each.value.capitalize()) for each in EntryLevel],
        actions=[(each.value, ACTION_WORDS[each]) for each in EntryAction],
        entity_words=ENTITY_WORDS,
        action_words=ACTION_WORDS,
        level_tones=LEVEL_TONES,
        sizes=SIZES,
        with_args=with_args,
    )


@bp.get("/<uuid:run_id>/ribbon")
@permission_required(Permission.BSS_CATALOGUE_SYNC)
def ribbon(run_id: UUID) -> ResponseReturnValue:
    """Answer with the ribbon alone; once the run is over, with an element that reloads the page."""
    return render_template("bss/vendor_runs/_ribbon.html", shown=shown(queries.get_run(run_id), utc_now()))


@bp.post("/<uuid:run_id>/cancel")
@permission_required(Permission.BSS_CATALOGUE_SYNC)
def cancel(run_id: UUID) -> ResponseReturnValue:
    """Stop a run; what it has taken over stays."""
    with unit_of_work():
        run = cancel_run(run_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("The run was canceled. What it has taken over until now stays.", "success")
    return redirect(url_for(".detail", run_id=run.id), code=303)
