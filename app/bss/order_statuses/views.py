"""Setup of order statuses: the built-in ones, and the distributor's own (CB-19)."""

from __future__ import annotations

from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.order_statuses.forms import STOREFRONT_WORDS, TYPE_WORDS, BuiltInForm, StatusForm
from app.bss.status_setup import deleted, saved
from app.core.clock import utc_now
from app.identity.permissions import Permission
from app.orders.statuses import NamedStatus, add_status, change_status, delete_status, get_status, list_statuses
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("order_statuses", __name__, surface=Surface.BSS)


@bp.get("")
@permission_required(Permission.BSS_SETUP_VIEW)
def index() -> ResponseReturnValue:
    """List the statuses."""
    return page(
        "bss/order_statuses/index.html",
        title="Order statuses",
        statuses=list_statuses(),
        types=TYPE_WORDS,
        storefront_types=STOREFRONT_WORDS,
        may_edit=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def new() -> ResponseReturnValue:
    """Add a status of the distributor's own; a second submit meets its name."""
    form = StatusForm()

    def save() -> str:
        made = add_status(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        return f"{made.details.name} was added."

    return saved(form, save) or (_form(form, "New status", None), form.status)


@bp.route("/<ref>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def edit(ref: str) -> ResponseReturnValue:
    """Change a status; of the built-in ones only the mail, and on In Progress more."""
    status = get_status(ref)
    form: StatusForm | BuiltInForm = BuiltInForm() if status.built_in is not None else StatusForm()
    form.show_version(status.version)
    if not form.is_submitted():
        _fill(form, status)

    def save() -> str:
        details = form.to_details(status) if isinstance(form, BuiltInForm) else form.to_details()
        change_status(ref, details, version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now())
        return "Saved."

    return saved(form, save) or (_form(form, status.details.name, status), form.status)


@bp.post("/<ref>/delete")
@permission_required(Permission.BSS_SETUP_EDIT)
def delete(ref: str) -> ResponseReturnValue:
    """Delete a status no order stands in."""
    actor = signed_in_viewer().actor
    return deleted(get_status(ref).details.name, lambda: delete_status(ref, actor=actor, at=utc_now()))


def _fill(form: StatusForm | BuiltInForm, status: NamedStatus) -> None:
    details = status.details
    form.is_default.data, form.is_active.data = details.is_default, details.is_active
    form.mails_customer.data = details.mails_customer
    if isinstance(form, StatusForm):
        form.number.data, form.name.data, form.description.data = details.number, details.name, details.description
        form.type.data, form.storefront_type.data = details.type.value, details.storefront_type.value


def _form(form: StatusForm | BuiltInForm, title: str, status: NamedStatus | None) -> str:
    crumbs = [Crumb("Order statuses", url_for(".index")), Crumb(title)]
    return page(
        "bss/order_statuses/edit.html",
        title=title,
        breadcrumbs=crumbs,
        form=form,
        status=status,
        is_own=isinstance(form, StatusForm),
    )
