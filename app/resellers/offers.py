"""Plans with prices, as a reseller may choose them: on its own page and in the back office (RS-06, RS-07)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Product
from app.core.db import session
from app.pricing.models import PriceListEntry
from app.pricing.quotes import Buyer, BuyerPrice, PriceKey, buyer_prices
from app.resellers.errors import PlanNotOffered
from app.resellers.plans import Edition, edition_of, features_of, live_plan, offered_plans, plans_for_back_office
from tenants.context import current_scope
from tenants.settings import distributor_settings


class PlanStep(enum.Enum):
    """What choosing a plan would mean for the account."""

    CURRENT = "current"
    CHOOSE = "choose"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """A plan's price for one billing cycle."""

    key: PriceKey
    price: BuyerPrice

    @property
    def value(self) -> str:
        """The key as a form sends it."""
        return f"{self.key.product_id}:{self.key.term.value}:{self.key.cycle.value}"


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """One plan the account has a price for, the shortest cycle first."""

    product: Product
    edition: Edition
    step: PlanStep
    prices: tuple[PlanPrice, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """What the plan gives."""
        return features_of(self.edition)


def is_any_plan_offered() -> bool:
    """Whether the scope's price lists hold a plan on sale: the link to the plans is shown only then (RS-07)."""
    if not distributor_settings().reseller_plans_active:
        return False
    here = current_scope().distributor_id
    return bool(
        session.scalar(
            select(PriceListEntry.id)
            .join(
                Product,
                (Product.distributor_id == PriceListEntry.distributor_id) & (Product.id == PriceListEntry.product_id),
            )
            .where(
                PriceListEntry.distributor_id == here,
                Product.plan_edition.is_not(None),
                Product.is_published,
                Product.is_active,
            )
            .limit(1)
        )
    )


def plan_offers(account_id: UUID, buyer: Buyer) -> Sequence[PlanOffer]:
    """Return the published plans an account can buy; none where the service manager is off or nothing is priced."""
    return _priced(offered_plans(), account_id, buyer)


def plan_offers_for_back_office(account_id: UUID, buyer: Buyer) -> Sequence[PlanOffer]:
    """Return the plans staff can sell an account, unpublished ones too."""
    return _priced(plans_for_back_office(), account_id, buyer)


def chosen_plan(offers: Sequence[PlanOffer], value: str) -> tuple[PlanOffer, PlanPrice]:
    """Return the offer and price a form named; raises PlanNotOffered."""
    for offer in offers:
        for price in offer.prices:
            if price.value == value:
                return offer, price
    raise PlanNotOffered


def _priced(products: Sequence[Product], account_id: UUID, buyer: Buyer) -> Sequence[PlanOffer]:
    if not products:
        return ()
    found = buyer_prices([product.id for product in products], buyer)
    current = live_plan(account_id)
    has = Edition(current.plan_edition) if current is not None else None
    offers = []
    for product in products:
        prices = [PlanPrice(key, price) for key, price in found.items() if key.product_id == product.id]
        if prices:
            prices.sort(key=lambda each: each.key.cycle.months)
            offers.append(PlanOffer(product, edition_of(product), _step(has, edition_of(product)), tuple(prices)))
    return offers


def _step(has: Edition | None, offered: Edition) -> PlanStep:
    if has is None:
        return PlanStep.CHOOSE
    if has is offered:
        return PlanStep.CURRENT
    return PlanStep.UPGRADE if offered.rank > has.rank else PlanStep.DOWNGRADE
