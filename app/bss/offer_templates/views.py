"""What offers look like: one template a language, with a preview (CB-17)."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.access import permission_required, signed_in_viewer
from app.billing.papers import render
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.offers.shown import sample_paper
from app.orders.offers.templates import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    SAMPLES,
    OfferWords,
    get_template,
    list_templates,
    require_sane,
    save_template,
    small_logo,
)
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("offer_templates", __name__, surface=Surface.BSS)
PREVIEW = "preview"
TOO_LONG = f"Use at most {LONGEST_TEXT} characters"


class TemplateForm(Form):
    """The words of a template."""

    title = StringField(
        "Title",
        validators=[
            InputRequired("Enter a title"),
            Length(max=LONGEST_TITLE, message=f"Use at most {LONGEST_TITLE} characters"),
        ],
    )
    introduction = TextAreaField(
        "Introduction",
        validators=[Optional(), Length(max=LONGEST_TEXT, message=TOO_LONG)],
        description="Above the products, where an offer has no introduction of its own.",
        render_kw={"rows": 5},
    )
    terms = TextAreaField(
        "Terms",
        validators=[Optional(), Length(max=LONGEST_TEXT, message=TOO_LONG)],
        description="Below the totals.",
        render_kw={"rows": 5},
    )
    shows_tax = BooleanField("Show tax and the total with it")
    logo = FileField("Logo", description="PNG, JPEG, WebP or GIF, up to 1 MB. Stands at the top of the PDF.")
    removes_logo = BooleanField("Remove the logo")

    def to_words(self, language: str) -> OfferWords:
        """Return the validated input; call it after validate_on_submit()."""
        return OfferWords(
            language,
            self.title.data or "",
            self.introduction.data or "",
            self.terms.data or "",
            shows_tax=self.shows_tax.data,
        )


@bp.get("")
@permission_required(Permission.BSS_SETUP_VIEW)
def index() -> ResponseReturnValue:
    """List the templates, one a language."""
    return page(
        "bss/offer_templates/index.html",
        title="Offer templates",
        templates=list_templates(),
        may_edit=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
    )


@bp.get("/<language>/pdf")
@permission_required(Permission.BSS_SETUP_VIEW)
def pdf(language: str) -> ResponseReturnValue:
    """Show a template as it stands, with an offer that is made up."""
    return _paper(get_template(language))


@bp.route("/<language>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def edit(language: str) -> ResponseReturnValue:
    """Write a template; its preview keeps nothing."""
    stands = get_template(language)
    form = TemplateForm() if request.method == "POST" else TemplateForm(data=_shown(stands))
    if form.validate_on_submit():
        try:
            return _preview(form, stands) if request.form.get("do") == PREVIEW else _save(form, language)
        except Invalid as refusal:
            form.take(refusal)
    return page(
        "bss/offer_templates/edit.html",
        title=f"Offer template: {language}",
        breadcrumbs=[Crumb("Offer templates", url_for(".index")), Crumb(language)],
        form=form,
        stands=stands,
        fields=SAMPLES,
    ), form.status


def _save(form: TemplateForm, language: str) -> ResponseReturnValue:
    with unit_of_work():
        save_template(
            form.to_words(language),
            logo=_uploaded(form),
            removes_logo=form.removes_logo.data,
            actor=signed_in_viewer().actor,
            at=utc_now(),
        )
    flash("Saved.", "success")
    return redirect(url_for(".index"), code=303)


def _preview(form: TemplateForm, stands: OfferWords) -> ResponseReturnValue:
    words, uploaded = form.to_words(stands.language), _uploaded(form)
    require_sane(words)
    kept = None if form.removes_logo.data else stands.logo
    logo = small_logo(uploaded) if uploaded else kept
    return _paper(OfferWords(words.language, words.title, words.introduction, words.terms, words.shows_tax, logo))


def _shown(words: OfferWords) -> dict[str, object]:
    """What stands, but for the picture: a file field takes uploads alone."""
    return {
        "title": words.title, "introduction": words.introduction, "terms": words.terms, "shows_tax": words.shows_tax,
    }  # fmt: skip


def _uploaded(form: TemplateForm) -> bytes | None:
    return form.logo.data.read() if form.logo.data else None


def _paper(words: OfferWords) -> Response:
    answer = Response(render(sample_paper(words)), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = 'inline; filename="offer-preview.pdf"'
    return answer
