"""The SQL of rules: which of the eight levels answers for a priced key, first hit wins (decisions section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, FromClause, ScalarSelect, Select, and_, func, null, or_, select, true
from sqlalchemy.orm import aliased

from app.catalogue.models import Category, Product
from app.pricing.levels import CURRENCY, CUSTOMER, DISTRIBUTOR, ONE, RESELLER, in_dates, priced_keys
from app.pricing.models import MarkupLevel, MarkupRule, SpecialPrice


@dataclass(frozen=True, slots=True)
class _Target:
    """What a level's rules are about; None: nothing. All four take part in the index."""

    product: ColumnElement[UUID] | None = None
    category: ColumnElement[Any] | None = None
    vendor: ColumnElement[str] | None = None
    customer: ColumnElement[Any] | None = None

    def fits(self, rule: type[MarkupRule]) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions on a rule's columns."""
        pairs: tuple[tuple[ColumnElement[Any], ColumnElement[Any] | None], ...] = (
            (rule.product_id.expression, self.product),
            (rule.category_id.expression, self.category),
            (rule.vendor.expression, self.vendor),
            (rule.customer_id.expression, self.customer),
        )
        return tuple(column.is_(None) if value is None else column == value for column, value in pairs)


def _markup(keys: FromClause, sold: FromClause, level: MarkupLevel, target: _Target) -> ScalarSelect[UUID]:
    """Return the id of one level's rule: one for this term and cycle first, then a dated one, then the newest."""
    rule = MarkupRule
    dated = or_(rule.valid_from.is_not(None), rule.valid_to.is_not(None))
    return (
        select(rule.id)
        .where(
            rule.distributor_id == DISTRIBUTOR,
            rule.reseller_id == RESELLER,
            rule.level == level,
            *target.fits(rule),
            or_(rule.term.is_(None), and_(rule.term == keys.c.term, rule.cycle == keys.c.cycle)),
            in_dates(rule),
        )
        .order_by(rule.term.is_not(None).desc(), dated.desc(), rule.created_at.desc(), rule.id.desc())
        .limit(ONE)
        .correlate(keys, sold)
        .scalar_subquery()
    )


def _special(keys: FromClause, *conditions: ColumnElement[bool]) -> ScalarSelect[UUID]:
    """Return the id of the special price of a key in the buyer's currency."""
    price = SpecialPrice
    return (
        select(price.id)
        .where(
            price.distributor_id == DISTRIBUTOR,
            price.reseller_id == RESELLER,
            price.product_id == keys.c.product_id,
            price.term == keys.c.term,
            price.cycle == keys.c.cycle,
            price.currency == CURRENCY,
            *conditions,
            in_dates(price),
        )
        .order_by(price.created_at.desc(), price.id.desc())
        .limit(ONE)
        .correlate(keys)
        .scalar_subquery()
    )


def rule_hits(keys: CTE) -> CTE:
    """Return the priced keys with the id of the first rule that answers, level by level; later levels are not read.

    The id is of a special price or of a markup rule; both are looked up once more by key in `quoted_rows`.
    """
    price, product, category, above = SpecialPrice, Product, aliased(Category), aliased(Category)
    grandparent = (
        select(above.parent_id)
        .where(above.distributor_id == DISTRIBUTOR, above.id == category.parent_id)
        .correlate(category)
        .scalar_subquery()
    )
    sold = (
        select(
            product.vendor,
            product.category_id,
            category.parent_id.label("parent_id"),
            grandparent.label("grandparent_id"),
        )
        .outerjoin(category, and_(category.distributor_id == DISTRIBUTOR, category.id == product.category_id))
        .where(product.distributor_id == DISTRIBUTOR, product.id == keys.c.product_id)
        .limit(ONE)
        .lateral("sold")
    )
    this = keys.c.product_id
    levels: tuple[tuple[MarkupLevel, _Target], ...] = (
        (MarkupLevel.PRODUCT, _Target(product=this)),
        (MarkupLevel.CATEGORY, _Target(category=sold.c.category_id)),
        (MarkupLevel.CATEGORY, _Target(category=sold.c.parent_id)),
        (MarkupLevel.CATEGORY, _Target(category=sold.c.grandparent_id)),
        (MarkupLevel.VENDOR, _Target(vendor=sold.c.vendor)),
        (MarkupLevel.DEFAULT, _Target()),
    )
    first = func.coalesce(
        _special(keys, price.customer_id == CUSTOMER),
        _markup(keys, sold, MarkupLevel.CUSTOMER_PRODUCT, _Target(product=this, customer=CUSTOMER)),
        _markup(keys, sold, MarkupLevel.CUSTOMER, _Target(customer=CUSTOMER)),
        _special(keys, price.customer_id.is_(None)),
        *(_markup(keys, sold, level, target) for level, target in levels),
    )
    return (
        select(keys, first.label("rule_id"))
        .join(sold, true())
        .cte("hits")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )


QUOTE_COLUMNS = (
    "product_id",
    "term",
    "cycle",
    "cost",
    "list_price",
    "price_list_id",
    "list_rule",
    "list_value",
    "list_scheme",
    "list_tiers",
    "first_percent",
    "rule_id",
    "level",
    "percent",
    "special_amount",
    "special_customer_id",
)


def quoted_rows(wanted: CTE, lists: CTE, *, with_rules: bool) -> Select[Any]:
    """Return the rows of a quote: one for each priced key, with what its rule says.

    Without rules (the distributor's own storefront) the columns of rules are NULL.
    """
    keys = priced_keys(wanted, lists)
    if not with_rules:
        nothing = (null().label(name) for name in QUOTE_COLUMNS[QUOTE_COLUMNS.index("rule_id") :])
        return select(keys, *nothing)
    hits = rule_hits(keys)
    # LIMIT keeps these two nested loops by primary key; a join would read all rules of the distributor.
    markup = (
        select(MarkupRule.level, MarkupRule.percent)
        .where(MarkupRule.distributor_id == DISTRIBUTOR, MarkupRule.id == hits.c.rule_id)
        .limit(ONE)
        .lateral("markup")
    )
    special = (
        select(SpecialPrice.amount, SpecialPrice.customer_id)
        .where(SpecialPrice.distributor_id == DISTRIBUTOR, SpecialPrice.id == hits.c.rule_id)
        .limit(ONE)
        .lateral("special")
    )
    return (
        select(
            hits,
            markup.c.level,
            markup.c.percent,
            special.c.amount.label("special_amount"),
            special.c.customer_id.label("special_customer_id"),
        )
        .select_from(hits)
        .outerjoin(markup, true())
        .outerjoin(special, true())
    )
