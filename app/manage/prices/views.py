"""Markups of the storefront, of vendors, categories, products and customers; special prices; why a price is so."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import permission_required
from app.accounts.models import Account
from app.catalogue.models import Category, Product
from app.core.db import session, unit_of_work
from app.core.errors import Invalid, NotFound
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.manage.prices.forms import MarkupForm, SpecialPriceForm, shown, unit_of
from app.manage.selling import ROUNDING_WORDS, Seller, seller_of_request
from app.pricing.amounts import amount_of, percent_of
from app.pricing.models import MarkupLevel
from app.pricing.quotes import PriceKey
from app.pricing.rule_book import storefront_rules
from app.pricing.rules import (
    MarkupTarget,
    clear_markup,
    list_markups,
    remove_markup,
    remove_special_price,
    set_markup,
    set_special_price,
)
from app.resellers.listings_section import SectionFilter, Tab, list_rows
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb

bp = surface_blueprint("prices", __name__, surface=Surface.MANAGE)

SUGGESTIONS = 20
LEVEL_WORDS = {
    MarkupLevel.DEFAULT: "Default markup",
    MarkupLevel.VENDOR: "Vendor markup",
    MarkupLevel.CATEGORY: "Category markup",
    MarkupLevel.PRODUCT: "Product markup",
    MarkupLevel.CUSTOMER: "Customer markup",
    MarkupLevel.CUSTOMER_PRODUCT: "Markup of a product for this customer",
}


@bp.get("")
@permission_required(Permission.MANAGE_PRICES)
def index() -> ResponseReturnValue:
    """Show the storefront's own markups: default, vendors, categories."""
    seller = seller_of_request()
    return page(
        "manage/prices/index.html",
        title="Markups",
        rules=storefront_rules(seller.reseller_id),
        rounding=ROUNDING_WORDS[seller.buyer.rounding.value],
        today=seller.on,
    )


def requested_target() -> MarkupTarget:
    """Read from the address which markup is meant; raises NotFound where it names nothing."""
    given = request.args
    try:
        level = MarkupLevel(given.get("level", ""))
    except ValueError:
        raise NotFound("There is no such kind of markup") from None
    customer, product, category = (
        parse_id(given.get(name, "")) for name in ("customer_id", "product_id", "category_id")
    )
    vendor = given.get("vendor", "")
    if level is MarkupLevel.DEFAULT:
        return MarkupTarget.default()
    if level is MarkupLevel.VENDOR and vendor:
        return MarkupTarget.of_vendor(vendor)
    if level is MarkupLevel.CATEGORY and category:
        return MarkupTarget.of_category(category)
    if level is MarkupLevel.PRODUCT and product:
        return MarkupTarget.of_product(product)
    if level is MarkupLevel.CUSTOMER and customer:
        return MarkupTarget.of_customer(customer)
    if level is MarkupLevel.CUSTOMER_PRODUCT and customer:
        return MarkupTarget(level, customer_id=customer, product_id=product)
    raise NotFound("There is no such markup")


@bp.get("/markups/new")
@permission_required(Permission.MANAGE_PRICES)
def markup() -> ResponseReturnValue:
    """Ask for a markup of one level, or for another one in place of what stands."""
    target, form = requested_target(), MarkupForm(formdata=None)
    for rule in list_markups(target, reseller_id=seller_of_request().reseller_id):
        if rule.term is None and rule.valid_from is None and rule.valid_to is None:
            form.percent.data = shown(rule.percent)
    return _markup_page(target, form)


