"""Putting products on an offer, at the payer's prices or at others (CB-17)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.bss.item_answers import answers_about, chosen_options, questions_about, shown_answers, typed_answers
from app.bss.item_forms import at_the_quantity, submit_of
from app.bss.listing import asked_text
from app.bss.offers.blueprint import bp
from app.bss.offers.forms import ActionForm, OfferItemForm
from app.bss.offers.views import crumbs, staff
from app.bss.priced_products import asked_key, priced_products
from app.catalogue.charging import options_of
from app.catalogue.models import Product
from app.catalogue.words import unit_words
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id
from app.identity.permissions import Permission
from app.orders.back_office_add_ons import parent_choices
from app.orders.errors import OrderItemNotFound
from app.orders.idempotency import once
from app.orders.offers.rows import find_offer, items_of
from app.orders.offers.services import add_item, change_item, remove_item
from app.web.pages import page
from tenants.context import current_scope


@bp.get("/<number>/products")
@permission_required(Permission.BSS_ORDERS_EDIT)
def products(number: str) -> ResponseReturnValue:
    """Look for products to put on an offer."""
    offer = find_offer(number, staff())
    search = asked_text()
    return page(
        "bss/offers/products.html",
        title=f"Add products to {offer.number}",
        breadcrumbs=crumbs(offer, "Add products"),
        offer=offer,
        search=search,
        found=[each for each in priced_products(offer.payer_id, search) if each.product.plan_edition is None],
    )


@bp.route("/<number>/items/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def new_item(number: str) -> ResponseReturnValue:
    """Put one product on an offer."""
    offer, person, at = find_offer(number, staff()), staff(), utc_now()
    key = asked_key(request.values.get("key", ""))
    product = session.get(Product, (current_scope().distributor_id, key.product_id)) if key else None
    if key is None or product is None:
        return redirect(url_for(".products", number=number), code=303)
    form, refused = OfferItemForm(), {}
    if form.validate_on_submit():
        try:
            with unit_of_work():
                wanted = replace(form.to_item(key), characteristics=answers_about(product), options=chosen_options())
                said = (number, request.values.get("key", ""), sorted(typed_answers().items()), chosen_options())
                once_key = submit_of(form, "offer-item", *said)
                once(once_key, lambda: add_item(number, wanted, staff=person, at=at).id, at=at)
        except Invalid as refusal:
            form.take(at_the_quantity(refusal))
            refused = {error.field: error.message for error in refusal.errors}
        else:
            flash(f"{product.name} was added.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    elif not form.is_submitted():
        form.request_key.data = str(new_id())
    form.offer_parents(parent_choices(product, items_of(offer), offer.account_id, words="in this offer"))
    return page(
        "bss/offers/item.html",
        title=f"Add {product.name}",
        breadcrumbs=crumbs(offer, "Add product"),
        offer=offer,
        form=form,
        product_name=product.name,
        key_value=request.values.get("key"),
        words=unit_words(key.term, key.cycle),
        asks_parent=product.is_add_on,
        questions=questions_about(product),
        refused=refused,
        typed=typed_answers(),
        options=[each for each in options_of(product) if each.fits(offer.currency)],
        chosen=chosen_options(),
    ), form.status


@bp.route("/<number>/items/<uuid:item_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def item(number: str, item_id: UUID) -> ResponseReturnValue:
    """Change an item of an offer."""
    offer = find_offer(number, staff())
    found = next((each for each in items_of(offer) if each.id == item_id), None)
    if found is None:
        raise OrderItemNotFound(item_id)
    form, refused = OfferItemForm() if request.method == "POST" else OfferItemForm(obj=found), {}
    product = session.get_one(Product, (current_scope().distributor_id, found.product_id))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change = replace(form.to_change(), characteristics=answers_about(product), options=chosen_options())
                change_item(number, item_id, change, version=form.seen_version, staff=staff(), at=utc_now())
        except Invalid as refusal:
            form.take(at_the_quantity(refusal))
            refused = {error.field: error.message for error in refusal.errors}
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/offers/item.html",
        title=found.product_name,
        breadcrumbs=crumbs(offer, found.product_name),
        offer=offer,
        form=form,
        product_name=found.product_name,
        key_value=None,
        words=unit_words(found.term, found.cycle),
        asks_parent=False,
        questions=questions_about(product),
        refused=refused,
        typed=typed_answers() or shown_answers(found.characteristics),
        options=[each for each in options_of(product) if each.fits(offer.currency)],
        chosen=chosen_options() if form.is_submitted() else tuple(found.price_options),
    ), form.status


@bp.post("/<number>/items/<uuid:item_id>/remove")
@permission_required(Permission.BSS_ORDERS_EDIT)
def remove(number: str, item_id: UUID) -> ResponseReturnValue:
    """Take an item off an offer."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            remove_item(number, item_id, staff=staff(), at=utc_now())
        flash("Removed.", "success")
    return redirect(url_for(".detail", number=number), code=303)
