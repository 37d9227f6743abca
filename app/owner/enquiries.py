"""Questions about products that wait for the owner of a storefront: a list, and one of them with its answer (SF-18)."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField
from wtforms.validators import Optional

from app.access import permission_required, signed_in_viewer
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.owner.scopes import Rights, acting, frame_of, owner_of_request
from app.support.enquiries.models import EnquiryStatus
from app.support.enquiries.queries import count_enquiries, get_enquiry, list_enquiries
from app.support.enquiries.services import answer, reopen
from app.web.forms import Form
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface
from themes.frames import Crumb

FILTERS = {"open": EnquiryStatus.OPEN, "answered": EnquiryStatus.ANSWERED, "all": None}


class AnswerForm(Form):
    """What the owner writes down for itself."""

    note = TextAreaField("Note", validators=[Optional()], description="For your own people; who asked does not see it.")


def enquiry_pages(blueprint: Blueprint, *, surface: Surface, rights: Rights) -> None:
    """Add the pages to a blueprint of the owner's scope."""

    @blueprint.get("")
    @permission_required(rights.view)
    def index() -> ResponseReturnValue:
        """List what was asked, the latest first; what waits is shown unless something else is asked for."""
        owner, asked = owner_of_request(), requested_page()
        wanted = request.args.get("status", "open")
        wanted = wanted if wanted in FILTERS else "open"
        status = FILTERS[wanted]
        return page(
            "manage/enquiries/index.html",
            title="Enquiries",
            frame=frame_of(surface),
            blueprint=blueprint.name,
            wanted=wanted,
            found=Page(
                list_enquiries(owner.reseller_id, status, limit=asked.size, offset=asked.offset),
                count_enquiries(owner.reseller_id, status),
                asked.number,
                asked.size,
            ),
        )

    @blueprint.route("/<uuid:enquiry_id>", methods=["GET"])
    @permission_required(rights.view)
    def detail(enquiry_id: UUID) -> ResponseReturnValue:
        """Show who asks what."""
        found = get_enquiry(enquiry_id, reseller_id=owner_of_request().reseller_id)
        form = AnswerForm(formdata=None, data={"note": found.note or ""})
        return _detail(enquiry_id, form)

    @blueprint.post("/<uuid:enquiry_id>/answer")
    @permission_required(rights.edit)
    def keep_answer(enquiry_id: UUID) -> ResponseReturnValue:
        """Keep that it was answered."""
        form, owner = AnswerForm(), owner_of_request()
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    answer(
                        enquiry_id, form.note.data or "", reseller_id=owner.reseller_id, actor=acting(), at=utc_now()
                    )
            except Invalid as refusal:
                form.take(refusal)
            else:
                flash("Kept as answered.", "success")
                return redirect(url_for(".detail", enquiry_id=enquiry_id), code=303)
        return _detail(enquiry_id, form), form.status

    @blueprint.post("/<uuid:enquiry_id>/reopen")
    @permission_required(rights.edit)
    def put_back(enquiry_id: UUID) -> ResponseReturnValue:
        """Put it back among those that wait."""
        with unit_of_work():
            reopen(enquiry_id, reseller_id=owner_of_request().reseller_id, actor=acting(), at=utc_now())
        return redirect(url_for(".detail", enquiry_id=enquiry_id), code=303)

    def _detail(enquiry_id: UUID, form: AnswerForm) -> str:
        found = get_enquiry(enquiry_id, reseller_id=owner_of_request().reseller_id)
        return page(
            "manage/enquiries/detail.html",
            title=f"About {found.product_name}",
            breadcrumbs=[Crumb("Enquiries", url_for(".index")), Crumb(found.product_name)],
            frame=frame_of(surface),
            blueprint=blueprint.name,
            found=found,
            form=form,
            may_edit=signed_in_viewer().can(rights.edit),
        )
