"""Everything that is kept between requests is read from tables whose changes are announced."""

from __future__ import annotations

import re
from itertools import product as combinations
from pathlib import Path

from sqlalchemy.dialects import postgresql

from app.core.db import Base
from app.pricing import catalogue_page, menus, queries
from app.pricing.offered import Shape, Shelf
from tenants.changes import _OF_DISTRIBUTOR, _OF_RESELLER

ROOT = Path(__file__).resolve().parents[2]
ANNOUNCED = {*_OF_DISTRIBUTOR, *_OF_RESELLER, "accounts"}
# Who keeps something, and from which tables it is read; page and counts are compared with their SQL below.
KEEPERS = {
    "app/catalogue/navigation.py": {"categories", "industries"},
    "app/frames/buying.py": set(),  # what pricing keeps
    "app/pricing/buyers.py": {"accounts", "distributors", "storefronts", "storefront_settings"},
    "app/pricing/catalogue_page.py": {
        "listings", "markup_rules", "price_list_assignments", "price_list_entries", "price_lists", "product_groups",
        "product_prices", "product_types", "products", "special_prices", "categories", "popular_products", "promotions", "distributor_settings",
    },
    "app/pricing/currencies.py": {"currencies"},
    "app/pricing/menus.py": set(),  # compared with its SQL as the page is
    "app/pricing/queries.py": {"price_lists", "price_list_assignments"},
    "app/storefront/kept_pages.py": set(),  # what the others keep, drawn
    "tenants/settings.py": {"distributor_settings", "storefront_settings"},
}  # fmt: skip


def tables_in(statement: object) -> set[str]:
    sql = str(statement.compile(dialect=postgresql.dialect()))  # type: ignore[attr-defined]
    return {name for name in Base.metadata.tables if re.search(rf"\b{name}\b(?!\.)", sql)}


def test_whoever_keeps_something_is_known_here() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("app", "tenants", "themes", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"= Kept\(", path.read_text(encoding="utf-8"))
    }
    assert found == KEEPERS.keys()


def test_every_table_behind_what_is_kept_is_announced() -> None:
    assert set().union(*KEEPERS.values()) <= ANNOUNCED
    assert Base.metadata.tables.keys() >= ANNOUNCED


def test_the_catalogue_page_reads_announced_tables_only() -> None:
    read: set[str] = set()
    for alias, reseller, shelf in combinations((True, False), (True, False), (None, *Shelf)):
        shape = Shape(is_alias=alias, is_reseller=reseller, has_categories=True, has_search=True, shelf=shelf)
        read |= tables_in(catalogue_page._page_statement(shape)) | tables_in(menus._counts_statement(shape))
        read |= tables_in(menus._shelves_statement(shape))
    assert read
    assert read <= KEEPERS["app/pricing/catalogue_page.py"]
    assert tables_in(queries._LISTS_OF_PAYER) | tables_in(queries._DEFAULT_LISTS) <= KEEPERS["app/pricing/queries.py"]
