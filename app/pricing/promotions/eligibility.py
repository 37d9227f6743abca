"""Whether a promotion is for a buyer, and which of several is best for a line (CB-16)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.core.errors import FieldError
from app.pricing.models import Promotion, PromotionAmount
from app.pricing.promotions.queries import reduction_of
from app.pricing.quotes import PriceKey
from app.pricing.schemes import promoted_unit

FIELD = "code"


@dataclass(frozen=True, slots=True)
class PromotionBuyer:
    """What a promotion asks of a buyer. `used` counts the account's orders by promotion."""

    currency: str
    on: date  # the distributor's day
    is_reseller: bool = False
    has_ordered: bool = False  # an order of it was executed before
    used: Mapping[UUID, int] = field(default_factory=dict)
    owned: frozenset[UUID] = frozenset()  # products it has, or has in the same basket


def refusal(promotion: Promotion | None, buyer: PromotionBuyer) -> FieldError | None:
    """Say why a code is not for a buyer, or None (CB-F47). An inactive promotion is told like an unknown one."""
    if promotion is None or not promotion.is_active or buyer.on < promotion.starts_on:
        return FieldError(FIELD, "promotion_unknown", "There is no such code")
    if promotion.ends_on is not None and buyer.on > promotion.ends_on:
        return FieldError(FIELD, "promotion_expired", "This code has expired")
    if (words := _used_up(promotion, buyer)) is not None:
        return FieldError(FIELD, "promotion_exhausted", words)
    if promotion.new_customers_only and buyer.has_ordered:
        return FieldError(FIELD, "promotion_new_customers_only", "This code is for new customers only")
    if not _is_for(promotion, buyer):
        return FieldError(FIELD, "promotion_not_eligible", "This code is not for your company or your products")
    return None


def _used_up(promotion: Promotion, buyer: PromotionBuyer) -> str | None:
    if promotion.max_redemptions is not None and promotion.redeemed >= promotion.max_redemptions:
        return "This code has been used up"
    if promotion.max_per_account is not None and buyer.used.get(promotion.id, 0) >= promotion.max_per_account:
        return "Your company has used this code up"
    return None


def covers(promotion: Promotion, key: PriceKey) -> bool:
    """Whether a promotion lowers the price of a key: recurring, of its products and billing cycles."""
    return (
        key.cycle.months > 0
        and (not promotion.product_ids or key.product_id in promotion.product_ids)
        and (not promotion.billing_cycles or key.cycle.value in promotion.billing_cycles)
    )


def best_of(
    promotions: Iterable[Promotion], key: PriceKey, unit_price: Decimal, buyer: PromotionBuyer
) -> Promotion | None:
    """Return the promotion that makes a unit cheapest for a buyer; they do not add up. The first one of equals."""
    fitting = [each for each in promotions if covers(each, key) and refusal(each, buyer) is None]
    best = min(fitting, key=lambda each: promoted_unit(unit_price, reduction_of(each)), default=None)
    if best is None or promoted_unit(unit_price, reduction_of(best)) >= unit_price:
        return None
    return best


def needs_facts(promotions: Collection[Promotion]) -> bool:
    """Whether what a buyer has ordered before plays a part."""
    return any(each.max_per_account is not None or each.new_customers_only for each in promotions)


def _is_for(promotion: Promotion, buyer: PromotionBuyer) -> bool:
    if buyer.is_reseller and not promotion.includes_resellers:
        return False
    if promotion.amount_kind is PromotionAmount.AMOUNT and promotion.currency != buyer.currency:
        return False
    return set(promotion.required_product_ids) <= buyer.owned
