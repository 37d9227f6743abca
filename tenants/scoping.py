"""Columns every tenant's table carries, and the one place that tells PostgreSQL the scope.

The statements are literal `SET LOCAL` in one round trip: a spread over several nodes forwards those, and not
`set_config()`. All settings are always set, so that nothing of an earlier scope survives on a connection.
"""

from __future__ import annotations

from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import Connection, event
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from app.core.db import BoundSession, session
from app.core.ids import new_id
from tenants.context import HeldRules, Reach, Scope, current_scope, scope_or_none

NARROW_ROLE = "galleria_narrow"  # the database role that permission rules bind (migrations/records.py)


def _scope_distributor() -> UUID:
    return current_scope().distributor_id


class DistributorScoped:
    """Rows of one distributor: the key is (distributor_id, id), so no reference can cross tenants.

    Models inherit one of the six families below; `migrations.rls` has a helper for each (decisions section 3).
    """

    distributor_id: Mapped[UUID] = mapped_column(primary_key=True, default=_scope_distributor, sort_order=-20)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-19)


class Catalogue(DistributorScoped):
    """Family 1: read by every scope of the distributor, written with all resellers in scope."""


class Shared(DistributorScoped):
    """Family 2: rows a distributor, the reseller they belong to, and the account they belong to may all see.

    `reseller_id` is None for the distributor's direct business; `account_id` is None where no account owns the row.
    """

    reseller_id: Mapped[UUID | None] = mapped_column(sort_order=-18)
    account_id: Mapped[UUID | None] = mapped_column(sort_order=-17)


class ResellerPrivate(DistributorScoped):
    """Family 3: rows of one storefront owner alone; `reseller_id` None is the distributor's own storefront.

    BSS does not see a reseller's.
    """

    reseller_id: Mapped[UUID | None] = mapped_column(sort_order=-18)


class DistributorPrivate(DistributorScoped):
    """Family 4: rows of the distributor's back office and jobs; only a scope of all resellers sees them."""


class Intake(DistributorScoped):
    """Family 6: every scope of the distributor may insert (without RETURNING), only its jobs and BSS read."""


class RealmScoped(DistributorScoped):
    """Family 5: sign-in data of one realm; visible only while an identity service has opened that realm."""

    realm_id: Mapped[UUID] = mapped_column(sort_order=-18)


def _literal(value: UUID | Reach) -> str:
    return value.value if isinstance(value, Reach) else str(value)


def scope_statements(entered: Scope | None) -> str:
    """Return the SQL that puts a scope in force for the running transaction; without one, every policy errors."""
    if entered is None:
        values = {"distributor": "", "reseller": "", "account": "", "price_lists": "", "realm": ""}
    else:
        lists = entered.price_lists
        values = {
            "distributor": str(entered.distributor_id),
            "reseller": _literal(entered.reseller),
            "account": _literal(entered.account),
            "price_lists": lists.value if isinstance(lists, Reach) else "{" + ",".join(map(str, lists)) + "}",
            "realm": str(entered.realm_id) if entered.realm_id else "none",
        }
    rules = None if entered is None or isinstance(entered.rules, Reach) else entered.rules
    if rules is not None:
        values |= _rules(rules)
    told = "; ".join(f"SET LOCAL app.{name} = {sql.Literal(value).as_string(None)}" for name, value in values.items())
    return told if rules is None else f"{told}; SET LOCAL ROLE {NARROW_ROLE}"


def _rules(held: HeldRules) -> dict[str, str]:
    return {
        "viewer": str(held.viewer_id),
        "rules_read": "{" + ",".join(map(str, held.read)) + "}",
        "rules_edit": "{" + ",".join(map(str, held.edit)) + "}",
        "rules_full": "{" + ",".join(map(str, held.full)) + "}",
    }


def _tell(connection: Connection) -> None:
    told = f"SET LOCAL ROLE NONE; {scope_statements(scope_or_none())}"  # an earlier scope of it may have been narrow
    connection.exec_driver_sql(told, execution_options={"no_parameters": True})


def _begin_told(connection: Connection) -> bool:
    """Begin and tell in one round trip, past the driver's own BEGIN; False where the transaction stands already."""
    driver = connection.connection.driver_connection
    line = driver.pgconn if isinstance(driver, psycopg.Connection) and not driver.autocommit else None
    if line is None or line.transaction_status != TransactionStatus.IDLE:
        return False
    answer = line.exec_(f"BEGIN; {scope_statements(scope_or_none())}".encode())
    return answer.status == ExecStatus.COMMAND_OK


@event.listens_for(BoundSession, "after_begin")
def _scope_begins(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if not _begin_told(connection):  # what went wrong is said by the ordinary way
        _tell(connection)


def settle_scope() -> None:
    """Write pending changes while the scope they were made in is still in force."""
    if session.registry.has() and session().in_transaction():
        session().flush()


def follow_scope(*, is_failing: bool = False) -> None:
    """Tell a transaction that is already open about a changed scope.

    A unit of work whose statement failed is ended by whoever opened it, or its savepoint: ended here, it would go on as
    a new one and commit a part. `is_failing`: an error is on its way to them. Reading alone may start anew.
    """
    if not session.registry.has():
        return
    current = session()
    if not (current.in_transaction() and current.is_active):
        return
    try:
        _tell(current.connection())
    except InternalError:  # the transaction has already failed
        if not current.info.get("in_unit_of_work"):
            current.rollback()
        elif not is_failing:
            raise
