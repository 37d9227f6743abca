"""What a buyer's checkout reads of service managers: what is still to be asked about an account."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.provisioning.service_accounts.models import ServiceAccount, ServiceQuestions
from tenants.context import current_scope


def open_questions(manager_ids: Collection[UUID], account_id: UUID) -> Sequence[ServiceQuestions]:
    """Return what some service managers ask of an account that has not told them; one statement, none for none."""
    if not manager_ids:
        return ()
    told = (
        select(ServiceAccount.id)
        .where(
            ServiceAccount.distributor_id == ServiceQuestions.distributor_id,
            ServiceAccount.service_manager_id == ServiceQuestions.service_manager_id,
            ServiceAccount.account_id == account_id,
        )
        .correlate(ServiceQuestions)
        .exists()
    )
    return session.scalars(
        select(ServiceQuestions)
        .where(
            ServiceQuestions.distributor_id == current_scope().distributor_id,
            ServiceQuestions.service_manager_id.in_(manager_ids),
            ~told,
        )
        .order_by(ServiceQuestions.service_manager_id)
    ).all()
