"""A company's domains: added, looked for in DNS, given up."""

from __future__ import annotations

from uuid import UUID

import flask
from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.access.limits import LOOK_UP, require_within
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.core.txt_records import DnsSilent, TxtRecords, txt_records
from app.identity.companies.domains import add_domain, get_domain, record_of, remove_domain, take_look
from app.identity.companies.errors import DomainTaken
from app.identity.companies.models import DomainState
from app.identity.companies.queries import require_open
from app.identity.permissions import Permission
from app.storefront.company_sign_in.blueprint import bp, changed, company_of_viewer
from app.storefront.company_sign_in.forms import DomainForm
from app.storefront.company_sign_in.views import show_page

NOT_FOUND = "The record is not there yet. New records may need some hours until everybody sees them; we keep looking."
SILENT = "The name servers of this domain gave no answer. Nothing was changed; check again later."


def dns() -> TxtRecords:
    """Return what is asked for records; tests put something else into the application's config."""
    found: TxtRecords = flask.current_app.config.get("TXT_RECORDS") or txt_records()
    return found


@bp.post("/domains")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def add() -> ResponseReturnValue:
    """Add a domain; its record is shown next."""
    form = DomainForm()
    if form.validate_on_submit():
        company = company_of_viewer()
        try:
            with unit_of_work():
                require_open(company)
                add_domain(company, form.domain.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Now add the record below to the DNS of your domain.", "success")
            return redirect(url_for(".index"), code=303)
    return show_page(domain_form=form)


@bp.post("/domains/<uuid:domain_id>/check")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def check(domain_id: UUID) -> ResponseReturnValue:
    """Look for the record now, with no transaction open while DNS is asked."""
    require_within(LOOK_UP, request.remote_addr)
    company = company_of_viewer()
    require_open(company)
    record = record_of(get_domain(company, domain_id))
    session.rollback()  # gives the row back
    try:
        found = dns().of(record.name)
    except DnsSilent:
        flash(SILENT, "warning")
        return redirect(url_for(".index"), code=303)
    try:
        with unit_of_work():
            domain = get_domain(company, domain_id)
            take_look(domain, found, actor=signed_in_viewer().actor, at=utc_now())
            is_proven, name = domain.state is DomainState.PROVEN and not domain.missing_since, domain.domain
    except DomainTaken as refusal:
        flash(str(refusal), "warning")
    else:
        flash(*((f"{name} is proven.", "success") if is_proven else (NOT_FOUND, "warning")))
    return redirect(url_for(".index"), code=303)


@bp.post("/domains/<uuid:domain_id>/remove")
@permission_required(Permission.COMPANY_SIGN_IN_MANAGE)
def remove(domain_id: UUID) -> ResponseReturnValue:
    """Give a domain up."""
    return changed(
        lambda: remove_domain(company_of_viewer(), domain_id, actor=signed_in_viewer().actor, at=utc_now()),
        "The domain is removed.",
    )
