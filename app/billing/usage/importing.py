"""Taking a file of usage in (CB-13): good rows go in, bad ones are reported with their number, chunk by chunk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import Select, func, select

from app.accounts.models import Account
from app.accounts.staff_mails import mail_starter
from app.audit.services import Actor, record
from app.billing.jobs import IMPORT_USAGE
from app.billing.usage.cycles import cycle_of
from app.billing.usage.errors import UsageImportNotFound
from app.billing.usage.models import (
    UsageCharge,
    UsageImport,
    UsageImportState,
    UsageRecord,
    UsageState,
)
from app.billing.usage.reading import UsageRow, count_rows, sheet_of
from app.catalogue.product_files.storing import forget, store, stored_file
from app.core.db import nudge_after_commit, session
from app.core.ids import new_id
from app.core.queue import Nudge
from app.identity.permission_rules.held import changeable_by
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus
from app.subscriptions.periods import Period
from tenants.context import current_scope, scope

LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 5
GRACE = timedelta(seconds=10)
RUNNING = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED, SubscriptionStatus.PENDING_CANCELLATION)
Key = tuple[UUID, UUID]  # subscription and usage charge


@dataclass(frozen=True, slots=True)
class Claim:
    """An import in the hands of one worker; `attempt` is the fence."""

    import_id: UUID
    attempt: int


class ImportLost(RuntimeError):
    """Another worker has taken the import over."""


def upload_usage(stream: BinaryIO, file_name: str, *, actor: Actor, at: datetime) -> UsageImport:
    """Take a file in and ask for its import. Raises SheetRefused: wrong type, missing columns, above 50 000 rows."""
    import_id = new_id()
    relative, size = store(stream, "usage", import_id)
    try:
        path = stored_file(relative)
        rows = count_rows(path, sheet_of(path))
    except BaseException:
        forget(relative)
        raise
    made = UsageImport(
        id=import_id,
        file_name=Path(file_name).name[:255] or "usage.xlsx",
        file_path=relative,
        rows_total=rows,
        started_by_id=actor.user_id,
        created_at=at,
    )
    session.add(made)
    session.flush()
    record("usage.uploaded", actor=actor, at=at, target_kind="usage_import", target_id=made.id,
           after={"file_name": made.file_name, "bytes": size, "rows": rows})  # fmt: skip
    nudge_after_commit(Nudge(IMPORT_USAGE, made.id, made.distributor_id))
    return made


def get_import(import_id: UUID) -> UsageImport:
    """Return an import; raises UsageImportNotFound."""
    found = session.scalar(_imports().where(UsageImport.id == import_id))
    if found is None:
        raise UsageImportNotFound(import_id)
    return found


def claim_import(import_id: UUID, *, at: datetime) -> Claim | None:
    """Take an import that waits, or whose worker has been silent for ten minutes; it goes on after its last chunk."""
    found = session.scalar(
        _imports()
        .where(UsageImport.id == import_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if found is None or found.finished_at is not None or (found.lease_until is not None and found.lease_until > at):
        return None
    if found.attempts >= MAX_ATTEMPTS:
        found.state, found.finished_at = UsageImportState.FAILED, at
        found.message = "The import was interrupted several times. Upload the file again; nothing is taken twice."
        return None
    found.state, found.attempts, found.lease_until = UsageImportState.RUNNING, found.attempts + 1, at + LEASE
    session.flush()
    return Claim(found.id, found.attempts)


def held_import(claim: Claim, *, at: datetime) -> UsageImport:
    """Return a claimed import, locked, its lease renewed. Raises ImportLost."""
    found = session.scalar(
        _imports().where(UsageImport.id == claim.import_id).with_for_update().execution_options(populate_existing=True)
    )
    if found is None or found.attempts != claim.attempt or found.state is not UsageImportState.RUNNING:
        raise ImportLost(claim.import_id)
    found.lease_until = at + LEASE
    return found


def import_rows(found: UsageImport, rows: Sequence[UsageRow], *, at: datetime) -> Collection[UUID]:
    """Take some rows in and return the subscriptions they are about: those that whoever uploaded them may change (CB-13)."""
    with scope(changeable_by(found.started_by_id)):
        known = _known(rows)
    touched: set[UUID] = set()
    for row in rows:
        taken = _Taken(found, row, known, at)
        reason = row.problem or taken.take()
        if reason:
            taken.reject(reason)
        elif taken.subscription is not None:
            touched.add(taken.subscription.id)
    found.rows_done += len(rows)
    session.flush()
    return touched


def finish_import(claim: Claim, *, at: datetime) -> None:
    """End an import; the file is deleted, its rows stand in the records."""
    found = held_import(claim, at=at)
    found.state, found.lease_until, found.finished_at = UsageImportState.COMPLETED, None, at
    forget(found.file_path)
    mail_starter(
        found.started_by_id,
        file_name=found.file_name,
        outcome=(
            f"{found.rows_imported:,} rows imported, {found.rows_replaced:,} replaced, {found.rows_rejected:,} rejected"
        ),
        path=f"/usage/{found.id}",
        at=at,
    )


def fail_import(claim: Claim, message: str, *, at: datetime) -> None:
    """End an import that cannot go on, with a sentence for people."""
    found = held_import(claim, at=at)
    found.state, found.lease_until, found.finished_at, found.message = UsageImportState.FAILED, None, at, message[:500]


def due_imports(*, at: datetime) -> Sequence[UUID]:
    """Return imports that no worker was told of, or whose worker died. For the sweep."""
    return session.scalars(
        _imports()
        .with_only_columns(UsageImport.id)
        .where(
            UsageImport.finished_at.is_(None),
            UsageImport.created_at <= at - GRACE,
            func.coalesce(UsageImport.lease_until, at) <= at,
        )
        .limit(20)
    ).all()


@dataclass(slots=True)
class _Known:
    """What the rows of a chunk are about, read in four statements."""

    accounts: dict[str, Account]
    subscriptions: dict[str, Subscription]
    by_account: dict[UUID, list[Subscription]]
    charges: dict[tuple[UUID, str], UsageCharge]  # by product and resource
    records: dict[Key, list[UsageRecord]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class _Taken:
    """One row on its way in."""

    found: UsageImport
    row: UsageRow
    known: _Known
    at: datetime
    subscription: Subscription | None = None
    charge: UsageCharge | None = None

    def take(self) -> str:
        """Write the row's record, or return why not."""
        if reason := self._find():
            return reason
        row, subscription, charge = self.row, self.subscription, self.charge
        if subscription is None or charge is None or row.first_day is None or row.last_day is None:
            raise RuntimeError("A row with a problem came this far")
        cycle = cycle_of(subscription, row.first_day)
        if cycle is None or row.last_day > cycle.last:
            return "The days lie outside a billing cycle of the subscription"
        others = self.known.records[subscription.id, charge.id]
        days = Period(row.first_day, row.last_day)
        same = next((each for each in others if _days(each) == days and not each.is_correction), None)
        if row.is_correction:
            if same is None or same.state is not UsageState.BILLED:
                return "A correction names the days of a row that was billed"
        elif same is not None:
            return self._replace(same)
        elif any(not each.is_correction and _overlap(_days(each), days) for each in others):
            return "The days overlap with those of another row"
        others.append(self._record(subscription, charge, cycle))
        self.found.rows_imported += 1
        return ""

    def reject(self, reason: str) -> None:
        """Keep the row with its reason."""
        row = self.row
        session.add(
            UsageRecord(
                id=new_id(),
                import_id=self.found.id,
                row_number=row.number,
                account_code=row.account,
                subscription_code=row.subscription,
                resource=row.resource,
                quantity=row.quantity,
                first_day=row.first_day,
                last_day=row.last_day,
                is_correction=row.is_correction,
                state=UsageState.REJECTED,
                reason=reason,
                created_at=self.at,
            )
        )
        self.found.rows_rejected += 1

    def _find(self) -> str:
        account = self.known.accounts.get(self.row.account.casefold())
        if account is None:
            return "There is no account with this code"
        resource = self.row.resource.casefold()
        if self.row.subscription:
            subscription = self.known.subscriptions.get(self.row.subscription.casefold())
            if subscription is None or account.id not in (subscription.account_id, subscription.payer_id):
                return "The account has no such subscription"
        else:
            fitting = [
                each
                for each in self.known.by_account.get(account.id, [])
                if (each.product_id, resource) in self.known.charges
            ]
            if len(fitting) != 1:
                return f"The account has {len(fitting) or 'no'} active subscriptions with this resource; name the one"
            subscription = fitting[0]
        self.subscription = subscription
        self.charge = self.known.charges.get((subscription.product_id, resource))
        return "" if self.charge is not None else "The product has no such resource"

    def _replace(self, same: UsageRecord) -> str:
        if same.state is UsageState.BILLED:
            return "These days are billed already. Send the difference in a row marked as correction."
        if same.import_id == self.found.id:
            return f"Row {same.row_number} says the same days"
        same.import_id, same.row_number = self.found.id, self.row.number
        same.quantity, same.state, same.reason, same.created_at = (
            self.row.quantity, UsageState.IMPORTED, "", self.at,
        )  # fmt: skip
        self.found.rows_imported += 1
        self.found.rows_replaced += 1
        return ""

    def _record(self, subscription: Subscription, charge: UsageCharge, cycle: Period) -> UsageRecord:
        row = self.row
        made = UsageRecord(
            id=new_id(),
            import_id=self.found.id,
            row_number=row.number,
            account_code=row.account,
            subscription_code=subscription.code,
            resource=charge.resource,
            quantity=row.quantity,
            first_day=row.first_day,
            last_day=row.last_day,
            is_correction=row.is_correction,
            state=UsageState.IMPORTED,
            subscription_id=subscription.id,
            usage_charge_id=charge.id,
            cycle_from=cycle.first,
            cycle_to=cycle.last,
            created_at=self.at,
        )
        session.add(made)
        return made


