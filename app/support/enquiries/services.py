"""Asking about a product, telling its owner, and keeping what was answered (SF-18 "Tell me more")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.accounts.services import root_storefront_id
from app.audit.services import Actor, record
from app.audit.shown import shown_name
from app.catalogue.models import Product
from app.core.db import nudge_after_commit, session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.queue import Nudge
from app.identity.mails import owner_name
from app.identity.models import UserStatus, UserType
from app.identity.permissions import Permission, StorefrontRole
from app.identity.queries import UserFilter, list_users
from app.identity.recipients import emails_with_right
from app.notifications.services import About, AboutKind, MailTemplate, queue_mail
from app.pricing.catalogue_page import offered_ids
from app.pricing.quotes import Buyer
from app.support.enquiries.errors import NothingToAsk
from app.support.enquiries.jobs import TELL_ENQUIRY
from app.support.enquiries.models import Enquiry, EnquiryStatus
from app.support.enquiries.queries import get_enquiry_for_update
from tenants.context import current_scope
from tenants.links import bss_url, storefront_url
from tenants.settings import distributor_settings

MESSAGE_LENGTH, PHONE_LENGTH, NOTE_LENGTH = 2000, 40, 2000
PHONE = re.compile(r"[0-9+()./ -]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEnquiry:
    """Who asks what. `on` is the storefront's day."""

    product_id: UUID
    storefront_id: UUID
    account_id: UUID
    company_name: str
    user_id: UUID
    person_name: str
    email: str
    phone: str
    message: str
    on: date


def product_to_ask_about(slug: str, buyer: Buyer) -> Product:
    """Return a product that this buyer sees and may ask about; raises NothingToAsk."""
    found = session.scalar(
        select(Product).where(Product.distributor_id == current_scope().distributor_id, Product.slug == slug)
    )
    if found is None or not found.takes_enquiries or found.id not in offered_ids([found.id], buyer):
        raise NothingToAsk
    return found