@bp.post("/markups/new")
@permission_required(Permission.MANAGE_PRICES)
def markup_save() -> ResponseReturnValue:
    """Set a markup; an empty percentage removes the lasting one, and the next level answers."""
    target, form, seller = requested_target(), MarkupForm(), seller_of_request()
    if not form.validate_on_submit():
        return _markup_page(target, form), HTTPStatus.UNPROCESSABLE_ENTITY
    who: dict[str, Any] = {"reseller_id": seller.reseller_id, "actor": seller.actor, "at": seller.at}
    try:
        if target.level is MarkupLevel.CUSTOMER_PRODUCT and target.product_id is None and target.customer_id:
            target = MarkupTarget.of_customer_product(target.customer_id, product_by_code(form.code.data or ""))
        unit, period = unit_of(form.unit.data), form.period()
        with unit_of_work():
            if (form.percent.data or "").strip():
                percent = percent_of(form.percent.data or "")
                set_markup(target, percent, only_for=unit, period=period, **who)
                flash("Markup saved.", "success")
            elif clear_markup(target, only_for=unit, period=period, **who):
                flash("Markup removed. The next level answers now.", "success")
    except Invalid as refusal:
        form.take(refusal)
        return _markup_page(target, form), form.status
    return redirect(_place_of(target.customer_id, target.product_id), HTTPStatus.SEE_OTHER)


def _place_of(customer_id: UUID | None, product_id: UUID | None) -> str:
    """Return the page where a rule stands."""
    if customer_id is not None:
        return url_for("manage_customer_pricing.pricing", customer_id=customer_id)
    return url_for(".index") if product_id is None else url_for(".product", product_id=product_id)


def _markup_page(target: MarkupTarget, form: MarkupForm) -> str:
    about = _name_of(target)
    form.code.flags.required = True  # it stands in the form only where it is asked for
    title = LEVEL_WORDS[target.level]
    return page(
        "manage/prices/markup.html",
        title=f"{title}: {about}" if about else title,
        breadcrumbs=[Crumb("Markups", url_for(".index")), Crumb(title)],
        form=form,
        target=target,
        asks_product=target.level is MarkupLevel.CUSTOMER_PRODUCT and target.product_id is None,
        cancel_url=_place_of(target.customer_id, target.product_id),
    )


def _name_of(target: MarkupTarget) -> str:
    """Return what a markup is for, in words; raises NotFound for what the reseller does not have."""
    names = []
    if target.customer_id is not None:
        names.append(customer_of(target.customer_id).name)
    if target.product_id is not None:
        names.append(product_of(target.product_id).name)
    if target.category_id is not None:
        category = session.get(Category, (current_scope().distributor_id, target.category_id))
        if category is None:
            raise NotFound("There is no such category")
        names.append(category.name)
    return ", ".join(names) or target.vendor or ""


@bp.post("/markups/<uuid:rule_id>/remove")
@permission_required(Permission.MANAGE_PRICES)
def markup_remove(rule_id: UUID) -> ResponseReturnValue:
    """Remove one markup."""
    seller = seller_of_request()
    with unit_of_work():
        remove_markup(rule_id, reseller_id=seller.reseller_id, actor=seller.actor, at=seller.at)
    flash("Markup removed. The next level answers now.", "success")
    return redirect(_place_named_in_form(), HTTPStatus.SEE_OTHER)


def _place_named_in_form() -> str:
    """Return the page a small form was sent from, told by ids so that nobody is sent elsewhere."""
    return _place_of(parse_id(request.form.get("customer_id", "")), parse_id(request.form.get("product_id", "")))


@bp.get("/special-prices/new")
@permission_required(Permission.MANAGE_PRICES)
def special_price() -> ResponseReturnValue:
    """Ask for a special price of a product, for everybody or for one customer."""
    form = SpecialPriceForm(formdata=None)
    if product_id := parse_id(request.args.get("product_id", "")):
        form.code.data = product_of(product_id).code
    if unit_of(request.args.get("unit")) is not None:
        form.unit.data = request.args["unit"]
    return _special_page(form)


