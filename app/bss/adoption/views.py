"""Services nobody knows here: match them, look at what an import would make, import (GO-06)."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.adoption.forms import ActionForm, AdoptionForm
from app.bss.calendar import distributor_today
from app.bss.listing import asked_choice, asked_export, asked_text, chosen_ids, export, to_with_args, with_args
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.provisioning.adoption import complete, leave, preview, queue_import
from app.provisioning.adoption_queries import (
    AdoptionFilter,
    AdoptionRow,
    codes_of,
    count_adoptions,
    count_by_state,
    get_adoption,
    list_adoptions,
)
from app.provisioning.models import AdoptionState
from app.provisioning.queries import get_service_manager
from app.provisioning.reconciliation import list_runs
from app.subscriptions.queries import find_subscription
from app.web.exports import Cell
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("adoption", __name__, surface=Surface.BSS)

STATE_WORDS = {
    AdoptionState.FOUND: "Not complete",
    AdoptionState.READY: "Ready",
    AdoptionState.QUEUED: "Being taken over",
    AdoptionState.IMPORTED: "Taken over",
    AdoptionState.FAILED: "Failed",
    AdoptionState.LEFT: "Left at the vendor",
}
STATE_TONES = {
    AdoptionState.FOUND: "warning",
    AdoptionState.READY: "progress",
    AdoptionState.QUEUED: "progress",
    AdoptionState.IMPORTED: "success",
    AdoptionState.FAILED: "danger",
}
MATCH_WORDS = {"link": "by the vendor's account", "code": "by our code", "email": "by e-mail", "hand": "by hand"}
HEADER = (
    "Reference", "Name", "Vendor's account", "Vendor's product", "Quantity", "State", "Account", "Matched", "Product",
    "Term", "Billing", "Cost per unit", "Price per unit", "Billed from", "Message",
)  # fmt: skip
WORDS = {"states": STATE_WORDS, "tones": STATE_TONES, "matches": MATCH_WORDS}


def asked_filter() -> AdoptionFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return AdoptionFilter(asked_text(), asked_choice(AdoptionState, "state"))


@bp.get("/<uuid:manager_id>")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def index(manager_id: UUID) -> ResponseReturnValue:
    """List a vendor's services that nobody knows here, or export what the filter finds."""
    manager, wanted = get_service_manager(manager_id), asked_filter()
    if kind := asked_export():
        return _export(kind, manager_id, wanted)
    asked = requested_page()
    rows = Page(
        list_adoptions(manager_id, wanted, offset=asked.offset, limit=asked.size),
        count_adoptions(manager_id, wanted),
        asked.number,
        asked.size,
    )
    return page(
        "bss/adoption/index.html",
        title=f"Take over services of {manager.name}",
        breadcrumbs=[
            Crumb("Reconciliation", url_for("bss_reconciliation.index")), Crumb(manager.name), Crumb("Take over"),
        ],
        manager=manager,
        rows=rows,
        wanted=wanted,
        counts=count_by_state(manager_id),
        newest=next(iter(list_runs(manager_id, limit=1)), None),
        choose_url=to_with_args(".choose", page=""),
        may_edit=_may_edit(),
        sizes=SIZES,
        with_args=with_args,
        **WORDS,
    )  # fmt: skip


@bp.route("/services/<uuid:adoption_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def service(adoption_id: UUID) -> ResponseReturnValue:
    """Say what one service shall become."""
    row = get_adoption(adoption_id)
    form = AdoptionForm()
    if request.method == "GET":
        form.show(row.adoption, codes_of(row.adoption))
    if form.validate_on_submit() and (wanted := form.to_wanted()) is not None:
        try:
            with unit_of_work():
                complete(adoption_id, wanted, today=distributor_today(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".index", manager_id=row.adoption.service_manager_id), code=303)
    manager = get_service_manager(row.adoption.service_manager_id)
    made = find_subscription(row.adoption.subscription_id) if row.adoption.subscription_id else None
    return page(
        "bss/adoption/service.html",
        title=row.adoption.name or row.adoption.vendor_reference,
        breadcrumbs=[
            Crumb("Reconciliation", url_for("bss_reconciliation.index")),
            Crumb(manager.name, url_for(".index", manager_id=manager.id)),
            Crumb(row.adoption.vendor_reference),
        ],
        row=row,
        made=made,
        form=form,
        **WORDS,
    ), form.status


@bp.post("/<uuid:manager_id>/choose")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def choose(manager_id: UUID) -> ResponseReturnValue:
    """Show what an import of the ticked services would make, or leave them at the vendor."""
    manager, chosen, action = get_service_manager(manager_id), chosen_ids(), request.form.get("action")
    back = to_with_args(".index")
    if not ActionForm().validate_on_submit() or chosen == set() or action not in ("preview", "leave"):
        flash("Tick the services first.", "info")
        return redirect(back, code=303)
    if action == "leave":
        with unit_of_work():
            left = leave(chosen, manager_id, asked_filter(), actor=signed_in_viewer().actor, at=utc_now())
        flash(
            "1 service is left at the vendor." if left == 1 else f"{left} services are left at the vendor.", "success"
        )
        return redirect(back, code=303)
    with unit_of_work():
        rows = preview(manager_id, asked_filter(), chosen, today=distributor_today())
    return page(
        "bss/adoption/preview.html",
        title="Dry run: take over services",
        breadcrumbs=[
            Crumb("Reconciliation", url_for("bss_reconciliation.index")),
            Crumb(manager.name, url_for(".index", manager_id=manager_id)),
            Crumb("Dry run"),
        ],
        manager=manager,
        rows=rows,
        ready=[row for row in rows if row.adoption.state is AdoptionState.READY],
        back=back,
        **WORDS,
    )


@bp.post("/<uuid:manager_id>/import")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def start(manager_id: UUID) -> ResponseReturnValue:
    """Import what the dry run has shown as ready; a worker does it."""
    get_service_manager(manager_id)
    chosen = {found for text in request.form.getlist("selected") if (found := parse_id(text)) is not None}
    if ActionForm().validate_on_submit() and chosen:
        with unit_of_work():
            queued = queue_import(manager_id, chosen, actor=signed_in_viewer().actor, at=utc_now())
        words = "1 service is" if queued == 1 else f"{queued} services are"
        flash(f"{words} being taken over.", "success" if queued else "info")
    return redirect(url_for(".index", manager_id=manager_id), code=303)


def _export(kind: str, manager_id: UUID, wanted: AdoptionFilter) -> Response:
    return export(kind, "services-to-take-over", HEADER, list(_exported(manager_id, wanted)))


def _exported(manager_id: UUID, wanted: AdoptionFilter) -> Iterator[tuple[Cell, ...]]:
    for found in list_adoptions(manager_id, wanted, limit=None):
        yield _line(found)


def _line(found: AdoptionRow) -> tuple[Cell, ...]:
    row = found.adoption
    return (
        row.vendor_reference, row.name, row.vendor_account, row.vendor_product, row.quantity, STATE_WORDS[row.state],
        found.account_name, MATCH_WORDS.get(row.matched_by or "", ""), found.product_name,
        row.term.value if row.term else None, row.cycle.value if row.cycle else None, row.unit_cost, row.unit_price,
        row.billed_from, row.message,
    )  # fmt: skip


def _may_edit() -> bool:
    return signed_in_viewer().can(Permission.BSS_PROVISIONING_EDIT)
