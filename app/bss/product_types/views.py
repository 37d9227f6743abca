"""Product types in BSS (CB-01)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_export, asked_text, export, with_args
from app.bss.product_types.forms import KIND_WORDS, ProductTypeForm
from app.catalogue.queries import get_product_type, list_product_types
from app.catalogue.services import create_product_type, update_product_type
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.provisioning.queries import list_service_managers
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("product_types", __name__, surface=Surface.BSS)
EXPORT_HEADER = ("Name", "Kind", "Vendor", "Non-automatic", "Active", "Products")


@bp.get("")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def index() -> ResponseReturnValue:
    """List product types, or export them."""
    search = asked_text()
    lines = list_product_types(search)
    if kind := asked_export():
        rows = [
            (
                line.product_type.name,
                KIND_WORDS[line.product_type.kind],
                line.product_type.vendor,
                line.product_type.non_automatic,
                line.product_type.is_active,
                line.products,
            )
            for line in lines
        ]
        return export(kind, "product-types", EXPORT_HEADER, rows)
    return page(
        "bss/product_types/index.html",
        title="Product types",
        lines=lines,
        search=search,
        kinds=KIND_WORDS,
        managers={manager.id: manager.name for manager in list_service_managers()},
        may_edit=signed_in_viewer().can(Permission.BSS_CATALOGUE_EDIT),
        with_args=with_args,
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def new() -> ResponseReturnValue:
    """Make a product type."""
    form = ProductTypeForm()
    form.choose()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                made = create_product_type(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{made.name} was added.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, "New product type"), form.status


@bp.route("/<uuid:type_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def edit(type_id: UUID) -> ResponseReturnValue:
    """Change a product type."""
    product_type = get_product_type(type_id)
    form = ProductTypeForm.of(product_type)
    form.choose(product_type)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                update_product_type(type_id, form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The product type was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, product_type.name), form.status


def _form(form: ProductTypeForm, title: str) -> str:
    crumbs = [Crumb("Product types", url_for(".index")), Crumb(title)]
    return page("bss/product_types/edit.html", title=title, breadcrumbs=crumbs, form=form)
