"""Links that show one record to whoever has them, without a sign-in, until they end (CB-17, CB-18).

A visitor's scope reaches no such record. The token, unguessable and stored as a digest, opens the distributor's scope
for one look; staff reads it again from the encrypted copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select

from app.accounts.services import root_storefront_id
from app.core.db import session
from app.core.secrets import decrypt, digest, encrypt, new_token
from app.orders.linked import Linked
from tenants.context import current_scope, distributor_scope, scope
from tenants.links import storefront_url

LONGEST_TOKEN = 100
ONE_CLICK = timedelta(minutes=1)


AnyLinked = TypeVar("AnyLinked", bound=Linked)


def give_link(row: Linked) -> None:
    """Give a row a link, once."""
    if row.token is None:
        token = new_token()
        row.token, row.token_digest = encrypt(token), digest(token)


def take_link(row: Linked) -> None:
    """Let a row's link end: what is given later is another one."""
    row.token = row.token_digest = None


def is_one_click(sent_at: datetime, at: datetime) -> bool:
    """Whether a mail was asked for twice by one double click: the first one is on its way."""
    return at - sent_at < ONE_CLICK


def url_of(row: Linked, place: str) -> str | None:
    """Return a row's link below a `place` of the distributor's storefront, such as "/offers"; None without a link."""
    storefront_id = root_storefront_id()
    if row.token is None or storefront_id is None:
        return None
    return storefront_url(storefront_id, f"{place}/{decrypt(row.token)}")


@contextmanager
def behind_link() -> Iterator[None]:
    """The one place that lets somebody without a session into the distributor's scope: below, a token is asked for."""
    with scope(distributor_scope(current_scope().distributor_id)):
        yield


def row_behind(model: type[AnyLinked], token: str, *, is_locked: bool = False) -> AnyLinked | None:
    """Return the row of a token, locked until the transaction ends if asked; None where there is none."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    statement = select(model).where(
        model.distributor_id == current_scope().distributor_id,  # type: ignore[attr-defined]  # of every row
        model.token_digest == digest(token),
    )
    if is_locked:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)
