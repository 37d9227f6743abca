"""Where an offer may go: (type, move) → type (CB-17). What is not in the table is a conflict."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.orders.offers.errors import WrongOfferState
from app.orders.offers.models import OfferType

if TYPE_CHECKING:
    from app.orders.offers.models import Offer


class OfferMove(enum.Enum):
    """What happens to an offer."""

    EDIT = "edit"
    SHARE = "share"
    ACCEPT = "accept"
    REFUSE = "refuse"
    EXPIRE = "expire"
    REOPEN = "reopen"
    CONVERT = "convert"


T = OfferType
TABLE: Mapping[tuple[OfferType, OfferMove], OfferType] = {
    (T.IN_PROGRESS, OfferMove.EDIT): T.IN_PROGRESS,
    (T.IN_PROGRESS, OfferMove.SHARE): T.IN_PROGRESS,
    (T.IN_PROGRESS, OfferMove.ACCEPT): T.ACCEPTED,
    (T.IN_PROGRESS, OfferMove.REFUSE): T.CANCELED,
    (T.IN_PROGRESS, OfferMove.EXPIRE): T.CANCELED,
    (T.ACCEPTED, OfferMove.CONVERT): T.ACCEPTED,
    (T.CANCELED, OfferMove.REOPEN): T.IN_PROGRESS,
}


def may(offer: Offer, move: OfferMove) -> bool:
    """Whether an offer can make a move; one that became an order is locked."""
    return offer.order_id is None and (offer.type, move) in TABLE


def advance(offer: Offer, move: OfferMove) -> None:
    """Move an offer, locked by the caller; a name of its own for where it stood ends. Raises WrongOfferState."""
    if not may(offer, move):
        raise WrongOfferState(offer.number, offer.type, is_converted=offer.order_id is not None)
    found = TABLE[(offer.type, move)]
    if found is not offer.type:
        offer.status_id = None
    offer.type = found
