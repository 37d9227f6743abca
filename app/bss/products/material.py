"""What a product's page in storefronts explains it by: a section beside the product's overview (SF-21)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired
from wtforms import StringField
from wtforms.validators import InputRequired

from app.access import permission_required, signed_in_viewer
from app.bss.products.blueprint import bp, crumbs, tabs
from app.catalogue import material as page_material
from app.catalogue.material import MOST_PICTURES, Direction, Question
from app.catalogue.queries import get_product
from app.catalogue.services import MAX_PICTURE_BYTES
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.web.forms import Form, VersionedForm
from app.web.pages import page

SPARE_ROWS, MOST_ROWS = 2, 40


class QuestionsForm(VersionedForm):
    """The questions' token, version and messages; their fields are named by row."""


class GalleryForm(Form):
    """A picture for the gallery."""

    picture = FileField(
        "Picture", validators=[FileRequired("Choose a picture")], description="PNG, JPEG, WebP or GIF, up to 1 MB."
    )
    words = StringField(
        "What is to be seen",
        validators=[InputRequired("Say what is to be seen")],
        description="Read out to who cannot see the picture.",
    )


@bp.route("/<uuid:product_id>/material", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def material(product_id: UUID) -> ResponseReturnValue:
    """Show what stands on the page, and keep its questions."""
    form, questions = QuestionsForm(), page_material.questions_of(product_id)
    if form.validate_on_submit():
        questions = _typed()
        try:
            with unit_of_work():
                page_material.set_questions(
                    product_id, questions, version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The questions were saved.", "success")
            return redirect(url_for(".material", product_id=product_id), code=303)
    return _material(product_id, form, GalleryForm(formdata=None), questions), form.status


@bp.post("/<uuid:product_id>/gallery")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def add_to_gallery(product_id: UUID) -> ResponseReturnValue:
    """Put a picture at the end of the gallery."""
    form = GalleryForm()
    if form.validate_on_submit():
        content = form.picture.data.stream.read(MAX_PICTURE_BYTES + 1)
        try:
            with unit_of_work():
                page_material.add_picture(
                    product_id, content, form.words.data or "", actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The picture was added.", "success")
            return redirect(url_for(".material", product_id=product_id, _anchor="gallery"), code=303)
    questions = page_material.questions_of(product_id)
    return _material(product_id, QuestionsForm(formdata=None), form, questions), form.status


@bp.post("/<uuid:product_id>/gallery/<uuid:picture_id>/<any(up, down, remove):action>")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def change_gallery(product_id: UUID, picture_id: UUID, action: str) -> ResponseReturnValue:
    """Move a picture of the gallery, or take it out."""
    actor = signed_in_viewer().actor
    with unit_of_work():
        if action == "remove":
            page_material.remove_picture(product_id, picture_id, actor=actor, at=utc_now())
        else:
            page_material.move_picture(product_id, picture_id, Direction(action), actor=actor, at=utc_now())
    return redirect(url_for(".material", product_id=product_id, _anchor="gallery"), code=303)


def _typed() -> list[Question]:
    """Read the rows that were sent; one with neither question nor answer is left out."""
    rows = [
        Question(request.form.get(f"question-{number}", ""), request.form.get(f"answer-{number}", ""))
        for number in range(MOST_ROWS)
    ]
    return [row for row in rows if row.question.strip() or row.answer.strip()]


def _material(product_id: UUID, form: QuestionsForm, gallery_form: GalleryForm, questions: Sequence[Question]) -> str:
    product, pictures = get_product(product_id), page_material.gallery_of(product_id)
    if not form.version.data:
        form.version.data = str(product.version)
    return page(
        "bss/products/material.html",
        title=product.name,
        breadcrumbs=crumbs(product, "Page"),
        tabs=tabs(product, "material"),
        product=product,
        form=form,
        gallery_form=gallery_form,
        questions=[*questions, *(Question("", "") for _ in range(SPARE_ROWS))],
        pictures=pictures,
        has_room=len(pictures) < MOST_PICTURES,
    )
