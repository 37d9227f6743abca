"""What a sheet would do: every staged row compared with the catalogue, set-based, nothing changed but the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.catalogue.bulk import many_rows
from app.catalogue.imports.models import ImportRun
from app.core.db import session

_JUDGE = text("""
    UPDATE import_rows r
    SET product_outcome = j.product_outcome, price_outcome = j.price_outcome,
        old_vendor_cost = j.vendor_cost, old_list_price = j.list_price
    FROM (
        SELECT s.id, c.vendor_cost, l.list_price,
               CASE WHEN p.id IS NULL THEN 'created'
                    WHEN (p.vendor_name, p.vendor_description, p.vendor, p.segment, p.tags) IS DISTINCT FROM
                         (s.product_name, s.description, s.publisher, s.segment, s.tags) THEN 'changed'
                    ELSE 'unchanged' END AS product_outcome,
               CASE WHEN l.id IS NULL THEN 'created'
                    WHEN (l.valid_from, l.valid_to, l.is_withdrawn, c.vendor_cost, c.term_vendor_cost) IS DISTINCT FROM
                         (s.valid_from, s.valid_to, s.is_withdrawn, s.vendor_cost, s.term_vendor_cost) THEN 'changed'
                    WHEN NOT l.is_manual AND (l.list_price, l.term_list_price) IS DISTINCT FROM
                         (s.list_price, s.term_list_price) THEN 'changed'
                    ELSE 'unchanged' END AS price_outcome
        FROM import_rows s
        LEFT JOIN products p ON p.distributor_id = s.distributor_id AND p.code_key = s.code_key
        LEFT JOIN product_prices l ON l.distributor_id = s.distributor_id AND l.product_id = p.id
             AND l.term = s.term AND l.cycle = s.cycle AND l.currency = s.currency
        LEFT JOIN vendor_costs c ON c.distributor_id = s.distributor_id AND c.product_id = p.id
             AND c.term = s.term AND c.cycle = s.cycle AND c.currency = s.currency
        WHERE s.distributor_id = :distributor_id AND s.run_id = :run_id
    ) j
    WHERE r.distributor_id = :distributor_id AND r.id = j.id
""")

_COUNT_ROWS = text("""
    SELECT count(*) FILTER (WHERE price_outcome = 'created') AS created,
           count(*) FILTER (WHERE price_outcome = 'changed'
                            OR (price_outcome = 'unchanged' AND product_outcome = 'changed')) AS changed,
           count(*) FILTER (WHERE price_outcome = 'unchanged' AND product_outcome <> 'changed') AS unchanged,
           count(*) FILTER (WHERE price_outcome = 'changed') AS prices_changed,
           count(*) FILTER (WHERE price_outcome = 'unchanged') AS prices_unchanged,
           (SELECT count(DISTINCT row_number) FROM import_issues
            WHERE distributor_id = :distributor_id AND run_id = :run_id) AS failed
    FROM import_rows WHERE distributor_id = :distributor_id AND run_id = :run_id
""")
_COUNT_PRODUCTS = text("""
    SELECT count(*) FILTER (WHERE product_outcome = 'created') AS created,
           count(*) FILTER (WHERE product_outcome = 'changed') AS changed,
           count(*) FILTER (WHERE product_outcome = 'unchanged') AS unchanged
    FROM (SELECT DISTINCT code_key, product_outcome FROM import_rows
          WHERE distributor_id = :distributor_id AND run_id = :run_id) products
""")
_COUNT_GROUPS = text("""
    SELECT count(*) FILTER (WHERE g.id IS NULL) AS created, 0 AS changed,
           count(*) FILTER (WHERE g.id IS NOT NULL) AS unchanged
    FROM (SELECT DISTINCT group_name FROM import_rows
          WHERE distributor_id = :distributor_id AND run_id = :run_id) s
    LEFT JOIN product_groups g ON g.distributor_id = :distributor_id AND g.name = s.group_name
""")
_COUNT_TYPES = text("""
    SELECT count(*) FILTER (WHERE t.id IS NULL) AS created, 0 AS changed,
           count(*) FILTER (WHERE t.id IS NOT NULL) AS unchanged
    FROM (SELECT DISTINCT publisher FROM import_rows
          WHERE distributor_id = :distributor_id AND run_id = :run_id) s
    LEFT JOIN product_types t ON t.distributor_id = :distributor_id AND t.name = s.publisher
""")
_COUNT_SEGMENTS = text("""
    SELECT segment, count(DISTINCT code_key) AS products FROM import_rows
    WHERE distributor_id = :distributor_id AND run_id = :run_id
    GROUP BY segment ORDER BY (segment = 'Commercial') DESC, segment
""")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of one kind a sheet creates, changes and leaves as they are."""

    created: int
    changed: int
    unchanged: int

    def as_json(self) -> dict[str, int]:
        """Return the counts as they stand in `ImportRun.summary`."""
        return {"created": self.created, "changed": self.changed, "unchanged": self.unchanged}


def judge(run: ImportRun) -> None:
    """Compare every staged row with the catalogue and write the counts into the run."""
    parameters = {"distributor_id": run.distributor_id, "run_id": run.id}
    with many_rows():
        session.execute(_JUDGE, parameters)
    rows = session.execute(_COUNT_ROWS, parameters).one()
    run.rows_created, run.rows_changed, run.rows_unchanged = rows.created, rows.changed, rows.unchanged
    run.rows_failed = rows.failed
    run.rows_total = rows.created + rows.changed + rows.unchanged + rows.failed
    summary: dict[str, Any] = {
        "prices": Tally(rows.created, rows.prices_changed, rows.prices_unchanged).as_json(),
        "segments": {row.segment: row.products for row in session.execute(_COUNT_SEGMENTS, parameters)},
    }
    for kind, statement in (("products", _COUNT_PRODUCTS), ("groups", _COUNT_GROUPS), ("types", _COUNT_TYPES)):
        found = session.execute(statement, parameters).one()
        summary[kind] = Tally(found.created, found.changed, found.unchanged).as_json()
    run.summary = summary
