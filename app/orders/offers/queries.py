"""Reads of offers for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.core.db import session
from app.identity.models import User
from app.orders.models import Order
from app.orders.offers.models import Offer, OfferItem, OfferType
from app.orders.offers.rows import Staff
from tenants.context import current_scope

SHORTEST_SEARCH = 2
RECEIVER, PAYER = aliased(Account), aliased(Account)
NET = (
    select(func.coalesce(func.sum(OfferItem.line_total), 0))
    .where(OfferItem.distributor_id == Offer.distributor_id, OfferItem.offer_id == Offer.id)
    .correlate(Offer)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class OfferFilter:
    """What to list."""

    search: str = ""  # in number, name and account
    type: OfferType | None = None
    account_id: UUID | None = None
    owner_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An offer in a list, and on its page."""

    offer: Offer
    account_name: str
    payer_name: str
    owner_name: str
    net_total: Any
    order_number: str | None


def find_offers(wanted: OfferFilter, staff: Staff, *, offset: int = 0, limit: int = 25) -> Sequence[OfferRow]:
    """Return offers, the newest first: a person's own, or everybody's for administrators."""
    statement = _listed(wanted, staff).order_by(Offer.created_at.desc(), Offer.id.desc())
    return [_row(row) for row in session.execute(statement.offset(offset).limit(limit))]


def count_offers(wanted: OfferFilter, staff: Staff) -> int:
    """Return how many offers the filter finds."""
    return session.scalar(select(func.count()).select_from(_listed(wanted, staff).subquery())) or 0


def row_of(offer: Offer) -> OfferRow:
    """Return an offer with the names around it."""
    return _row(session.execute(_joined().where(Offer.id == offer.id)).one())


def _row(row: Any) -> OfferRow:
    return OfferRow(row[0], row[1], row[2], f"{row[3]} {row[4]}".strip(), row[5], row[6])


def _joined() -> Any:
    here = current_scope().distributor_id
    return (
        select(Offer, RECEIVER.name, PAYER.name, User.first_name, User.last_name, NET, Order.number)
        .join(RECEIVER, (RECEIVER.distributor_id == Offer.distributor_id) & (RECEIVER.id == Offer.account_id))
        .join(PAYER, (PAYER.distributor_id == Offer.distributor_id) & (PAYER.id == Offer.payer_id))
        .join(User, (User.distributor_id == Offer.distributor_id) & (User.id == Offer.owner_id))
        .outerjoin(Order, (Order.distributor_id == Offer.distributor_id) & (Order.id == Offer.order_id))
        .where(Offer.distributor_id == here)
    )


def _listed(wanted: OfferFilter, staff: Staff) -> Any:
    statement = _joined()
    if not staff.is_administrator:
        statement = statement.where(Offer.owner_id == staff.actor.user_id)
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        words = func.lower(func.concat_ws(" ", Offer.number, Offer.name, RECEIVER.name, PAYER.name))
        statement = statement.where(words.contains(text, autoescape=True))
    if wanted.type is not None:
        statement = statement.where(Offer.type == wanted.type)
    if wanted.owner_id is not None:
        statement = statement.where(Offer.owner_id == wanted.owner_id)
    if wanted.account_id is not None:
        statement = statement.where((Offer.account_id == wanted.account_id) | (Offer.payer_id == wanted.account_id))
    return statement
