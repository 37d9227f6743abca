"""The life of a file of lines: read and judged at once, looked at, taken into its list or put aside (CB-05, ADR 35).

Taking it in is one statement in one transaction, whatever the number of rows: all that was agreed to, or nothing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import UUID

from sqlalchemy import CursorResult, delete, insert, select, text

from app.audit.services import Actor, record
from app.catalogue.bulk import many_rows
from app.catalogue.product_files.storing import forget, store, stored_file
from app.core.db import session
from app.core.ids import new_id
from app.pricing.models import PriceList
from app.pricing.price_list_files.errors import ListCurrencyMoved, ListFileDecided, ListFileNotFound
from app.pricing.price_list_files.judging import JudgedLine, judge_lines
from app.pricing.price_list_files.models import ListFileState, PriceListFile, PriceListFileRow
from app.pricing.price_list_files.reading import read_lines
from app.pricing.price_lists.queries import get_price_list
from app.pricing.price_lists.services import get_price_list_for_update
from tenants.context import current_scope

KEPT = 20  # files of one list

# A rule is resolved once more: prices may have moved since the preview. What has lost its ground is not written.
_TAKE_IN = text("""
    INSERT INTO price_list_entries AS e
        (distributor_id, id, price_list_id, product_id, term, cycle, rule, value, price, price_scheme, price_tiers)
    SELECT f.distributor_id, gen_random_uuid(), f.price_list_id, f.product_id, f.term, f.cycle, f.rule, f.value, f.price,
           f.price_scheme, f.price_tiers
    FROM (
        SELECT r.distributor_id, s.price_list_id, r.product_id, r.term, r.cycle, r.rule, r.value, r.price_scheme,
               r.price_tiers,
               CASE r.rule WHEN 'fixed' THEN r.value
                           WHEN 'discount' THEN round(p.list_price * (100 - r.value) / 100, 4)
                           WHEN 'markup' THEN round(c.vendor_cost * (100 + r.value) / 100, 4)
                           ELSE p.list_price END AS price
        FROM price_list_file_rows r
        JOIN price_list_files s ON s.distributor_id = r.distributor_id AND s.id = r.file_id
        JOIN product_prices p ON p.distributor_id = r.distributor_id AND p.product_id = r.product_id
             AND p.term = r.term AND p.cycle = r.cycle AND p.currency = s.currency AND NOT p.is_withdrawn
        LEFT JOIN vendor_costs c ON c.distributor_id = p.distributor_id AND c.product_id = p.product_id
             AND c.term = p.term AND c.cycle = p.cycle AND c.currency = p.currency
        WHERE r.distributor_id = :here AND r.file_id = :file AND r.outcome IN ('created', 'changed')
    ) f
    WHERE f.price IS NOT NULL
    ON CONFLICT ON CONSTRAINT uq_price_list_entries_key DO UPDATE
    SET rule = excluded.rule, value = excluded.value, price = excluded.price, price_scheme = excluded.price_scheme,
        price_tiers = excluded.price_tiers, group_line_id = NULL
""")
_SAY_WHAT_WAS_NOT = text("""
    UPDATE price_list_file_rows r
    SET outcome = 'error', price_after = NULL, message = 'What its price rests on has gone since the preview'
    FROM price_list_files s
    WHERE r.distributor_id = :here AND r.file_id = :file AND s.distributor_id = r.distributor_id AND s.id = r.file_id
      AND r.outcome IN ('created', 'changed')
      AND NOT EXISTS (
          SELECT FROM price_list_entries e
          WHERE e.distributor_id = r.distributor_id AND e.price_list_id = s.price_list_id
            AND (e.product_id, e.term, e.cycle, e.rule) = (r.product_id, r.term, r.cycle, r.rule)
            AND e.value IS NOT DISTINCT FROM r.value AND e.group_line_id IS NULL)
