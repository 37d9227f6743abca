"""Setup of offer statuses: three types, at least one active status each (CB-17)."""

from __future__ import annotations

from flask import url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, NumberRange

from app.access import permission_required, signed_in_viewer
from app.bss.status_setup import deleted, saved
from app.core.clock import utc_now
from app.identity.permissions import Permission
from app.orders.offers.models import OfferType
from app.orders.offers.statuses import (
    NamedStatus,
    StatusDetails,
    add_status,
    change_status,
    delete_status,
    get_status,
    list_statuses,
)
from app.web.forms import VersionedForm
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("offer_statuses", __name__, surface=Surface.BSS)
TYPE_WORDS = {OfferType.IN_PROGRESS: "In progress", OfferType.ACCEPTED: "Accepted", OfferType.CANCELED: "Canceled"}


class StatusForm(VersionedForm):
    """A name for where offers stand."""

    number = IntegerField(
        "Number",
        default=20,
        validators=[InputRequired("Enter a number"), NumberRange(min=1, max=9999, message="Enter 1 to 9999")],
        description="Of a type without a default, the first active one is where offers go.",
    )
    name = StringField("Name", validators=[InputRequired("Enter a name")])
    type = SelectField("Type", choices=[(each.value, words) for each, words in TYPE_WORDS.items()])
    description = StringField("Description")
    is_default = BooleanField("Default", description="Offers of this type come to stand here.")
    is_active = BooleanField("Active", default=True)

    def to_details(self) -> StatusDetails:
        """Return the validated input; call it after validate_on_submit()."""
        return StatusDetails(
            self.number.data or 0, self.name.data or "", OfferType(self.type.data), self.is_active.data,
            self.description.data or "", self.is_default.data,
        )  # fmt: skip


@bp.get("")
@permission_required(Permission.BSS_SETUP_VIEW)
def index() -> ResponseReturnValue:
    """List the statuses."""
    return page(
        "bss/offer_statuses/index.html",
        title="Offer statuses",
        statuses=list_statuses(),
        types=TYPE_WORDS,
        may_edit=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def new() -> ResponseReturnValue:
    """Add a status; a second submit meets its name."""
    form = StatusForm()

    def save() -> str:
        made = add_status(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        return f"{made.details.name} was added."

    return saved(form, save) or (_form(form, "New status", None), form.status)


@bp.route("/<ref>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def edit(ref: str) -> ResponseReturnValue:
    """Rename a status, or switch it off."""
    status = get_status(ref)
    form = StatusForm()
    form.show_version(status.version)
    if form.is_submitted():
        form.type.data = status.details.type.value  # a status stays of its type
    else:
        details = status.details
        form.number.data, form.name.data, form.is_active.data = details.number, details.name, details.is_active
        form.description.data, form.is_default.data = details.description, details.is_default

    def save() -> str:
        change_status(ref, form.to_details(), version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now())
        return "Saved."

    return saved(form, save) or (_form(form, status.details.name, status), form.status)


@bp.post("/<ref>/delete")
@permission_required(Permission.BSS_SETUP_EDIT)
def delete(ref: str) -> ResponseReturnValue:
    """Delete a status no offer stands in."""
    actor = signed_in_viewer().actor
    return deleted(get_status(ref).details.name, lambda: delete_status(ref, actor=actor, at=utc_now()))


def _form(form: StatusForm, title: str, status: NamedStatus | None) -> str:
    crumbs = [Crumb("Offer statuses", url_for(".index")), Crumb(title)]
    return page("bss/offer_statuses/edit.html", title=title, breadcrumbs=crumbs, form=form, status=status)
