"""The life of a product file: uploaded, mapped, checked, confirmed, applied. Two workers never hold one (CB-14)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import delete, func, select

from app.accounts.staff_mails import mail_starter
from app.audit.services import Actor, record
from app.catalogue.errors import SheetRefused
from app.catalogue.imports.sheet import is_currency
from app.catalogue.jobs import RUN_PRODUCT_FILE
from app.catalogue.models import ProductType
from app.catalogue.product_files.errors import FileLost, ProductFileInWrongState, ProductFileNotFound
from app.catalogue.product_files.fields import KINDS, MATCH_BY
from app.catalogue.product_files.models import (
    FileChargeType,
    FileKind,
    ProductFile,
    ProductFileRow,
    ProductFileState,
    RowOutcome,
)
from app.catalogue.product_files.planning import Plan
from app.catalogue.product_files.queries import columns_of, fields_of, files
from app.catalogue.product_files.storing import forget, store, stored_file
from app.catalogue.product_files.tables import rows_of, sheets_of
from app.core.db import nudge_after_commit, session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.queue import Nudge
from tenants.context import current_scope

MOST_ROWS = 10_000
LEASE = timedelta(minutes=10)
GRACE = timedelta(seconds=10)
MAX_ATTEMPTS = 5
KEPT = 50
State = ProductFileState
WAITING = (State.CHECK_QUEUED, State.QUEUED)
WORKING = (State.CHECKING, State.APPLYING)
MAY_BE_MAPPED = (State.UPLOADED, State.READY)
COUNTERS = {
    RowOutcome.CREATED: "rows_created",
    RowOutcome.UPDATED: "rows_updated",
    RowOutcome.SKIPPED: "rows_skipped",
    RowOutcome.ERROR: "rows_failed",
}


@dataclass(frozen=True, slots=True)
class NewFile:
    """What a person says about a file when it is uploaded: one currency, kind and way of charging for all its rows."""

    file_name: str
    currency: str
    kind: FileKind
    charge_type: FileChargeType
    product_type_id: UUID | None = None  # of rows that name none


@dataclass(frozen=True, slots=True)
class Claim:
    """A file in the hands of one worker; `attempt` is the fence."""

    file_id: UUID
    state: State  # CHECKING or APPLYING
    attempt: int


def upload_file(stream: BinaryIO, new: NewFile, *, actor: Actor, at: datetime) -> ProductFile:
    """Take a file in; its columns are mapped next. Raises Invalid, SheetRefused: wrong type, no header, above 5 MB."""
    if errors := _errors(new):
        raise Invalid(*errors)
    file_id = new_id()
    relative, size = store(stream, "product_files", file_id)
    try:
        sheets = sheets_of(stored_file(relative))
    except BaseException:
        forget(relative)
        raise
    made = ProductFile(
        id=file_id,
        file_name=Path(new.file_name).name[:255] or "products.xlsx",
        file_path=relative,
        file_bytes=size,
        sheets=[{"name": sheet.name[:100], "columns": list(sheet.columns)} for sheet in sheets],
        sheet=next(sheet.name for sheet in sheets if sheet.columns)[:100],
        currency=new.currency,
        kind=new.kind,
        charge_type=new.charge_type,
        defaults={"product_type_id": str(new.product_type_id)} if new.product_type_id else {},
        started_by_id=actor.user_id,
        created_at=at,
    )
    session.add(made)
    session.flush()
    _forget_old()
    record("catalogue.product_file_uploaded", actor=actor, at=at, target_kind="product_file", target_id=made.id,
           after={"file_name": made.file_name, "bytes": size})  # fmt: skip
    return made


def choose_sheet(file_id: UUID, sheet: str) -> ProductFile:
    """Read another sheet of the workbook. Raises ProductFileInWrongState, Invalid."""
    file = _lock(file_id)
    _require(file, MAY_BE_MAPPED, "The file is being worked on")
    names = {each["name"] for each in file.sheets if each["columns"]}
    if sheet not in names:
        raise Invalid.field("sheet", "sheet_unknown", "Choose a sheet whose first row holds the names of its columns")
    file.sheet, file.mapping, file.state = sheet, {}, State.UPLOADED
    _forget_rows(file)
    return file


def map_columns(
    file_id: UUID,
    mapping: Mapping[str, str],
    *,
    match_by: Collection[str],
    is_published: bool,
    at: datetime,
) -> ProductFile:
    """Say which column fills which field, and ask for the dry run; it is remembered for the next file.

    Raises ProductFileInWrongState, Invalid where a needed field has no column, or one that does not exist.
    """
    file = _lock(file_id)
    _require(file, MAY_BE_MAPPED, "The file is being worked on")
    fields, columns = fields_of(file), set(columns_of(file))
    given = {field.key: mapping[field.key] for field in fields if mapping.get(field.key)}
    errors = [
        FieldError(field.form_name, "column_missing", f"Choose the column of {field.label}")
        for field in fields
        if field.is_needed and field.key not in given
    ]
    errors += [
        FieldError(field.form_name, "column_unknown", "Choose a column of the sheet")
        for field in fields
        if field.key in given and given[field.key] not in columns
    ]
    by_key = {field.key: field for field in fields}
    if "type" not in given and not file.defaults.get("product_type_id"):
        errors.append(
            FieldError(by_key["type"].form_name, "column_missing", "Choose the column of the product type; no type was chosen")
        )  # fmt: skip
    known = [key for key, _ in MATCH_BY if key in match_by]
    if not known or set(match_by) - set(known):
        errors.append(FieldError("match_by", "match_missing", "Choose what tells that a product exists already"))
    if errors:
        raise Invalid(*errors)
    file.mapping, file.match_by = given, known
    file.defaults = {**file.defaults, "is_published": is_published}
    file.state, file.attempts, file.lease_until, file.message = State.CHECK_QUEUED, 0, None, None
    _nudge(file)
    del at
    return file


def confirm_file(file_id: UUID, *, actor: Actor, at: datetime) -> ProductFile:
    """Agree to the dry run. Raises ProductFileInWrongState."""
    file = _lock(file_id)
    _require(file, (State.READY,), "This file was already decided on")
    if not file.rows_created + file.rows_updated:
        raise ProductFileInWrongState(file.id, file.state.value, "No row of this file would change anything")
    file.state, file.attempts, file.lease_until, file.applied_to = State.QUEUED, 0, None, 0
    file.rows_done = 0
    record("catalogue.product_file_confirmed", actor=actor, at=at, target_kind="product_file", target_id=file.id,
           after={"created": file.rows_created, "updated": file.rows_updated})  # fmt: skip
    _nudge(file)
    return file


def discard_file(file_id: UUID, *, actor: Actor, at: datetime) -> ProductFile:
    """Put a file aside; nothing of it is taken. Raises ProductFileInWrongState."""
    file = _lock(file_id)
    _require(file, MAY_BE_MAPPED, "The file is being worked on")
    file.state, file.finished_at = State.DISCARDED, at
    _forget_rows(file)
    forget(file.file_path)
    record("catalogue.product_file_discarded", actor=actor, at=at, target_kind="product_file", target_id=file.id)
    return file


def claim_file(file_id: UUID, *, at: datetime) -> Claim | None:
    """Take a file that waits, or whose worker has been silent for ten minutes. None: nothing to do."""
    file = session.scalar(
        files()
        .where(ProductFile.id == file_id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if file is None or not _is_due(file, at):
        return None
    if file.attempts >= MAX_ATTEMPTS:
        _fail(file, "The import was interrupted several times. Upload the file again.", at)
        return None
    file.state = State.CHECKING if file.state in (State.CHECK_QUEUED, State.CHECKING) else State.APPLYING
    file.attempts, file.lease_until = file.attempts + 1, at + LEASE
    session.flush()
    return Claim(file.id, file.state, file.attempts)


def held_file(claim: Claim, *, at: datetime) -> ProductFile:
    """Return the file of a claim, locked, its lease renewed. Raises FileLost."""
    file = _lock(claim.file_id)
    if file.attempts != claim.attempt or file.state is not claim.state:
        raise FileLost(claim.file_id)
    file.lease_until = at + LEASE
    return file


def begin_check(claim: Claim, *, at: datetime) -> ProductFile:
    """Clear what an earlier dry run has left. Raises FileLost, SheetRefused beyond 10 000 rows."""
    file = held_file(claim, at=at)
    _forget_rows(file)
    file.rows_total = sum(1 for _ in rows_of(stored_file(file.file_path), file.sheet, most=MOST_ROWS))
    if not file.rows_total:
        raise SheetRefused("no_rows", "The sheet has a header but no rows")
    return file


def note_planned(file: ProductFile, plans: Sequence[Plan]) -> None:
    """Keep what rows would do."""
    for plan in plans:
        session.add(
            ProductFileRow(
                id=new_id(),
                file_id=file.id,
                row_number=plan.draft.number,
                name=plan.draft.name[:255],
                code=plan.draft.code[:64],
                outcome=plan.outcome,
                product_id=plan.product.id if plan.product is not None else None,
                message=plan.message[:1000],
            )
        )
    _count(file, plans)
    session.flush()


def note_applied(file: ProductFile, plans: Sequence[Plan]) -> None:
    """Keep what rows have done, in the transaction that did it."""
    if file.applied_to == 0:
        for name in COUNTERS.values():
            setattr(file, name, 0)
    rows = {
        row.row_number: row
        for row in session.scalars(
            select(ProductFileRow).where(
                ProductFileRow.distributor_id == file.distributor_id,
                ProductFileRow.file_id == file.id,
                ProductFileRow.row_number.in_([plan.draft.number for plan in plans]),
            )
        )
    }
    for plan in plans:
        row = rows[plan.draft.number]
        row.outcome, row.message = plan.outcome, plan.message[:1000]
        row.product_id = plan.product.id if plan.product is not None else None
    _count(file, plans)
    file.applied_to = max(plan.draft.number for plan in plans)
    session.flush()


def finish_check(claim: Claim, *, at: datetime) -> None:
    """Wait for a person. Raises FileLost."""
    file = held_file(claim, at=at)
    file.state, file.lease_until, file.attempts = State.READY, None, 0


def finish_apply(claim: Claim, *, at: datetime) -> None:
    """End a file; what became of its rows stays to be read. Raises FileLost."""
    file = held_file(claim, at=at)
    file.state, file.lease_until, file.finished_at = State.COMPLETED, None, at
    forget(file.file_path)
    outcome = (
        f"{file.rows_created:,} products created, {file.rows_updated:,} updated, {file.rows_skipped:,} skipped, "
        f"{file.rows_failed:,} with an error"
    )
    mail_starter(file.started_by_id, file_name=file.file_name, outcome=outcome, path=f"/product-files/{file.id}", at=at)


def fail_file(claim: Claim, message: str, *, at: datetime) -> None:
    """End a file that cannot go on, with a sentence for people. Raises FileLost."""
    _fail(held_file(claim, at=at), message, at)


def due_files(*, at: datetime) -> Sequence[UUID]:
    """Return files no worker was told of, or whose worker died. For the sweep."""
    return session.scalars(
        files()
        .with_only_columns(ProductFile.id)
        .where(
            ProductFile.state.in_((*WAITING, *WORKING)),
            ProductFile.created_at <= at - GRACE,
            func.coalesce(ProductFile.lease_until, at) <= at,
        )
        .limit(20)
    ).all()


def _errors(new: NewFile) -> list[FieldError]:
    errors = []
    if not is_currency(new.currency):
        errors.append(FieldError("currency", "currency", "Choose a currency"))
    if new.kind is FileKind.ASSET and new.charge_type is not FileChargeType.ONE_TIME:
        errors.append(FieldError("charge_type", "charge_type", "Assets are charged once"))
    if new.product_type_id is not None:
        found = session.get(ProductType, (current_scope().distributor_id, new.product_type_id))
        if found is None:
            errors.append(FieldError("product_type_id", "type_unknown", "Choose a product type"))
        elif found.kind is not KINDS[new.charge_type]:
            errors.append(FieldError("product_type_id", "type_kind", f"{found.name} is not charged this way"))
    return errors


def _is_due(file: ProductFile, at: datetime) -> bool:
    if file.state in WAITING:
        return True
    return file.state in WORKING and (file.lease_until is None or file.lease_until <= at)


def _count(file: ProductFile, plans: Sequence[Plan]) -> None:
    for plan in plans:
        name = COUNTERS[plan.outcome]
        setattr(file, name, getattr(file, name) + 1)
    file.rows_done += len(plans)


def _fail(file: ProductFile, message: str, at: datetime) -> None:
    file.state, file.message, file.lease_until, file.finished_at = State.FAILED, message[:500], None, at
    forget(file.file_path)


def _forget_rows(file: ProductFile) -> None:
    session.execute(
        delete(ProductFileRow).where(
            ProductFileRow.distributor_id == file.distributor_id, ProductFileRow.file_id == file.id
        )
    )
    file.rows_total = file.rows_done = file.applied_to = 0
    for name in COUNTERS.values():
        setattr(file, name, 0)


def _forget_old() -> None:
    """Keep the last fifty files that are over."""
    kept = files().with_only_columns(ProductFile.id).order_by(ProductFile.created_at.desc()).limit(KEPT)
    session.execute(
        delete(ProductFile)
        .where(
            ProductFile.distributor_id == current_scope().distributor_id,
            ProductFile.state.in_((State.COMPLETED, State.FAILED, State.DISCARDED)),
            ProductFile.id.not_in(kept),
        )
        .execution_options(synchronize_session=False)
    )


def _require(file: ProductFile, states: Collection[State], message: str) -> None:
    if file.state not in states:
        raise ProductFileInWrongState(file.id, file.state.value, message)


def _nudge(file: ProductFile) -> None:
    nudge_after_commit(Nudge(RUN_PRODUCT_FILE, file.id, file.distributor_id))


def _lock(file_id: UUID) -> ProductFile:
    file = session.scalar(
        files().where(ProductFile.id == file_id).with_for_update().execution_options(populate_existing=True)
    )
    if file is None:
        raise ProductFileNotFound(file_id)
    return file
