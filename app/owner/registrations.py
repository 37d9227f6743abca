"""Registrations that wait for the owner of a storefront: a list, one of them, and a page that asks before either end."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.accounts.registration.queries import count_waiting, list_waiting
from app.accounts.registration.services import decide, get_registration
from app.accounts.rules import country_name
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.owner.scopes import Rights, acting, frame_of, owner_of_request
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface
from themes.frames import Crumb

APPROVE = "approve"
DONE = {
    True: "Approved. The account is being opened and the activation mail goes out.",
    False: "Rejected. What the applicant entered is being deleted, and a mail says so.",
}


def registration_pages(blueprint: Blueprint, *, surface: Surface, rights: Rights) -> None:
    """Add the pages to a blueprint of the owner's scope."""

    @blueprint.get("")
    @permission_required(rights.view)
    def index() -> ResponseReturnValue:
        """List what waits, the oldest first."""
        owner, asked = owner_of_request(), requested_page()
        return page(
            "manage/registrations/index.html",
            title="Registrations",
            frame=frame_of(surface),
            blueprint=blueprint.name,
            found=Page(
                list_waiting(owner.reseller_id, limit=asked.size, offset=asked.offset),
                count_waiting(owner.reseller_id),
                asked.number,
                asked.size,
            ),
        )

    @blueprint.get("/<uuid:registration_id>")
    @permission_required(rights.view)
    def detail(registration_id: UUID) -> ResponseReturnValue:
        """Show who asks."""
        found = get_registration(registration_id, reseller_id=owner_of_request().reseller_id)
        return page(
            "manage/registrations/detail.html",
            title=found.company,
            breadcrumbs=[Crumb("Registrations", url_for(".index")), Crumb(found.company)],
            frame=frame_of(surface),
            blueprint=blueprint.name,
            found=found,
            country=country_name(found.country),
        )

    @blueprint.route("/<uuid:registration_id>/<any(approve, reject):decision>", methods=["GET", "POST"])
    @permission_required(rights.edit)
    def confirm(registration_id: UUID, decision: str) -> ResponseReturnValue:
        """Ask once more, then decide."""
        reseller_id, is_approved = owner_of_request().reseller_id, decision == APPROVE
        form = Form()
        if form.validate_on_submit():
            with unit_of_work():
                decide(registration_id, reseller_id=reseller_id, approve=is_approved, actor=acting(), at=utc_now())
            flash(DONE[is_approved], "success")
            return redirect(url_for(".index"), code=303)
        found = get_registration(registration_id, reseller_id=reseller_id)
        title = f"Approve {found.company}?" if is_approved else f"Reject {found.company}?"
        return page(
            "manage/registrations/confirm.html",
            title=title,
            breadcrumbs=[
                Crumb("Registrations", url_for(".index")),
                Crumb(found.company, url_for(".detail", registration_id=found.id)),
                Crumb(title),
            ],
            frame=frame_of(surface),
            found=found,
            form=form,
            is_approved=is_approved,
            back_url=url_for(".detail", registration_id=found.id),
        ), form.status
