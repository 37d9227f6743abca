"""An offer behind its link: that one alone, until its last day, for whoever has the link (CB-17, CB-F50).

The token opens the distributor's scope for one look or one decision (`orders.shared_links`), and what comes out of here
is what the customer may read: no cost, no notes, no other offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.accounts.queries import get_account
from app.audit.services import Actor, record
from app.billing.papers import render
from app.core.db import session
from app.core.errors import Invalid
from app.orders.offers.errors import OfferNotFound
from app.orders.offers.lifecycle import Decision, decide
from app.orders.offers.machine import OfferMove, may
from app.orders.offers.mails import mail_decided
from app.orders.offers.models import Offer, OfferItem, OfferType
from app.orders.offers.prices import needs_approval
from app.orders.offers.rows import add_event, items_of
from app.orders.offers.shown import SharedOffer, shared
from app.orders.shared_links import behind_link, row_behind
from tenants.days import distributors_day

LONGEST_NAME, LONGEST_REASON = 200, 500
CHANGED = "The offer was changed while you read it. Look at it as it stands now, then decide."


def read_shared(token: str, *, at: datetime) -> SharedOffer:
    """Return the offer of a link. Raises OfferNotFound where there is none, it has ended, or it is being revised."""
    with behind_link():
        offer, items = _found(token, at=at)
        return shared(offer, items)


def shared_pdf(token: str, *, at: datetime) -> tuple[str, bytes]:
    """Return number and paper of a link's offer. Raises OfferNotFound."""
    offer = read_shared(token, at=at)
    return offer.number, render(offer.paper())


def accept_shared(token: str, name: str, *, seen: str, address: str | None, at: datetime) -> None:
    """Accept an offer in the name of a person, as they have `seen` it: the version of what they read.

    Raises OfferNotFound, WrongOfferState, Invalid `required`, `changed`.
    """
    _decide(token, OfferMove.ACCEPT, name, "", address, at, seen=seen)


def refuse_shared(token: str, name: str, reason: str, *, address: str | None, at: datetime) -> None:
    """Decline an offer. Raises OfferNotFound, WrongOfferState, Invalid `required`."""
    _decide(token, OfferMove.REFUSE, name, reason, address, at)


def _decide(
    token: str, move: OfferMove, name: str, reason: str, address: str | None, at: datetime, *, seen: str | None = None
) -> None:
    person = name.strip()[:LONGEST_NAME]
    with behind_link():
        offer, items = _found(token, at=at, is_locked=True)
        if not person:
            raise Invalid.field("name", "required", "Enter your name")
        if seen is not None and may(offer, move) and seen != shared(offer, items).version:
            raise Invalid.field("offer", "changed", CHANGED)
        decide(offer, move, Decision(person, reason), at=at)
        words = "accepted" if move is OfferMove.ACCEPT else "declined"
        add_event(offer, f"{words.capitalize()} on the link", actor_name=person, at=at)
        mail_decided(offer, get_account(offer.account_id).name, f"{words} by {person}", at=at)
        record(
            f"offer.{move.value}", actor=Actor(None, person, address=address), at=at, target_kind="offer",
            target_id=offer.id, after={"by": person, "reason": reason[:LONGEST_REASON]},
        )  # fmt: skip
        session.flush()


def _found(token: str, *, at: datetime, is_locked: bool = False) -> tuple[Offer, Sequence[OfferItem]]:
    offer = row_behind(Offer, token, is_locked=is_locked)
    if offer is None or offer.type is OfferType.CANCELED or offer.valid_until < distributors_day(at):
        raise OfferNotFound
    items = items_of(offer)
    if not items or (offer.type is OfferType.IN_PROGRESS and needs_approval(offer, items)):
        raise OfferNotFound  # being revised: it is not what was shared
    return offer, items