@bp.post("/special-prices/new")
@permission_required(Permission.MANAGE_PRICES)
def special_price_save() -> ResponseReturnValue:
    """Agree a special price; below cost it is refused, and the message shows the cost."""
    form, seller = SpecialPriceForm(), seller_of_request()
    customer_id = parse_id(request.args.get("customer_id", ""))
    if not form.validate_on_submit():
        return _special_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        unit = unit_of(form.unit.data)
        if unit is None:
            raise Invalid.field("unit", "choice", "Choose a term and cycle")
        product_id = product_by_code(form.code.data or "")
        amount = amount_of(form.amount.data or "", seller.currency)
        with unit_of_work():
            set_special_price(
                PriceKey(product_id, unit.term, unit.cycle),
                amount,
                currency=seller.currency,
                reseller_id=seller.reseller_id,
                on=seller.on,
                actor=seller.actor,
                at=seller.at,
                customer_id=customer_id,
                period=form.period(),
            )
    except Invalid as refusal:
        _take_special(form, refusal)
        return _special_page(form), form.status
    flash("Special price saved.", "success")
    return redirect(_place_of(customer_id, product_id), HTTPStatus.SEE_OTHER)


def _take_special(form: SpecialPriceForm, refusal: Invalid) -> None:
    """Show a refusal at its field; what is wrong with product, term and cycle together stands at the last of them."""
    if refusal.codes == ("not_available",) and refusal.errors[0].field == "key":
        refusal = Invalid.field("unit", "not_available", refusal.errors[0].message)
    form.take(refusal)


def _special_page(form: SpecialPriceForm) -> str:
    customer_id = parse_id(request.args.get("customer_id", ""))
    product_id = parse_id(request.args.get("product_id", ""))
    customer = customer_of(customer_id) if customer_id else None
    form.code.flags.required = True
    return page(
        "manage/prices/special_price.html",
        title=f"Special price for {customer.name}" if customer else "Special price",
        breadcrumbs=[Crumb("Markups", url_for(".index")), Crumb("Special price")],
        form=form,
        customer=customer,
        currency=seller_of_request().currency,
        cancel_url=_place_of(customer_id, product_id),
    )


@bp.post("/special-prices/<uuid:price_id>/remove")
@permission_required(Permission.MANAGE_PRICES)
def special_price_remove(price_id: UUID) -> ResponseReturnValue:
    """Remove one special price."""
    seller = seller_of_request()
    with unit_of_work():
        remove_special_price(price_id, reseller_id=seller.reseller_id, actor=seller.actor, at=seller.at)
    flash("Special price removed. The next level answers now.", "success")
    return redirect(_place_named_in_form(), HTTPStatus.SEE_OTHER)


@bp.get("/products")
@permission_required(Permission.MANAGE_PRICES)
def products() -> ResponseReturnValue:
    """Suggest products while somebody types: listed ones first, then others; options of a list, nothing around."""
    seller, query = seller_of_request(), request.args.get("q", "").strip()[:100]
    rows = [
        row
        for tab in (Tab.LISTED, Tab.UNLISTED)
        for row in list_rows(SectionFilter(tab=tab, search=query), seller.buyer, limit=SUGGESTIONS)
    ][:SUGGESTIONS]
    return page("manage/prices/_products.html", title="Products", rows=rows if len(query) > 1 else [])


def product_of(product_id: UUID) -> Product:
    """Return a product of the distributor; raises NotFound."""
    found = session.get(Product, (current_scope().distributor_id, product_id))
    if found is None:
        raise NotFound("There is no such product")
    return found


def product_by_code(code: str) -> UUID:
    """Return the product a person named by its SKU; raises Invalid at the field."""
    found = session.scalar(
        select(Product.id).where(
            Product.distributor_id == current_scope().distributor_id, Product.code_key == code.strip().lower()
        )
    )
    if found is None:
        raise Invalid.field("code", "product", "Choose a product from the list, or enter its SKU")
    return found


def customer_of(customer_id: UUID, seller: Seller | None = None) -> Account:
    """Return one of the reseller's customers; raises NotFound."""
    reseller_id = (seller or seller_of_request()).reseller_id
    found = session.scalar(
        select(Account).where(
            Account.distributor_id == current_scope().distributor_id,
            Account.reseller_id == reseller_id,
            Account.id == customer_id,
            Account.id != reseller_id,
        )
    )
    if found is None:
        raise NotFound("There is no such customer")
    return found
