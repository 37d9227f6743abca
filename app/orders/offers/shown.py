"""What a customer reads of an offer: no cost, no notes; in its language's template (CB-17). Needs the distributor's scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from app.accounts.queries import get_account
from app.billing.documents import postal_address
from app.billing.papers import Paper, PaperLine
from app.catalogue.words import unit_words
from app.core.days import write_day
from app.core.db import session
from app.core.money import write_money
from app.core.secrets import digest
from app.identity.models import User
from app.orders.back_office_totals import OrderTotals
from app.orders.offers.mails import seller_name
from app.orders.offers.models import Offer, OfferItem, OfferType
from app.orders.offers.prices import totals_of
from app.orders.offers.templates import SAMPLES, OfferWords, filled, template_of


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
    title: str
    seller: str
    account_name: str
    address: tuple[str, ...]
    introduction: str
    terms: str
    shows_tax: bool
    logo: bytes | None
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
            title=self.title,
            seller=self.seller,
            buyer=(self.account_name, *self.address),
            facts=(("Valid until", f"{self.valid_until.day} {self.valid_until:%b %Y}"), ("Currency", self.currency)),
            introduction=self.introduction,
            lines=[
                PaperLine(item.name, item.note, item.terms, item.quantity, item.unit_price, item.line_total)
                for item in self.items
            ],
            totals=(
                (("Net total", self.net), ("Tax", self.tax), ("Total", self.total))
                if self.shows_tax
                else (("Net total", self.net),)
            ),
            currency=self.currency,
            footnote=self.terms,
            logo=self.logo,
        )


def shared(offer: Offer, items: Sequence[OfferItem]) -> SharedOffer:
    """Return what a customer may read of an offer. Needs the distributor's scope."""
    payer, words = get_account(offer.payer_id), template_of(offer.language)
    totals = totals_of(items, offer.currency)
    values = _merged(offer, items, payer.name, totals)
    return SharedOffer(
        number=offer.number,
        title=filled(words.title, values),
        seller=values["seller"],
        account_name=payer.name,
        address=tuple(postal_address(payer).splitlines()),
        introduction=offer.introduction or filled(words.introduction, values),
        terms=filled(words.terms, values),
        shows_tax=words.shows_tax,
        logo=words.logo,
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


def _merged(offer: Offer, items: Sequence[OfferItem], payer_name: str, totals: OrderTotals) -> Mapping[str, str]:
    owner = session.get(User, (offer.distributor_id, offer.owner_id))
    return {
        "number": offer.number,
        "name": offer.name,
        "account": payer_name,
        "contact": offer.contact_name,
        "owner": owner.full_name if owner is not None else "",
        "seller": seller_name(),
        "currency": offer.currency,
        "items": ", ".join(f"{item.quantity} x {item.product_name}" for item in items),
        "net_total": write_money(totals.net, offer.currency),
        "tax": write_money(totals.tax, offer.currency),
        "total": write_money(totals.final, offer.currency),
        "valid_until": write_day(offer.valid_until),
    }


def sample_paper(words: OfferWords) -> Paper:
    """Return what an offer that is made up looks like in a template."""
    net, tax = Decimal("112.00"), Decimal("26.88")
    lines = (
        SharedItem("Contoso Seats", "Head office", "Monthly", 10, Decimal("10.00"), Decimal(0), Decimal("100.00")),
        SharedItem("Contoso Backup", "", "Monthly", 2, Decimal("6.00"), Decimal(0), Decimal("12.00")),
    )
    return SharedOffer(
        number=SAMPLES["number"],
        title=filled(words.title, SAMPLES),
        seller=seller_name(),
        account_name=SAMPLES["account"],
        address=("1 Harbour Road", "10 557 Athens"),
        introduction=filled(words.introduction, SAMPLES),
        terms=filled(words.terms, SAMPLES),
        shows_tax=words.shows_tax,
        logo=words.logo,
        valid_until=date(2026, 6, 30),
        currency=SAMPLES["currency"],
        items=lines,
        net=net,
        tax=tax,
        total=net + tax,
        is_accepted=False,
    ).paper()
