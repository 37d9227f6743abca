"""The verbs of promotions: made, changed, deleted while unused, counted when an order was executed (CB-16)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from app.audit.services import Actor, record
from app.catalogue.imports.sheet import is_currency
from app.catalogue.models import BillingCycle, Product
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.money import round_unit
from app.core.versions import lock_at_version
from app.pricing.models import Promotion, PromotionAmount, PromotionDuration
from app.pricing.promotions.errors import PromotionUsed
from app.pricing.promotions.queries import get_promotion, normal_code
from tenants.context import current_scope

NAME_LENGTH = 100
CODE = re.compile(r"[A-Z0-9-]{4,32}")
HUNDRED, MAX_AMOUNT = Decimal(100), Decimal("99999999.9999")
MAX_CYCLES, MAX_REDEMPTIONS, MOST_PRODUCTS = 120, 1_000_000, 500


@dataclass(frozen=True, slots=True)
class PromotionDetails:
    """What a person says about a promotion. Days are the distributor's, both included; no products: all recurring ones."""

    name: str
    starts_on: date
    amount_kind: PromotionAmount
    value: Decimal
    duration: PromotionDuration
    ends_on: date | None = None
    code: str = ""  # empty: it applies by itself
    cycles: int | None = None
    currency: str | None = None
    product_ids: tuple[UUID, ...] = ()
    billing_cycles: tuple[BillingCycle, ...] = ()
    required_product_ids: tuple[UUID, ...] = ()
    new_customers_only: bool = False
    includes_resellers: bool = False
    max_redemptions: int | None = None
    max_per_account: int | None = None
    is_active: bool = True
    is_published: bool = False


def create_promotion(details: PromotionDetails, *, actor: Actor, at: datetime) -> Promotion:
    """Make a promotion. Raises Invalid."""
    _require_valid(details, None)
    promotion = Promotion(id=new_id(), created_at=at, **_columns(details))
    session.add(promotion)
    session.flush()
    record("pricing.promotion_created", actor=actor, at=at, target_kind="promotion", target_id=promotion.id,
           after={"name": promotion.name, "code": promotion.code})  # fmt: skip
    return promotion


def update_promotion(
    promotion_id: UUID, details: PromotionDetails, *, version: int, actor: Actor, at: datetime
) -> Promotion:
    """Change a promotion; what was bought with it keeps its number of cycles. Raises PromotionNotFound, StaleVersion, Invalid."""
    promotion = get_promotion(promotion_id)
    lock_at_version(promotion, version, name=promotion.name)
    _require_valid(details, promotion)
    columns = _columns(details)
    before = {name: getattr(promotion, name) for name in columns}
    for name, value in columns.items():
        setattr(promotion, name, value)
    promotion.version += 1
    changed = [name for name in columns if before[name] != columns[name]]
    record("pricing.promotion_changed", actor=actor, at=at, target_kind="promotion", target_id=promotion_id,
           before={name: before[name] for name in changed}, after={name: columns[name] for name in changed})  # fmt: skip
    return promotion


