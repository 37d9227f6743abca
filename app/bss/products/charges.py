"""What a product is charged by, described by, sold with and made of: the sections beside its overview."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.products.blueprint import bp, crumbs, may_edit, tabs
from app.bss.products.charge_forms import (
    MODE_WORDS,
    BundleForm,
    ChargesForm,
    RelationsForm,
    codes_text,
)
from app.catalogue.bundles.services import components_of_bundle, set_components
from app.catalogue.characteristics import characteristics_of
from app.catalogue.models import Product
from app.catalogue.queries import get_product, get_product_type, price_points, products_by_id
from app.catalogue.relations import Relations, relations_of, set_relations
from app.catalogue.services import set_charges, set_fixed_characteristics
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.price_lists.repricing import reprice_products
from app.web.forms import VersionedForm
from app.web.pages import page

PREFIX = "characteristic-"
RELATED = ("required", "exclusive", "upgrades", "add_ons", "related")


@bp.route("/<uuid:product_id>/charges", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def charges(product_id: UUID) -> ResponseReturnValue:
    """Show and change when and how a product is charged."""
    product = get_product(product_id)
    form = ChargesForm.of(product)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                set_charges(
                    product_id,
                    form.to_settings(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The charges were saved.", "success")
            return redirect(url_for(".charges", product_id=product_id), code=303)
    return page(
        "bss/products/charges.html",
        title=product.name,
        breadcrumbs=crumbs(product, "Charges"),
        tabs=tabs(product, "charges"),
        product=product,
        form=form,
    ), form.status


@bp.route("/<uuid:product_id>/characteristics", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def characteristics(product_id: UUID) -> ResponseReturnValue:
    """Show what describes a product, and keep what is fixed on it."""
    product, form = get_product(product_id), VersionedForm()
    product_type = get_product_type(product.product_type_id)
    defined = characteristics_of(product_type)
    typed = {each.id: request.form.get(f"{PREFIX}{each.id}", "") for each in defined}
    errors: dict[str, str] = {}
    if form.validate_on_submit():
        try:
            with unit_of_work():
                set_fixed_characteristics(
                    product_id, typed, version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
            errors = {error.field: error.message for error in refusal.errors}
        else:
            flash("The characteristics were saved.", "success")
            return redirect(url_for(".characteristics", product_id=product_id), code=303)
    form.show_version(product.version)
    if not form.is_submitted():
        typed = {each.id: _typed(product, each.id) for each in defined}
    return page(
        "bss/products/characteristics.html",
        title=product.name,
        breadcrumbs=crumbs(product, "Characteristics"),
        tabs=tabs(product, "characteristics"),
        product=product,
        product_type=product_type,
        defined=defined,
        typed=typed,
        errors=errors,
        form=form,
        prefix=PREFIX,
    ), form.status


def _typed(product: Product, characteristic_id: str) -> str:
    value = product.characteristics.get(characteristic_id, "")
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


@bp.route("/<uuid:product_id>/relations", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def relations(product_id: UUID) -> ResponseReturnValue:
    """Show and change what a product needs, excludes, becomes and is sold with."""
    product, form = get_product(product_id), RelationsForm()
    form.show_version(product.version)
    if form.validate_on_submit():
        try:
            wanted = form.to_relations()
            with unit_of_work():
                set_relations(
                    product_id, wanted, version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The related products were saved.", "success")
            return redirect(url_for(".relations", product_id=product_id), code=303)
    stands = relations_of(product)
    known = products_by_id({each for name in RELATED for each in getattr(stands, name)})
    if not form.is_submitted():
        _fill(form, stands, known)
    return page(
        "bss/products/relations.html",
        title=product.name,
        breadcrumbs=crumbs(product, "Related products"),
        tabs=tabs(product, "relations"),
        product=product,
        form=form,
        shown={name: [known[each] for each in getattr(stands, name) if each in known] for name in RELATED},
        modes=MODE_WORDS,
    ), form.status


def _fill(form: RelationsForm, stands: Relations, known: dict[UUID, Product]) -> None:
    form.required_mode.data = stands.required_mode.value
    for name in RELATED:
        ids = getattr(stands, name)
        if name == "add_ons":
            ids = [each for each in ids if each not in stands.linked_add_ons]
        form[name].data = codes_text(known[each].code for each in ids if each in known)
    form.linked_add_ons.data = codes_text(
        known[each].code for each in stands.add_ons if each in known and each in stands.linked_add_ons
    )


@bp.route("/<uuid:product_id>/bundle", methods=["GET", "POST"])
@permission_required(Permission.BSS_PRICES_EDIT)
def bundle(product_id: UUID) -> ResponseReturnValue:
    """Show and change what a bundle holds; its prices follow in the same transaction."""
    product = get_product(product_id)
    stands = components_of_bundle(product_id)
    known = products_by_id({each.product_id for each in stands})
    form = BundleForm.of(stands, {each.id: each.code for each in known.values()})
    form.show_version(product.version)
    if form.validate_on_submit():
        try:
            wanted = form.to_components()
            with unit_of_work():
                set_components(
                    product_id, wanted, version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now()
                )
                reprice_products([product_id])
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The bundle was saved.", "success")
            return redirect(url_for(".bundle", product_id=product_id), code=303)
    return page(
        "bss/products/bundle.html",
        title=product.name,
        breadcrumbs=crumbs(product, "Bundle"),
        tabs=tabs(product, "bundle"),
        product=product,
        form=form,
        components=[(known[each.product_id], each) for each in stands if each.product_id in known],
        prices=price_points(product_id),
        may_edit=may_edit(),
    ), form.status
