"""What each scope may read, insert, update and delete, tried in SQL as the application's role (decisions section 3).

The policies of a family are alike (tests/architecture/test_tenancy.py), so reading and changing is tried on members of
each family; inserting is tried on every table there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.audit.services import SYSTEM, record
from app.core.db import Base, BoundSession
from app.core.ids import new_id
from app.notifications.services import MailTemplate, queue_mail
from app.orders.models import Order, OrderChannel, OrderStatus
from app.pricing.models import MarkupLevel, MarkupRule
from tenants.context import (
    Scope,
    alias_visitor_scope,
    direct_customer_scope,
    distributor_scope,
    end_customer_scope,
    reseller_scope,
    root_visitor_scope,
    scope,
)
from tenants.scoping import (
    Catalogue,
    DistributorPrivate,
    DistributorScoped,
    Intake,
    RealmScoped,
    ResellerPrivate,
    Shared,
)
from tests.factories.world import MONDAY_NOON, World, make_world

TABLES = {
    mapper.local_table.name: mapper.class_  # type: ignore[attr-defined]
    for mapper in Base.registry.mappers
    if issubclass(mapper.class_, DistributorScoped)
}


PUBLIC = frozenset({"storefronts", "addresses"})
# Tables with rows in `worlds`, of every family. Of an empty one PostgreSQL may not even read the policy.
FILLED = frozenset(
    {
        "products", "product_prices", "price_lists", "price_list_entries", "accounts", "users", "orders", "markup_rules",
        "listings", "storefront_settings", "vendor_costs", "sign_in_names", "outbound_mails", "audit_events",
    }
)  # fmt: skip


@dataclass
class Worlds:
    """Two distributors; `theirs` is the one an attacker of `ours` is after."""

    ours: World
    theirs: World


@pytest.fixture
def worlds(session: BoundSession) -> Worlds:
    """Both worlds, with an order, a markup, a mail and an audit event in each."""
    ours = make_world(session)
    theirs = make_world(session, name="Disti Iberia", host="cloud.disti.example")
    for world in (ours, theirs):
        for shop in (world.tech, world.cloudia):
            with scope(world.scope):
                session.add(_order(world, shop.id, shop.customers[0].id, shop.admin.id))
                queue_mail(
                    MailTemplate.TEST,
                    to_email="a@b.example",
                    sender_reseller_id=None,
                    storefront_id=None,
                    fields={},
                    at=MONDAY_NOON,
                )
                record("test", actor=SYSTEM, at=MONDAY_NOON)
            with scope(shop.scope):
                session.add(
                    MarkupRule(
                        reseller_id=shop.id, level=MarkupLevel.DEFAULT, percent=Decimal(10), created_at=MONDAY_NOON
                    )
                )
        with scope(world.scope):
            session.add(_order(world, None, world.direct.id, world.direct_buyer.id))
    session.commit()
    return Worlds(ours, theirs)


def _order(world: World, reseller_id: UUID | None, account_id: UUID, user_id: UUID) -> Order:
    return Order(
        reseller_id=reseller_id,
        account_id=account_id,
        payer_id=reseller_id or account_id,
        number=f"SO-T-{new_id().hex[-8:]}",
        status=OrderStatus.EXECUTED,
        channel=OrderChannel.ALIAS,
        net_total=Decimal(10),
        currency="EUR",
        contact_email="x@y.example",
        placed_by_id=user_id,
        placed_at=MONDAY_NOON,
    )


def scopes_of(world: World) -> dict[str, Scope]:
    """Every row of the table of decisions section 3."""
    distributor_id, shop = world.id, world.tech
    return {
        "bss": distributor_scope(distributor_id),
        "root visitor": root_visitor_scope(distributor_id),
        "direct customer": direct_customer_scope(distributor_id, world.direct.id),
        "reseller staff": reseller_scope(distributor_id, shop.id),
        "alias visitor": alias_visitor_scope(distributor_id, shop.id),
        "end customer": end_customer_scope(distributor_id, shop.id, shop.customers[0].id),
    }


SCOPES = ("bss", "root visitor", "direct customer", "reseller staff", "alias visitor", "end customer")


def count(session: BoundSession, table: str, condition: str = "true", **values: object) -> int:
    return session.scalar(text(f"SELECT count(*) FROM {table} WHERE {condition}"), values)  # type: ignore[return-value]


@contextmanager
def undone(session: BoundSession) -> Iterator[None]:
    """A savepoint around an attack, so that the next one starts from the same rows."""
    with session.begin_nested() as savepoint:
        try:
            yield
        finally:
            if savepoint.is_active:
                savepoint.rollback()


def test_nothing_is_read_without_a_scope(session: BoundSession, worlds: Worlds) -> None:
    for table in sorted(FILLED):
        with undone(session), pytest.raises(DBAPIError, match="invalid input syntax for type uuid"):
            count(session, table)
    assert all(count(session, table) > 0 for table in PUBLIC)  # an address is resolved before a scope exists


def touched(session: BoundSession, statement: str, values: dict[str, UUID]) -> int:
    """Return how many rows a statement reaches; the audit trail refuses changes to everybody, which is none."""
    with undone(session):
        try:
            return session.execute(text(statement), values).rowcount  # type: ignore[attr-defined,no-any-return]
        except DBAPIError as error:
            if "permission denied for table audit_" not in str(error):
                raise
            return 0


@pytest.mark.parametrize("who", SCOPES)
def test_another_distributors_rows_do_not_exist(session: BoundSession, worlds: Worlds, who: str) -> None:
    """CB-F126 (partly): a scope of one distributor reads, changes and deletes nothing of another, in any table."""
    theirs = {"id": worlds.theirs.id}
    reached = []
    with scope(scopes_of(worlds.ours)[who].in_realm(worlds.theirs.root.id)):
        for table in sorted(TABLES.keys() - PUBLIC):
            seen = count(session, table, "distributor_id = :id", **theirs)
            changed = touched(session, f"UPDATE {table} SET id = id WHERE distributor_id = :id", theirs)
            deleted = touched(session, f"DELETE FROM {table} WHERE distributor_id = :id", theirs)
            if (seen, changed, deleted) != (0, 0, 0):
                reached.append(table)
    assert reached == []


def insert_error(session: BoundSession, table: str, **values: object) -> str:
    """Try a row of these values alone. Row security is asked before NOT NULL, so the message tells who refused."""
    columns = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    with undone(session), pytest.raises(DBAPIError) as refused:
        session.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), values)
    return str(refused.value.orig)


def refused_by_row_security(message: str) -> bool:
    return "row-level security" in message


@pytest.mark.parametrize("who", SCOPES)
def test_nobody_inserts_for_another_distributor(session: BoundSession, worlds: Worlds, who: str) -> None:
    with scope(scopes_of(worlds.ours)[who].in_realm(worlds.ours.root.id)):
        messages = {
            table: insert_error(session, table, distributor_id=worlds.theirs.id, id=new_id()) for table in TABLES
        }
    assert [table for table, message in messages.items() if not refused_by_row_security(message)] == []


def may_insert(model: type, who: str) -> bool:
    """Whether a scope may insert rows it owns into a table of the model's family."""
    if issubclass(model, Intake):
        return True
    if issubclass(model, Catalogue | DistributorPrivate):
        return who == "bss"
    if model.__tablename__ in PUBLIC:  # type: ignore[attr-defined]
        return who == "bss"
    if issubclass(model, RealmScoped):
        return True  # with the realm opened
    if issubclass(model, ResellerPrivate):
        return who != "bss"
    return who not in ("root visitor", "alias visitor")