""")


def upload_lines(stream: BinaryIO, file_name: str, price_list_id: UUID, *, actor: Actor, at: datetime) -> PriceListFile:
    """Read a file for a list and say what it would do; the list stays as it is.

    Raises PriceListNotFound, SheetRefused: wrong type, above 5 MB or 10,000 rows, needed columns missing, no rows.
    """
    price_list = get_price_list(price_list_id)
    file_id = new_id()
    relative, _ = store(stream, "price_list_files", file_id)
    try:
        judged = judge_lines(read_lines(stored_file(relative), price_list.currency), price_list)
    finally:
        forget(relative)
    made = PriceListFile(
        id=file_id,
        price_list_id=price_list.id,
        file_name=Path(file_name).name[:255] or "lines.xlsx",
        currency=price_list.currency,
        rows_total=len(judged),
        started_by_id=actor.user_id,
        created_at=at,
    )
    session.add(made)
    session.flush()
    if judged:
        session.execute(insert(PriceListFileRow), [_row(file_id, each) for each in judged])
    _forget_old(price_list)
    return made


def confirm_lines(price_list_id: UUID, file_id: UUID, *, actor: Actor, at: datetime) -> int:
    """Take a file's good rows into its list; returns how many lines were made or changed.

    Raises PriceListNotFound, ListFileNotFound, ListFileDecided, ListCurrencyMoved.
    """
    price_list = get_price_list_for_update(price_list_id)
    file = _undecided(price_list, file_id)
    if file.currency != price_list.currency:
        raise ListCurrencyMoved(file.file_name, price_list.currency)
    given = {"here": file.distributor_id, "file": file.id}
    with many_rows():
        written = cast("CursorResult[Any]", session.execute(_TAKE_IN, given)).rowcount
        session.execute(_SAY_WHAT_WAS_NOT, given)
    file.state, file.finished_at = ListFileState.COMPLETED, at
    record(
        "pricing.lines_imported", actor=actor, at=at, target_kind="price_list", target_id=price_list.id,
        after={"price_list": price_list.name, "file_name": file.file_name, "entries": written},
    )  # fmt: skip
    return written


def discard_lines(price_list_id: UUID, file_id: UUID, *, at: datetime) -> PriceListFile:
    """Put a file aside; nothing of it is taken. Raises PriceListNotFound, ListFileNotFound, ListFileDecided."""
    file = _undecided(get_price_list_for_update(price_list_id), file_id)
    file.state, file.finished_at = ListFileState.DISCARDED, at
    return file


def _undecided(price_list: PriceList, file_id: UUID) -> PriceListFile:
    file = session.scalar(
        select(PriceListFile)
        .where(
            PriceListFile.distributor_id == current_scope().distributor_id,
            PriceListFile.price_list_id == price_list.id,
            PriceListFile.id == file_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if file is None:
        raise ListFileNotFound(file_id)
    if file.state is not ListFileState.READY:
        raise ListFileDecided(file.file_name)
    return file


def _forget_old(price_list: PriceList) -> None:
    mine = (PriceListFile.distributor_id == price_list.distributor_id, PriceListFile.price_list_id == price_list.id)
    newest = select(PriceListFile.id).where(*mine).order_by(PriceListFile.created_at.desc(), PriceListFile.id.desc())
    session.execute(
        delete(PriceListFile)
        .where(*mine, PriceListFile.id.not_in(newest.limit(KEPT)))
        .execution_options(synchronize_session=False)
    )


def _row(file_id: UUID, judged: JudgedLine) -> dict[str, Any]:
    line, rule = judged.line, judged.line.rule
    return {
        "file_id": file_id,
        "row_number": line.row_number,
        "code": line.code,
        "unit": line.unit_text,
        "outcome": judged.outcome,
        "message": judged.message,
        "product_id": judged.product_id,
        "term": line.term,
        "cycle": line.cycle,
        "rule": rule.rule if rule is not None else None,
        "value": rule.value if rule is not None else None,
        "price_scheme": judged.ladder.scheme,
        "price_tiers": judged.ladder.as_json(),
        "price_before": judged.price_before,
        "price_after": judged.price_after,
    }
