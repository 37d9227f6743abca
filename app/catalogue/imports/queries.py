"""Reads of import runs for the pages of BSS: the list, the preview, the issues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, and_, func, select, text

from app.catalogue.imports.applying import CATEGORY_BY_RULE
from app.catalogue.imports.models import CategoryRule, ImportIssue, ImportOutcome, ImportRow, ImportRun
from app.catalogue.models import Category
from app.core.db import session
from tenants.context import current_scope

EXPORT_CHUNK = 500

_GROUPS = text(
    f"""
    SELECT group_name, min(publisher) AS publisher, count(*) AS products, category_id
    FROM (
        SELECT DISTINCT ON (r.code_key) r.group_name, r.publisher,
               coalesce(p.category_id, {CATEGORY_BY_RULE}) AS category_id
        FROM import_rows r
        LEFT JOIN products p ON p.distributor_id = r.distributor_id AND p.code_key = r.code_key
        WHERE r.distributor_id = :distributor_id AND r.run_id = :run_id
        ORDER BY r.code_key, r.row_number
    ) products
    GROUP BY group_name, category_id
    ORDER BY category_id IS NOT NULL, group_name
    LIMIT :limit
    """  # noqa: S608 - our own expression
)


@dataclass(frozen=True, slots=True)
class GroupMatch:
    """Where the products of a group would go; without a category nobody browsing will meet them."""

    group_name: str
    publisher: str
    products: int
    category_id: UUID | None


def list_runs(*, limit: int, offset: int = 0) -> Sequence[ImportRun]:
    """Return one page of the distributor's imports, the latest first."""
    return session.scalars(
        select(ImportRun)
        .where(ImportRun.distributor_id == current_scope().distributor_id)
        .order_by(ImportRun.created_at.desc(), ImportRun.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()


def count_runs() -> int:
    """Return how many imports there are."""
    statement = select(func.count()).select_from(ImportRun)
    return session.scalar(statement.where(ImportRun.distributor_id == current_scope().distributor_id)) or 0


def group_matches(run: ImportRun, *, limit: int = 500) -> Sequence[GroupMatch]:
    """Return the groups of a sheet with the category rules give them, those without one first."""
    rows = session.execute(_GROUPS, {"distributor_id": run.distributor_id, "run_id": run.id, "limit": limit})
    return [GroupMatch(*row) for row in rows]


def changed_prices(run: ImportRun, *, limit: int = 10) -> Sequence[ImportRow]:
    """Return some rows whose price would change, the largest relative changes of the list price first."""
    return session.scalars(
        select(ImportRow)
        .where(
            ImportRow.distributor_id == run.distributor_id,
            ImportRow.run_id == run.id,
            ImportRow.price_outcome == ImportOutcome.CHANGED,
        )
        .order_by(
            func.abs(ImportRow.list_price / func.nullif(ImportRow.old_list_price, 0) - 1).desc().nulls_last(),
            ImportRow.row_number,
        )
        .limit(limit)
    ).all()


def sample_rows(run: ImportRun, *, limit: int = 10) -> Sequence[ImportRow]:
    """Return the first readable rows of a sheet."""
    return session.scalars(
        select(ImportRow)
        .where(ImportRow.distributor_id == run.distributor_id, ImportRow.run_id == run.id)
        .order_by(ImportRow.row_number)
        .limit(limit)
    ).all()


def list_issues(run_id: UUID, *, limit: int, offset: int = 0) -> Sequence[ImportIssue]:
    """Return one page of what was wrong in a sheet, row by row."""
    return session.scalars(_issues(run_id).limit(limit).offset(offset)).all()


def count_issues(run_id: UUID) -> int:
    """Return how many things were wrong in a sheet; a row may have several."""
    statement = select(func.count()).select_from(ImportIssue)
    return (
        session.scalar(
            statement.where(ImportIssue.distributor_id == current_scope().distributor_id, ImportIssue.run_id == run_id)
        )
        or 0
    )


def export_issues(run_id: UUID) -> Iterator[ImportIssue]:
    """Return everything that was wrong in a sheet, some hundred at a time."""
    yield from session.scalars(_issues(run_id).execution_options(yield_per=EXPORT_CHUNK))


def _issues(run_id: UUID) -> Select[ImportIssue]:
    return (
        select(ImportIssue)
        .where(ImportIssue.distributor_id == current_scope().distributor_id, ImportIssue.run_id == run_id)
        .order_by(ImportIssue.row_number, ImportIssue.id)
    )


def category_rules() -> Sequence[tuple[CategoryRule, str]]:
    """Return the import's rules in the order they are tried, each with the name of its category."""
    rows = session.execute(
        select(CategoryRule, Category.name)
        .join(
            Category,
            and_(Category.distributor_id == CategoryRule.distributor_id, Category.id == CategoryRule.category_id),
        )
        .where(CategoryRule.distributor_id == current_scope().distributor_id)
        .order_by(CategoryRule.position, CategoryRule.id)
    )
    return [(rule, name) for rule, name in rows]
