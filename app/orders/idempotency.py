"""Submits that may arrive twice: the same key makes one thing, and the second one is answered like the first (GO-02)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.core.db import session
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.orders.models import IdempotencyKey
from tenants.context import current_scope

KEPT = timedelta(hours=24)  # decisions section 8


@dataclass(frozen=True, slots=True)
class Submit:
    """Who submits what: `words` is all that a request says, so that a key cannot come back with another one."""

    client: str
    route: str
    key: UUID | str
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


class InFlight(Conflict):
    """The first of two equal calls is still being answered."""

    code = "in_flight"

    def __init__(self) -> None:
        super().__init__("The same call is being answered at this moment; ask again in a second")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered with; `is_repeated`: long before, by the first one of its key."""

    content: Mapping[str, Any]
    is_repeated: bool


def answer_once(submit: Submit, make: Callable[[], Mapping[str, Any]], *, at: datetime) -> Answer:
    """Do something once per key within 24 hours and keep what it was answered with, in one transaction with it.

    Works in the scope of whoever owns the program. Raises InFlight while the first call is not committed, and Invalid
    `key_reused` for the same key with another request. What `make` raises keeps nothing: it can be corrected.
    """
    here = current_scope()
    place = (here.distributor_id, submit.client[:80], submit.route[:80], str(submit.key))
    if not session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(":".join(map(str, place)), 0)))):
        raise InFlight
    of_key = (
        IdempotencyKey.distributor_id == place[0],
        IdempotencyKey.client == place[1],
        IdempotencyKey.route == place[2],
        IdempotencyKey.key == place[3],
    )
    session.execute(
        delete(IdempotencyKey).where(*of_key, IdempotencyKey.created_at <= at - KEPT),
        execution_options={"synchronize_session": False},
    )
    known = session.scalar(select(IdempotencyKey).where(*of_key))
    if known is not None:
        if known.request_digest != submit.digest:
            raise Invalid.field("Idempotency-Key", "key_reused", "This key has been used for another request")
        return Answer(known.answer, is_repeated=True)
    content = make()
    session.add(
        IdempotencyKey(
            reseller_id=here.reseller_id, account_id=here.account_id, client=place[1], route=place[2], key=place[3],
            request_digest=submit.digest, answer=dict(content), created_at=at,
        )
    )  # fmt: skip
    session.flush()
    return Answer(content, is_repeated=False)