def ask(new: NewEnquiry, product: Product, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> UUID:
    """Write a question down; a job tells the owner. Works in the buyer's own scope; returns the enquiry's id.

    Raises Invalid `message_required`, `length`, `phone_characters`, `asked_today`: one a person, product and day.
    """
    if errors := list(_errors(new)):
        raise Invalid(*errors)
    enquiry_id: UUID | None = session.scalar(
        insert(Enquiry)
        .values(
            distributor_id=current_scope().distributor_id,
            id=new_id(),
            reseller_id=reseller_id,
            account_id=new.account_id,
            storefront_id=new.storefront_id,
            product_id=product.id,
            user_id=new.user_id,
            asked_on=new.on,
            asked_at=at,
            product_name=product.name,
            company_name=new.company_name[:200],
            person_name=new.person_name[:201],
            email=new.email,
            phone=new.phone.strip(),
            message=new.message.strip(),
            status=EnquiryStatus.OPEN,
        )
        .on_conflict_do_nothing()  # a second click, or a second thought
        .returning(Enquiry.id)
    )
    if enquiry_id is None:
        raise Invalid.field(
            "message", "asked_today", "You have asked about this product today; an answer is on its way"
        )
    record("enquiry.asked", actor=actor, at=at, target_kind="account", target_id=new.account_id,
           after={"product": product.name})  # fmt: skip
    nudge_after_commit(Nudge(TELL_ENQUIRY, enquiry_id, current_scope().distributor_id))
    return enquiry_id


def tell(enquiry_id: UUID, *, at: datetime) -> None:
    """Mail the owner, and a copy to who asked; a second run does nothing. In the distributor's scope."""
    enquiry = session.scalar(
        select(Enquiry)
        .where(Enquiry.distributor_id == current_scope().distributor_id, Enquiry.id == enquiry_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if enquiry is None or enquiry.mailed_at is not None:
        return
    about = About(AboutKind.ACCOUNT, enquiry.account_id) if enquiry.account_id is not None else None
    asked = {"product_name": enquiry.product_name, "message": enquiry.message}
    url, addresses = _owner_of(enquiry)
    root = root_storefront_id()
    for address in dict.fromkeys(each.lower() for each in addresses):
        queue_mail(
            MailTemplate.ENQUIRY_RECEIVED,
            to_email=address,
            sender_reseller_id=None,
            storefront_id=root,
            fields={
                **asked,
                "applicant_name": enquiry.person_name,
                "company": enquiry.company_name,
                "email": enquiry.email,
                "phone": enquiry.phone or "–",
                "enquiry_url": url,
            },
            about=about,
            at=at,
        )
    queue_mail(
        MailTemplate.ENQUIRY_COPY,
        to_email=enquiry.email,
        to_name=enquiry.person_name,
        sender_reseller_id=enquiry.reseller_id,
        storefront_id=enquiry.storefront_id,
        fields={**asked, "company_name": owner_name(enquiry.storefront_id)},
        about=about,
        at=at,
    )
    enquiry.mailed_at = at


def answer(enquiry_id: UUID, note: str, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> Enquiry:
    """Keep what became of an enquiry; saying it again changes the note. Raises EnquiryNotFound, Invalid `length`."""
    text = note.strip()
    if len(text) > NOTE_LENGTH:
        raise Invalid.field("note", "length", f"Use at most {NOTE_LENGTH:,} characters")
    enquiry = get_enquiry_for_update(enquiry_id, reseller_id=reseller_id)
    before = enquiry.status
    enquiry.note = text or None
    if before is EnquiryStatus.OPEN:
        enquiry.status, enquiry.answered_at = EnquiryStatus.ANSWERED, at
        enquiry.answered_by_name = shown_name(actor)
    record("enquiry.answered", actor=actor, at=at, target_kind="account", target_id=enquiry.account_id,
           before={"status": before.value}, after={"status": enquiry.status.value, "product": enquiry.product_name})  # fmt: skip
    return enquiry


def reopen(enquiry_id: UUID, *, reseller_id: UUID | None, actor: Actor, at: datetime) -> Enquiry:
    """Put an enquiry back among those that wait. Raises EnquiryNotFound."""
    enquiry = get_enquiry_for_update(enquiry_id, reseller_id=reseller_id)
    if enquiry.status is not EnquiryStatus.OPEN:
        enquiry.status, enquiry.answered_at, enquiry.answered_by_name = EnquiryStatus.OPEN, None, None
        record("enquiry.reopened", actor=actor, at=at, target_kind="account", target_id=enquiry.account_id,
               after={"product": enquiry.product_name})  # fmt: skip
    return enquiry


def _errors(new: NewEnquiry) -> Iterator[FieldError]:
    message, phone = new.message.strip(), new.phone.strip()
    if not message:
        yield FieldError("message", "message_required", "Enter what you want to know")
    elif len(message) > MESSAGE_LENGTH:
        yield FieldError("message", "length", f"Use at most {MESSAGE_LENGTH:,} characters")
    if len(phone) > PHONE_LENGTH:
        yield FieldError("phone", "length", f"Use at most {PHONE_LENGTH} characters")
    elif not PHONE.fullmatch(phone):
        yield FieldError("phone", "phone_characters", "Enter a number such as +30 210 1234567")


def _owner_of(enquiry: Enquiry) -> tuple[str, list[str]]:
    """Return where the owner reads it, and whom to tell: a reseller's Admins and storefront managers, or support."""
    if enquiry.reseller_id is None:
        manager = distributor_settings().account_manager_email
        addresses = [manager] if manager else emails_with_right(Permission.BSS_SUPPORT_EDIT)
        return bss_url(enquiry.distributor_id, f"/enquiries/{enquiry.id}"), addresses
    people = list_users(enquiry.reseller_id, UserFilter(status=UserStatus.ACTIVE))
    addresses = [
        user.email
        for user in people
        if user.type is UserType.ADMIN or StorefrontRole.STOREFRONT_MANAGER.value in user.roles
    ]
    return storefront_url(enquiry.storefront_id, f"/manage/enquiries/{enquiry.id}"), addresses