def own_row(model: type, found: Scope, realm_id: UUID) -> dict[str, object]:
    """The columns that policies read, with values of the scope itself."""
    values: dict[str, object] = {"distributor_id": found.distributor_id, "id": new_id()}
    if issubclass(model, Shared | ResellerPrivate) or model.__tablename__ == "accounts":  # type: ignore[attr-defined]
        values["reseller_id"] = found.reseller_id
    if issubclass(model, Shared):
        values["account_id"] = found.account_id or new_id()
    if model.__tablename__ == "accounts" and found.account_id:  # type: ignore[attr-defined]
        values["id"] = found.account_id
    if issubclass(model, RealmScoped):
        values["realm_id"] = realm_id
    return values


@pytest.mark.parametrize("who", SCOPES)
def test_each_scope_inserts_only_what_its_family_allows(session: BoundSession, worlds: Worlds, who: str) -> None:
    found, realm_id = scopes_of(worlds.ours)[who], worlds.ours.root.id
    with scope(found.in_realm(realm_id)):
        allowed = {
            table: not refused_by_row_security(insert_error(session, table, **own_row(model, found, realm_id)))
            for table, model in TABLES.items()
        }
    assert allowed == {table: may_insert(model, who) for table, model in TABLES.items()}


def shared_refusals(session: BoundSession, **values: object) -> dict[str, bool]:
    """Whether each table of the shared family refuses a row of these values."""
    return {
        table: refused_by_row_security(insert_error(session, table, id=new_id(), **values))
        for table, model in TABLES.items()
        if issubclass(model, Shared)
    }


