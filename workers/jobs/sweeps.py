"""Finding what waits: rows whose time has come or whose lease ran out are nudged again, distributor by distributor.

Each function runs in a distributor's scope and its own transaction, and may run anywhere any number of times: rows
that somebody works on are locked and passed over, and a nudge too many finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, or_, select

from app.accounts.jobs import FOLLOW_ACCOUNT
from app.audit.chain import link_events
from app.catalogue.imports.runs import due_run_ids
from app.catalogue.jobs import RUN_IMPORT
from app.changes.account_suspension import accounts_to_follow
from app.changes.jobs import START_CHANGE
from app.core.db import nudge_after_commit, session
from app.core.queue import Job, Nudge
from app.notifications.jobs import SEND_MAIL
from app.notifications.models import MailState, OutboundMail
from app.orders.expiry import delete_expired_drafts, expire_pending_orders
from app.orders.idempotency import KEPT
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.models import IdempotencyKey, OrderWork, WorkState
from app.orders.offers.lifecycle import expire_offers as lose_expired_offers
from app.orders.prechecks.services import forget_old
from app.orders.scheduled_runs import nudge_due
from app.provisioning.jobs import PROVISION_BATCH, PROVISION_ORDER_ITEM
from app.provisioning.models import ProvisioningTask, VendorCall
from app.provisioning.queries import ON_THE_CLOCK
from app.provisioning.services import BATCH_FROM
from app.resellers.aliases import release_expired_holds
from app.resellers.jobs import APPLY_LISTING_RUN
from app.resellers.models import ListingRun, ListingRunState
from app.subscriptions.domains.services import release_ended
from app.subscriptions.models import ChangeStatus, SubscriptionChange
from tenants.context import current_scope

GRACE = timedelta(seconds=10)  # a new row was nudged when it was committed; its job may just be on its way
MOST = 200  # rows of one kind nudged at a time
MAILS_KEPT = timedelta(days=180)
CALLS_KEPT = timedelta(days=90)


def nudge_order_works(at: datetime) -> None:
    """Orders that wait to be worked on."""
    _nudge(
        PROCESS_ORDER_WORK,
        select(OrderWork.id)
        .where(
            OrderWork.distributor_id == current_scope().distributor_id,
            OrderWork.state == WorkState.PENDING,
            OrderWork.next_attempt_at <= at,
            or_(OrderWork.attempts > 0, OrderWork.next_attempt_at <= at - GRACE),
        )
        .order_by(OrderWork.next_attempt_at),
    )


def nudge_provisioning_tasks(at: datetime) -> None:
    """Tasks to be tried (again), and those whose worker died: a claim has put their clock past the lease."""
    statement = (
        select(ProvisioningTask.id)
        .where(
            ProvisioningTask.distributor_id == current_scope().distributor_id,
            ProvisioningTask.status.in_(ON_THE_CLOCK),
            ProvisioningTask.next_attempt_at <= at,
            or_(ProvisioningTask.attempts > 0, ProvisioningTask.next_attempt_at <= at - GRACE),
        )
        .order_by(ProvisioningTask.next_attempt_at)
    )
    due = _unlocked(statement)
    if len(due) >= BATCH_FROM:
        distributor_id = current_scope().distributor_id
        nudge_after_commit(Nudge(PROVISION_BATCH, distributor_id, distributor_id))
        return
    _nudge_rows(PROVISION_ORDER_ITEM, due)


def nudge_changes(at: datetime) -> None:
    """What storefronts have asked for and nobody has looked at, and what vendors were told and shall forget."""
    _nudge(
        START_CHANGE,
        select(SubscriptionChange.id).where(
            SubscriptionChange.distributor_id == current_scope().distributor_id,
            or_(
                (SubscriptionChange.status == ChangeStatus.SUBMITTED)
                & SubscriptionChange.examined_at.is_(None)
                & (SubscriptionChange.created_at <= at - GRACE),
                (SubscriptionChange.status == ChangeStatus.WITHDRAWING) & (SubscriptionChange.decided_at <= at - GRACE),
            ),
        ),
    )


def nudge_accounts(at: datetime) -> None:
    """Accounts whose subscriptions have yet to follow their status (CB-30)."""
    _ = at
    _nudge_rows(FOLLOW_ACCOUNT, accounts_to_follow(MOST))


def nudge_mails(at: datetime) -> None:
    """Mails to be sent (again)."""
    _nudge(
        SEND_MAIL,
        select(OutboundMail.id)
        .where(
            OutboundMail.distributor_id == current_scope().distributor_id,
            OutboundMail.state == MailState.PENDING,
            OutboundMail.next_attempt_at <= at,
            or_(OutboundMail.lease_until.is_(None), OutboundMail.lease_until <= at),
            or_(OutboundMail.attempts > 0, OutboundMail.next_attempt_at <= at - GRACE),
        )
        .order_by(OutboundMail.next_attempt_at),
    )


def nudge_imports(at: datetime) -> None:
    """Price sheets to be checked or applied whose worker died, or was never told."""
    _nudge_rows(RUN_IMPORT, due_run_ids(at=at, limit=MOST))


def nudge_listing_runs(at: datetime) -> None:
    """Large changes of a reseller's catalogue whose worker died, or was never told."""
    _nudge(
        APPLY_LISTING_RUN,
        select(ListingRun.id).where(
            ListingRun.distributor_id == current_scope().distributor_id,
            ListingRun.state.in_((ListingRunState.QUEUED, ListingRunState.RUNNING)),
            ListingRun.created_at <= at - GRACE,
            or_(ListingRun.lease_until.is_(None), ListingRun.lease_until <= at),
        ),
    )


