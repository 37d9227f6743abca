"""The category tree in BSS (CB-08), and the rules that sort imported rows into it."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.categories.choices import category_choices
from app.bss.categories.forms import CategoryForm
from app.bss.imports.forms import RuleForm
from app.catalogue.imports.queries import category_rules
from app.catalogue.queries import category_lines, get_category
from app.catalogue.services import add_rule, create_category, delete_category, delete_rule, update_category
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("categories", __name__, surface=Surface.BSS)


@bp.get("")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def index() -> ResponseReturnValue:
    """Show the tree and the rules."""
    return _index(RuleForm(formdata=None))


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def new() -> ResponseReturnValue:
    """Make a category."""
    form = CategoryForm()
    form.choose()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = create_category(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{made.name} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New category"), form.status


@bp.route("/<uuid:category_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def edit(category_id: UUID) -> ResponseReturnValue:
    """Rename or move a category."""
    category = get_category(category_id)
    form = CategoryForm.of(category)
    form.choose()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                update_category(
                    category_id,
                    form.to_details(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The category was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, category.name, category_id), form.status


@bp.post("/<uuid:category_id>/delete")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def delete(category_id: UUID) -> ResponseReturnValue:
    """Delete an empty category."""
    name = get_category(category_id).name
    with unit_of_work():
        delete_category(category_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{name} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


@bp.post("/rules")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def save_rule() -> ResponseReturnValue:
    """Save a rule of the import."""
    form = RuleForm()
    form.category_id.choices = category_choices()
    if form.validate_on_submit() and (rule := form.to_rule()) is not None:
        try:
            with unit_of_work():
                add_rule(rule, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".index", _anchor="rules"), code=303)
    return _index(form), form.status


@bp.post("/rules/<uuid:rule_id>/delete")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def drop_rule(rule_id: UUID) -> ResponseReturnValue:
    """Forget a rule; products keep the category it gave them."""
    with unit_of_work():
        delete_rule(rule_id, actor=signed_in_viewer().actor, at=utc_now())
    return redirect(url_for(".index", _anchor="rules"), code=303)


def _index(rule_form: RuleForm) -> str:
    rule_form.category_id.choices = category_choices(none="Choose a category")
    return page(
        "bss/categories/index.html",
        title="Categories",
        lines=category_lines(),
        rules=category_rules(),
        rule_form=rule_form,
        may_edit=signed_in_viewer().can(Permission.BSS_CATALOGUE_EDIT),
    )


def _form(form: CategoryForm, title: str, category_id: UUID | None = None) -> str:
    crumbs = [Crumb("Categories", url_for(".index")), Crumb(title)]
    return page("bss/categories/edit.html", title=title, breadcrumbs=crumbs, form=form, category_id=category_id)
