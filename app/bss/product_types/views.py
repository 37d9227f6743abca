"""Product types in BSS, with their switches and characteristics (CB-01)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_export, asked_text, export, with_args
from app.bss.product_types.forms import (
    CUSTOM,
    DATA_TYPE_WORDS,
    KIND_WORDS,
    USAGE_WORDS,
    CharacteristicForm,
    ProductTypeForm,
)
from app.catalogue.characteristics import characteristics_of
from app.catalogue.errors import CharacteristicNotFound
from app.catalogue.models import ProductType
from app.catalogue.queries import get_product_type, list_product_types
from app.catalogue.refunds import RefundPolicy
from app.catalogue.services import (
    add_characteristic,
    create_product_type,
    delete_characteristic,
    replace_characteristic,
    update_product_type,
)
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.statuses import require_status_for_people
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
        may_edit=_may_edit(),
        with_args=with_args,
    )


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def new() -> ResponseReturnValue:
    """Make a product type."""
    form = ProductTypeForm()
    form.choose()
    if not form.is_submitted():
        form.show_policy(RefundPolicy())
    if form.validate_on_submit():
        try:
            with unit_of_work():
                if form.non_automatic.data:
                    require_status_for_people()
                made = create_product_type(form.to_details(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{made.name} was added.", "success")
            return redirect(url_for(".characteristics", type_id=made.id), code=303)
    return _form(form, "New product type", None), form.status


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
                if form.non_automatic.data:
                    require_status_for_people()
                update_product_type(
                    type_id,
                    form.to_details(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The product type was saved.", "success")
            return redirect(url_for(".index"), code=303)
    return _form(form, product_type.name, product_type), form.status


@bp.get("/<uuid:type_id>/characteristics")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def characteristics(type_id: UUID) -> ResponseReturnValue:
    """List what describes a service: the root's characteristics first, then the type's own."""
    product_type = get_product_type(type_id)
    return page(
        "bss/product_types/characteristics.html",
        title=f"Characteristics of {product_type.name}",
        breadcrumbs=_crumbs(product_type, "Characteristics"),
        product_type=product_type,
        lines=characteristics_of(product_type),
        data_types=DATA_TYPE_WORDS,
        usages=USAGE_WORDS,
        may_edit=_may_edit(),
    )


@bp.route("/<uuid:type_id>/characteristics/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def new_characteristic(type_id: UUID) -> ResponseReturnValue:
    """Define a characteristic."""
    return _characteristic(get_product_type(type_id), CharacteristicForm(), None)


@bp.route("/<uuid:type_id>/characteristics/<name>", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def characteristic(type_id: UUID, name: str) -> ResponseReturnValue:
    """Change a characteristic; future orders alone notice."""
    product_type = get_product_type(type_id)
    own = [each for each in characteristics_of(product_type) if not each.is_inherited]
    found = next((each for each in own if each.id == name), None)
    if found is None:
        raise CharacteristicNotFound(name)
    return _characteristic(product_type, CharacteristicForm.of(found), name)


@bp.post("/<uuid:type_id>/characteristics/<name>/delete")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def drop_characteristic(type_id: UUID, name: str) -> ResponseReturnValue:
    """Take a characteristic away that no live subscription has."""
    get_product_type(type_id)
    with unit_of_work():
        delete_characteristic(type_id, name, actor=signed_in_viewer().actor, at=utc_now())
    flash("The characteristic was deleted.", "success")
    return redirect(url_for(".characteristics", type_id=type_id), code=303)


def _characteristic(product_type: ProductType, form: CharacteristicForm, replaces: str | None) -> ResponseReturnValue:
    actor = signed_in_viewer().actor
    form.show_version(product_type.version)
    if form.validate_on_submit():
        try:
            wanted = form.to_characteristic()
            with unit_of_work():
                if replaces is None:
                    add_characteristic(product_type.id, wanted, actor=actor, at=utc_now())
                else:
                    replace_characteristic(
                        product_type.id, replaces, wanted, version=form.seen_version, actor=actor, at=utc_now()
                    )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The characteristic was saved.", "success")
            return redirect(url_for(".characteristics", type_id=product_type.id), code=303)
    title = replaces or "New characteristic"
    crumbs = [
        *_crumbs(product_type),
        Crumb("Characteristics", url_for(".characteristics", type_id=product_type.id)),
        Crumb(title),
    ]
    return page(
        "bss/product_types/characteristic.html",
        title=title,
        breadcrumbs=crumbs,
        form=form,
        product_type=product_type,
        name=replaces,
    ), form.status


def _form(form: ProductTypeForm, title: str, product_type: ProductType | None) -> str:
    crumbs = [Crumb("Product types", url_for(".index")), Crumb(title)]
    return page(
        "bss/product_types/edit.html",
        title=title,
        breadcrumbs=crumbs,
        form=form,
        product_type=product_type,
        is_custom=form.refund_preset.data == CUSTOM,
    )


def _crumbs(product_type: ProductType, last: str | None = None) -> list[Crumb]:
    own = url_for(".edit", type_id=product_type.id) if _may_edit() else None
    here = [Crumb("Product types", url_for(".index")), Crumb(product_type.name, own)]
    return [*here, Crumb(last)] if last else here


def _may_edit() -> bool:
    return signed_in_viewer().can(Permission.BSS_CATALOGUE_EDIT)
