"""What every service of offers needs: whose they are, the offer under lock, its items, its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor
from app.core.db import session
from app.orders.offers.errors import OfferNotFound
from app.orders.offers.models import Offer, OfferEvent, OfferItem
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class Staff:
    """Who works with offers: account managers with their own, administrators with everybody's (CB-17)."""

    actor: Actor
    is_administrator: bool


def find_offer(number: str, staff: Staff) -> Offer:
    """Return an offer by number; somebody else's does not exist. Raises OfferNotFound."""
    found = session.scalar(
        select(Offer).where(Offer.distributor_id == current_scope().distributor_id, Offer.number == number)
    )
    return _own(found, staff)


def lock_offer(number: str, staff: Staff) -> Offer:
    """Return an offer as it stands, locked until the transaction ends; raises OfferNotFound."""
    found = session.scalar(
        select(Offer)
        .where(Offer.distributor_id == current_scope().distributor_id, Offer.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return _own(found, staff)


def items_of(offer: Offer) -> Sequence[OfferItem]:
    """Return an offer's items by position."""
    return session.scalars(
        select(OfferItem)
        .where(OfferItem.distributor_id == offer.distributor_id, OfferItem.offer_id == offer.id)
        .order_by(OfferItem.position, OfferItem.id)
    ).all()


def events_of(offer_id: UUID) -> Sequence[OfferEvent]:
    """Return an offer's history, oldest first."""
    return session.scalars(
        select(OfferEvent)
        .where(OfferEvent.distributor_id == current_scope().distributor_id, OfferEvent.offer_id == offer_id)
        .order_by(OfferEvent.at, OfferEvent.id)
    ).all()


def add_event(offer: Offer, text: str, *, actor_name: str | None, at: datetime) -> None:
    """Add a line to an offer's history."""
    offer.updated_at = at
    session.add(OfferEvent(offer_id=offer.id, at=at, text=text[:300], actor_name=actor_name))


def _own(found: Offer | None, staff: Staff) -> Offer:
    if found is None or not (staff.is_administrator or found.owner_id == staff.actor.user_id):
        raise OfferNotFound
    return found