def test_a_reseller_inserts_nothing_for_another_reseller(session: BoundSession, worlds: Worlds) -> None:
    other = worlds.ours.cloudia
    with scope(worlds.ours.tech.scope):
        refused = shared_refusals(
            session, distributor_id=worlds.ours.id, reseller_id=other.id, account_id=other.customers[0].id
        )
    assert refused == dict.fromkeys(refused, True)


def test_a_customer_inserts_nothing_for_its_neighbour(session: BoundSession, worlds: Worlds) -> None:
    shop = worlds.ours.tech
    with scope(shop.customer_scope(0)):
        refused = shared_refusals(
            session, distributor_id=worlds.ours.id, reseller_id=shop.id, account_id=shop.customers[1].id
        )
    assert refused == dict.fromkeys(refused, True)


def test_who_reads_which_orders(session: BoundSession, worlds: Worlds) -> None:
    """The shared family: distributor all, reseller its own, customer its own, visitors none."""
    seen = {}
    for who, found in scopes_of(worlds.ours).items():
        with scope(found):
            seen[who] = count(session, "orders")
    assert seen == {
        "bss": 3,
        "root visitor": 0,
        "direct customer": 1,
        "reseller staff": 1,
        "alias visitor": 0,
        "end customer": 1,
    }
    with scope(worlds.ours.tech.customer_scope(1)):
        assert count(session, "orders") == 0


def test_a_reseller_changes_and_deletes_nothing_of_another(session: BoundSession, worlds: Worlds) -> None:
    with scope(worlds.ours.tech.scope):
        other = {"id": worlds.ours.cloudia.id}
        for table in ("orders", "accounts", "users", "markup_rules", "listings", "storefront_settings"):
            assert count(session, table, "reseller_id = :id", **other) == 0
            changed = session.execute(text(f"UPDATE {table} SET id = id WHERE reseller_id = :id"), other)
            assert changed.rowcount == 0  # type: ignore[attr-defined]


def test_a_row_cannot_be_given_away(session: BoundSession, worlds: Worlds) -> None:
    """An update may not move a row out of the scope it was found in."""
    with scope(worlds.ours.tech.scope), undone(session), pytest.raises(DBAPIError, match="row-level security"):
        session.execute(text("UPDATE orders SET reseller_id = :other"), {"other": worlds.ours.cloudia.id})


def test_back_office_sees_no_markup(session: BoundSession, worlds: Worlds) -> None:
    with scope(worlds.ours.scope):
        assert count(session, "markup_rules") == 0
        assert count(session, "storefront_settings") == 0
    with scope(worlds.ours.tech.scope):
        assert count(session, "markup_rules") == 1


