"""How we and a vendor differ (GO-03): found by one statement, listed, counted and exported."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, select, text

from app.accounts.models import Account
from app.core.db import session
from app.provisioning.models import (
    Drift,
    DriftKind,
    DriftState,
    ProvisioningTask,
    ReconciliationRun,
    TaskStatus,
    VendorService,
)
from app.subscriptions.models import Subscription
from tenants.context import current_scope

# What is on its way to the vendor differs for a good reason: subscriptions with open tasks are left out, and those whose
# vendor was told of a day that has come, or comes today where the vendor is: it has begun there and not yet here. A trial that is
# over stays there for its days of grace; anything else that has expired has no business at the vendor.
_COMPARE = text("""
WITH ours AS MATERIALIZED (
    SELECT l.vendor_reference, s.id, s.status, s.quantity, coalesce(p.external_id, p.code) AS product_code,
           s.trial_ends_on IS NOT NULL AS is_trial
    FROM subscription_vendor_links l
    JOIN subscriptions s ON s.distributor_id = :here AND s.id = l.subscription_id
    JOIN products p ON p.distributor_id = :here AND p.id = s.product_id
    WHERE l.distributor_id = :here AND l.service_manager_id = :manager
      AND NOT EXISTS (
        SELECT FROM provisioning_tasks t
        WHERE t.distributor_id = :here AND t.subject_id = s.id
          AND t.status IN ('pending', 'running', 'at_vendor', 'waiting'))
      AND NOT EXISTS (
        SELECT FROM subscription_changes c
        WHERE c.distributor_id = :here AND c.subscription_id = s.id AND c.is_at_vendor
          AND c.status IN ('scheduled', 'withdrawing') AND c.effective_on <= :on + 1)
), theirs AS MATERIALIZED (
    SELECT * FROM vendor_services WHERE distributor_id = :here AND service_manager_id = :manager AND run_id = :run
), differences AS (
    SELECT 'missing_at_vendor' AS kind, o.vendor_reference, o.id AS subscription_id,
           o.quantity || ' × ' || o.product_code AS ours, '' AS theirs
    FROM ours o
    WHERE o.status IN ('active', 'suspended', 'pending_cancellation')
      AND NOT EXISTS (SELECT FROM theirs t WHERE t.vendor_reference = o.vendor_reference)
    UNION ALL
    SELECT 'unknown_here', t.vendor_reference, NULL, '',
           concat_ws(' × ', t.quantity, nullif(t.product_code, '')) || coalesce(', ' || t.account_name, '')
    FROM theirs t
    WHERE NOT EXISTS (
        SELECT FROM subscription_vendor_links l
        WHERE l.distributor_id = :here AND l.service_manager_id = :manager AND l.vendor_reference = t.vendor_reference)
      AND NOT EXISTS (
        SELECT FROM provisioning_tasks k JOIN assets a ON a.distributor_id = :here AND a.id = k.subject_id
        WHERE k.distributor_id = :here AND k.service_manager_id = :manager AND k.vendor_reference = t.vendor_reference)
    UNION ALL
    SELECT 'quantity', o.vendor_reference, o.id, o.quantity::text, t.quantity::text
    FROM ours o JOIN theirs t ON t.vendor_reference = o.vendor_reference
    WHERE o.status IN ('active', 'suspended', 'pending_cancellation') AND t.quantity <> o.quantity
    UNION ALL
    SELECT 'product', o.vendor_reference, o.id, o.product_code, t.product_code
    FROM ours o JOIN theirs t ON t.vendor_reference = o.vendor_reference
    WHERE o.status IN ('active', 'suspended', 'pending_cancellation') AND t.product_code <> ''
      AND lower(t.product_code) <> lower(o.product_code)
    UNION ALL
    SELECT 'status', o.vendor_reference, o.id, o.status, CASE WHEN t.is_active THEN 'active' ELSE 'suspended' END
    FROM ours o JOIN theirs t ON t.vendor_reference = o.vendor_reference
    WHERE (o.status IN ('active', 'pending_cancellation') AND NOT t.is_active)
       OR (o.status = 'suspended' AND t.is_active AND :suspends)
       OR o.status = 'canceled' OR (o.status = 'expired' AND NOT o.is_trial)
), kept AS (
    INSERT INTO drifts (distributor_id, id, run_id, kind, state, vendor_reference, subscription_id, ours, theirs)
    SELECT :here, gen_random_uuid(), :run, kind, 'open', vendor_reference, subscription_id, left(ours, 255),
           left(theirs, 255)
    FROM differences
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM ours o
WHERE o.status IN ('active', 'suspended', 'pending_cancellation')
  AND NOT EXISTS (SELECT FROM differences d WHERE d.vendor_reference = o.vendor_reference)
""")


@dataclass(frozen=True, slots=True)
class DriftFilter:
    """What to list of a run. `search` looks into reference, subscription and account."""

    search: str = ""
    kind: DriftKind | None = None
    state: DriftState | None = None


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One difference with what it is about. `task_status` is that of its repair."""

    drift: Drift
    subscription_code: str | None
    subscription_name: str | None
    account_name: str | None
    service_name: str | None
    task_status: TaskStatus | None


def compare(run_id: UUID, manager_id: UUID, *, on: date, suspends: bool = True) -> int:
    """Write down all differences a run has found; returns how many of our subscriptions are as the vendor has them."""
    session.flush()
    found = session.execute(
        _COMPARE,
        {"here": current_scope().distributor_id, "run": run_id, "manager": manager_id, "suspends": suspends, "on": on},
    ).scalar_one()
    return int(found)


def list_drifts(run_id: UUID, wanted: DriftFilter, *, offset: int = 0, limit: int | None = 25) -> Sequence[DriftRow]:
    """Return the differences of a run, open ones first; `limit` None is for exports."""
    statement = _rows(run_id, wanted).order_by(
        Drift.state != DriftState.OPEN, Drift.kind, Drift.vendor_reference, Drift.id
    )
    statement = statement.offset(offset)
    if limit is not None:
        statement = statement.limit(limit)
    return [DriftRow(*row) for row in session.execute(statement)]


def count_drifts(run_id: UUID, wanted: DriftFilter) -> int:
    """Return how many differences the filter finds."""
    return session.scalar(select(func.count()).select_from(_rows(run_id, wanted).subquery())) or 0


def drifts_by_id(run_id: UUID, wanted: DriftFilter, drift_ids: Collection[UUID] | None) -> Sequence[DriftRow]:
    """Return chosen differences of a run, or all that the filter finds."""
    statement = _rows(run_id, wanted).order_by(Drift.kind, Drift.vendor_reference, Drift.id)
    if drift_ids is not None:
        statement = statement.where(Drift.id.in_(drift_ids))
    return [DriftRow(*row) for row in session.execute(statement)]


def count_by_kind(run_id: UUID) -> Mapping[DriftKind, int]:
    """Return how many differences of each kind are still open."""
    rows = session.execute(
        select(Drift.kind, func.count())
        .where(
            Drift.distributor_id == current_scope().distributor_id,
            Drift.run_id == run_id,
            Drift.state == DriftState.OPEN,
        )
        .group_by(Drift.kind)
    )
    counted: dict[DriftKind, int] = dict(rows.all())
    return {kind: counted.get(kind, 0) for kind in DriftKind}


def _rows(
    run_id: UUID, wanted: DriftFilter
) -> Select[Drift, str | None, str | None, str | None, str | None, TaskStatus | None]:
    here = current_scope().distributor_id
    statement = (
        select(
            Drift,
            Subscription.code,
            Subscription.friendly_name,
            func.coalesce(Account.name, VendorService.account_name),
            VendorService.name,
            ProvisioningTask.status,
        )
        .join(ReconciliationRun, (ReconciliationRun.distributor_id == here) & (ReconciliationRun.id == Drift.run_id))
        .outerjoin(Subscription, (Subscription.distributor_id == here) & (Subscription.id == Drift.subscription_id))
        .outerjoin(Account, (Account.distributor_id == here) & (Account.id == Subscription.account_id))
        .outerjoin(
            VendorService,
            (VendorService.distributor_id == here)
            & (VendorService.service_manager_id == ReconciliationRun.service_manager_id)
            & (VendorService.vendor_reference == Drift.vendor_reference),
        )
        .outerjoin(ProvisioningTask, (ProvisioningTask.distributor_id == here) & (ProvisioningTask.id == Drift.task_id))
        .where(Drift.distributor_id == here, Drift.run_id == run_id)
    )
    if wanted.kind is not None:
        statement = statement.where(Drift.kind == wanted.kind)
    if wanted.state is not None:
        statement = statement.where(Drift.state == wanted.state)
    if words := wanted.search.strip().lower():
        found = [
            func.lower(each).contains(words, autoescape=True)
            for each in (Drift.vendor_reference, Subscription.code, Account.name, VendorService.account_name)
        ]
        statement = statement.where(found[0] | found[1] | found[2] | found[3])
    return statement
