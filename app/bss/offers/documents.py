"""An offer's documents: added, read, removed (CB-17)."""

from __future__ import annotations

from uuid import UUID

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.bss.offers.blueprint import bp
from app.bss.offers.forms import ActionForm, DocumentForm
from app.bss.offers.views import offer_page, staff
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.offers.documents import MOST_BYTES, NewDocument, add_document, get_document, remove_document
from app.orders.offers.rows import find_offer


@bp.post("/<number>/documents")
@permission_required(Permission.BSS_ORDERS_EDIT)
def add_file(number: str) -> ResponseReturnValue:
    """Add a file."""
    find_offer(number, staff())
    form = DocumentForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                new = NewDocument(form.file.data.filename or "", form.file.data.read(MOST_BYTES + 1))
                add_document(number, new, staff=staff(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The file was added.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return offer_page(number, document_form=form)


@bp.get("/<number>/documents/<uuid:document_id>")
@permission_required(Permission.BSS_ORDERS_EDIT)
def document(number: str, document_id: UUID) -> ResponseReturnValue:
    """Return a file as a download: nothing of it runs in the browser."""
    found = get_document(number, document_id, staff=staff())
    answer = Response(found.content, mimetype="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=found.name)
    return answer


@bp.post("/<number>/documents/<uuid:document_id>/remove")
@permission_required(Permission.BSS_ORDERS_EDIT)
def remove_file(number: str, document_id: UUID) -> ResponseReturnValue:
    """Take a file off; what was shared is kept."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            remove_document(number, document_id, staff=staff(), at=utc_now())
        flash("Removed.", "success")
    return redirect(url_for(".detail", number=number), code=303)
