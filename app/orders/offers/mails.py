"""The mails of offers, in the distributor's name: to the customer's contact, and to who owns the offer (CB-17)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select

from app.accounts.services import root_storefront_id
from app.core.db import session
from app.core.money import write_money
from app.identity.models import User
from app.notifications.services import About, AboutKind, Attachment, MailTemplate, queue_mail
from app.orders.offers.models import Offer, OfferItem
from app.orders.offers.prices import totals_of
from tenants.context import current_scope
from tenants.links import NoAddress, bss_url
from tenants.models import Distributor


def mail_offer(offer: Offer, items: Sequence[OfferItem], url: str, paper: bytes, *, at: datetime) -> None:
    """Send an offer to its contact, on paper and by its link.

    The link lets in whoever has it, so it is encrypted until it leaves. Raises Invalid `file_size`.
    """
    queue_mail(
        MailTemplate.OFFER_SENT,
        to_email=offer.contact_email,
        to_name=offer.contact_name,
        sender_reseller_id=None,
        storefront_id=root_storefront_id(),
        fields={
            "contact_name": offer.contact_name,
            "seller_name": seller_name(),
            "offer_number": offer.number,
            "lines": ", ".join(f"{item.quantity} x {item.product_name}" for item in items),
            "total": write_money(totals_of(items, offer.currency).net, offer.currency),
            "valid_until": _day(offer.valid_until),
            "share_url": url,
        },
        about=About(AboutKind.OFFER, offer.id),
        attachment=Attachment(f"{offer.number}.pdf", paper),
        at=at,
    )


def mail_decided(offer: Offer, account_name: str, decision: str, *, at: datetime) -> None:
    """Tell an offer's owner what became of it."""
    fields = {"account_name": account_name, "decision": decision, "reason": offer.decision_reason or "–"}
    _to_owner(MailTemplate.OFFER_DECIDED, offer, fields, at=at)


def mail_expires(offer: Offer, account_name: str, *, at: datetime) -> None:
    """Tell an offer's owner that its last day is near."""
    fields = {"account_name": account_name, "valid_until": _day(offer.valid_until)}
    _to_owner(MailTemplate.OFFER_EXPIRES, offer, fields, at=at)


def seller_name() -> str:
    """Return the name of the scope's distributor."""
    found = session.scalar(select(Distributor.name).where(Distributor.id == current_scope().distributor_id))
    return found or ""


def _to_owner(template: MailTemplate, offer: Offer, fields: dict[str, str], *, at: datetime) -> None:
    owner = session.get(User, (offer.distributor_id, offer.owner_id))
    if owner is None:
        return
    try:
        url = bss_url(offer.distributor_id, f"/offers/{offer.number}")
    except NoAddress:
        url = ""
    queue_mail(
        template,
        to_email=owner.email,
        to_name=owner.full_name,
        sender_reseller_id=None,
        storefront_id=root_storefront_id(),
        fields={"offer_number": offer.number, "offer_url": url, **fields},
        about=About(AboutKind.OFFER, offer.id),
        at=at,
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
