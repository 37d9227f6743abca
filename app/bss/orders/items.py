"""Putting products on an order: search, priced for the payer; then quantity, name and alias."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import get_account
from app.bss.calendar import distributor_today
from app.bss.item_answers import answers_about, chosen_options, questions_about, shown_answers, typed_answers
from app.bss.item_forms import at_the_quantity, submit_of
from app.bss.orders.blueprint import bp
from app.bss.orders.forms import ActionForm, OrderItemForm
from app.bss.orders.views import pricing_rights
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
from app.orders.back_office_items import add_item, change_item, remove_item
from app.orders.back_office_licences import choices_for, running_of
from app.orders.back_office_queries import BackOfficeItem, BackOfficeOrder, get_for_back_office, items_for_back_office
from app.orders.errors import OrderItemNotFound
from app.orders.idempotency import once
from app.orders.queries import list_items
from app.pricing.lines import by_quantity
from app.pricing.quotes import explain_products, root_buyer
from app.resellers.plans import needs_alias
from app.web.pages import page
from tenants.context import current_scope
from tenants.links import distributor_host
from themes.frames import Crumb


@bp.get("/<number>/products")
@permission_required(Permission.BSS_ORDERS_EDIT)
def products(number: str) -> ResponseReturnValue:
    """Look for products to put on an order."""
    order = get_for_back_office(number)
    search = request.args.get("q", "")[:100]
    return page(
        "bss/orders/products.html",
        title=f"Add products to {order.number}",
        breadcrumbs=_crumbs(order, "Add products"),
        order=order,
        items=items_for_back_office(order.id),
        search=search,
        found=priced_products(order.payer_id, search),
        running=running_of(order.account_id, search=search),
    )


@bp.route("/<number>/items/new", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def new_item(number: str) -> ResponseReturnValue:
    """Put one product on an order; quantity, name and alias are asked for here."""
    order = get_for_back_office(number)
    key = asked_key(request.values.get("key", ""))
    product = session.get(Product, (current_scope().distributor_id, key.product_id)) if key else None
    if key is None or product is None:
        return redirect(url_for(".products", number=number), code=303)
    viewer = signed_in_viewer()
    form, refused = item_form(), {}
    if form.validate_on_submit():
        try:
            with unit_of_work():
                at = utc_now()
                wanted = replace(form.to_wanted(key), characteristics=answers_about(product), options=chosen_options())
                once(
                    submit_of(
                        form,
                        "order-item",
                        number,
                        request.values.get("key", ""),
                        sorted(typed_answers().items()),
                        chosen_options(),
                    ),
                    lambda: add_item(number, wanted, rights=pricing_rights(), actor=viewer.actor, at=at).id,
                    at=at,
                )
        except Invalid as refusal:
            form.take(at_the_quantity(refusal))
            refused = {error.field: error.message for error in refusal.errors}
        else:
            flash(f"{product.name} was added.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    parents = parent_choices(product, list_items(order.id), order.account_id, words="in this order")
    form.offer_parents(parents)
    running = choices_for(key, running_of(order.account_id, product_ids=[product.id]))
    form.offer_running(running)
    if not form.is_submitted():
        form.subscription_id.data = request.args.get("subscription", "")
    buyer = root_buyer(get_account(order.payer_id), distributor_today())
    price = explain_products([product.id], buyer).get(key)
    return page(
        "bss/orders/item.html",
        title=f"Add {product.name}",
        breadcrumbs=_crumbs(order, "Add product"),
        order=order,
        form=form,
        product_name=product.name,
        key_value=request.values.get("key"),
        unit_cost=price.unit_price if price else None,
        ranges=by_quantity(product, price, buyer).tiers if price else (),
        words=unit_words(key.term, key.cycle),
        asks_alias=product.plan_edition is not None and needs_alias(order.account_id),
        asks_parent=product.is_add_on,
        asks_subscription=bool(running),
        questions=questions_about(product),
        refused=refused,
        typed=typed_answers(),
        options=[each for each in options_of(product) if each.fits(order.currency)],
        chosen=chosen_options(),
        **_alias_context(order),
    ), form.status


@bp.route("/<number>/items/<uuid:item_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def item(number: str, item_id: UUID) -> ResponseReturnValue:
    """Change an item of an order."""
    order = get_for_back_office(number)
    found = _item(order, item_id)
    form, refused = item_form() if request.method == "POST" else item_form(found), {}
    product = session.get_one(Product, (current_scope().distributor_id, found.product_id))
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change_item(
                    number,
                    item_id,
                    replace(form.to_change(), characteristics=answers_about(product), options=chosen_options()),
                    version=form.seen_version,
                    rights=pricing_rights(),
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(at_the_quantity(refusal))
            refused = {error.field: error.message for error in refusal.errors}
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/orders/item.html",
        title=found.product_name,
        breadcrumbs=_crumbs(order, found.product_name),
        order=order,
        form=form,
        product_name=found.product_name,
        key_value=None,
        unit_cost=found.unit_cost,
        words=unit_words(found.term, found.cycle),
        asks_parent=False,
        asks_subscription=False,
        asks_alias=found.plan_edition is not None and needs_alias(order.account_id),
        questions=[] if found.subscription_id else questions_about(product),
        refused=refused,
        typed=typed_answers() or shown_answers(found.characteristics),
        options=[each for each in options_of(product) if each.fits(order.currency)],
        chosen=chosen_options() if form.is_submitted() else found.price_options,
        **_alias_context(order),
    ), form.status


@bp.post("/<number>/items/<uuid:item_id>/remove")
@permission_required(Permission.BSS_ORDERS_EDIT)
def remove(number: str, item_id: UUID) -> ResponseReturnValue:
    """Take an item off an order."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            remove_item(number, item_id, actor=signed_in_viewer().actor, at=utc_now())
        flash("Removed.", "success")
    return redirect(url_for(".detail", number=number), code=303)


def item_form(found: BackOfficeItem | None = None) -> OrderItemForm:
    """Return the form of an item; prices are asked of those who may agree on them."""
    form = OrderItemForm(obj=found) if found is not None else OrderItemForm()
    if not pricing_rights().may_agree:
        del form.user_price
        del form.discount_percent
    if not form.is_submitted():
        form.request_key.data = str(new_id())
        if found is not None and form.asks_price and not found.discount_percent:
            form.discount_percent.data = None
    return form


def _alias_context(order: BackOfficeOrder) -> dict[str, str]:
    return {
        "prefix": f"{distributor_host(current_scope().distributor_id)}/",
        "check_url": url_for("bss_accounts.alias_check", account_id=order.account_id),
    }


def _crumbs(order: BackOfficeOrder, label: str) -> list[Crumb]:
    return [
        Crumb("Orders", url_for(".index")),
        Crumb(order.number, url_for(".detail", number=order.number)),
        Crumb(label),
    ]


def _item(order: BackOfficeOrder, item_id: UUID) -> BackOfficeItem:
    found = next((each for each in items_for_back_office(order.id) if each.id == item_id), None)
    if found is None:
        raise OrderItemNotFound(item_id)
    return found
