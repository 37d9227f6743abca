"""Rules of a reseller: markups and special prices, in the reseller's own scope."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import BoundSession
from app.pricing.models import MarkupLevel, MarkupRule, SpecialPrice
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import PriceKey
from tenants.context import Scope, scope
from tests.factories.world import MONDAY_NOON, Shop, World

_sequence = count(1)


class Rules:
    """Inserts rules of one reseller, each newer than the one before."""

    def __init__(self, session: BoundSession, shop: Shop) -> None:
        self.session = session
        self.shop = shop

    def markup(self, level: MarkupLevel, percent: str, **columns: Any) -> MarkupRule:
        rule = MarkupRule(
            reseller_id=self.shop.id,
            level=level,
            percent=Decimal(percent),
            created_at=MONDAY_NOON + timedelta(seconds=next(_sequence)),
            **columns,
        )
        with scope(self.shop.scope):
            self.session.add(rule)
            self.session.flush()
        return rule

    def special(self, product: Product, amount: str, **columns: Any) -> SpecialPrice:
        key = {"term": Term.P1M, "cycle": BillingCycle.MONTHLY, "currency": "EUR"} | columns
        price = SpecialPrice(
            reseller_id=self.shop.id,
            product_id=product.id,
            amount=Decimal(amount),
            created_at=MONDAY_NOON + timedelta(seconds=next(_sequence)),
            **key,
        )
        with scope(self.shop.scope):
            self.session.add(price)
            self.session.flush()
        return price


def with_lists(entered: Scope, payer_id: UUID) -> Scope:
    """Name the payer's price lists in a scope, as app/access does when it opens a storefront."""
    with scope(entered):
        return entered.with_price_lists(price_list_ids_of(payer_id))


def seats_key(world: World) -> PriceKey:
    return PriceKey(world.seats.id, Term.P1M, BillingCycle.MONTHLY)
