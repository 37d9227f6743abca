"""One product's prices: all levels in their order, and why a customer pays what it pays (RS-20)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import current_address, permission_required
from app.accounts.models import Account
from app.catalogue.words import unit_words
from app.core.db import session
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.manage.prices.forms import WhyForm
from app.manage.prices.views import bp, customer_of, product_of
from app.manage.selling import ROUNDING_WORDS, SOURCE_WORDS, Seller, seller_of_request
from app.pricing.arithmetic import margin_percent
from app.pricing.lines import Asked, PriceByQuantity, by_quantity, price_lines
from app.pricing.models import PriceList
from app.pricing.quotes import ExplainedPrice, PriceKey, alias_buyer, explain_products
from app.pricing.rule_book import LevelRules, levels_of_product
from app.resellers.listings_section import SectionRow, get_row
from app.web.pages import page
from tenants.context import current_scope
from themes.frames import Crumb

MOST_CUSTOMERS = 500


@dataclass(frozen=True, slots=True)
class Why:
    """An explained price for a quantity. Amounts in the storefront's currency, net."""

    key: PriceKey
    price: ExplainedPrice  # of a unit in this quantity: tiers count
    quantity: int
    price_list: str | None
    line: Decimal  # what the customer pays for the quantity
    line_cost: Decimal  # what the reseller pays for it
    ranges: PriceByQuantity

    @property
    def composition(self) -> tuple[tuple[str, Decimal], ...]:
        """What the unit price is made of, for a chart."""
        return (("Cost", self.price.cost), ("Your margin", self.price.unit_price - self.price.cost))


@bp.get("/products/<uuid:product_id>")
@permission_required(Permission.MANAGE_PRICES)
def product(product_id: UUID) -> ResponseReturnValue:
    """Show a product's prices level by level, for everybody or as one customer meets them."""
    seller = seller_of_request()
    row = get_row(product_id, seller.buyer)
    customer_id = parse_id(request.args.get("customer", ""))
    customer = customer_of(customer_id) if customer_id else None
    form = _why_form(row, _customers(seller))
    why = _why(row, form, customer, seller)
    return page(
        "manage/prices/product.html",
        title=row.name,
        breadcrumbs=[
            Crumb(current_address().distributor_name, url_for("manage_listings.index", tab="listed")),
            Crumb(row.name),
        ],
        row=row,
        levels=_levels(product_id, seller, customer),
        answering=why.price.rule if why else None,
        form=form,
        why=why,
        customer=customer,
        rounding=ROUNDING_WORDS[seller.buyer.rounding.value],
        source_words=SOURCE_WORDS,
        margin_percent=margin_percent,
        currency=seller.currency,
    )


def _levels(product_id: UUID, seller: Seller, customer: Account | None) -> Sequence[LevelRules]:
    return levels_of_product(
        product_of(product_id),
        reseller_id=seller.reseller_id,
        customer_id=customer.id if customer else None,
    )


def _customers(seller: Seller) -> Sequence[tuple[str, str]]:
    found = session.execute(
        select(Account.id, Account.name)
        .where(
            Account.distributor_id == current_scope().distributor_id,
            Account.reseller_id == seller.reseller_id,
            Account.id != seller.reseller_id,
        )
        .order_by(Account.name)
        .limit(MOST_CUSTOMERS)
    )
    return [("", "Everybody"), *((str(row.id), row.name) for row in found)]


def _why_form(row: SectionRow, customers: Sequence[tuple[str, str]]) -> WhyForm:
    form = WhyForm(request.args)
    form.customer.choices = list(customers)
    form.unit.choices = [(_unit(price.key), unit_words(price.key.term, price.key.cycle)) for price in row.prices]
    return form


def _unit(key: PriceKey) -> str:
    return f"{key.term.value}/{key.cycle.value}"


def _why(row: SectionRow, form: WhyForm, customer: Account | None, seller: Seller) -> Why | None:
    """Explain the asked price, or the first one of the product; None where it has none at all."""
    buyer = seller.buyer if customer is None else alias_buyer(seller.reseller_id, customer.id, seller.on)
    if customer is None:
        found = {price.key: price.quote for price in row.prices}
    else:
        found = explain_products([row.product_id], buyer)
    keys = [price.key for price in row.prices if price.key in found]
    if not keys:
        return None
    key = next((key for key in keys if _unit(key) == form.unit.data), keys[0])
    price, product, quantity = found[key], product_of(row.product_id), form.amount_of_units()
    (sold,) = price_lines([Asked(product, key, quantity)], found, buyer)
    if sold is None:
        return None
    name = session.scalar(
        select(PriceList.name).where(
            PriceList.distributor_id == current_scope().distributor_id, PriceList.id == price.price_list_id
        )
    )
    ranges = by_quantity(product, price, buyer)
    return Why(key, sold.price, quantity, name, sold.line_total, sold.cost.line, ranges)
