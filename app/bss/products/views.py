"""The list of products, and making, showing and changing one (CB-02)."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.categories.choices import category_choices
from app.bss.listing import (
    asked_choice,
    asked_export,
    asked_id,
    asked_text,
    chosen_ids,
    export,
    to_with_args,
    with_args,
)
from app.bss.products.blueprint import bp, crumbs, may_edit, tabs
from app.bss.products.forms import (
    AUDIENCE_WORDS,
    SALE_WORDS,
    NewProductForm,
    PictureForm,
    PriceForm,
    ProductForm,
)
from app.catalogue import services
from app.catalogue.bundles.services import is_bundle_type, publishing_errors
from app.catalogue.errors import ProductNotFound
from app.catalogue.models import BillingCycle, Product, Term
from app.catalogue.product_lists import (
    ProductFilter,
    ProductState,
    count_products,
    export_products,
    list_products,
    list_segments,
    list_vendors,
)
from app.catalogue.queries import find_image, get_product, list_groups, list_product_types, price_points
from app.catalogue.services import ProductMark
from app.catalogue.words import CYCLE_WORDS, TERM_WORDS
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.pricing.price_lists.repricing import follow_groups, reprice_products
from app.web.exports import Cell
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from themes.frames import Crumb

STATE_WORDS = {
    ProductState.PUBLISHED: "Published",
    ProductState.UNPUBLISHED: "Not published",
    ProductState.INACTIVE: "Inactive",
    ProductState.NEW: "New",
    ProductState.FEATURED: "Featured",
    ProductState.POPULAR: "Picked as popular",
    ProductState.RETIRED: "Retired",
}
MARK_WORDS = {
    ProductMark.PUBLISH: "Publish",
    ProductMark.UNPUBLISH: "Unpublish",
    ProductMark.MARK_NEW: "Mark as new",
    ProductMark.UNMARK_NEW: "No longer new",
    ProductMark.FEATURE: "Feature",
    ProductMark.UNFEATURE: "No longer featured",
    ProductMark.MARK_POPULAR: "Show as most popular",
    ProductMark.UNMARK_POPULAR: "No longer picked as popular",
    ProductMark.ACTIVATE: "Activate",
    ProductMark.DEACTIVATE: "Deactivate",
}
EXPORT_HEADER = (
    "Code", "Name", "Vendor", "Type", "Category", "Group", "Segment", "Active", "Published", "Term", "Billing plan",
    "Currency", "List price",
)  # fmt: skip


def asked_filter() -> ProductFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return ProductFilter(
        search=asked_text(),
        vendor=request.args.get("vendor") or None,
        category_id=asked_id("category"),
        product_type_id=asked_id("type"),
        segment=request.args.get("segment") or None,
        state=asked_choice(ProductState, "state"),
    )


@bp.get("")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def index() -> ResponseReturnValue:
    """List products, or export what the filter finds with every price."""
    wanted = asked_filter()
    if kind := asked_export():
        return _export(kind, wanted)
    asked = requested_page()
    found = Page(
        list_products(wanted, limit=asked.size, offset=asked.offset), count_products(wanted), asked.number, asked.size
    )
    return page(
        "bss/products/index.html",
        title="Products",
        products=found,
        wanted=wanted,
        sizes=SIZES,
        with_args=with_args,
        states=STATE_WORDS,
        marks=MARK_WORDS,
        mark_url=to_with_args(".mark", page=""),
        vendors=list_vendors(),
        segments=list_segments(),
        categories=category_choices(),
        types=[(str(line.product_type.id), line.product_type.name) for line in list_product_types()],
        may_edit=may_edit(),
    )


def _export(kind: str, wanted: ProductFilter) -> Response:
    sees_costs = signed_in_viewer().can(Permission.BSS_COSTS_VIEW)
    header = (*EXPORT_HEADER, "Vendor cost") if sees_costs else EXPORT_HEADER
    return export(kind, "products", header, list(_exported(wanted, sees_costs=sees_costs)))


def _exported(wanted: ProductFilter, *, sees_costs: bool) -> Iterator[tuple[Cell, ...]]:
    for line in export_products(wanted):
        product, price = line.product, line.price
        own: tuple[Cell, ...] = (
            product.code, product.name, product.vendor, line.type_name, line.category_name, line.group_name,
            product.segment, product.is_active, product.is_published,
        )  # fmt: skip
        priced: tuple[Cell, ...] = (None,) * 4
        if price is not None:
            priced = (price.term.value, price.cycle.value, price.currency, price.list_price)
        yield (*own, *priced, line.vendor_cost) if sees_costs else (*own, *priced)


@bp.post("/mark")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def mark() -> ResponseReturnValue:
    """Set a mark on the ticked products, or on all the filter finds."""
    wanted_mark = next((each for each in ProductMark if each.value == request.form.get("action")), None)
    if wanted_mark is None:
        return redirect(to_with_args(".index"), code=303)
    ids = chosen_ids()
    with unit_of_work():
        changed = services.mark_products(
            wanted_mark, asked_filter(), product_ids=ids, actor=signed_in_viewer().actor, at=utc_now()
        )
    flash(f"{MARK_WORDS[wanted_mark]}: {changed:,} products changed.", "success" if changed else "info")
    return redirect(to_with_args(".index"), code=303)


@bp.route("/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def new() -> ResponseReturnValue:
    """Make a product by hand."""
    form = NewProductForm()
    form.choose()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                product = services.create_product(form.to_new_product(), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{product.name} was added. Give it a price, then publish it.", "success")
            return redirect(url_for(".detail", product_id=product.id), code=303)
    crumbs = [Crumb("Products", url_for(".index")), Crumb("New product")]
    shown = page("bss/products/edit.html", title="New product", breadcrumbs=crumbs, form=form, product=None)
    return shown, form.status


@bp.get("/<uuid:product_id>")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def detail(product_id: UUID) -> ResponseReturnValue:
    """Show a product with its prices."""
    return _detail(get_product(product_id), PriceForm(formdata=None), PictureForm(formdata=None))


@bp.route("/<uuid:product_id>/edit", methods=["GET", "POST"])
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def edit(product_id: UUID) -> ResponseReturnValue:
    """Change a product."""
    product = get_product(product_id)
    form = ProductForm.of(product)
    form.choose()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                services.update_product(
                    product_id,
                    form.to_details(),
                    version=form.seen_version,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
                follow_groups(product_ids=[product_id])  # it may have joined or left a price group
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The product was saved.", "success")
            return redirect(url_for(".detail", product_id=product_id), code=303)
    shown = page(
        "bss/products/edit.html", title=product.name, breadcrumbs=crumbs(product, "Edit"), form=form, product=product
    )
    return shown, form.status


@bp.post("/<uuid:product_id>/mark")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def mark_one(product_id: UUID) -> ResponseReturnValue:
    """Set a mark on one product."""
    type_id = get_product(product_id).product_type_id
    wanted = next((each for each in ProductMark if each.value == request.form.get("action")), None)
    if wanted is not None:
        with unit_of_work():
            changed = services.mark_products(
                wanted, ProductFilter(), product_ids=[product_id], actor=signed_in_viewer().actor, at=utc_now()
            )
        if not changed and wanted is ProductMark.PUBLISH:
            reasons = [error.message for error in publishing_errors(product_id)] if is_bundle_type(type_id) else []
            flash(reasons[0] if reasons else "Add a price before you publish the product.", "warning")
    return redirect(url_for(".detail", product_id=product_id), code=303)


@bp.post("/<uuid:product_id>/delete")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def delete(product_id: UUID) -> ResponseReturnValue:
    """Delete a product nobody has ever ordered."""
    name = get_product(product_id).name
    with unit_of_work():
        services.delete_product(product_id, actor=signed_in_viewer().actor, at=utc_now())
    flash(f"{name} was deleted.", "success")
    return redirect(url_for(".index"), code=303)


@bp.post("/<uuid:product_id>/prices")
@permission_required(Permission.BSS_PRICES_EDIT)
def set_price(product_id: UUID) -> ResponseReturnValue:
    """Add or change one price; price lists that rest on it follow in the same transaction."""
    product, form = get_product(product_id), PriceForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                services.set_price(product_id, form.to_price(), actor=signed_in_viewer().actor, at=utc_now())
                reprice_products([product_id])
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The price was saved.", "success")
            return redirect(url_for(".detail", product_id=product_id, _anchor="prices"), code=303)
    return _detail(product, form, PictureForm(formdata=None)), form.status


@bp.post("/<uuid:product_id>/prices/<term>/<cycle>/<currency>/withdraw")
@permission_required(Permission.BSS_PRICES_EDIT)
def withdraw_price(product_id: UUID, term: str, cycle: str, currency: str) -> ResponseReturnValue:
    """Sell nothing new at a price."""
    try:
        key = Term(term), BillingCycle(cycle)
    except ValueError as error:
        raise ProductNotFound(product_id) from error
    with unit_of_work():
        services.remove_price(product_id, *key, currency, actor=signed_in_viewer().actor, at=utc_now())
    return redirect(url_for(".detail", product_id=product_id, _anchor="prices"), code=303)


@bp.post("/<uuid:product_id>/picture")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def set_picture(product_id: UUID) -> ResponseReturnValue:
    """Store a product's picture, re-encoded."""
    product, form = get_product(product_id), PictureForm()
    if form.validate_on_submit():
        content = form.picture.data.stream.read(services.MAX_PICTURE_BYTES + 1)
        try:
            with unit_of_work():
                services.set_picture(product_id, content, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".detail", product_id=product_id), code=303)
    return _detail(product, PriceForm(formdata=None), form), form.status


