"""A quote costs one statement and reaches its rows by index, whatever the number of rules (decisions section 6)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from psycopg import sql
from sqlalchemy import insert, text
from sqlalchemy.dialects import postgresql

from app.catalogue.models import BillingCycle, Term
from app.core.ids import new_id
from app.pricing.levels import parameters
from app.pricing.models import MarkupLevel, MarkupRule, SpecialPrice
from app.pricing.quotes import ALIAS_QUOTE, alias_buyer, buyer_prices, explain_prices
from tenants.context import scope
from tests.factories.pricing import seats_key, with_lists
from tests.factories.world import MONDAY, MONDAY_NOON


def _many_rules(world, session, number):
    """Insert rules on other products, customers, categories and vendors."""
    common = {"distributor_id": world.id, "reseller_id": world.tech.id, "created_at": MONDAY_NOON}
    levels = [
        (MarkupLevel.PRODUCT, "product_id"),
        (MarkupLevel.CUSTOMER_PRODUCT, "customer_id"),
        (MarkupLevel.CATEGORY, "category_id"),
        (MarkupLevel.VENDOR, "vendor"),
    ]
    rows = []
    for position in range(number):
        level, column = levels[position % 4]
        target = f"Vendor {position}" if column == "vendor" else new_id()
        row = {"customer_id": None, "product_id": None, "category_id": None, "vendor": None, column: target}
        if level is MarkupLevel.CUSTOMER_PRODUCT:
            row["product_id"] = world.seats.id
        rows.append(
            {
                **common,
                **row,
                "id": new_id(),
                "level": level,
                "percent": Decimal(30),
                "created_at": MONDAY_NOON + timedelta(seconds=position),
            }
        )
    with scope(world.tech.scope):
        session.execute(insert(MarkupRule), rows)
        session.execute(
            insert(SpecialPrice),
            [
                {
                    **common,
                    "id": new_id(),
                    "customer_id": new_id(),
                    "product_id": world.seats.id,
                    "term": Term.P1M,
                    "cycle": BillingCycle.MONTHLY,
                    "currency": "EUR",
                    "amount": Decimal(99),
                }
                for _ in range(number // 10)
            ],
        )


@pytest.mark.parametrize("number", [10, 10_000])
def test_a_quote_is_one_statement_whatever_the_number_of_rules(world, session, rules, statements, number):
    _many_rules(world, session, number)
    rules.markup(MarkupLevel.PRODUCT, "25", product_id=world.seats.id)
    with scope(with_lists(world.tech.scope, world.tech.id)):
        buyer = alias_buyer(world.tech.id, world.tech.customers[0].id, MONDAY)
        with statements() as of_prices:
            prices = buyer_prices([product.id for product in world.products], buyer)
        with statements() as of_explanation:
            explained = explain_prices(prices, buyer)
    assert (len(of_prices), len(of_explanation)) == (1, 1)
    assert len(prices) == len(explained) == 3
    assert prices[seats_key(world)].unit_price == Decimal("12.50")


def test_every_level_is_reached_by_index_under_row_security(world, session, rules, connection):
    _many_rules(world, session, 10_000)
    rules.markup(MarkupLevel.DEFAULT, "25")
    compiled = ALIAS_QUOTE.compile(dialect=postgresql.dialect(paramstyle="numeric_dollar"))
    with scope(with_lists(world.tech.scope, world.tech.id)):
        buyer = alias_buyer(world.tech.id, world.tech.customers[0].id, MONDAY)
        given = {**compiled.params, **parameters(buyer, world.id)}
        given["product_ids"] = [product.id for product in world.products]
        assert session.scalar(text("SELECT current_user")) == connection.engine.url.username
        raw = session.connection().connection.cursor()
        raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        raw.execute(f"PREPARE quote AS {compiled}")
        values = sql.SQL(", ").join(_literal(given[name]) for name in compiled.positiontup)
        raw.execute(sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) EXECUTE quote ({})").format(values))
        (plan,) = raw.fetchone()
        raw.execute("DEALLOCATE quote")
    nodes = list(_nodes(plan[0]["Plan"]))
    of_rules = [node for node in nodes if node.get("Relation Name") in ("markup_rules", "special_prices")]
    assert len(of_rules) == 12, "ten levels and the two looked up by key"
    scans = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
    assert {node["Node Type"] for node in of_rules} <= scans
    assert {node["Index Name"] for node in of_rules} == {
        "ix_markup_rules_target", "ix_special_prices_key", "pk_markup_rules", "pk_special_prices",
    }  # fmt: skip
    assert sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in of_rules) <= len(of_rules)


def _literal(value):
    return sql.Literal(value.value if isinstance(value, MarkupLevel) else value)


def _nodes(node):
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
