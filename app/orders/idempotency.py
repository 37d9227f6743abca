"""Submits that may arrive twice: the same key makes one thing, and the second one is answered like the first (GO-02)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.core.db import session
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.orders.models import IdempotencyKey
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class Submit:
    """Who submits what: `words` is all that a request says, so that a key cannot come back with another one."""

    client: str
    route: str
    key: UUID
    words: tuple[object, ...]

    @property
    def digest(self) -> str:
        """What is stored of the words."""
        return hashlib.sha256(repr(tuple(map(str, self.words))).encode()).hexdigest()


class StillMaking(Conflict):
    """The first of two equal submits has no answer that could be repeated."""

    code = "submitted_twice"

    def __init__(self) -> None:
        super().__init__("This was already submitted")


def once(submit: Submit, make: Callable[[], UUID], *, at: datetime) -> UUID:
    """Make something once per key and return its id; a second submit waits for the first one's commit.

    Needs the distributor's scope. Raises Invalid `key_reused` for the same key with other words.
    """
    here = current_scope().distributor_id
    taken = session.scalar(
        insert(IdempotencyKey)
        .values(
            distributor_id=here, id=new_id(), reseller_id=None, account_id=None, client=submit.client[:80],
            route=submit.route, key=str(submit.key), request_digest=submit.digest, answer={}, created_at=at,
        )
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.id)
    )  # fmt: skip
    row = session.scalars(
        select(IdempotencyKey).where(
            IdempotencyKey.distributor_id == here,
            IdempotencyKey.client == submit.client[:80],
            IdempotencyKey.route == submit.route,
            IdempotencyKey.key == str(submit.key),
        )
    ).one()
    if taken is not None:
        made = make()
        row.answer = {"id": str(made)}
        session.flush()
        return made
    if row.request_digest != submit.digest:
        raise Invalid.field("request_key", "key_reused", "This was already submitted with other answers")
    if "id" not in row.answer:
        raise StillMaking
    return UUID(row.answer["id"])
