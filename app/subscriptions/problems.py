"""Why something is not as it should be at its vendor: the vendor's words, which its customer must not read (CB-22)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.core.db import session
from app.core.ids import new_id
from app.subscriptions.models import VendorProblem
from tenants.context import current_scope

MAX_REASON = 500


def note_problem(subject_id: UUID, reason: str) -> None:
    """Keep the reason of a subscription, an asset or an order item; it takes the place of an earlier one."""
    statement = insert(VendorProblem).values(
        distributor_id=current_scope().distributor_id, id=new_id(), subject_id=subject_id, reason=reason[:MAX_REASON]
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[VendorProblem.distributor_id, VendorProblem.subject_id],
            set_={"reason": statement.excluded.reason},
        )
    )


def clear_problem(subject_id: UUID) -> None:
    """Forget the reason: it is as it should be, or is tried again."""
    session.execute(
        delete(VendorProblem).where(
            VendorProblem.distributor_id == current_scope().distributor_id, VendorProblem.subject_id == subject_id
        )
    )


def find_problem(subject_id: UUID) -> str | None:
    """Return the reason, or None where all is well. In the distributor's scope only."""
    return session.scalar(
        select(VendorProblem.reason).where(
            VendorProblem.distributor_id == current_scope().distributor_id, VendorProblem.subject_id == subject_id
        )
    )
