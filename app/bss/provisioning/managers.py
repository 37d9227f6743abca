"""Service managers: list, register, change, another key. A key is shown once, on the answer that made it."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.provisioning.blueprint import bp
from app.bss.provisioning.forms import ActionForm, ChangedManagerForm, KeyForm, NewManagerForm
from app.bss.vendor_runs.words import DESCRIBING_KINDS
from app.bss.vendor_runs.words import shown as shown_run
from app.catalogue.vendor_runs.queries import last_run
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.provisioning.kinds import KINDS, Capability, can
from app.provisioning.managers import Registered, ask_for_test, change_manager, new_key, register_manager
from app.provisioning.models import ServiceManager
from app.provisioning.queries import get_service_manager, list_service_managers
from app.web.pages import page
from themes.frames import Crumb


@bp.get("/service-managers")
@permission_required(Permission.BSS_SETUP_VIEW)
def managers() -> ResponseReturnValue:
    """List the service managers."""
    return page(
        "bss/provisioning/managers.html",
        title="Service managers",
        managers=list_service_managers(),
        kinds=KINDS,
        may_edit=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
    )


@bp.route("/service-managers/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def new_manager() -> ResponseReturnValue:
    """Register a service manager; the answer shows a generated key once."""
    form = NewManagerForm()
    if form.validate_on_submit():
        own_key = (form.api_key.data or "").strip() or None
        try:
            with unit_of_work():
                registered = register_manager(
                    form.to_details(), api_key=own_key, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            if own_key is None and registered.api_key is not None:
                return _show_key(registered)
            flash(f"{registered.manager.name} is registered.", "success")
            return redirect(url_for(".managers"), code=303)
    crumbs = [Crumb("Service managers", url_for(".managers")), Crumb("New")]
    return page(
        "bss/provisioning/manager_form.html", title="Register a service manager", breadcrumbs=crumbs, form=form
    ), form.status


@bp.route("/service-managers/<uuid:manager_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def manager(manager_id: UUID) -> ResponseReturnValue:
    """Change a service manager."""
    shown = get_service_manager(manager_id)
    form = ChangedManagerForm(obj=shown)
    form.kind.data = shown.kind  # stays what it is
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change_manager(
                    manager_id,
                    form.to_details(),
                    is_active=bool(form.is_active.data),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".managers"), code=303)
    return _show_manager(shown, form, KeyForm(formdata=None)), form.status


def _show_manager(shown: ServiceManager, form: ChangedManagerForm, key_form: KeyForm) -> str:
    return page(
        "bss/provisioning/manager_form.html",
        title=shown.name,
        breadcrumbs=[Crumb("Service managers", url_for(".managers")), Crumb(shown.name)],
        form=form,
        key_form=key_form,
        manager=shown,
        kinds=KINDS,
        may_test=can(shown.kind, Capability.TEST),
        may_compare=can(shown.kind, Capability.READ_SERVICES),
        may_describe=shown.kind in DESCRIBING_KINDS and signed_in_viewer().can(Permission.BSS_CATALOGUE_SYNC),
        vendor_run=shown_run(last_run(shown.id), utc_now()),
    )


@bp.post("/service-managers/<uuid:manager_id>/key")
@permission_required(Permission.BSS_SETUP_EDIT)
def another_key(manager_id: UUID) -> ResponseReturnValue:
    """Replace the key; a generated one is shown once."""
    form = KeyForm()
    own_key = (form.api_key.data or "").strip() or None
    if form.validate_on_submit():
        try:
            with unit_of_work():
                registered = new_key(manager_id, api_key=own_key, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            if own_key is None:
                return _show_key(registered)
            flash("The key is replaced.", "success")
            return redirect(url_for(".manager", manager_id=manager_id), code=303)
    shown = get_service_manager(manager_id)
    return _show_manager(shown, ChangedManagerForm(formdata=None, obj=shown), form), form.status


@bp.post("/service-managers/<uuid:manager_id>/test")
@permission_required(Permission.BSS_SETUP_EDIT)
def test_manager(manager_id: UUID) -> ResponseReturnValue:
    """Let a worker try address and key."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            ask_for_test(manager_id)
        flash("A worker is trying it now; look again in a few seconds.", "info")
    return redirect(url_for(".manager", manager_id=manager_id), code=303)


def _show_key(registered: Registered) -> ResponseReturnValue:
    crumbs = [Crumb("Service managers", url_for(".managers")), Crumb(registered.manager.name)]
    return page(
        "bss/provisioning/key.html",
        title=f"API key of {registered.manager.name}",
        breadcrumbs=crumbs,
        registered=registered,
    )
