"""Assets' custom fields: the list, a new one, changing and deleting one."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import permission_required, signed_in_viewer
from app.bss.asset_fields.forms import KIND_WORDS, SUBJECT_WORDS, FieldForm
from app.catalogue.models import ProductKind, ProductType
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.subscriptions.asset_models import AssetField
from app.subscriptions.custom_fields import (
    create_field,
    delete_field,
    get_field,
    list_fields,
    rules_of,
    update_field,
)
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb

bp = surface_blueprint("asset_fields", __name__, surface=Surface.BSS)


@bp.get("")
@permission_required(Permission.BSS_SETUP_VIEW)
def index() -> ResponseReturnValue:
    """List the fields with where they show."""
    found = list_fields()
    rules = rules_of([field.id for field in found])
    names = {each.id: each.name for each in _types()}
    return page(
        "bss/asset_fields/index.html",
        title="Asset and subscription fields",
        fields=found,
        shown_on={field.id: sorted(names.get(each, "?") for each in rules[field.id]) for field in found},
        kind_words=KIND_WORDS,
        subject_words=SUBJECT_WORDS,
        may_edit=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def new() -> ResponseReturnValue:
    """Add a field."""
    form = _form()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                create_field(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The field was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _edit_page(form, None), form.status


@bp.route("/<uuid:field_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SETUP_EDIT)
def edit(field_id: UUID) -> ResponseReturnValue:
    """Change a field."""
    field, form = get_field(field_id), _form()
    form.show_version(field.version)
    if not form.is_submitted():
        form.show(field, frozenset[object](rules_of([field_id])[field_id]))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                update_field(
                    field_id,
                    form.to_details(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The field was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _edit_page(form, get_field(field_id)), form.status


@bp.post("/<uuid:field_id>/delete")
@permission_required(Permission.BSS_SETUP_EDIT)
def delete(field_id: UUID) -> ResponseReturnValue:
    """Take a field away."""
    with unit_of_work():
        delete_field(field_id, actor=signed_in_viewer().actor, at=utc_now())
    flash("The field was deleted.", "success")
    return redirect(url_for(".index"), code=303)


def _form() -> FieldForm:
    form = FieldForm()
    form.product_types.choices = [
        (str(each.id), f"{each.name} ({'assets' if each.kind is ProductKind.ONE_OFF else 'subscriptions'})")
        for each in _types()
    ]
    return form


def _types() -> list[ProductType]:
    """Return the product types; those of one-off products leave assets behind, the others subscriptions."""
    return list(
        session.scalars(
            select(ProductType)
            .where(ProductType.distributor_id == current_scope().distributor_id)
            .order_by(ProductType.kind != ProductKind.ONE_OFF, ProductType.name, ProductType.id)
        )
    )


def _edit_page(form: FieldForm, field: AssetField | None) -> str:
    title = field.name if field is not None else "New field"
    return page(
        "bss/asset_fields/edit.html",
        title=title,
        breadcrumbs=[Crumb("Asset and subscription fields", url_for(".index")), Crumb(title)],
        form=form,
        field_row=field,
    )