def test_vendor_cost_is_the_back_offices_alone(session: BoundSession, worlds: Worlds) -> None:
    seen = {}
    for who, found in scopes_of(worlds.ours).items():
        with scope(found):
            seen[who] = count(session, "vendor_costs")
    assert seen == {who: 3 if who == "bss" else 0 for who in SCOPES}


def test_intake_is_read_by_the_distributor_alone(session: BoundSession, worlds: Worlds) -> None:
    for table in ("outbound_mails", "audit_events"):
        for who, found in scopes_of(worlds.ours).items():
            with scope(found):
                assert count(session, table) == (2 if who == "bss" else 0)


def test_price_list_entries_are_those_of_the_lists_the_scope_names(session: BoundSession, worlds: Worlds) -> None:
    customer = worlds.ours.tech.customer_scope()
    with scope(customer):
        assert count(session, "price_list_entries") == 0
    with scope(customer.with_price_lists((worlds.ours.price_list.id,))):
        assert count(session, "price_list_entries") == 3
    with scope(customer.with_price_lists((worlds.theirs.price_list.id,))):
        assert count(session, "price_list_entries") == 0


def test_sign_in_names_are_visible_only_in_their_opened_realm(session: BoundSession, worlds: Worlds) -> None:
    with scope(worlds.ours.scope):
        assert count(session, "sign_in_names") == 0
    with scope(worlds.ours.scope.in_realm(worlds.ours.tech.storefront.id)):
        assert count(session, "sign_in_names") == 3
    with scope(worlds.ours.scope.in_realm(worlds.theirs.tech.storefront.id)):
        assert count(session, "sign_in_names") == 0


def test_a_foreign_key_cannot_reach_another_distributor(session: BoundSession, worlds: Worlds) -> None:
    """Foreign keys ignore row security; composite keys make the reference impossible."""
    with scope(worlds.ours.scope), undone(session), pytest.raises(IntegrityError):
        order = _order(worlds.ours, worlds.ours.tech.id, worlds.theirs.tech.customers[0].id, worlds.ours.tech.admin.id)
        session.add(order)
        session.flush()
    with scope(worlds.ours.scope):
        assert count(session, "orders") == 3


def test_unique_keys_do_not_tell_what_other_distributors_have(session: BoundSession, worlds: Worlds) -> None:
    """RS-F23 (partly): codes, numbers and aliases may repeat across distributors, so no refusal tells a neighbour's."""
    with scope(worlds.theirs.scope):
        code = session.scalar(text("SELECT code FROM accounts LIMIT 1"))
    with scope(worlds.ours.scope), undone(session):
        session.execute(
            text("UPDATE accounts SET code = :code WHERE id = :id"), {"code": code, "id": worlds.ours.direct.id}
        )
        assert count(session, "accounts", "code = :code", code=code) == 1


def test_a_reseller_holds_an_alias_but_opens_none(session: BoundSession, worlds: Worlds) -> None:
    row = {"distributor_id": worlds.ours.id, "reseller_id": worlds.ours.basic.id, "alias": "basic-resale"}
    statement = text(
        "INSERT INTO addresses (distributor_id, id, reseller_id, alias, state, is_primary)"
        " VALUES (:distributor_id, :id, :reseller_id, :alias, :state, false)"
    )
    with scope(worlds.ours.basic.scope):
        with undone(session), pytest.raises(DBAPIError, match="row-level security"):
            session.execute(statement, {**row, "id": new_id(), "state": "live"})
        session.execute(statement, {**row, "id": new_id(), "state": "held"})
        with undone(session), pytest.raises(DBAPIError, match="row-level security"):
            session.execute(text("UPDATE addresses SET state = 'live' WHERE alias = 'basic-resale'"))
        changed = session.execute(text("UPDATE addresses SET state = state WHERE alias = 'techsolutions'"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
