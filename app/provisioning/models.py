"""Vendors' provisioning systems, and the tasks to be done there. Distributor's own; buyers read order events."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalogue.models import BillingCycle, Term
from app.core.db import Base
from app.subscriptions.models import SyncStatus
from tenants.scoping import DistributorPrivate, Intake


class ServiceManager(DistributorPrivate, Base):
    """A registered connector instance of one vendor (CB-22). The key is encrypted and never shown again."""

    __tablename__ = "service_managers"
    __table_args__ = (UniqueConstraint("distributor_id", "name"),)

    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(40))  # key of workers.connectors.registry: service_manager, manual
    description: Mapped[str] = mapped_column(String(500), default="")
    base_url: Mapped[str | None] = mapped_column(String(500))
    application_id: Mapped[str | None] = mapped_column(String(100))
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    timeout_seconds: Mapped[int] = mapped_column(default=30)  # 5..120
    has_precheck: Mapped[bool] = mapped_column(default=True)
    unchecked_kinds: Mapped[list[str]] = mapped_column(JSONB, default=list)  # kinds of tasks sent without a pre-check
    is_sandbox: Mapped[bool] = mapped_column(default=False)
    max_parallel_calls: Mapped[int] = mapped_column(default=4)  # 1..50
    synchronises_accounts: Mapped[bool] = mapped_column(default=True)
    takes_future_requests: Mapped[bool] = mapped_column(default=False)  # told at once of changes of a later day (CB-24)
    account_options: Mapped[list[Any]] = mapped_column(JSONB, default=list)  # what the vendor must know of an account
    accepts_existing_accounts: Mapped[bool] = mapped_column(default=False)  # buyers may name one they have there
    tested_at: Mapped[datetime | None]
    test_message: Mapped[str | None] = mapped_column(String(500))  # of the last test; empty: it succeeded
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class TaskKind(enum.Enum):
    """What is asked of the vendor."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    ACTIVATE = "activate"  # ends a suspension
    SCHEDULE = "schedule"  # what the service shall be from a later day on (CB-24)
    WITHDRAW = "withdraw"  # it shall stay as it is after all
    OPEN_STOREFRONT = "open_storefront"  # a reseller plan: our own worker is the vendor (RS-09)


OF_A_LATER_DAY = (TaskKind.SCHEDULE, TaskKind.WITHDRAW)  # their pictures are not those of today


class TaskStatus(enum.Enum):
    """Life of a provisioning task. Only `next_attempt_at` decides when it runs again."""

    PENDING = "pending"
    RUNNING = "running"
    AT_VENDOR = "at_vendor"  # accepted there, not done yet: asked again by the clock
    WAITING = "waiting"  # a person does the work and records the outcome
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class ProvisioningTask(Intake, Base):
    """One unit of work for a connector; its id is the idempotency key at the vendor.

    Tasks of one subscription run strictly in order of `sequence`.
    """

    __tablename__ = "provisioning_tasks"
    __table_args__ = (
        UniqueConstraint("distributor_id", "subject_id", "sequence"),
        Index("ix_provisioning_tasks_due", "distributor_id", "status", "next_attempt_at"),
    )

    kind: Mapped[TaskKind]
    subject_id: Mapped[UUID]  # the subscription (or asset) it is about
    sequence: Mapped[int] = mapped_column(default=1)
    order_id: Mapped[UUID | None]
    order_item_id: Mapped[UUID | None]
    change_id: Mapped[UUID | None]  # the subscription change it carries out
    service_manager_id: Mapped[UUID | None]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)  # the complete resource picture at the time of asking
    status: Mapped[TaskStatus] = mapped_column(default=TaskStatus.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    first_attempt_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]  # only the run that holds it may write the outcome
    vendor_reference: Mapped[str | None] = mapped_column(String(200))
    message: Mapped[str | None] = mapped_column(String(500))  # the vendor's words, for staff
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    failure_told_at: Mapped[datetime | None]  # operators were told; they are told when it is done after all


class VendorAccountLink(DistributorPrivate, Base):
    """An account at a vendor: what it is called there, and how that stands (CB-22: account first).

    `options` are the details the vendor asks for beside the account's own, by the option's id.
    """

    __tablename__ = "vendor_account_links"
    __table_args__ = (
        UniqueConstraint("distributor_id", "service_manager_id", "account_id"),
        ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"], ["service_managers.distributor_id", "service_managers.id"]
        ),
    )

    service_manager_id: Mapped[UUID]
    account_id: Mapped[UUID]
    vendor_reference: Mapped[str | None] = mapped_column(String(200))  # None: not synchronised yet
    sync_status: Mapped[SyncStatus] = mapped_column(default=SyncStatus.SYNCHRONISED)
    message: Mapped[str | None] = mapped_column(String(500))  # the vendor's words, for staff
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    existing_reference: Mapped[str | None] = mapped_column(String(200))  # as its owner says; the vendor confirms it
    created_at: Mapped[datetime]
    synchronised_at: Mapped[datetime | None]