def _days(record: UsageRecord) -> Period | None:
    return Period(record.first_day, record.last_day) if record.first_day and record.last_day else None


def _overlap(one: Period | None, other: Period) -> bool:
    return one is not None and one.first <= other.last and other.first <= one.last


def _known(rows: Sequence[UsageRow]) -> _Known:
    here = current_scope().distributor_id
    accounts = session.scalars(
        select(Account).where(
            Account.distributor_id == here,
            func.lower(Account.code).in_({row.account.lower() for row in rows if row.account}),
        )
    ).all()
    own = Subscription.distributor_id == here
    named = session.scalars(
        select(Subscription).where(
            own, func.lower(Subscription.code).in_({row.subscription.lower() for row in rows if row.subscription})
        )
    ).all()
    blank = {row.account.casefold() for row in rows if not row.subscription}
    owners = [account.id for account in accounts if account.code.casefold() in blank]
    open_ones = session.scalars(
        select(Subscription).where(
            own,
            Subscription.account_id.in_(owners),
            Subscription.status.in_(RUNNING),
            Subscription.role == SubscriptionRole.MAIN,
        )
    ).all()
    subscriptions = {each.id: each for each in (*named, *open_ones)}
    by_account: dict[UUID, list[Subscription]] = defaultdict(list)
    for each in open_ones:
        if each.account_id is not None:
            by_account[each.account_id].append(each)
    charges = session.scalars(
        select(UsageCharge).where(
            UsageCharge.distributor_id == here,
            UsageCharge.product_id.in_({each.product_id for each in subscriptions.values()}),
        )
    ).all()
    known = _Known(
        {account.code.casefold(): account for account in accounts},
        {each.code.casefold(): each for each in named},
        by_account,
        {(charge.product_id, charge.resource_key): charge for charge in charges},
    )
    first = min((row.first_day for row in rows if row.first_day), default=date.max)
    last = max((row.last_day for row in rows if row.last_day), default=date.min)
    for record_ in session.scalars(
        select(UsageRecord)
        .where(
            UsageRecord.distributor_id == here,
            UsageRecord.subscription_id.in_(subscriptions),
            UsageRecord.state != UsageState.REJECTED,
            UsageRecord.first_day <= last,  # others can neither be replaced nor overlap
            UsageRecord.last_day >= first,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ):
        if record_.subscription_id and record_.usage_charge_id:
            known.records[record_.subscription_id, record_.usage_charge_id].append(record_)
    return known


def _imports() -> Select[UsageImport]:
    return select(UsageImport).where(UsageImport.distributor_id == current_scope().distributor_id)
