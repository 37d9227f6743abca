"""Writing a confirmed sheet into the catalogue: ranges of rows, a handful of statements each, any range twice.

The vendor owns names, descriptions, costs and list prices; the distributor owns what it has edited by hand, category,
publishing and prices marked manual, and an import leaves those alone (CB-15, merge rules).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text

from app.catalogue.bulk import many_rows
from app.catalogue.imports.models import ImportRow, ImportRun
from app.core.db import session

MIN_RANGE, MAX_RANGE, RANGES = 100, 2000, 20

# A connection keeps its plans for checking foreign keys. Made while the catalogue was empty, they would walk through
# all of a distributor's products for each new price until statistics are gathered.
_FORGET_PLANS = text("DISCARD PLANS")

_RANGE = "r.distributor_id = :distributor_id AND r.run_id = :run_id AND r.row_number > :after AND r.row_number <= :upto"

# The first saved rule that fits decides; `contains` ignores case.
CATEGORY_BY_RULE = """(
    SELECT cr.category_id FROM category_rules cr
    WHERE cr.distributor_id = r.distributor_id AND CASE cr.field
        WHEN 'publisher' THEN strpos(lower(r.publisher), lower(cr.contains)) > 0
        WHEN 'tag' THEN strpos(lower(array_to_string(r.tags, ';')), lower(cr.contains)) > 0
        ELSE strpos(lower(r.group_name), lower(cr.contains)) > 0 END
    ORDER BY cr.position, cr.id LIMIT 1)"""


def _sql(statement: str) -> str:
    return statement.replace("$range", _RANGE).replace("$category", CATEGORY_BY_RULE)


_TYPES = text(
    _sql("""
    INSERT INTO product_types (distributor_id, id, name, kind, vendor, service_manager_id, non_automatic,
                               characteristics, is_active, created_at)
    SELECT DISTINCT ON (r.publisher) r.distributor_id, r.id, r.publisher, 'subscription', r.publisher,
           CAST(:service_manager_id AS uuid), false, '[]'::jsonb, true, :at
    FROM import_rows r
    WHERE $range AND NOT EXISTS (
        SELECT FROM product_types t WHERE t.distributor_id = r.distributor_id AND t.name = r.publisher)
    ORDER BY r.publisher, r.row_number
    ON CONFLICT (distributor_id, name) DO NOTHING
""")
)
_TYPES_PROVISIONED = text(
    _sql("""
    UPDATE product_types t SET service_manager_id = CAST(:service_manager_id AS uuid)
    FROM (SELECT DISTINCT r.publisher FROM import_rows r WHERE $range) s
    WHERE t.distributor_id = :distributor_id AND t.name = s.publisher AND t.service_manager_id IS NULL
""")
)
_GROUPS = text(
    _sql("""
    INSERT INTO product_groups (distributor_id, id, name, slug, vendor, category_id, position)
    SELECT n.distributor_id, n.id, n.group_name,
           CASE WHEN n.same_slug > 1 OR taken.id IS NOT NULL
                THEN n.group_slug || '-' || translate(n.code_key, '._', '--') ELSE n.group_slug END,
           n.publisher, n.category_id, 0
    FROM (
        SELECT f.*, row_number() OVER (PARTITION BY f.group_slug ORDER BY f.row_number) AS same_slug
        FROM (
            SELECT DISTINCT ON (r.group_name) r.*, $category AS category_id
            FROM import_rows r
            LEFT JOIN products p ON p.distributor_id = r.distributor_id AND p.code_key = r.code_key
            WHERE $range AND p.group_id IS NULL AND NOT EXISTS (
                SELECT FROM product_groups g WHERE g.distributor_id = r.distributor_id AND g.name = r.group_name)
            ORDER BY r.group_name, r.row_number
        ) f
    ) n
    LEFT JOIN product_groups taken ON taken.distributor_id = n.distributor_id AND taken.slug = n.group_slug
    ON CONFLICT (distributor_id, name) DO NOTHING
