"""The basket page: quantities, names, what has changed since, and the way to checkout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.catalogue.models import Product
from app.catalogue.words import TERM_WORDS
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.basket_lines import BasketLine, BasketView
from app.orders.basket_promotions import takes_promotions
from app.orders.baskets import (
    NewItem,
    add_item,
    answer_item,
    change_item,
    choose_recipient,
    enter_code,
    remove_code,
    remove_item,
    require_item,
    view_basket,
)
from app.orders.prechecks.services import ask_about
from app.orders.requirements import ProductExcluded
from app.pricing.quotes import PriceKey, buyer_prices
from app.storefront.basket.answers import answers_about, chosen_if_asked
from app.storefront.basket.forms import AddForm, CodeForm, ItemForm, LicencesForm
from app.storefront.catalogue.product_page import product_page
from app.storefront.shopping import buyer_of_request, price_unit, shopper_of_request
from app.subscriptions.queries import get_subscription
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope

bp = surface_blueprint("basket", __name__, surface=Surface.STOREFRONT, path="/basket")


def show_basket(
    form: ItemForm | None = None, item_id: UUID | None = None, code_form: CodeForm | None = None
) -> ResponseReturnValue:
    """Render the basket; `form` carries what was wrong with one item, `code_form` with a code."""
    with unit_of_work():
        shopper, at = shopper_of_request(), utc_now()
        view = view_basket(shopper, buyer_of_request(), at=at, is_shown=True)
        receiver_id = view.basket.end_customer_id or shopper.account_id
        ask_about(view.lines, receiver_id=receiver_id, currency=view.currency, at=at)
    wrong = form or code_form
    return page(
        "storefront/basket/index.html",
        title="Basket",
        view=view,
        form=form,
        wrong_item_id=item_id,
        code_form=code_form or CodeForm(formdata=None),
        takes_codes=takes_promotions(buyer_of_request()),
        needs=_needs(view),
        price_unit=price_unit,
        term_words=TERM_WORDS,
    ), (wrong.status if wrong else 200)


def _needs(view: BasketView) -> Mapping[UUID, Sequence[Need]]:
    """Return what each item needs, with the price it is added at by one click: the item's own term where it has one."""
    wanted = {product.id for line in view.lines for product in line.needed}
    prices = buyer_prices(wanted, buyer_of_request()) if wanted else {}

    def key(line: BasketLine, product: Product) -> PriceKey | None:
        own = [each for each in prices if each.product_id == product.id]
        alike = (line.item.term, line.item.cycle)
        return min(own, key=lambda each: ((each.term, each.cycle) != alike, each.term.months), default=None)

    return {line.item.id: [Need(each, key(line, each)) for each in line.needed] for line in view.lines if line.needed}


@dataclass(frozen=True, slots=True)
class Need:
    """A product that another one needs, and the price it can be added at; None: it is not offered here."""

    product: Product
    key: PriceKey | None


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
    blocking = refusal.blocking if isinstance(refusal, ProductExcluded) else None
    return product_page(
        product, form, blocking, refused={each.field: each.message for each in refusal.errors}
    ), form.status


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
                item = change_item(
                    shopper_of_request(),
                    item_id,
                    quantity=form.quantity.data,
                    friendly_name=form.friendly_name.data,
                    at=utc_now(),
                )
                answer_item(
                    shopper_of_request(),
                    item_id,
                    answers=answers_about(item.product_id, current_scope().distributor_id),
                    options=chosen_if_asked(),
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


@bp.post("/code")
@permission_required(Permission.CHECKOUT)
def code() -> ResponseReturnValue:
    """Take a promotion's code; a refusal says why (CB-16)."""
    form = CodeForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                enter_code(shopper_of_request(), form.code.data or "", buyer=buyer_of_request(), at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("The code was accepted.", "success")
            return redirect(url_for(".index"), code=303)
    return show_basket(code_form=form)


@bp.post("/code/remove")
@permission_required(Permission.CHECKOUT)
def drop_code() -> ResponseReturnValue:
    """Take the code away again."""
    with unit_of_work():
        remove_code(shopper_of_request(), at=utc_now())
    return redirect(url_for(".index"), code=303)
