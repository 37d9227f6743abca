"""Giving an account's rows to another reseller: from the day reselling is enabled, or when a customer moves (decisions 3).

All shared tables are found in the model, so a table added later is not forgotten.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Table, update

from app.core.db import Base, session
from app.identity.companies.queries import Company
from app.identity.companies.services import retire
from app.identity.models import SignInName, User, UserKind
from tenants.context import current_scope, scope
from tenants.scoping import Shared


def _shared_tables() -> tuple[Table, ...]:
    tables = (
        mapper.local_table
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Shared) and mapper.class_ is not User
    )
    return tuple(sorted((table for table in tables if isinstance(table, Table)), key=lambda table: table.name))


def give_rows_to_reseller(account_id: UUID, *, reseller_id: UUID | None, kind: UserKind, realm_id: UUID | None) -> None:
    """Re-key all rows of an account, its users and their sign-in names in one realm.

    Needs the distributor's scope: the rows leave one reseller's reach and enter another's.
    """
    here = current_scope()
    for table in _shared_tables():
        session.execute(
            update(table)
            .where(table.c.distributor_id == here.distributor_id, table.c.account_id == account_id)
            .values(reseller_id=reseller_id)
        )
    session.execute(
        update(User)
        .where(User.distributor_id == here.distributor_id, User.account_id == account_id)
        .values(reseller_id=reseller_id, kind=kind)
        .execution_options(synchronize_session=False)
    )
    if realm_id is None:
        return
    with scope(here.in_realm(realm_id)):
        session.execute(
            update(SignInName)
            .where(
                SignInName.distributor_id == here.distributor_id,
                SignInName.realm_id == realm_id,
                SignInName.account_id == account_id,
            )
            .values(reseller_id=reseller_id, kind=kind)
            .execution_options(synchronize_session=False)
        )
    if kind is UserKind.RESELLER:
        retire(Company(realm_id, account_id))
