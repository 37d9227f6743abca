"""Reads of people. Users need their account's scope; sign-in data is read only through the services."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import aliased

from app.core.db import session
from app.identity.errors import UserNotFound
from app.identity.models import Credential, SignInName, User, UserKind, UserStatus, UserType
from app.identity.realms import Person, credential_realm, open_realm, realms_of
from tenants.context import current_scope

_Other = aliased(User)


@dataclass(frozen=True, slots=True)
class UserFilter:
    """What a list of users is narrowed to; None does not narrow."""

    text: str = ""  # in name or e-mail
    status: UserStatus | None = None
    type: UserType | None = None
    role: str | None = None


def person_of(user: User) -> Person:
    """Return whose rows the user may see once signed in."""
    return Person(user.kind, user.reseller_id, user.account_id)


def get_user(user_id: UUID) -> User:
    """Return a user of the scope; raises UserNotFound."""
    found = session.scalar(
        select(User).where(User.distributor_id == current_scope().distributor_id, User.id == user_id)
    )
    if found is None:
        raise UserNotFound(user_id)
    return found


def get_user_for_update(user_id: UUID) -> User:
    """Return a user of the scope, locked until the caller commits; raises UserNotFound."""
    found = session.scalar(
        select(User)
        .where(User.distributor_id == current_scope().distributor_id, User.id == user_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise UserNotFound(user_id)
    return found


def get_user_with_admins_locked(user_id: UUID) -> User:
    """Return a user, locked until the caller commits together with all Admins of the same account; raises UserNotFound.

    So two Admins who take each other's access away do it one after the other. All are locked in one order.
    """
    here = current_scope().distributor_id
    same = (
        select(User.id)
        .where(User.distributor_id == here, User.id == user_id)
        .where(User.kind == _Other.kind, User.account_id.is_not_distinct_from(_Other.account_id))
    )
    session.scalars(
        select(_Other.id)
        .where(_Other.distributor_id == here)
        .where(or_(_Other.id == user_id, (_Other.type == UserType.ADMIN) & same.exists()))
        .order_by(_Other.id)
        .with_for_update()
    ).all()
    return get_user_for_update(user_id)


def _conditions(account_id: UUID | None, kind: UserKind | None, narrowed: UserFilter) -> list[ColumnElement[bool]]:
    conditions = [User.distributor_id == current_scope().distributor_id]
    if account_id is not None:
        conditions.append(User.account_id == account_id)
    if kind is not None:
        conditions.append(User.kind == kind)
    if narrowed.text:
        pattern = f"%{narrowed.text.lower().replace('%', '')}%"
        conditions.append(
            or_(func.lower(User.first_name + " " + User.last_name).like(pattern), User.email.like(pattern))
        )
    if narrowed.status is not None:
        conditions.append(User.status == narrowed.status)
    if narrowed.type is not None:
        conditions.append(User.type == narrowed.type)
    if narrowed.role is not None:
        conditions.append(User.roles.contains([narrowed.role]))
    return conditions


def list_users(
    account_id: UUID,
    narrowed: UserFilter = UserFilter(),
    *,
    limit: int = 1000,
    offset: int = 0,
) -> Sequence[User]:
    """Return the users of an account by name."""
    return session.scalars(
        select(User)
        .where(*_conditions(account_id, None, narrowed))
        .order_by(func.lower(User.last_name), func.lower(User.first_name), User.id)
        .limit(limit)
        .offset(offset)
    ).all()


def count_users(account_id: UUID, narrowed: UserFilter = UserFilter()) -> int:
    """Return how many users of an account the filter matches."""
    return session.scalar(select(func.count()).select_from(User).where(*_conditions(account_id, None, narrowed))) or 0


def list_bss_users(
    narrowed: UserFilter = UserFilter(),
    *,
    limit: int = 1000,
    offset: int = 0,
) -> Sequence[User]:
    """Return the distributor's own people by name; needs its scope."""
    return session.scalars(
        select(User)
        .where(*_conditions(None, UserKind.BSS, narrowed))
        .order_by(func.lower(User.last_name), func.lower(User.first_name), User.id)
        .limit(limit)
        .offset(offset)
    ).all()


def count_bss_users(narrowed: UserFilter = UserFilter()) -> int:
    """Return how many of the distributor's people the filter matches."""
    conditions = _conditions(None, UserKind.BSS, narrowed)
    return session.scalar(select(func.count()).select_from(User).where(*conditions)) or 0


def names_of(user_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Return people's full names by id, as far as the scope reaches."""
    if not user_ids:
        return {}
    rows = session.execute(
        select(User.id, User.first_name, User.last_name).where(
            User.distributor_id == current_scope().distributor_id, User.id.in_(user_ids)
        )
    )
    return {row.id: f"{row.first_name} {row.last_name}" for row in rows}


def list_account_admins(account_id: UUID) -> Sequence[User]:
    """Return the active Admins of an account: who gets its notices."""
    return list_users(account_id, UserFilter(status=UserStatus.ACTIVE, type=UserType.ADMIN))


def is_last_admin(user: User) -> bool:
    """Return whether without this user nobody of the account (for BSS: of the distributor) is an active Admin."""
    if user.type is not UserType.ADMIN or user.status is not UserStatus.ACTIVE:
        return False
    others = (
        select(func.count())
        .select_from(User)
        .where(
            User.distributor_id == user.distributor_id,
            User.kind == user.kind,
            User.account_id.is_not_distinct_from(user.account_id),
            User.type == UserType.ADMIN,
            User.status == UserStatus.ACTIVE,
            User.id != user.id,
        )
    )
    return not session.scalar(others)


def sign_in_names(user: User) -> Sequence[SignInName]:
    """Return the user's sign-in names, the home realm's first."""
    found: list[SignInName] = []
    for realm_id in realms_of(person_of(user)):
        with open_realm(realm_id):
            found.extend(
                session.scalars(
                    select(SignInName).where(
                        SignInName.distributor_id == user.distributor_id,
                        SignInName.realm_id == realm_id,
                        SignInName.user_id == user.id,
                    )
                )
            )
    return found


def locked_user_ids(users: Sequence[User], *, at: datetime) -> frozenset[UUID]:
    """Return which of the users are locked after wrong passwords. The users share one account, or are all of BSS."""
    if not users:
        return frozenset()
    person = person_of(users[0])
    realms = realms_of(person)
    if not realms:
        return frozenset()
    realm_id = credential_realm(person, realms[0])
    with open_realm(realm_id):
        return frozenset(
            session.scalars(
                select(Credential.user_id).where(
                    Credential.distributor_id == current_scope().distributor_id,
                    Credential.realm_id == realm_id,
                    Credential.user_id.in_([user.id for user in users]),
                    Credential.locked_until > at,
                )
            )
        )
