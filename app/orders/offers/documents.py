"""Files of an offer: each paper as it was shared, and what staff adds (CB-17). Needs the distributor's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import load_only

from app.audit.services import record
from app.core.db import session
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.orders.offers.models import Offer, OfferDocument
from app.orders.offers.rows import Staff, add_event, find_offer, lock_offer
from tenants.context import current_scope

MOST_BYTES = 10 * 1024 * 1024
MOST = 50
LONGEST_NAME = 200
BEGINNINGS = {
    b"%PDF-": "pdf", b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"PK\x03\x04": "zip",
}  # fmt: skip
ENDINGS = {"pdf": (".pdf",), "png": (".png",), "jpg": (".jpg", ".jpeg"), "zip": (".docx", ".xlsx", ".pptx")}


class DocumentNotFound(NotFound):
    """There is no such document of this offer."""


class DocumentIsKept(Conflict):
    """It is what a customer was sent."""

    code = "document_is_kept"


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A file somebody adds."""

    name: str
    content: bytes


def documents_of(offer_id: UUID) -> Sequence[OfferDocument]:
    """Return an offer's documents, the newest first, without what is in them."""
    columns = (OfferDocument.name, OfferDocument.size, OfferDocument.is_paper, OfferDocument.added_by_name,
               OfferDocument.created_at, OfferDocument.offer_id)  # fmt: skip
    return session.scalars(
        select(OfferDocument)
        .options(load_only(*columns))
        .where(OfferDocument.distributor_id == current_scope().distributor_id, OfferDocument.offer_id == offer_id)
        .order_by(OfferDocument.created_at.desc(), OfferDocument.id.desc())
    ).all()


def get_document(number: str, document_id: UUID, *, staff: Staff) -> OfferDocument:
    """Return a document of an offer. Raises OfferNotFound, DocumentNotFound."""
    return _of(find_offer(number, staff), document_id)


def keep_paper(offer: Offer, paper: bytes, *, staff: Staff, at: datetime) -> None:
    """Keep a paper as it was shared; the same one again is there already."""
    last = session.scalar(
        select(OfferDocument.content)
        .where(
            OfferDocument.distributor_id == offer.distributor_id, OfferDocument.offer_id == offer.id,
            OfferDocument.is_paper,
        )
        .order_by(OfferDocument.created_at.desc(), OfferDocument.id.desc())
        .limit(1)
    )  # fmt: skip
    if last != paper:
        _add(offer, NewDocument(f"{offer.number}.pdf", paper), staff, at, is_paper=True)


def add_document(number: str, new: NewDocument, *, staff: Staff, at: datetime) -> OfferDocument:
    """Add a file to an offer; only staff reads it. Raises OfferNotFound, Invalid `file_type`, `file_size`, `too_many`."""
    offer = lock_offer(number, staff)
    if len(new.content) > MOST_BYTES:
        raise Invalid.field("file", "file_size", "The file is larger than 10 MB")
    kind = next((found for beginning, found in BEGINNINGS.items() if new.content.startswith(beginning)), None)
    if kind is None or not new.name.lower().endswith(ENDINGS[kind]):
        raise Invalid.field("file", "file_type", "Choose a PDF, a PNG or JPG picture, or an Office document")
    count = session.scalar(
        select(func.count()).select_from(OfferDocument).where(
            OfferDocument.distributor_id == offer.distributor_id, OfferDocument.offer_id == offer.id
        )
    )  # fmt: skip
    if (count or 0) >= MOST:
        raise Invalid.field("file", "too_many", f"An offer has at most {MOST} documents")
    found = _add(offer, new, staff, at, is_paper=False)
    add_event(offer, f"Added {found.name}", actor_name=staff.actor.name, at=at)
    record("offer.document_added", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id,
           after={"name": found.name})  # fmt: skip
    return found


def remove_document(number: str, document_id: UUID, *, staff: Staff, at: datetime) -> None:
    """Take a file off an offer. Raises OfferNotFound, DocumentNotFound, DocumentIsKept for what was shared."""
    offer = lock_offer(number, staff)
    found = _of(offer, document_id)
    if found.is_paper:
        raise DocumentIsKept("It was shared with the customer, and is kept")
    add_event(offer, f"Removed {found.name}", actor_name=staff.actor.name, at=at)
    record("offer.document_removed", actor=staff.actor, at=at, target_kind="offer", target_id=offer.id,
           before={"name": found.name})  # fmt: skip
    session.delete(found)
    session.flush()


def _add(offer: Offer, new: NewDocument, staff: Staff, at: datetime, *, is_paper: bool) -> OfferDocument:
    name = "".join(letter for letter in new.name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    made = OfferDocument(
        id=new_id(), offer_id=offer.id, name=name[-LONGEST_NAME:], size=len(new.content), content=new.content,
        is_paper=is_paper, added_by_name=staff.actor.name[:201], created_at=at,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def _of(offer: Offer, document_id: UUID) -> OfferDocument:
    found = session.get(OfferDocument, (offer.distributor_id, document_id))
    if found is None or found.offer_id != offer.id:
        raise DocumentNotFound
    return found
