"""A product's page: what it is, what it costs here, and the form that puts it into the basket."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from flask import url_for

from app.access import current_viewer
from app.catalogue.models import Product, ProductGroup
from app.core.db import session
from app.core.errors import NotFound
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.pricing.catalogue_page import offered_ids, offered_products
from app.pricing.quotes import PriceKey, buyer_prices
from app.storefront.basket.forms import AddForm
from app.storefront.shopping import CYCLE_WORDS, TERM_WORDS, buyer_of_request, price_unit, shows_prices
from app.web.pages import page
from themes.frames import Crumb

SIBLINGS = 5


@dataclass(frozen=True, slots=True)
class PriceChoice:
    """One term and cycle a product can be bought for."""

    key: PriceKey
    value: str  # what the form sends: "P1Y.monthly"
    label: str
    unit: str
    amount: Decimal
    retail: Decimal | None


def choices_of(product: Product) -> list[PriceChoice]:
    """Return what a product can be bought for, the shortest term and cycle first; one statement."""
    prices = buyer_prices([product.id], buyer_of_request())
    ordered = sorted(prices, key=lambda key: (key.term.months, key.cycle.months))
    return [
        PriceChoice(
            key,
            f"{key.term.value}.{key.cycle.value}",
            "One-time purchase"
            if not key.cycle.months
            else f"{TERM_WORDS[key.term]}, billed per {CYCLE_WORDS[key.cycle]}",
            price_unit(product.unit_of_measure, key.cycle),
            prices[key].unit_price,
            prices[key].retail_price,
        )
        for key in ordered
    ]


def product_page(product: Product, form: AddForm) -> str:
    """Render the page of an offered product; raises NotFound for one that this storefront does not offer."""
    buyer = buyer_of_request()
    if product.id not in offered_ids([product.id], buyer):
        raise NotFound("There is no such product")
    group = session.get(ProductGroup, (product.distributor_id, product.group_id)) if product.group_id else None
    choices = choices_of(product)
    form.price.choices = [(choice.value, choice.label) for choice in choices]
    if not form.is_submitted():
        form.quantity.data = product.min_quantity
    if form.price.data not in {choice.value for choice in choices}:
        form.price.data = choices[0].value
    form.product_id.data = str(product.id)
    viewer = current_viewer()
    is_preview = viewer is not None and viewer.kind is UserKind.RESELLER and buyer.reseller_id is not None
    return page(
        "storefront/catalogue/product.html",
        title=product.name,
        breadcrumbs=_crumbs(product, group),
        product=product,
        group=group,
        siblings=_siblings(product, group),
        choices=choices,
        form=form,
        currency=buyer.currency,
        shows_prices=shows_prices(),
        may_order=viewer is not None and viewer.can(Permission.ORDER_PLACE) and not is_preview,
        is_preview=is_preview,
    )


def _siblings(product: Product, group: ProductGroup | None) -> list[object]:
    if group is None:
        return []
    buyer = buyer_of_request()
    found = offered_products(buyer, storefront_reseller_id=buyer.reseller_id, group_id=group.id, limit=SIBLINGS)
    return [offer for offer in found.items if offer.id != product.id]


def _crumbs(product: Product, group: ProductGroup | None) -> list[Crumb]:
    crumbs = [Crumb("All products", url_for("storefront_catalogue.index"))]
    if group is not None and group.name != product.name:
        crumbs.append(Crumb(group.name, url_for("storefront_catalogue.group", group=group.slug)))
    return [*crumbs, Crumb(product.name)]
