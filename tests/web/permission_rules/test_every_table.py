"""A row that belongs to a hidden customer is hidden in whichever table it stands: tables that are new are tried, too (BC-04).

A row is made in every table that can point at the customer or at a record of it, every text in it a canary; then
everything is read as somebody who does not see the customer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    ARRAY,
    Boolean,
    Date,
    DateTime,
    Enum,
    LargeBinary,
    Numeric,
    Table,
    Uuid,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from app.core.db import Base
from app.core.ids import new_id
from app.identity.permission_rules.models import RuledKind
from app.notifications.models import AboutKind
from app.provisioning.models import StuckKind
from tenants.context import HeldRules, Scope, direct_business_scope, scope
from tenants.scoping import DistributorScoped, RealmScoped, ResellerPrivate
from tests.web.permission_rules.conftest import CANARY, clerk, hidden, keep, make_rule
from tests.web.roles.conftest import hire

__all__ = ["clerk", "hidden", "hire"]

MOMENT, DAY = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 2)
# Columns that say whose a row is, by the record they name.
LINKS = {
    "account_id": RuledKind.ACCOUNT, "payer_id": RuledKind.ACCOUNT, "end_customer_id": RuledKind.ACCOUNT,
    "customer_id": RuledKind.ACCOUNT, "order_id": RuledKind.ORDER, "offer_id": RuledKind.OFFER,
    "subscription_id": RuledKind.SUBSCRIPTION, "subject_id": RuledKind.SUBSCRIPTION, "asset_id": RuledKind.ASSET,
    "invoice_id": RuledKind.INVOICE, "about_id": RuledKind.ACCOUNT, "target_id": RuledKind.ORDER,
}  # fmt: skip


# What `about_id` and `target_id` name.
KINDS = {
    ("mail_log", "about_kind"): AboutKind.ACCOUNT, ("outbound_mails", "about_kind"): AboutKind.ACCOUNT,
    ("stuck_works", "kind"): StuckKind.ORDER_EXECUTING, ("audit_events", "target_kind"): "order",
}  # fmt: skip
PARENTS = frozenset(
    {"service_managers", "reconciliation_runs", "usage_imports"}
)  # no customer's, but others' rows need one

# What stays in reach, and why that betrays nobody.
NOT_SHOWN = {
    "domain_claims": "domain names are unique, whoever asks; no page shows them",
    "idempotency_keys": "answers to the program that has asked; no page shows them",
    "sign_in_names": "addresses are unique in a realm, whoever asks; identity services alone read them",
    "markup_rules": "a storefront's own; the distributor's has none for customers",
    "special_prices": "as markup_rules",
    "listing_runs": "as markup_rules",
    "reseller_audit_events": "as markup_rules",
}


@dataclass
class Filled:
    """The tables that got a row of the customer's, and why others did not."""

    tables: dict[str, Scope] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)  # of the newest row by table


def scopes_of(world, model) -> Scope:
    if issubclass(model, ResellerPrivate):
        return direct_business_scope(world.id)
    return world.scope.in_realm(world.root.id) if issubclass(model, RealmScoped) else world.scope


def value_of(column, table: Table, known: dict[str, UUID]) -> Any:
    kind = column.type
    if (table.name, column.name) in KINDS:
        return KINDS[table.name, column.name]
    if isinstance(kind, Uuid):
        return known.get(column.name, new_id())
    for types, value in (
        (Boolean, False), (DateTime, MOMENT), (Date, DAY), (Numeric, Decimal(1)), (JSONB, {}), (ARRAY, []),
        (LargeBinary, b"x"),
    ):  # fmt: skip
        if isinstance(kind, types):
            return value
    if isinstance(kind, Enum):
        return next(iter(kind.enum_class)) if kind.enum_class else kind.enums[0]
    if kind.python_type is str:
        length = kind.length or 60
        word = "Seen" if table.name in PARENTS else CANARY
        return {"currency": "EUR", "country": "DE", "channel": "bss"}.get(column.name, f"{word} {table.name}"[:length])
    return 1


def row_of(model, known: dict[str, UUID], ids: dict[str, UUID]) -> dict[str, Any]:
    """Values for every column that must have one, and for each that says whose the row is."""
    table = model.__table__
    linked = {**required_parents(table, ids), **{each.name: known[each.name] for each in table.c if each.name in known}}
    return {
        each.name: value_of(each, table, linked)
        for each in table.c
        if each.name in linked or (table.name, each.name) in KINDS or must_be_filled(each)
    }


def required_parents(table: Table, ids: dict[str, UUID]) -> dict[str, UUID]:
    """The rows that others of the table point at."""
    return {
        element.parent.name: ids.get(element.column.table.name, new_id())
        for constraint in table.foreign_key_constraints
        for element in constraint.elements
        if element.column.name == "id" and not element.parent.nullable
    }


