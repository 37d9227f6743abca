"""What a permission rule leaves of one record to whoever looks, and giving records a rule (BC-04)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound
from app.identity.models import User, UserKind, UserStatus
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.identity.permission_rules.queries import model_of, pickable_rules
from tenants.context import Reach, all_records, current_scope


class FullAccessNeeded(Forbidden):
    """The person may change the record, not delete it or decide who sees it."""

    code = "full_access_needed"

    def __init__(self) -> None:
        super().__init__("Your access to this record does not let you delete it or decide who sees it")


class RecordNotFound(NotFound):
    """There is no such record for who asks."""

    def __init__(self) -> None:
        super().__init__("There is no such record")


def access_to(kind: RuledKind, key: UUID | str) -> RecordAccess | None:
    """Return what the scope in force may do with a record, named by its id or as people quote it; None: not even see it.

    One statement, and none at all for who sees every record.
    """
    if isinstance(current_scope().rules, Reach):
        return RecordAccess.FULL
    model, found = model_of(kind), None
    check = getattr(func, f"{model.__tablename__}_open")
    row = session.execute(_one(model, select(*(check(model.id, level.value) for level in RecordAccess)), key)).first()
    for level, is_open in zip(RecordAccess, row or (), strict=False):
        found = level if is_open else found
    return found


def find_record(kind: RuledKind, key: UUID | str) -> Any:
    """Return a record of the scope by its id or as people quote it; raises RecordNotFound."""
    model = model_of(kind)
    found = session.scalar(_one(model, select(model), key))
    if found is None:
        raise RecordNotFound
    return found


def _one(model: Any, statement: Any, key: UUID | str) -> Any:
    quoted = getattr(model, "number", None) or getattr(model, "code", None)
    column = model.id if isinstance(key, UUID) else quoted
    return statement.where(model.distributor_id == current_scope().distributor_id, column == key)


def set_rule(kind: RuledKind, record_ids: Collection[UUID], rule_id: UUID | None, *, actor: Actor, at: datetime) -> int:
    """Give records a rule, or none: then they follow their account. Return how many had another one.

    Raises RecordNotFound and FullAccessNeeded, and Invalid at `permission_rule_id` where the rule is not theirs to pick.
    """
    model = model_of(kind)
    _require_full(kind, record_ids)
    picked = {rule.id: rule.name for rule in pickable_rules(kind, actor)}
    changed = 0
    with all_records():  # whoever gives a record away no longer sees it
        rows = session.scalars(
            select(model)
            .where(model.distributor_id == current_scope().distributor_id, model.id.in_(set(record_ids)))
            .order_by(model.id)
            .with_for_update()
        ).all()
        for row in rows:
            if row.permission_rule_id == rule_id:
                continue
            if rule_id is not None and rule_id not in picked:
                raise Invalid.field("permission_rule_id", "unknown", "Choose one of your permission rules")
            record(
                f"{kind.value}.rule_set",
                actor=actor,
                at=at,
                target_kind=kind.value,
                target_id=row.id,
                before={"permission_rule_id": row.permission_rule_id or ""},
                after={"permission_rule_id": rule_id or ""},
            )
            row.permission_rule_id = rule_id
            changed += 1
        session.flush()
    return changed


def begin_record(kind: RuledKind, record_id: UUID, rule_id: UUID | None, *, actor: Actor, at: datetime) -> None:
    """Give a record that staff have just made the rule they picked; an account's maker becomes its owner.

    Raises Invalid at `permission_rule_id` where the rule is not theirs to pick.
    """
    if kind is RuledKind.ACCOUNT:
        set_owner(record_id, actor.user_id, actor=actor, at=at)
    if rule_id is not None:
        set_rule(kind, (record_id,), rule_id, actor=actor, at=at)


def set_owner(account_id: UUID, owner_id: UUID | None, *, actor: Actor, at: datetime) -> None:
    """Say who of the distributor looks after an account; they see it and what belongs to it whatever its rule.

    Raises RecordNotFound and FullAccessNeeded, and Invalid at `owner_id` for anybody else.
    """
    _require_full(RuledKind.ACCOUNT, (account_id,))
    if owner_id is not None and owner_id not in {person.id for person in possible_owners()}:
        raise Invalid.field("owner_id", "unknown", "Choose one of your users")
    model = model_of(RuledKind.ACCOUNT)
    with all_records():
        row = session.scalars(
            select(model)
            .where(model.distributor_id == current_scope().distributor_id, model.id == account_id)
            .with_for_update()
        ).one()
        if row.owner_id == owner_id:
            return
        record(
            "account.owner_set",
            actor=actor,
            at=at,
            target_kind="account",
            target_id=account_id,
            before={"owner_id": row.owner_id or ""},
            after={"owner_id": owner_id or ""},
        )
        row.owner_id = owner_id
        session.flush()


def possible_owners() -> Collection[User]:
    """Return the distributor's people who have access, by name."""
    return session.scalars(
        select(User)
        .where(
            User.distributor_id == current_scope().distributor_id,
            User.kind == UserKind.BSS,
            User.status != UserStatus.INACTIVE,
        )
        .order_by(func.lower(User.last_name), func.lower(User.first_name), User.id)
    ).all()


def _require_full(kind: RuledKind, record_ids: Collection[UUID]) -> None:
    for record_id in record_ids:
        access = access_to(kind, record_id)
        if access is None:
            raise RecordNotFound
        if access is not RecordAccess.FULL:
            raise FullAccessNeeded
