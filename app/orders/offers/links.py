"""An offer behind its link: that one alone, until its last day, for whoever has the link (CB-17, CB-F50).

A visitor's scope reaches no offer. The token, unguessable and stored as a digest, opens the distributor's scope for one
look or one decision, and what comes out of here is what the customer may read: no cost, no notes, no other offer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select

from app.accounts.queries import get_account
from app.audit.services import Actor, record
from app.billing.documents import postal_address
from app.billing.papers import Paper, PaperLine, render
from app.catalogue.words import unit_words
from app.core.db import session
from app.core.errors import Invalid
from app.core.secrets import digest
from app.orders.offers.errors import OfferNotFound
from app.orders.offers.lifecycle import Decision, decide
from app.orders.offers.machine import OfferMove, may
from app.orders.offers.mails import mail_decided, seller_name
from app.orders.offers.models import Offer, OfferItem, OfferType
from app.orders.offers.prices import needs_approval, totals_of
from app.orders.offers.rows import add_event, items_of
from tenants.context import current_scope, distributor_scope, scope
from tenants.days import distributors_day

LONGEST_TOKEN = 100
LONGEST_NAME, LONGEST_REASON = 200, 500
CHANGED = "The offer was changed while you read it. Look at it as it stands now, then decide."


@dataclass(frozen=True, slots=True)
class SharedItem:
    """One product as the customer reads it."""

    name: str
    note: str
    terms: str
    quantity: int
    unit_price: Decimal
    discount_percent: Decimal
    line_total: Decimal


@dataclass(frozen=True, slots=True)
class SharedOffer:
    """What the link shows."""

    number: str
    seller: str
    account_name: str
    address: tuple[str, ...]
    introduction: str
    valid_until: date
    currency: str
    items: tuple[SharedItem, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    is_accepted: bool

    @property
    def version(self) -> str:
        """What tells one state of the offer from another: a decision names the one it was made on."""
        return digest(repr(replace(self, is_accepted=False)))

    def paper(self) -> Paper:
        """Return it as a paper."""
        return Paper(
            title=f"Offer {self.number}",
            seller=self.seller,
            buyer=(self.account_name, *self.address),
            facts=(("Valid until", f"{self.valid_until.day} {self.valid_until:%b %Y}"), ("Currency", self.currency)),
            introduction=self.introduction,
            lines=[
                PaperLine(item.name, item.note, item.terms, item.quantity, item.unit_price, item.line_total)
                for item in self.items
            ],
            totals=(("Net total", self.net), ("Tax", self.tax), ("Total", self.total)),
            currency=self.currency,
            footnote="Prices are per unit and billing cycle, without tax where nothing else is said.",
        )


def read_shared(token: str, *, at: datetime) -> SharedOffer:
    """Return the offer of a link. Raises OfferNotFound where there is none, it has ended, or it is being revised."""
    with _behind_link():
        offer, items = _found(token, at=at)
        return shared(offer, items)


def shared(offer: Offer, items: Sequence[OfferItem]) -> SharedOffer:
    """Return what a customer may read of an offer. Needs the distributor's scope."""
    payer = get_account(offer.payer_id)
    totals = totals_of(items, offer.currency)
    return SharedOffer(
        number=offer.number,
        seller=seller_name(),
        account_name=payer.name,
        address=tuple(postal_address(payer).splitlines()),
        introduction=offer.introduction,
        valid_until=offer.valid_until,
        currency=offer.currency,
        items=tuple(
            SharedItem(
                item.product_name,
                item.friendly_name or "",
                unit_words(item.term, item.cycle),
                item.quantity,
                item.unit_price,
                item.discount_percent if item.user_price is None else Decimal(0),
                item.line_total,
            )
            for item in items
        ),
        net=totals.net,
        tax=totals.tax,
        total=totals.final,
        is_accepted=offer.type is OfferType.ACCEPTED,
    )


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
    with _behind_link():
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


@contextmanager
def _behind_link() -> Iterator[None]:
    """The one place that lets somebody without a session into the distributor's scope: below, a token is asked for."""
    with scope(distributor_scope(current_scope().distributor_id)):
        yield


def _found(token: str, *, at: datetime, is_locked: bool = False) -> tuple[Offer, Sequence[OfferItem]]:
    if not token or len(token) > LONGEST_TOKEN:
        raise OfferNotFound
    statement = select(Offer).where(
        Offer.distributor_id == current_scope().distributor_id, Offer.token_digest == digest(token)
    )
    if is_locked:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    offer: Offer | None = session.scalar(statement)
    if offer is None or offer.type is OfferType.CANCELED or offer.valid_until < distributors_day(at):
        raise OfferNotFound
    items = items_of(offer)
    if not items or (offer.type is OfferType.IN_PROGRESS and needs_approval(offer, items)):
        raise OfferNotFound  # being revised: it is not what was shared
    return offer, items
