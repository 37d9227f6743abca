"""Every tenant table forces row security, in the family its model names; no role of the product can step around it."""

from __future__ import annotations

import pytest
from sqlalchemy import ForeignKeyConstraint, Table, UniqueConstraint, text

from app.core.db import Base, BoundSession
from tenants import models as directory_models
from tenants.scoping import (
    NARROW_ROLE,
    Catalogue,
    DistributorPrivate,
    DistributorScoped,
    Intake,
    RealmScoped,
    ResellerPrivate,
    Shared,
)

DIRECTORY = {"distributors", "storefronts", "addresses"}
CONSOLE = {"operators", "operator_sessions"}
RULED_TABLES = {"accounts", "orders", "offers", "subscriptions", "assets", "invoices"}
FAMILIES = (Catalogue, Shared, ResellerPrivate, DistributorPrivate, RealmScoped, Intake)


def tables() -> dict[str, type]:
    """Every table with its model's class."""
    assert directory_models.Distributor.__tablename__ in DIRECTORY
    return {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}  # type: ignore[attr-defined]


def family_of(name: str, model: type) -> type | None:
    """The family a model inherits; accounts are shared although their own id is the account."""
    if name == "accounts":
        return Shared
    return next((family for family in FAMILIES if issubclass(model, family)), None)


def test_every_table_belongs_to_a_family_the_directory_or_the_console() -> None:
    homeless = {name for name, model in tables().items() if family_of(name, model) is None}
    assert homeless == DIRECTORY | CONSOLE


def test_every_tenant_table_forces_row_security(session: BoundSession) -> None:
    forced = set(
        session.scalars(
            text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'")
        )
    )
    assert tables().keys() - CONSOLE - forced == set(), "create these tables with a helper of migrations.rls"


def squeezed(words: str | None) -> str:
    """A condition without the blanks, casts and brackets PostgreSQL adds when it prints it."""
    text_ = (words or "").lower()
    for noise in ("::text", "(", ")", " ", "\n", "ascurrent_setting", "ascast", "asnullif", '"'):
        text_ = text_.replace(noise, "")
    return text_


@pytest.mark.parametrize("name", sorted(tables().keys() - DIRECTORY - CONSOLE))
def test_policies_are_those_of_the_models_family(session: BoundSession, name: str) -> None:
    rows = session.execute(
        text("SELECT cmd, qual, with_check FROM pg_policies WHERE tablename = :name AND permissive = 'PERMISSIVE'"),
        {"name": name},
    ).all()
    found = {row.cmd: (squeezed(row.qual), squeezed(row.with_check)) for row in rows}
    distributor = squeezed("current_setting('app.distributor')")
    assert all(distributor in (using or check) for using, check in found.values())
    family = family_of(name, tables()[name])
    all_resellers, own = squeezed("current_setting('app.reseller') = 'all'"), "reseller_idisdistinctfrom"
    if family is Catalogue:
        assert set(found) == {"SELECT", "INSERT", "UPDATE", "DELETE"}
        assert all_resellers in found["INSERT"][1]
        assert ("app.price_lists" in found["SELECT"][0]) is (name == "price_list_entries")
    elif family is Shared:
        assert set(found) == {"ALL"}
        assert all(word in found["ALL"][0] for word in ("app.reseller", "app.account", own))
    elif family is ResellerPrivate:
        assert own in found["ALL"][0]
        assert all_resellers in found["ALL"][0].replace("<>", "=")
    elif family is DistributorPrivate:
        assert all_resellers in found["ALL"][0]
    elif family is RealmScoped:
        assert "app.realm" in found["ALL"][0]
    else:
        assert set(found) == {"INSERT", "SELECT", "UPDATE", "DELETE"}
        assert all_resellers in found["SELECT"][0]
        assert all_resellers not in found["INSERT"][1]


def test_permission_rules_narrow_and_bind_one_role_alone(session: BoundSession) -> None:
    """Whoever has not taken that role pays nothing for them: storefronts, workers, who sees every record."""
    rows = session.execute(
        text("SELECT policyname, permissive, roles::text[] AS roles FROM pg_policies WHERE roles::text[] <> '{public}'")
    ).all()
    rules = [row for row in rows if "_rules_" in row.policyname]
    assert len(rules) > len(RULED_TABLES)
    assert {(row.permissive, *row.roles) for row in rules} == {("RESTRICTIVE", NARROW_ROLE)}
    inherited = session.scalars(
        text("SELECT rolname FROM pg_roles WHERE pg_has_role(rolname, :narrow, 'USAGE') AND rolname IN (:app, :bulk)"),
        {"narrow": NARROW_ROLE, "app": "galleria_app", "bulk": "galleria_bulk"},
    ).all()
    assert inherited == []


def test_the_narrow_role_may_do_what_the_applications_role_may_and_no_more(session: BoundSession) -> None:
    """Or a page would fail for whom permission rules bind, on a table or sequence that came later."""
    tables_ = text(
        """SELECT c.relname, p.name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p(name)
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND has_table_privilege(:role, c.oid, p.name)"""
    )
    sequences = text(
        """SELECT sequencename FROM pg_sequences
        WHERE schemaname = 'public' AND has_sequence_privilege(:role, quote_ident(sequencename), 'USAGE')"""
    )
    for statement in (tables_, sequences):
        of_app, of_narrow = (
            set(session.execute(statement, {"role": role}).tuples()) for role in ("galleria_app", NARROW_ROLE)
        )
        assert of_app == of_narrow
        assert of_app


def keys_of(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """Primary, unique and foreign keys of a table with their columns."""
    found: list[tuple[str, tuple[str, ...]]] = [("primary", tuple(c.name for c in table.primary_key.columns))]
    found += [
        (type(constraint).__name__, tuple(c.name for c in constraint.columns))
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint | ForeignKeyConstraint)
    ]
    found += [("index", tuple(c.name for c in index.columns)) for index in table.indexes if index.unique]
    return found


def test_every_key_of_a_tenant_table_starts_with_the_distributor() -> None:
    """Foreign and unique keys ignore row security: one tenant could link to, or guess, another's rows."""
    wrong = [
        (name, kind, columns)
        for name, model in tables().items()
        if issubclass(model, DistributorScoped)
        for kind, columns in keys_of(model.__table__)  # type: ignore[attr-defined]
        if columns[0] != "distributor_id" and (name, columns) != ("addresses", ("host",))  # a host is world-wide
    ]
    assert wrong == []


def test_no_role_of_the_product_owns_a_table_or_bypasses_row_security(session: BoundSession) -> None:
    me = session.scalar(text("SELECT current_user"))
    assert session.scalar(text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")) is False
    assert session.scalars(text("SELECT tablename FROM pg_tables WHERE tableowner = :me"), {"me": me}).all() == []


def test_the_applications_role_cannot_read_operators(session: BoundSession) -> None:
    for name in sorted(CONSOLE):
        allowed = session.scalar(text("SELECT has_table_privilege(current_user, :name, 'SELECT')"), {"name": name})
        assert allowed is False


def test_no_column_is_a_database_enum(session: BoundSession) -> None:
    """An ENUM's operators are not leakproof, so no index would serve it under row security (architecture 5)."""
    assert session.scalars(text("SELECT typname FROM pg_type WHERE typtype = 'e'")).all() == []
