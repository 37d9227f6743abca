"""The operators of the platform and their sessions. Runs under the console's database role, outside of any scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from app.core.db import session
from app.core.secrets import digest, new_token
from app.identity.passwords import BSS_LOCK, hash_password, is_password
from app.identity.sessions import ABSOLUTE, IDLE
from app.identity.sign_in import normal_email
from tenants.models import Operator, OperatorSession


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """A live console session and its operator."""

    operator_id: UUID
    name: str
    email: str
    token_digest: str
    last_seen_at: datetime


def add_operator(email: str, name: str, password: str, *, at: datetime) -> Operator:
    """Add somebody who runs the installation; used by the set-up and the demo."""
    operator = Operator(email=normal_email(email), name=name, password_hash=hash_password(password), created_at=at)
    session.add(operator)
    session.flush()
    return operator


def sign_operator_in(email: str, password: str, *, at: datetime) -> str | None:
    """Start a console session and return its secret, or None and count the wrong try: the caller commits in both cases."""
    operator = session.scalar(
        select(Operator)
        .where(Operator.email == normal_email(email))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    is_right = is_password(operator.password_hash if operator else None, password)
    if operator is None or (operator.locked_until is not None and operator.locked_until > at):
        return None
    if not is_right:
        operator.failed_tries += 1
        lock = BSS_LOCK.lock_after(operator.failed_tries)
        operator.locked_until = None if lock is None else at + lock
        return None
    operator.failed_tries, operator.locked_until = 0, None
    token = new_token()
    session.add(OperatorSession(token_digest=digest(token), operator_id=operator.id, created_at=at, last_seen_at=at))
    return token


def find_operator(token: str, *, at: datetime) -> OperatorFacts | None:
    """Return the operator of a live console session."""
    row = session.execute(
        select(Operator.id, Operator.name, Operator.email, OperatorSession.token_digest, OperatorSession.last_seen_at)
        .join(OperatorSession, OperatorSession.operator_id == Operator.id)
        .where(
            OperatorSession.token_digest == digest(token),
            OperatorSession.last_seen_at > at - IDLE,
            OperatorSession.created_at > at - ABSOLUTE,
        )
    ).one_or_none()
    return None if row is None else OperatorFacts(*row)


def touch_operator(token_digest: str, *, at: datetime) -> None:
    """Note that the session was used."""
    session.execute(update(OperatorSession).where(OperatorSession.token_digest == token_digest).values(last_seen_at=at))


def sign_operator_out(token: str) -> None:
    """End a console session."""
    session.execute(delete(OperatorSession).where(OperatorSession.token_digest == digest(token)))
