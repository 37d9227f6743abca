"""Reads of promotions: the list of BSS, one by id or code, and what one takes off a price."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from app.core.db import session
from app.pricing.models import Promotion, PromotionAmount
from app.pricing.promotions.errors import PromotionNotFound
from app.pricing.schemes import Reduction
from tenants.context import current_scope


class PromotionState(enum.Enum):
    """What the list of promotions can be narrowed to, on a day of the distributor."""

    RUNNING = "running"
    PLANNED = "planned"
    OVER = "over"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class PromotionFilter:
    """Which promotions; `search` looks into name and code."""

    on: date
    search: str = ""
    state: PromotionState | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the filter as conditions on `Promotion`."""
        found: list[ColumnElement[bool]] = [Promotion.distributor_id == current_scope().distributor_id]
        if words := self.search.strip():
            found.append(
                or_(Promotion.name.icontains(words, autoescape=True), Promotion.code.icontains(words, autoescape=True))
            )
        started, ended = Promotion.starts_on <= self.on, Promotion.ends_on < self.on
        match self.state:
            case PromotionState.RUNNING:
                found.append(and_(Promotion.is_active, started, func.coalesce(~ended, True)))
            case PromotionState.PLANNED:
                found.append(and_(Promotion.is_active, ~started))
            case PromotionState.OVER:
                found.append(ended)
            case PromotionState.INACTIVE:
                found.append(~Promotion.is_active)
            case None:
                pass
        return found


def get_promotion(promotion_id: UUID) -> Promotion:
    """Return a promotion; raises PromotionNotFound."""
    found = session.scalar(_promotions().where(Promotion.id == promotion_id))
    if found is None:
        raise PromotionNotFound(promotion_id)
    return found


def find_by_code(code: str) -> Promotion | None:
    """Return the promotion of a typed code, whatever its case, or None."""
    return session.scalar(_promotions().where(Promotion.code == normal_code(code)))


def normal_code(text: str) -> str:
    """Return a code as it is stored: capitals, no spaces around."""
    return text.strip().upper()


def list_promotions(wanted: PromotionFilter, *, limit: int | None = None, offset: int = 0) -> Sequence[Promotion]:
    """Return promotions, the latest first."""
    statement = select(Promotion).where(*wanted.conditions()).order_by(Promotion.starts_on.desc(), Promotion.name)
    return session.scalars(statement.limit(limit).offset(offset)).all()


def count_promotions(wanted: PromotionFilter) -> int:
    """Return how many promotions the filter finds."""
    return session.scalar(select(func.count()).select_from(Promotion).where(*wanted.conditions())) or 0


def reduction_of(promotion: Promotion) -> Reduction:
    """Return what a promotion takes off a unit's price."""
    if promotion.amount_kind is PromotionAmount.PERCENT:
        return Reduction(percent=promotion.value)
    return Reduction(amount=promotion.value)


def promotions_by_id(promotion_ids: Collection[UUID]) -> Mapping[UUID, Promotion]:
    """Return promotions by id; no statement where none is asked for."""
    if not promotion_ids:
        return {}
    return {row.id: row for row in session.scalars(_promotions().where(Promotion.id.in_(promotion_ids)))}


def _promotions() -> Select[Promotion]:
    return select(Promotion).where(Promotion.distributor_id == current_scope().distributor_id)


def running_promotions(on: date, *, code: str | None = None) -> Sequence[Promotion]:
    """Return what applies by itself on a day of the distributor, and the promotion of a code. One statement."""
    by_itself = and_(
        Promotion.code.is_(None),
        Promotion.is_active,
        Promotion.starts_on <= on,
        or_(Promotion.ends_on.is_(None), Promotion.ends_on >= on),
    )
    wanted = by_itself if code is None else or_(by_itself, Promotion.code == normal_code(code))
    return session.scalars(_promotions().where(wanted).order_by(Promotion.created_at, Promotion.id)).all()


def published_promotions(product_id: UUID, on: date, *, is_reseller: bool) -> Sequence[Promotion]:
    """Return what a storefront tells its buyers of promotions of a product on a day. One statement."""
    for_product = or_(func.cardinality(Promotion.product_ids) == 0, Promotion.product_ids.contains([product_id]))
    wanted = [
        Promotion.is_published,
        Promotion.is_active,
        Promotion.starts_on <= on,
        or_(Promotion.ends_on.is_(None), Promotion.ends_on >= on),
        for_product,
    ]
    if is_reseller:
        wanted.append(Promotion.includes_resellers)
    return session.scalars(_promotions().where(*wanted).order_by(Promotion.name)).all()
