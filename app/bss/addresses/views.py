"""Addresses: the distributor's host, and whether aliases answer as its subdomains."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField

from app.access import current_address, permission_required, signed_in_viewer
from app.audit.services import record
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.identity.permissions import Permission
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from tenants.models import Distributor
from tenants.subdomains import switch_alias_subdomains

bp = surface_blueprint("addresses", __name__, surface=Surface.BSS)


class SubdomainsForm(Form):
    """The switch for all aliases of the distributor."""

    is_on = BooleanField("Aliases answer as subdomains too")


@bp.get("")
@permission_required(Permission.BSS_SETUP_VIEW)
def index() -> ResponseReturnValue:
    """Show the host and the switch."""
    distributor = session.get_one(Distributor, current_scope().distributor_id)
    form = SubdomainsForm(formdata=None, is_on=distributor.has_alias_subdomains)
    may_edit = signed_in_viewer().can(Permission.BSS_SETUP_EDIT)
    return page(
        "bss/addresses/index.html", title="Addresses", form=form, host=current_address().host, may_edit=may_edit
    )


@bp.post("")
@permission_required(Permission.BSS_SETUP_EDIT)
def save() -> ResponseReturnValue:
    """Switch subdomains on or off."""
    is_on = bool(SubdomainsForm().is_on.data)
    with unit_of_work():
        if switch_alias_subdomains(is_on=is_on):
            record("addresses.subdomains", actor=signed_in_viewer().actor, at=utc_now(), after={"is_on": is_on})
    flash("Aliases answer as subdomains." if is_on else "Aliases answer below your host only.", "success")
    return redirect(url_for(".index"), code=303)