""")
)
_PRODUCTS = text(
    _sql("""
    INSERT INTO products (
        distributor_id, id, code, code_key, name, vendor_name, slug, search_text, short_description, vendor_description,
        product_type_id, category_id, group_id, vendor, unit_of_measure, segment, tags, is_add_on, is_active,
        is_published, published_at, is_new, is_featured, audience, min_quantity, step_quantity, position, version,
        created_at, updated_at)
    SELECT n.distributor_id, n.id, n.code, n.code_key, n.product_name, n.product_name,
           CASE WHEN n.same_slug > 1 OR taken.id IS NOT NULL
                THEN n.product_slug || '-' || translate(n.code_key, '._', '--') ELSE n.product_slug END,
           n.search_text, n.description, n.description, t.id, n.category_id, g.id, n.publisher, n.unit_of_measure,
           n.segment, n.tags, false, true, n.segment = ANY (CAST(:segments AS varchar[])),
           CASE WHEN n.segment = ANY (CAST(:segments AS varchar[])) THEN CAST(:at AS timestamptz) END, false, false,
           CASE WHEN n.segment = ANY (CAST(:segments AS varchar[])) THEN 'everyone' ELSE 'nobody' END, 1, 1, 0, 1, :at, :at
    FROM (
        SELECT f.*, row_number() OVER (PARTITION BY f.product_slug ORDER BY f.row_number) AS same_slug
        FROM (
            SELECT DISTINCT ON (r.code_key) r.*, $category AS category_id
            FROM import_rows r
            WHERE $range AND NOT EXISTS (
                SELECT FROM products p WHERE p.distributor_id = r.distributor_id AND p.code_key = r.code_key)
            ORDER BY r.code_key, r.row_number
        ) f
    ) n
    JOIN product_types t ON t.distributor_id = n.distributor_id AND t.name = n.publisher
    LEFT JOIN product_groups g ON g.distributor_id = n.distributor_id AND g.name = n.group_name
    LEFT JOIN products taken ON taken.distributor_id = n.distributor_id AND taken.slug = n.product_slug
    ON CONFLICT (distributor_id, code_key) DO NOTHING
""")
)
_PRODUCTS_CHANGED = text(
    _sql("""
    UPDATE products p
    SET name = CASE WHEN p.name = p.vendor_name THEN s.product_name ELSE p.name END,
        search_text = CASE WHEN p.name = p.vendor_name THEN s.search_text ELSE p.search_text END,
        short_description = CASE WHEN p.short_description = p.vendor_description THEN s.description
                                 ELSE p.short_description END,
        vendor_name = s.product_name, vendor_description = s.description, vendor = s.publisher, segment = s.segment,
        tags = s.tags, category_id = coalesce(p.category_id, s.category_id), group_id = coalesce(p.group_id, g.id),
        version = p.version + 1, updated_at = :at
    FROM (
        SELECT DISTINCT ON (r.code_key) r.*, $category AS category_id FROM import_rows r WHERE $range
        ORDER BY r.code_key, r.row_number
    ) s
    LEFT JOIN product_groups g ON g.distributor_id = s.distributor_id AND g.name = s.group_name
    WHERE p.distributor_id = :distributor_id AND p.code_key = s.code_key
      AND ((p.vendor_name, p.vendor_description, p.vendor, p.segment, p.tags) IS DISTINCT FROM
           (s.product_name, s.description, s.publisher, s.segment, s.tags)
           OR (p.category_id IS NULL AND s.category_id IS NOT NULL) OR (p.group_id IS NULL AND g.id IS NOT NULL))
""")
)
_COSTS = text(
    _sql("""
    INSERT INTO vendor_costs (distributor_id, id, product_id, term, cycle, currency, vendor_cost, term_vendor_cost)
    SELECT r.distributor_id, r.id, p.id, r.term, r.cycle, r.currency, r.vendor_cost, r.term_vendor_cost
    FROM import_rows r
    JOIN products p ON p.distributor_id = r.distributor_id AND p.code_key = r.code_key
    WHERE $range
    ORDER BY r.row_number
    ON CONFLICT ON CONSTRAINT uq_vendor_costs_key DO UPDATE
    SET vendor_cost = excluded.vendor_cost, term_vendor_cost = excluded.term_vendor_cost
    WHERE (vendor_costs.vendor_cost, vendor_costs.term_vendor_cost) IS DISTINCT FROM
          (excluded.vendor_cost, excluded.term_vendor_cost)
