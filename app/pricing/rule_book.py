"""Reading a reseller's rules for its pages: of the storefront, of one product, of one customer (RS-19, RS-20)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Category, Product
from app.core.db import session
from app.pricing.levels import PriceSource
from app.pricing.models import MarkupLevel, MarkupRule, SpecialPrice
from app.pricing.rules import MarkupTarget, list_markups, list_special_prices
from tenants.context import current_scope

MOST_RULES = 1000  # of one customer, on one page


@dataclass(frozen=True, slots=True)
class LevelRules:
    """One of the eight levels for one product, with what stands there. `about` names the category or vendor."""

    source: PriceSource
    target: MarkupTarget | None  # None: a level of special prices
    about: str
    markups: Sequence[MarkupRule] = ()
    special_prices: Sequence[SpecialPrice] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no rule stands at this level."""
        return not self.markups and not self.special_prices


def levels_of_product(product: Product, *, reseller_id: UUID, customer_id: UUID | None) -> tuple[LevelRules, ...]:
    """Return the levels that can answer for a product, in their order; customer levels only for a customer."""

    def markups(source: PriceSource, target: MarkupTarget, about: str = "") -> LevelRules:
        return LevelRules(source, target, about, markups=list_markups(target, reseller_id=reseller_id))

    def specials(source: PriceSource, of_customer: UUID | None) -> LevelRules:
        found = list_special_prices(reseller_id=reseller_id, customer_id=of_customer, product_id=product.id)
        return LevelRules(source, None, "", special_prices=found)

    levels: list[LevelRules] = []
    if customer_id is not None:
        own = MarkupTarget.of_customer_product(customer_id, product.id)
        levels += [
            specials(PriceSource.CUSTOMER_PRODUCT_SPECIAL, customer_id),
            markups(PriceSource.CUSTOMER_PRODUCT_MARKUP, own),
            markups(PriceSource.CUSTOMER_MARKUP, MarkupTarget.of_customer(customer_id)),
        ]
    levels += [
        specials(PriceSource.PRODUCT_SPECIAL, None),
        markups(PriceSource.PRODUCT_MARKUP, MarkupTarget.of_product(product.id)),
    ]
    levels += [
        markups(PriceSource.CATEGORY_MARKUP, MarkupTarget.of_category(category.id), category.name)
        for category in category_chain(product.category_id)
    ]
    if product.vendor:
        levels.append(markups(PriceSource.VENDOR_MARKUP, MarkupTarget.of_vendor(product.vendor), product.vendor))
    levels.append(markups(PriceSource.DEFAULT_MARKUP, MarkupTarget.default()))
    return tuple(levels)


def category_chain(category_id: UUID | None) -> tuple[Category, ...]:
    """Return a category and those above it, nearest first."""
    chain: list[Category] = []
    while category_id is not None and len(chain) < 3:  # noqa: PLR2004 - the tree is three levels deep (CB-08)
        category = session.get_one(Category, (current_scope().distributor_id, category_id))
        chain.append(category)
        category_id = category.parent_id
    return tuple(chain)


@dataclass(frozen=True, slots=True)
class VendorRules:
    """A vendor of the catalogue with its markups."""

    vendor: str
    markups: tuple[MarkupRule, ...]


@dataclass(frozen=True, slots=True)
class CategoryRules:
    """A category with its markups; `depth` 0 is a top one."""

    category: Category
    depth: int
    markups: tuple[MarkupRule, ...]


@dataclass(frozen=True, slots=True)
class StorefrontRules:
    """The markups that are for no single product or customer."""

    default: Sequence[MarkupRule]
    vendors: tuple[VendorRules, ...]
    categories: tuple[CategoryRules, ...]


def storefront_rules(reseller_id: UUID) -> StorefrontRules:
    """Return default, vendor and category markups, also of vendors and categories that have none yet."""
    distributor_id = current_scope().distributor_id
    rules = session.scalars(
        select(MarkupRule)
        .where(
            MarkupRule.distributor_id == distributor_id,
            MarkupRule.reseller_id == reseller_id,
            MarkupRule.level.in_([MarkupLevel.VENDOR, MarkupLevel.CATEGORY]),
        )
        .order_by(MarkupRule.valid_from.nulls_first(), MarkupRule.created_at)
    ).all()
    sold = session.scalars(
        select(Product.vendor)
        .where(Product.distributor_id == distributor_id, Product.is_published, Product.vendor != "")
        .distinct()
    )
    vendors = {*sold, *(rule.vendor for rule in rules if rule.vendor)}
    categories = session.scalars(
        select(Category).where(Category.distributor_id == distributor_id).order_by(Category.position, Category.name)
    ).all()

    def below(parent_id: UUID | None, depth: int) -> list[CategoryRules]:
        found = []
        for category in categories:
            if category.parent_id == parent_id:
                own = tuple(rule for rule in rules if rule.category_id == category.id)
                found += [CategoryRules(category, depth, own), *below(category.id, depth + 1)]
        return found

    return StorefrontRules(
        default=list_markups(MarkupTarget.default(), reseller_id=reseller_id),
        vendors=tuple(
            VendorRules(vendor, tuple(rule for rule in rules if rule.vendor == vendor))
            for vendor in sorted(vendors, key=str.casefold)
        ),
        categories=tuple(below(None, 0)),
    )


@dataclass(frozen=True, slots=True)
class CustomerRules:
    """The three kinds of a customer's own prices (RS-20), each with its product where it has one."""

    markups: Sequence[MarkupRule]
    product_markups: Sequence[tuple[MarkupRule, Product]]
    special_prices: Sequence[tuple[SpecialPrice, Product]]


def customer_rules(customer_id: UUID, *, reseller_id: UUID) -> CustomerRules:
    """Return a customer's own markups and special prices, by product."""
    distributor_id = current_scope().distributor_id
    of_product = session.execute(
        select(MarkupRule, Product)
        .join(Product, (Product.distributor_id == MarkupRule.distributor_id) & (Product.id == MarkupRule.product_id))
        .where(
            MarkupRule.distributor_id == distributor_id,
            MarkupRule.reseller_id == reseller_id,
            MarkupRule.level == MarkupLevel.CUSTOMER_PRODUCT,
            MarkupRule.customer_id == customer_id,
        )
        .order_by(Product.name, MarkupRule.valid_from.nulls_first())
        .limit(MOST_RULES)
    )
    special = session.execute(
        select(SpecialPrice, Product)
        .join(
            Product, (Product.distributor_id == SpecialPrice.distributor_id) & (Product.id == SpecialPrice.product_id)
        )
        .where(
            SpecialPrice.distributor_id == distributor_id,
            SpecialPrice.reseller_id == reseller_id,
            SpecialPrice.customer_id == customer_id,
        )
        .order_by(Product.name, SpecialPrice.valid_from.nulls_first())
        .limit(MOST_RULES)
    )
    return CustomerRules(
        markups=list_markups(MarkupTarget.of_customer(customer_id), reseller_id=reseller_id),
        product_markups=[(row[0], row[1]) for row in of_product],
        special_prices=[(row[0], row[1]) for row in special],
    )