class VendorCall(DistributorPrivate, Base):
    """One request to a vendor and its answer, secrets masked; kept 90 days."""

    __tablename__ = "vendor_calls"
    __table_args__ = (Index(None, "distributor_id", "task_id", "at"),)

    task_id: Mapped[UUID | None]
    service_manager_id: Mapped[UUID | None]
    at: Mapped[datetime]
    operation: Mapped[str] = mapped_column(String(60))
    url: Mapped[str] = mapped_column(String(500))
    request_body: Mapped[str] = mapped_column(Text)
    status_code: Mapped[int | None]
    response_body: Mapped[str] = mapped_column(Text, default="")
    duration_ms: Mapped[int]


class VendorOperation(DistributorPrivate, Base):
    """Work a vendor accepted and has not finished: asked again by the task's clock until `poll_until`."""

    __tablename__ = "vendor_operations"
    __table_args__ = (
        UniqueConstraint("distributor_id", "task_id"),
        ForeignKeyConstraint(
            ["distributor_id", "task_id"],
            ["provisioning_tasks.distributor_id", "provisioning_tasks.id"],
            ondelete="CASCADE",
        ),
    )

    task_id: Mapped[UUID]
    vendor_reference: Mapped[str] = mapped_column(String(200))
    operation: Mapped[str] = mapped_column(Text, default="")  # the vendor's own word for it, sent back with each look
    description: Mapped[str] = mapped_column(String(500), default="")  # how far it is, in the vendor's words
    started_at: Mapped[datetime]
    poll_until: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)


class RunState(enum.Enum):
    """Life of a run that compares us with a vendor."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    WITH_ERRORS = "with_errors"  # some services could not be read
    FAILED = "failed"


class ReconciliationRun(DistributorPrivate, Base):
    """One comparison of our subscriptions with a vendor's services (GO-03); one at a time per service manager."""

    __tablename__ = "reconciliation_runs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"], ["service_managers.distributor_id", "service_managers.id"]
        ),
        Index("ix_reconciliation_runs_newest", "distributor_id", "service_manager_id", "created_at"),
        Index(
            "uq_reconciliation_runs_open",
            "distributor_id",
            "service_manager_id",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    service_manager_id: Mapped[UUID]
    state: Mapped[RunState] = mapped_column(default=RunState.QUEUED)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]  # None: the vendor does not say how many services it has
    matching: Mapped[int] = mapped_column(default=0)
    cursor: Mapped[str | None] = mapped_column(String(500))  # where a run that broke off goes on
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    message: Mapped[str | None] = mapped_column(String(500))
    started_by_name: Mapped[str] = mapped_column(String(201))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class VendorService(DistributorPrivate, Base):
    """A service as a run has read it at the vendor; replaced by the next run of the service manager."""

    __tablename__ = "vendor_services"
    __table_args__ = (
        UniqueConstraint(
            "distributor_id", "service_manager_id", "vendor_reference", name="uq_vendor_services_reference"
        ),
        ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"], ["service_managers.distributor_id", "service_managers.id"]
        ),
        Index(None, "distributor_id", "run_id"),
    )

    service_manager_id: Mapped[UUID]
    run_id: Mapped[UUID]  # that saw it last
    vendor_reference: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(255), default="")
    product_code: Mapped[str] = mapped_column(String(200), default="")
    quantity: Mapped[int | None]  # None: the vendor does not tell
    is_active: Mapped[bool] = mapped_column(default=True)  # else suspended
    term: Mapped[str | None] = mapped_column(String(10))
    billing_cycle: Mapped[str | None] = mapped_column(String(20))
    account_reference: Mapped[str | None] = mapped_column(String(200))
    account_code: Mapped[str | None] = mapped_column(String(200))
    account_name: Mapped[str | None] = mapped_column(String(255))
    account_email: Mapped[str | None] = mapped_column(String(254))


