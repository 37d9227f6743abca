"""Which columns of a list a person of the back office looks at: their own choice, remembered (CB-23)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.identity.models import ChosenColumns
from tenants.context import current_scope


def chosen_columns(user_id: UUID | None, list_name: str) -> Sequence[str] | None:
    """Return what a person chose for a list, or None where they never did. Needs the distributor's scope."""
    return session.scalar(
        select(ChosenColumns.columns).where(
            ChosenColumns.distributor_id == current_scope().distributor_id,
            ChosenColumns.user_id == user_id,
            ChosenColumns.list_name == list_name,
        )
    )


def choose_columns(user_id: UUID, list_name: str, wanted: Collection[str], *, known: Sequence[str]) -> None:
    """Remember a person's columns of a list, in the order of the `known` ones. Raises Invalid `choice` for another one."""
    if not set(wanted) <= set(known):
        raise Invalid.field("column", "choice", "Choose columns of the list")
    statement = insert(ChosenColumns).values(
        distributor_id=current_scope().distributor_id,
        id=new_id(),
        user_id=user_id,
        list_name=list_name,
        columns=[name for name in known if name in wanted],
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["distributor_id", "user_id", "list_name"], set_={"columns": statement.excluded.columns}
        )
    )
