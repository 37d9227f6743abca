"""Reads of registrations that wait for a decision."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app.accounts.registration.models import Registration, RegistrationRequest, RegistrationStatus
from app.core.db import session
from tenants.context import current_scope, distributor_scope, scope


def list_waiting(reseller_id: UUID | None, *, limit: int, offset: int) -> Sequence[Registration]:
    """Return what waits for a storefront's owner, the oldest first; `reseller_id` None is the distributor."""
    return session.scalars(
        select(Registration)
        .where(*_waiting(reseller_id))
        .order_by(Registration.created_at, Registration.id)
        .limit(limit)
        .offset(offset)
    ).all()


def count_waiting(reseller_id: UUID | None) -> int:
    """Return how many wait for a storefront's owner."""
    return session.scalar(select(func.count()).select_from(Registration).where(*_waiting(reseller_id))) or 0


def is_waiting_with(provider_id: UUID, issuer: str, subject: str) -> bool:
    """Whether an identity has registered and nothing has come of it yet.

    Visitors read no registrations; whoever asks has proven to be the one it is about, and learns no more than this.
    """
    with scope(distributor_scope(current_scope().distributor_id)):
        found = session.scalar(
            select(RegistrationRequest.id).where(
                RegistrationRequest.distributor_id == current_scope().distributor_id,
                RegistrationRequest.provider_id == provider_id,
                RegistrationRequest.identity_issuer == issuer,
                RegistrationRequest.identity_subject == subject,
            )
        )
    return found is not None


def _waiting(reseller_id: UUID | None) -> tuple[ColumnElement[bool], ...]:
    return (
        Registration.distributor_id == current_scope().distributor_id,
        Registration.reseller_id.is_not_distinct_from(reseller_id),
        Registration.status == RegistrationStatus.REQUESTED,
    )
