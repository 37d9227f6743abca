"""The reasons staff chooses from when it cancels (CB-29)."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from app.access import permission_required, signed_in_viewer
from app.bss.subscriptions.blueprint import bp
from app.changes.reasons import LONGEST, MOST, save_reasons
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.web.forms import Form
from app.web.pages import page
from tenants.settings import distributor_settings
from themes.frames import Crumb


class ReasonsForm(Form):
    """One reason a line."""

    reasons = TextAreaField(
        "Reasons, one a line",
        validators=[InputRequired("Enter at least one reason"), Length(max=(LONGEST + 2) * MOST)],
        render_kw={"rows": 10},
    )


@bp.route("/reasons", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def reasons() -> ResponseReturnValue:
    """Edit the list."""
    form = ReasonsForm(reasons="\n".join(distributor_settings().cancellation_reasons))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                save_reasons(form.reasons.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".requests"), code=303)
    return page(
        "bss/subscriptions/reasons.html",
        title="Reasons for cancellations",
        breadcrumbs=[
            Crumb("Subscriptions", url_for(".index")),
            Crumb("Requests", url_for(".requests")),
            Crumb("Reasons"),
        ],
        form=form,
        back=url_for(".requests"),
    ), form.status
