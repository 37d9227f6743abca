"""A product's page: what it is, what it costs here, and the form that puts it into the basket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from flask import request, url_for

from app.access import current_viewer
from app.catalogue.characteristics import Characteristic, asked_of, components_of
from app.catalogue.charging import options_of
from app.catalogue.material import gallery_of, questions_of
from app.catalogue.models import Product, ProductGroup, ProductKind, ProductType, SaleMode
from app.catalogue.paths import allowed_by_product
from app.catalogue.quantities import Limits, limits_of
from app.catalogue.queries import products_by_id, products_with_types
from app.catalogue.relations import relations_of
from app.catalogue.units import base_unit_of
from app.catalogue.words import trial_words, unit_words
from app.core.db import session
from app.core.errors import NotFound
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.basket_add_ons import ONCE, TickedAddOn
from app.orders.requirements import Blocking
from app.pricing.catalogue_page import offered_ids, offered_products
from app.pricing.lines import TierPrice, prices_by_quantity
from app.pricing.models import Promotion
from app.pricing.promotions.queries import published_promotions
from app.pricing.quotes import Buyer, PriceKey, buyer_prices
from app.storefront.basket.answers import ADD_ON, ADD_ON_QUANTITY, chosen, typed_answers
from app.storefront.basket.forms import AddForm
from app.storefront.shopping import buyer_of_request, price_unit, shows_prices
from app.subscriptions.trials import is_trial_offered
from app.web.pages import page
from themes.frames import Crumb

SIBLINGS = 5
NOTHING_REFUSED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PriceChoice:
    """One term and cycle a product can be bought for."""

    key: PriceKey
    value: str  # what the form sends: "P1Y.monthly"
    label: str
    unit: str
    amount: Decimal
    retail: Decimal | None
    is_by_volume: bool
    tiers: Sequence[TierPrice]  # what larger quantities cost; none where all cost the same


@dataclass(frozen=True, slots=True)
class AddOnChoice:
    """An add-on that can be ticked with the product. `prices`: what it costs here by the value of a price choice."""

    product: Product
    limits: Limits
    is_quantity_linked: bool  # as many as of the product
    prices: Sequence[tuple[str, Decimal]]  # unit and amount, for each term and cycle it is sold by here
    is_ticked: bool
    typed: str
    error: str | None

    @property
    def name(self) -> str:
        """The name of its number in the form."""
        return f"{ADD_ON_QUANTITY}{self.product.id}"


def choices_of(product: Product) -> list[PriceChoice]:
    """Return what a product can be bought for, the shortest term and cycle first; one statement."""
    prices = prices_by_quantity(product, buyer_of_request())
    ordered = sorted(prices, key=lambda key: (key.term.months, key.cycle.months))
    return [
        PriceChoice(
            key,
            f"{key.term.value}.{key.cycle.value}",
            "One-time purchase" if not key.cycle.months else unit_words(key.term, key.cycle),
            price_unit(product.unit_of_measure, key.cycle),
            prices[key].price.unit_price,
            prices[key].price.retail_price,
            prices[key].is_by_volume,
            prices[key].tiers,
        )
        for key in ordered
    ]


def product_page(
    product: Product,
    form: AddForm,
    blocking: Blocking | None = None,
    *,
    refused: Mapping[str, str] = NOTHING_REFUSED,
) -> str:
    """Render the page of an offered product; raises NotFound for one that this storefront does not offer.

    `blocking` is what keeps it from being bought beside what is owned; `refused` the messages by field.
    """
    buyer = buyer_of_request()
    if product.id not in offered_ids([product.id], buyer):
        raise NotFound("There is no such product")
    group = session.get(ProductGroup, (product.distributor_id, product.group_id)) if product.group_id else None
    product_type = session.get_one(ProductType, (product.distributor_id, product.product_type_id))
    limits = limits_of(product, product_type)
    choices = choices_of(product) if product.sale is not SaleMode.ENQUIRY else []
    form.price.choices = [(choice.value, choice.label) for choice in choices]
    if not form.is_submitted():
        form.quantity.data = limits.least
    if choices and form.price.data not in {choice.value for choice in choices}:
        form.price.data = _shown_first(product, choices).value
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
        tells_price=product.shows_price,
        blocking=blocking,
        limits=limits,
        terms_url=product_type.terms_url,
        refused=refused,
        add_ons=_add_ons(product, choices, refused),
        questions=_questions(product, product_type),
        typed=typed_answers(),
        options=[each for each in options_of(product) if each.fits(buyer.currency)],
        chosen=chosen(),
        tells_options=buyer.reseller_id is None,
        related=_related(product),
        gallery=gallery_of(product.id),
        faq=questions_of(product.id),
        promotions=_promotions(product, buyer) if any(choice.key.cycle.months for choice in choices) else (),
        trial_text=_trial_text(product, buyer),
        may_order=viewer is not None and viewer.can(Permission.ORDER_PLACE) and not is_preview,
        is_preview=is_preview,
    )


def _trial_text(product: Product, buyer: Buyer) -> str:
    """Return how long the product can be tried here; empty where it cannot."""
    words = trial_words(product.trial_days, product.trial_months)
    return words if words and is_trial_offered(product.id, buyer) else ""


def _shown_first(product: Product, choices: Sequence[PriceChoice]) -> PriceChoice:
    base = base_unit_of(product)
    return next((each for each in choices if base and each.value == base.value), choices[0])


def _add_ons(product: Product, choices: Sequence[PriceChoice], refused: Mapping[str, str]) -> Sequence[AddOnChoice]:
    """Return the add-ons that can be ticked: offered here, and sold by a term of the product's or once."""
    allowed = allowed_by_product([product.id])[product.id]
    if not allowed:
        return ()
    buyer = buyer_of_request()
    offered, known, prices = offered_ids(allowed, buyer), products_with_types(allowed), buyer_prices(allowed, buyer)
    ticked = set(request.form.getlist(ADD_ON))
    found = []
    for product_id, each in allowed.items():
        wanted = dict.fromkeys((*((choice.key.term, choice.key.cycle) for choice in choices), ONCE))
        keys = [key for term, cycle in wanted if (key := PriceKey(product_id, term, cycle)) in prices]
        if product_id not in offered or not keys:
            continue
        limits = limits_of(*known[product_id])
        name = f"{ADD_ON_QUANTITY}{product_id}"
        found.append(
            AddOnChoice(
                each.product,
                limits,
                each.is_quantity_linked,
                [
                    (price_unit(each.product.unit_of_measure, key.cycle), prices[key].unit_price)
                    for key in (keys if each.product.shows_price else ())
                ],
                str(product_id) in ticked,
                request.form.get(name, str(limits.least)),
                refused.get(TickedAddOn(product_id).field),
            )
        )
    return found