def must_be_filled(column) -> bool:
    """Whether a row needs a value, or may hold a text."""
    if column.name in ("distributor_id", "id"):
        return False
    is_text = not isinstance(column.type, Enum) and column.type.python_type is str
    return (not column.nullable and column.default is None) or (column.nullable and is_text)


def models() -> Iterator[type[DistributorScoped]]:
    """The models of tenants' rows, those that others point at first."""
    by_table = {mapper.local_table: mapper.class_ for mapper in Base.registry.mappers}
    for table in Base.metadata.sorted_tables:
        if issubclass(by_table[table], DistributorScoped):
            yield by_table[table]


@pytest.fixture
def filled(session, world, hidden) -> Filled:
    known = {name: hidden.ids[kind] for name, kind in LINKS.items()}
    known |= {"user_id": world.direct_buyer.id, "realm_id": world.root.id, "storefront_id": world.root.id,
              "task_id": hidden.task_id, "product_id": world.seats.id}  # fmt: skip
    with scope(world.scope):
        ids = {}
        for model in models():
            if issubclass(model, RealmScoped | ResellerPrivate):
                continue
            found = session.scalar(select(model.__table__.c.id).order_by(model.__table__.c.id.desc()).limit(1))
            if found is not None:
                ids[model.__tablename__] = found
        ids |= {"accounts": hidden.account.id, "users": world.direct_buyer.id}
    filled = Filled()
    for model in models():
        name, is_linked = model.__tablename__, bool(set(LINKS) & {each.name for each in model.__table__.c})
        if not is_linked and name not in PARENTS:
            continue
        with scope(scopes_of(world, model)):
            try:
                with session.begin_nested():
                    row = {"distributor_id": world.id, "id": new_id(), **row_of(model, known, ids)}
                    session.execute(model.__table__.insert().values(**row))
                    ids[name] = row["id"]
            except DBAPIError as refused:
                filled.refused[name] = str(refused.orig).splitlines()[0]
            if is_linked:
                filled.tables[name] = scopes_of(world, model)
    filled.ids = ids
    return filled


def seen(session, table: str, words) -> list[str]:
    rows = session.scalars(text(f"SELECT t::text FROM {table} t")).all()
    return [row[:200] for row in rows if any(word in row for word in words)]


def visible(world, ids: dict[str, UUID]) -> dict[str, Any]:
    """What arguments of addresses name that the clerk may see: nothing of the customer's."""
    return {
        "account_id": world.tech.account.id, "price_list_id": world.price_list.id, "product_id": world.seats.id,
        "category_id": world.category.id, "type_id": world.product_type.id, "user_id": world.bss_user.id,
        "manager_id": ids["service_managers"], "run_id": ids["reconciliation_runs"], "currency": "EUR", "code": "EUR",
        "kind": "account", "key": world.tech.account.id, "ref": "submitted", "name": "administrator", "number": 1,
    }  # fmt: skip


def test_no_page_that_is_about_something_else_names_a_hidden_customer(
    app, client, world, sign_in, clerk, hidden, filled
):
    """BC-F14 (partly): every page of the back office, filled with a row of the customer's in every table."""
    arguments = visible(world, filled.ids)
    words = (*hidden.words, *(str(each) for each in hidden.ids.values()))

    def crawled():
        pages = {}
        for rule in app.url_map.iter_rules():
            if not rule.endpoint.startswith("bss_") or "GET" not in rule.methods or "_sessions." in rule.endpoint:
                continue
            if rule.endpoint.startswith("bss_api.") or not set(rule.arguments) <= set(arguments):
                continue
            _, path = rule.build({name: arguments[name] for name in rule.arguments}, append_unknown=False)
            answer = client.get(path)
            pages[path] = (answer.status_code, [word for word in words if word in answer.text])
        return pages

    sign_in(clerk)
    before = crawled()
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    after = crawled()

    assert {path: found for path, (_, found) in after.items() if found} == {}
    assert {path: status for path, (status, _) in after.items() if status >= HTTPStatus.INTERNAL_SERVER_ERROR} == {}
    assert len([path for path, (status, _) in after.items() if status == HTTPStatus.OK]) > 90
    named = {path for path, (_, found) in before.items() if found}
    assert {"/bss/accounts", "/bss/audit", "/bss/mail/log", "/bss/registrations"} <= named


def test_no_table_shows_a_row_of_a_hidden_customer(session, world, clerk, hidden, filled):
    """BC-F14 (partly): whatever a page, export, API or job of theirs reads."""
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    words = (*hidden.words, *(str(each) for each in hidden.ids.values()))
    with_row, leaks = set(), {}
    for table, where in filled.tables.items():
        with scope(where):
            if seen(session, table, words):
                with_row.add(table)
        with scope(where.under_rules(HeldRules(clerk.id))):
            if found := seen(session, table, words):
                leaks[table] = found
    assert {table: rows for table, rows in leaks.items() if table not in NOT_SHOWN} == {}
    assert set(leaks) == set(NOT_SHOWN)
    assert set(filled.tables) - with_row == set(), filled.refused
