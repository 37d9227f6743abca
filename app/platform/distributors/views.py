"""The installation's distributors: a list, and founding one with its first administrator."""

from __future__ import annotations

from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.audit.services import record
from app.core.clock import utc_now
from app.core.db import Role, unit_of_work, using_role
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.identity.services import check_new_user, invite_user
from app.platform.distributors.forms import DistributorForm
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import distributor_scope, scope
from tenants.founding import found_distributor, list_distributors
from themes.frames import Crumb

bp = surface_blueprint("distributors", __name__, surface=Surface.PLATFORM)


@bp.get("")
@permission_required(Permission.PLATFORM)
def index() -> ResponseReturnValue:
    """List the distributors."""
    return page("platform/distributors/index.html", title="Distributors", distributors=list_distributors())


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.PLATFORM)
def add() -> ResponseReturnValue:
    """Found a distributor under the console's role; then, inside it and audited, invite its first administrator."""
    form = DistributorForm()
    if form.validate_on_submit():
        try:
            administrator = form.to_administrator()
            check_new_user(administrator)
            with unit_of_work():
                distributor = found_distributor(form.to_distributor(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            distributor_id, name = distributor.id, distributor.name
            actor, at = signed_in_viewer().actor, utc_now()
            with using_role(Role.APP), scope(distributor_scope(distributor_id)), unit_of_work():
                invited = invite_user(administrator, realm_id=distributor_id, actor=actor, at=at)
                record("distributor.founded", actor=actor, at=at, target_kind="distributor", target_id=distributor_id)
            return page(
                "platform/distributors/founded.html",
                title=name,
                breadcrumbs=(Crumb("Distributors", url_for(".index")), Crumb(name)),
                email=administrator.email,
                link=invited.url,
                index_url=url_for(".index"),
            )
    return page(
        "platform/distributors/form.html",
        title="Add distributor",
        breadcrumbs=(Crumb("Distributors", url_for(".index")), Crumb("Add distributor")),
        form=form,
        index_url=url_for(".index"),
    ), form.status
