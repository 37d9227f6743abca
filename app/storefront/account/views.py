"""My profile: one's own name and telephone, and the company's details for those who look after them (SF-17)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import Viewer, permission_required, signed_in_viewer
from app.accounts.own_company import update_own_company
from app.accounts.queries import get_account
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Forbidden, Invalid
from app.identity.permissions import Permission
from app.identity.queries import get_user
from app.identity.services import rename_user
from app.storefront.account.forms import CompanyForm, OwnDetailsForm
from app.web.countries import country_name
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("account", __name__, surface=Surface.STOREFRONT, path="/account")


@bp.route("", methods=["GET", "POST"])
@permission_required(Permission.OWN_DETAILS_EDIT)
def index() -> ResponseReturnValue:
    """Show both, and take in one's own name and telephone; the address has steps of its own (SF-16)."""
    viewer, form = signed_in_viewer(), OwnDetailsForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                rename_user(
                    viewer.user_id,
                    first_name=form.first_name.data or "",
                    last_name=form.last_name.data or "",
                    phone=(form.phone.data or "").strip() or None,
                    actor=viewer.actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Your details are saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _show(viewer, form, None)


@bp.post("/company")
@permission_required(Permission.COMPANY_EDIT)
def company() -> ResponseReturnValue:
    """Change the company's details."""
    viewer, form = signed_in_viewer(), CompanyForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                update_own_company(_account_of(viewer), form.to_details(), actor=viewer.actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The company's details are saved. They stand on its next papers.", "success")
            return redirect(url_for(".index"), code=303)
    return _show(viewer, None, form)


def _account_of(viewer: Viewer) -> UUID:
    if viewer.account_id is None:
        raise Forbidden("Operators have no account here")
    return viewer.account_id


def _show(viewer: Viewer, own: OwnDetailsForm | None, of_company: CompanyForm | None) -> ResponseReturnValue:
    """Show the page with the form that was refused, if one was. Who may not change the company reads what is known."""
    user, account = get_user(viewer.user_id), get_account(_account_of(viewer))
    status = (own or of_company or OwnDetailsForm(formdata=None)).status
    if own is None or not own.is_submitted():
        own = OwnDetailsForm(formdata=None, obj=user)
    if of_company is None:
        of_company = CompanyForm(formdata=None)
        of_company.show(account)
    return page(
        "storefront/account/index.html",
        title="My profile",
        form=own,
        company_form=of_company if viewer.can(Permission.COMPANY_EDIT) else None,
        email=viewer.email,
        account=account,
        country=country_name(account.country),
    ), status
