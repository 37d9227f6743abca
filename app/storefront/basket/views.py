"""The basket page: quantities, names, what has changed since, and the way to checkout."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.catalogue.models import Product
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.baskets import (
    NewItem,
    add_item,
    change_item,
    choose_recipient,
    remove_item,
    require_item,
    view_basket,
)
from app.storefront.basket.forms import AddForm, ItemForm, LicencesForm
from app.storefront.catalogue.product_page import product_page
from app.storefront.shopping import TERM_WORDS, buyer_of_request, price_unit, shopper_of_request
from app.subscriptions.queries import get_subscription
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope

bp = surface_blueprint("basket", __name__, surface=Surface.STOREFRONT, path="/basket")


def show_basket(form: ItemForm | None = None, item_id: UUID | None = None) -> ResponseReturnValue:
    """Render the basket; `form` carries what was wrong with one item."""
    with unit_of_work():
        view = view_basket(shopper_of_request(), buyer_of_request(), at=utc_now(), is_shown=True)
    return page(
        "storefront/basket/index.html",
        title="Basket",
        view=view,
        form=form,
        wrong_item_id=item_id,
        price_unit=price_unit,
        term_words=TERM_WORDS,
    ), (form.status if form else 200)


@bp.get("")
@permission_required(Permission.CHECKOUT)
def index() -> ResponseReturnValue:
    """Show the basket."""
    return show_basket()


@bp.post("/items")
@permission_required(Permission.ORDER_PLACE)
def add() -> ResponseReturnValue:
    """Put a product into the basket, then show the basket; a refusal goes back to the product with its reason."""
    form = AddForm()
    try:
        if not form.validate_on_submit():
            raise Invalid.field("quantity", "number", form.first_error)
        new = form.to_new_item()
        with unit_of_work():
            add_item(shopper_of_request(), new, buyer=buyer_of_request(), at=utc_now())
    except Invalid as refusal:
        return _back_to_product(form, refusal)
    flash("Added to your basket.", "success")
    return redirect(url_for(".index"), code=303)


def _back_to_product(form: AddForm, refusal: Invalid) -> ResponseReturnValue:
    product_id = form.product_id.data or ""
    product = session.get(Product, (current_scope().distributor_id, product_id)) if len(product_id) == 36 else None  # noqa: PLR2004 - length of a UUID
    if product is None:
        raise NotFound("There is no such product") from refusal
    form.quantity.errors = []
    form.take(refusal)
    return product_page(product, form), form.status


@bp.post("/licences/<code>")
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def add_licences(code: str) -> ResponseReturnValue:
    """Put more licences of a running subscription into the basket, for whom the subscription is."""
    form = LicencesForm()
    subscription = get_subscription(code)
    if not form.validate_on_submit():
        return _back_to_subscription(code, form)
    assert form.quantity.data is not None
    new = NewItem(
        subscription.product_id,
        subscription.term,
        subscription.cycle,
        form.quantity.data,
        subscription_id=subscription.id,
    )
    shopper, at = shopper_of_request(), utc_now()
    try:
        with unit_of_work():
            add_item(shopper, new, buyer=buyer_of_request(), at=at)
            if signed_in_viewer().kind is UserKind.RESELLER:
                is_own = subscription.account_id == shopper.account_id
                choose_recipient(shopper, end_customer_id=None if is_own else subscription.account_id, at=at)
    except Invalid as refusal:
        form.take(refusal)
        return _back_to_subscription(code, form)
    flash("Added to your basket.", "success")
    return redirect(url_for(".index"), code=303)


def _back_to_subscription(code: str, form: LicencesForm) -> ResponseReturnValue:
    flash(form.first_error, "danger")
    return redirect(url_for("storefront_billing.subscription", code=code), code=303)


@bp.post("/items/<uuid:item_id>")
@permission_required(Permission.CHECKOUT)
def change(item_id: UUID) -> ResponseReturnValue:
    """Change an item's quantity and name."""
    with unit_of_work():
        require_item(shopper_of_request(), item_id, at=utc_now())
    form = ItemForm()
    if form.validate_on_submit():
        assert form.quantity.data is not None
        try:
            with unit_of_work():
                change_item(
                    shopper_of_request(),
                    item_id,
                    quantity=form.quantity.data,
                    friendly_name=form.friendly_name.data,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".index"), code=303)
    return show_basket(form, item_id)


@bp.post("/items/<uuid:item_id>/remove")
@permission_required(Permission.CHECKOUT)
def remove(item_id: UUID) -> ResponseReturnValue:
    """Take an item out."""
    with unit_of_work():
        remove_item(shopper_of_request(), item_id, at=utc_now())
    flash("Removed from your basket.", "info")
    return redirect(url_for(".index"), code=303)