@bp.post("/<uuid:product_id>/picture/remove")
@permission_required(Permission.BSS_CATALOGUE_EDIT)
def remove_picture(product_id: UUID) -> ResponseReturnValue:
    """Take a product's picture away."""
    with unit_of_work():
        services.remove_picture(product_id, actor=signed_in_viewer().actor, at=utc_now())
    return redirect(url_for(".detail", product_id=product_id), code=303)


@bp.get("/pictures/<uuid:image_id>")
@permission_required(Permission.BSS_CATALOGUE_VIEW)
def picture(image_id: UUID) -> ResponseReturnValue:
    """Serve a product's picture; a new one has a new id, so it never changes."""
    found = find_image(image_id)
    if found is None:
        raise ProductNotFound(image_id)
    response = Response(found.content, mimetype=found.content_type)
    response.cache_control.private, response.cache_control.max_age = True, 31_536_000
    return response


def _detail(product: Product, price_form: PriceForm, picture_form: PictureForm) -> str:
    viewer = signed_in_viewer()
    types = {line.product_type.id: line.product_type for line in list_product_types()}
    prices = price_points(product.id)
    if not price_form.is_submitted() and prices:
        price_form.currency.data = prices[0].currency
    return page(
        "bss/products/detail.html",
        title=product.name,
        breadcrumbs=crumbs(product),
        tabs=tabs(product, "detail"),
        product=product,
        product_type=types.get(product.product_type_id),
        category=dict(category_choices()).get(str(product.category_id)),
        group=next((group.name for group in list_groups() if group.id == product.group_id), None),
        prices=prices,
        price_form=price_form,
        picture_form=picture_form,
        audiences=AUDIENCE_WORDS,
        sales=SALE_WORDS,
        terms=TERM_WORDS,
        cycles=CYCLE_WORDS,
        may_edit=may_edit(),
        may_price=viewer.can(Permission.BSS_PRICES_EDIT) and viewer.can(Permission.BSS_COSTS_VIEW),
        sees_costs=viewer.can(Permission.BSS_COSTS_VIEW),
    )