class DriftKind(enum.Enum):
    """How we and the vendor differ about one service."""

    MISSING_AT_VENDOR = "missing_at_vendor"
    UNKNOWN_HERE = "unknown_here"
    QUANTITY = "quantity"
    PRODUCT = "product"
    STATUS = "status"


class DriftState(enum.Enum):
    """What became of a difference."""

    OPEN = "open"
    REPAIRING = "repairing"  # a task was made
    REPAIRED = "repaired"  # we took over what the vendor has, or the vendor what we have
    LEFT = "left"  # somebody decided to leave it as it is


class Drift(DistributorPrivate, Base):
    """One difference a run has found."""

    __tablename__ = "drifts"
    __table_args__ = (
        UniqueConstraint("distributor_id", "run_id", "vendor_reference", "kind"),
        ForeignKeyConstraint(
            ["distributor_id", "run_id"],
            ["reconciliation_runs.distributor_id", "reconciliation_runs.id"],
            ondelete="CASCADE",
        ),
        Index(None, "distributor_id", "run_id", "kind", "state"),
    )

    run_id: Mapped[UUID]
    kind: Mapped[DriftKind]
    state: Mapped[DriftState] = mapped_column(default=DriftState.OPEN)
    vendor_reference: Mapped[str] = mapped_column(String(200))
    subscription_id: Mapped[UUID | None]
    ours: Mapped[str] = mapped_column(String(255), default="")
    theirs: Mapped[str] = mapped_column(String(255), default="")
    repair: Mapped[str | None] = mapped_column(String(40))
    task_id: Mapped[UUID | None]
    decided_by_name: Mapped[str | None] = mapped_column(String(201))
    decided_at: Mapped[datetime | None]


class AdoptionState(enum.Enum):
    """Life of a service that shall become a subscription here."""

    FOUND = "found"  # not complete yet: account, product or price is missing
    READY = "ready"
    QUEUED = "queued"  # the import was started
    IMPORTED = "imported"
    FAILED = "failed"
    LEFT = "left"  # not to be taken over


class Adoption(DistributorPrivate, Base):
    """A vendor's service unknown here, and what it shall become (GO-06). One row per service, however often it is seen."""

    __tablename__ = "adoptions"
    __table_args__ = (
        UniqueConstraint("distributor_id", "service_manager_id", "vendor_reference"),
        ForeignKeyConstraint(
            ["distributor_id", "service_manager_id"], ["service_managers.distributor_id", "service_managers.id"]
        ),
        Index(None, "distributor_id", "service_manager_id", "state"),
    )

    service_manager_id: Mapped[UUID]
    vendor_reference: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(255), default="")
    quantity: Mapped[int | None]
    vendor_product: Mapped[str] = mapped_column(String(200), default="")
    vendor_account: Mapped[str] = mapped_column(String(400), default="")  # reference, name and mail there
    account_id: Mapped[UUID | None]
    matched_by: Mapped[str | None] = mapped_column(String(20))  # link, code, email, hand
    product_id: Mapped[UUID | None]
    term: Mapped[Term | None]
    cycle: Mapped[BillingCycle | None]
    unit_price: Mapped[Decimal | None]  # the buyer's; None where the reseller has to set one
    unit_cost: Mapped[Decimal | None]  # the payer's
    billed_from: Mapped[date | None]  # first day we bill; the time before is the vendor's or a former seller's
    state: Mapped[AdoptionState] = mapped_column(default=AdoptionState.FOUND)
    message: Mapped[str | None] = mapped_column(String(500))
    subscription_id: Mapped[UUID | None]
    found_at: Mapped[datetime]
    decided_by_name: Mapped[str | None] = mapped_column(String(201))
    decided_at: Mapped[datetime | None]


class StuckKind(enum.Enum):
    """Work that should have gone on by itself, and did not (GO-03)."""

    TASK_OVERDUE = "task_overdue"  # its lease is over, or nobody took it
    TASK_FAILED = "task_failed"
    ORDER_EXECUTING = "order_executing"
    ORDER_SCHEDULED = "order_scheduled"
    MAIL = "mail"


class StuckWork(DistributorPrivate, Base):
    """One incident: told to operations once, closed when the work goes on."""

    __tablename__ = "stuck_works"
    __table_args__ = (
        Index(
            "uq_stuck_works_open",
            "distributor_id",
            "kind",
            "target_id",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index(None, "distributor_id", "closed_at"),
    )

    kind: Mapped[StuckKind]
    target_id: Mapped[UUID]
    since: Mapped[datetime]  # when it stopped going on
    text: Mapped[str] = mapped_column(String(300))
    noticed_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