def _questions(product: Product, product_type: ProductType) -> list[tuple[Product | None, tuple[Characteristic, ...]]]:
    """Return what is asked about the product, and about each component of a bundle."""
    found: list[tuple[Product | None, tuple[Characteristic, ...]]] = [(None, asked_of(product_type))]
    if product_type.kind is ProductKind.BUNDLE:
        found += [(part, asked_of(part_type)) for part, part_type in components_of(product.id)]
    shown = [(part, tuple(each for each in asked if each.is_visible)) for part, asked in found]
    return [(part, asked) for part, asked in shown if asked]


def _promotions(product: Product, buyer: Buyer) -> Sequence[Promotion]:
    """Return the distributor's published promotions of the product; a reseller's storefront tells of none."""
    if buyer.reseller_id is not None:
        return ()
    on = buyer.lists_on or buyer.on
    found = published_promotions(product.id, on, is_reseller=buyer.buys_as_reseller)
    return [each for each in found if each.currency in (None, buyer.currency)]


def _related(product: Product) -> list[Product]:
    """Return the products that are shown beside it and offered here."""
    wanted = relations_of(product).related[:SIBLINGS]
    known = products_by_id(wanted)
    offered = offered_ids(known, buyer_of_request()) if known else frozenset()
    return [known[each] for each in wanted if each in known and each in offered]


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
