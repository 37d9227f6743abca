"""Reads of enquiries, for the owner of the storefront they were asked in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app.core.db import session
from app.support.enquiries.errors import EnquiryNotFound
from app.support.enquiries.models import Enquiry, EnquiryStatus
from tenants.context import current_scope


def list_enquiries(
    reseller_id: UUID | None, status: EnquiryStatus | None, *, limit: int, offset: int
) -> Sequence[Enquiry]:
    """Return an owner's enquiries, the latest first."""
    return session.scalars(
        select(Enquiry)
        .where(*_of_owner(reseller_id, status))
        .order_by(Enquiry.asked_at.desc(), Enquiry.id)
        .limit(limit)
        .offset(offset)
    ).all()


def count_enquiries(reseller_id: UUID | None, status: EnquiryStatus | None) -> int:
    """Return how many there are."""
    return session.scalar(select(func.count()).select_from(Enquiry).where(*_of_owner(reseller_id, status))) or 0


def get_enquiry(enquiry_id: UUID, *, reseller_id: UUID | None) -> Enquiry:
    """Return one of an owner's enquiries; raises EnquiryNotFound."""
    found = session.scalar(select(Enquiry).where(*_of_owner(reseller_id, None), Enquiry.id == enquiry_id))
    if found is None:
        raise EnquiryNotFound
    return found


def get_enquiry_for_update(enquiry_id: UUID, *, reseller_id: UUID | None) -> Enquiry:
    """Return one of an owner's enquiries, locked until the caller commits; raises EnquiryNotFound."""
    found = session.scalar(
        select(Enquiry)
        .where(*_of_owner(reseller_id, None), Enquiry.id == enquiry_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise EnquiryNotFound
    return found


def untold(before: datetime, *, limit: int) -> Sequence[UUID]:
    """Return enquiries from before a moment that nobody was told of yet: their nudge was lost."""
    return session.scalars(
        select(Enquiry.id)
        .where(
            Enquiry.distributor_id == current_scope().distributor_id,
            Enquiry.mailed_at.is_(None),
            Enquiry.asked_at <= before,
        )
        .order_by(Enquiry.asked_at)
        .limit(limit)
    ).all()


def _of_owner(reseller_id: UUID | None, status: EnquiryStatus | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        Enquiry.distributor_id == current_scope().distributor_id,
        Enquiry.reseller_id.is_not_distinct_from(reseller_id),
    ]
    if status is not None:
        found.append(Enquiry.status == status)
    return found
