"""What every surface may ask about prices without computing one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, func, select

from app.catalogue.models import BillingCycle, Term
from app.core.db import session
from app.pricing.models import PriceList, PriceListAssignment, PriceListEntry
from tenants.changes import Kept
from tenants.context import current_scope

_LISTS_OF_PAYER = (
    select(PriceList.id)
    .outerjoin(
        PriceListAssignment,
        (PriceListAssignment.distributor_id == PriceList.distributor_id)
        & (PriceListAssignment.price_list_id == PriceList.id)
        & (PriceListAssignment.payer_id == bindparam("payer_id")),
    )
    .where(
        PriceList.distributor_id == bindparam("distributor_id"),
        PriceListAssignment.id.is_not(None) | PriceList.is_default,
    )
    .order_by(
        # The default list stands last, unless it is also assigned.
        PriceListAssignment.id.is_(None),
        func.coalesce(PriceListAssignment.priority, 0),
        PriceList.name,
        PriceList.id,
    )
)
_DEFAULT_LISTS = select(PriceList.id).where(
    PriceList.distributor_id == bindparam("distributor_id"), PriceList.is_default
)

_LISTS: Kept[tuple[UUID, ...]] = Kept(20_000, by_account=False)


def price_list_ids_of(payer_id: UUID) -> tuple[UUID, ...]:
    """Return the price lists an account pays by: assigned ones by priority, then the distributor's default list.

    Currency, dates and the active flag are judged when a price is asked for. Works in every scope of the distributor.
    """
    given = {"payer_id": payer_id, "distributor_id": current_scope().distributor_id}
    return _LISTS.of(payer_id, lambda: tuple(session.scalars(_LISTS_OF_PAYER, given)))


def default_price_list_ids() -> tuple[UUID, ...]:
    """Return the distributor's default list or lists (one per currency): what a visitor without an account is quoted by."""
    given = {"distributor_id": current_scope().distributor_id}
    return _LISTS.of(None, lambda: tuple(session.scalars(_DEFAULT_LISTS.order_by(PriceList.id), given)))


def has_tiers_of_lists(product_id: UUID, term: Term, cycle: BillingCycle) -> bool:
    """Whether a price list that the scope names has tiers of its own for a key: its unit price hangs on the quantity."""
    entry = PriceListEntry
    statement = select(entry.id).where(
        entry.distributor_id == current_scope().distributor_id,
        entry.product_id == product_id,
        entry.term == term,
        entry.cycle == cycle,
        entry.price_tiers.is_not(None),
    )
    return session.scalar(statement.limit(1)) is not None