def delete_promotion(promotion_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a promotion nobody has used. Raises PromotionNotFound, PromotionUsed."""
    promotion = get_promotion(promotion_id)
    if promotion.redeemed:
        raise PromotionUsed(promotion.name, promotion.redeemed)
    session.delete(promotion)
    record("pricing.promotion_deleted", actor=actor, at=at, target_kind="promotion", target_id=promotion_id,
           before={"name": promotion.name})  # fmt: skip


def count_redemptions(promotion_ids: Collection[UUID]) -> None:
    """Count an executed order for each promotion it was lowered by. Needs the distributor's scope; no statement for none."""
    if promotion_ids:
        session.execute(
            update(Promotion)
            .where(Promotion.distributor_id == current_scope().distributor_id, Promotion.id.in_(set(promotion_ids)))
            .values(redeemed=Promotion.redeemed + 1)
            .execution_options(synchronize_session=False)
        )


def _require_valid(details: PromotionDetails, promotion: Promotion | None) -> None:
    errors = [*_identity_errors(details, promotion), *_amount_errors(details), *_limit_errors(details)]
    if errors:
        raise Invalid(*errors)


def _identity_errors(details: PromotionDetails, promotion: Promotion | None) -> Iterator[FieldError]:
    name, code = details.name.strip(), normal_code(details.code)
    if not 0 < len(name) <= NAME_LENGTH:
        yield FieldError("name", "name_length", f"Enter a name of 1 to {NAME_LENGTH} characters")
    elif _is_taken(func.lower(Promotion.name) == name.lower(), promotion):
        yield FieldError("name", "name_taken", "Another promotion has this name")
    if code and not CODE.fullmatch(code):
        yield FieldError("code", "code_invalid", "Enter 4 to 32 letters, digits or dashes")
    elif code and _is_taken(Promotion.code == code, promotion):
        yield FieldError("code", "code_taken", "Another promotion has this code")
    if details.ends_on is not None and details.ends_on < details.starts_on:
        yield FieldError("ends_on", "date_order", "The last day lies before the first")


def _amount_errors(details: PromotionDetails) -> Iterator[FieldError]:
    value = details.value
    if not value.is_finite() or value != round_unit(value):
        yield FieldError("value", "decimals", "Enter a number with at most 4 decimals")
    elif details.amount_kind is PromotionAmount.PERCENT and not 0 < value <= HUNDRED:
        yield FieldError("value", "percent_range", "A percentage is more than 0 and at most 100")
    elif details.amount_kind is PromotionAmount.AMOUNT and not 0 < value <= MAX_AMOUNT:
        yield FieldError("value", "amount_range", "An amount is more than 0")
    if details.amount_kind is PromotionAmount.AMOUNT and not is_currency(details.currency or ""):
        yield FieldError("currency", "currency_unknown", "Choose the amount's currency")
    if details.duration is PromotionDuration.LIMITED and not 1 <= (details.cycles or 0) <= MAX_CYCLES:
        yield FieldError("cycles", "cycles_range", f"Enter 1 to {MAX_CYCLES} billing cycles")


def _limit_errors(details: PromotionDetails) -> Iterator[FieldError]:
    for field in ("max_redemptions", "max_per_account"):
        limit = getattr(details, field)
        if limit is not None and not 1 <= limit <= MAX_REDEMPTIONS:
            yield FieldError(field, "limit_range", "Enter a whole number from 1 to 1,000,000, or leave it empty")
    for field in ("product_ids", "required_product_ids"):
        ids = set(getattr(details, field))
        if len(ids) > MOST_PRODUCTS:
            yield FieldError(field, "too_many", f"Name at most {MOST_PRODUCTS} products")
        elif ids and _known(ids) != len(ids):
            yield FieldError(field, "product_unknown", "Choose products of the catalogue")


def _known(product_ids: Collection[UUID]) -> int:
    statement = select(func.count()).select_from(Product)
    where = (Product.distributor_id == current_scope().distributor_id, Product.id.in_(product_ids))
    return session.scalar(statement.where(*where)) or 0


def _is_taken(condition: Any, promotion: Promotion | None) -> bool:
    statement = select(Promotion.id).where(Promotion.distributor_id == current_scope().distributor_id, condition)
    if promotion is not None:
        statement = statement.where(Promotion.id != promotion.id)
    return session.scalar(statement.limit(1)) is not None


def _columns(details: PromotionDetails) -> dict[str, Any]:
    is_amount = details.amount_kind is PromotionAmount.AMOUNT
    return {
        "name": details.name.strip(),
        "code": normal_code(details.code) or None,
        "starts_on": details.starts_on,
        "ends_on": details.ends_on,
        "is_active": details.is_active,
        "is_published": details.is_published,
        "amount_kind": details.amount_kind,
        "value": details.value,
        "currency": details.currency if is_amount else None,
        "duration": details.duration,
        "cycles": details.cycles if details.duration is PromotionDuration.LIMITED else None,
        "product_ids": list(dict.fromkeys(details.product_ids)),
        "billing_cycles": [each.value for each in dict.fromkeys(details.billing_cycles)],
        "required_product_ids": list(dict.fromkeys(details.required_product_ids)),
        "new_customers_only": details.new_customers_only,
        "includes_resellers": details.includes_resellers,
        "max_redemptions": details.max_redemptions,
        "max_per_account": details.max_per_account,
    }
