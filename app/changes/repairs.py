"""Repairs of what differs from a vendor, where they change what a subscription costs (GO-03)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor
from app.changes.renewals import catch_up
from app.core.db import session
from app.provisioning.models import Drift
from app.provisioning.repairs import Applied, Repair, apply_repair
from tenants.context import current_scope


def repair_drifts(run_id: UUID, drift_ids: Collection[UUID], repair: Repair, *, actor: Actor, at: datetime) -> Applied:
    """Repair differences, their subscriptions billed up to today first: a vendor's quantity counts from the next period.

    Raises what `apply_repair` raises. Needs the distributor's scope.
    """
    affected = session.scalars(
        select(Drift.subscription_id).where(
            Drift.distributor_id == current_scope().distributor_id,
            Drift.run_id == run_id,
            Drift.id.in_(drift_ids),
            Drift.subscription_id.is_not(None),
        )
    )
    if found := {each for each in affected if each is not None}:
        catch_up(found, at=at)
    return apply_repair(run_id, drift_ids, repair, actor=actor, at=at)