def link_audit_events(at: datetime) -> None:
    """Events that are not in their distributor's hash chain yet (GO-16)."""
    link_events(at=at)


def release_holds(at: datetime) -> None:
    """Aliases held for an order that was never executed."""
    release_expired_holds(at)


def nudge_scheduled_orders(at: datetime) -> None:
    """Scheduled orders whose day has come (CB-20)."""
    nudge_due(at)


def expire_orders(at: datetime) -> None:
    """Orders nobody decided on within 30 days, and programs' drafts that were not submitted within 7."""
    expire_pending_orders(at=at)
    delete_expired_drafts(at=at)


def expire_offers(at: datetime) -> None:
    """Offers whose last day has passed, and those whose last day is near (CB-17)."""
    lose_expired_offers(at)


def forget_vendor_calls(at: datetime) -> None:
    """What was said to vendors more than 90 days ago."""
    session.execute(
        delete(VendorCall).where(
            VendorCall.distributor_id == current_scope().distributor_id, VendorCall.at < at - CALLS_KEPT
        )
    )


def forget_finished(at: datetime) -> None:
    """Answers to submits after 24 hours (GO-02), and mails that left or failed after 180 days."""
    here = current_scope().distributor_id
    session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.distributor_id == here, IdempotencyKey.created_at < at - KEPT)
    )
    session.execute(
        delete(OutboundMail).where(
            OutboundMail.distributor_id == here,
            OutboundMail.state != MailState.PENDING,
            OutboundMail.created_at < at - MAILS_KEPT,
        )
    )


def _nudge(job: Job, statement: Select[UUID]) -> None:
    _nudge_rows(job, _unlocked(statement))


def _unlocked(statement: Select[UUID]) -> Sequence[UUID]:
    return session.scalars(statement.limit(MOST).with_for_update(skip_locked=True)).all()


def _nudge_rows(job: Job, row_ids: Sequence[UUID]) -> None:
    distributor_id = current_scope().distributor_id
    for row_id in row_ids:
        nudge_after_commit(Nudge(job, row_id, distributor_id))


def release_domains(at: datetime) -> None:
    """Domain names whose orders and subscriptions have come to their end, and the answers of old pre-checks."""
    release_ended()
    forget_old(at)