""")
)
_PRICES = text(
    _sql("""
    INSERT INTO product_prices AS l (distributor_id, id, product_id, term, cycle, currency, list_price, term_list_price,
                                     valid_from, valid_to, is_withdrawn, is_manual)
    SELECT r.distributor_id, r.id, p.id, r.term, r.cycle, r.currency, r.list_price, r.term_list_price, r.valid_from,
           r.valid_to, r.is_withdrawn, false
    FROM import_rows r
    JOIN products p ON p.distributor_id = r.distributor_id AND p.code_key = r.code_key
    WHERE $range
    ORDER BY r.row_number
    ON CONFLICT ON CONSTRAINT uq_product_prices_key DO UPDATE
    SET list_price = CASE WHEN l.is_manual THEN l.list_price ELSE excluded.list_price END,
        term_list_price = CASE WHEN l.is_manual THEN l.term_list_price ELSE excluded.term_list_price END,
        valid_from = excluded.valid_from, valid_to = excluded.valid_to, is_withdrawn = excluded.is_withdrawn
    WHERE (l.valid_from, l.valid_to, l.is_withdrawn) IS DISTINCT FROM
          (excluded.valid_from, excluded.valid_to, excluded.is_withdrawn)
       OR (NOT l.is_manual AND (l.list_price, l.term_list_price) IS DISTINCT FROM
                               (excluded.list_price, excluded.term_list_price))
""")
)
_PRODUCTS_TOUCHED = text(
    _sql("""
    SELECT DISTINCT p.id FROM import_rows r
    JOIN products p ON p.distributor_id = r.distributor_id AND p.code_key = r.code_key
    WHERE $range AND r.price_outcome <> 'unchanged'
""")
)


@dataclass(frozen=True, slots=True)
class AppliedRange:
    """What one call of `apply_next_range` wrote; the caller re-prices what depends on these products."""

    rows: int
    applied_to: int  # row number of the last one
    product_ids: tuple[UUID, ...]


def apply_next_range(run: ImportRun, *, at: datetime) -> AppliedRange | None:
    """Write the next rows of a run into the catalogue, or return None where none are left. `at` is aware UTC.

    Needs the distributor's scope. The caller commits, moves `run.applied_to` and may be killed before: the same rows
    are then written again, to the same effect.
    """
    bounds = _next_range(run)
    if bounds is None:
        return None
    rows, upto = bounds
    parameters = {
        "distributor_id": run.distributor_id,
        "run_id": run.id,
        "after": run.applied_to,
        "upto": upto,
        "at": at,
        "segments": list(run.segments),
        "service_manager_id": run.service_manager_id,
    }
    session.execute(_FORGET_PLANS)
    with many_rows():
        session.execute(_TYPES, parameters)
        if run.service_manager_id is not None:
            session.execute(_TYPES_PROVISIONED, parameters)
        for statement in (_GROUPS, _PRODUCTS, _PRODUCTS_CHANGED, _COSTS, _PRICES):
            session.execute(statement, parameters)
        touched = tuple(session.scalars(_PRODUCTS_TOUCHED, parameters))
    return AppliedRange(rows, upto, touched)


def _next_range(run: ImportRun) -> tuple[int, int] | None:
    size = max(MIN_RANGE, min(MAX_RANGE, run.rows_total // RANGES))
    ahead = (
        select(ImportRow.row_number)
        .where(
            ImportRow.distributor_id == run.distributor_id,
            ImportRow.run_id == run.id,
            ImportRow.row_number > run.applied_to,
        )
        .order_by(ImportRow.row_number)
        .limit(size)
        .subquery()
    )
    rows, upto = session.execute(select(func.count(), func.max(ahead.c.row_number))).one()
    return (rows, upto) if rows else None
