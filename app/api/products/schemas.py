"""Products as programs read them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.api.schemas import Amount, Schema
from app.catalogue.models import Audience, BillingCycle, SaleMode, Term
from app.catalogue.whole_list import WholeProduct
from app.pricing.assortment import SoldProduct


class Price(Schema):
    """What one unit costs its buyer per cycle, net."""

    term: Term
    cycle: BillingCycle
    unit_price: Amount
    currency: str
    retail_price: Amount | None = Field(description="For comparison, where the storefront shows it")


class SoldProductOut(Schema):
    """A product the storefront sells, at the prices of the buyer that was asked for."""

    id: UUID
    code: str
    slug: str
    name: str
    short_description: str
    vendor: str
    category: str | None
    group: str | None
    unit_of_measure: str
    min_quantity: int
    max_quantity: int | None
    step_quantity: int
    is_add_on: bool
    sale: SaleMode = Field(description="open: can be ordered; enquiry: on request, without a price")
    prices: list[Price]

    @classmethod
    def of(cls, it: SoldProduct) -> SoldProductOut:
        """Return one as programs read it."""
        prices = [
            Price(
                term=key.term,
                cycle=key.cycle,
                unit_price=price.unit_price,
                currency=price.currency,
                retail_price=price.retail_price,
            )
            for key, price in it.prices
        ]
        return cls(
            id=it.id,
            code=it.code,
            slug=it.slug,
            name=it.name,
            short_description=it.short_description,
            vendor=it.vendor,
            category=it.category,
            group=it.group,
            unit_of_measure=it.unit_of_measure,
            min_quantity=it.min_quantity,
            max_quantity=it.max_quantity,
            step_quantity=it.step_quantity,
            is_add_on=it.is_add_on,
            sale=it.sale,
            prices=prices,
        )


class ListPrice(Schema):
    """The distributor's list price of one unit per cycle, net."""

    term: Term
    cycle: BillingCycle
    list_price: Amount
    currency: str


class WholeProductOut(Schema):
    """A product of the catalogue, published or not, with its list prices."""

    id: UUID
    code: str
    name: str
    short_description: str
    vendor: str
    product_type: str
    category: str | None
    group: str | None
    segment: str
    unit_of_measure: str
    audience: Audience
    is_add_on: bool
    is_active: bool
    is_published: bool
    sale: SaleMode
    visible_from: date | None
    visible_to: date | None
    tax_code: str | None
    min_quantity: int
    max_quantity: int | None
    step_quantity: int
    created_at: datetime
    updated_at: datetime
    prices: list[ListPrice]

    @classmethod
    def of(cls, it: WholeProduct) -> WholeProductOut:
        """Return one as programs read it."""
        found = it.product
        prices = [
            ListPrice(term=each.term, cycle=each.cycle, list_price=each.list_price, currency=each.currency)
            for each in it.prices
        ]
        return cls(
            id=found.id,
            code=found.code,
            name=found.name,
            short_description=found.short_description,
            vendor=found.vendor,
            product_type=it.product_type,
            category=it.category,
            group=it.group,
            segment=found.segment,
            unit_of_measure=found.unit_of_measure,
            audience=found.audience,
            is_add_on=found.is_add_on,
            is_active=found.is_active,
            is_published=found.is_published,
            sale=found.sale,
            visible_from=found.visible_from,
            visible_to=found.visible_to,
            tax_code=found.tax_code,
            min_quantity=found.min_quantity,
            max_quantity=found.max_quantity,
            step_quantity=found.step_quantity,
            created_at=found.created_at,
            updated_at=found.updated_at,
            prices=prices,
        )
