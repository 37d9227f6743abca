"""Where the pages hang, and whose they are."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import signed_in_viewer
from app.core.db import unit_of_work
from app.core.errors import Conflict
from app.identity.companies.queries import Company
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("company_sign_in", __name__, surface=Surface.STOREFRONT, path="/account/single-sign-on")
TITLE = "Single sign-on"


def company_of_viewer() -> Company:
    """Return the viewer's company in the realm they are signed in to; the right to these pages is of customers alone."""
    viewer = signed_in_viewer()
    if viewer.account_id is None:
        raise RuntimeError("Who manages a company's sign-in belongs to a company")
    return Company(viewer.realm_id, viewer.account_id)


def changed(change: Callable[[], None], done: str) -> ResponseReturnValue:
    """Do one thing a button stands for, and say what came of it on the page it stands on."""
    try:
        with unit_of_work():
            change()
    except Conflict as refusal:
        flash(str(refusal), "warning")
    else:
        flash(done, "success")
    return redirect(url_for(".index"), code=303)
