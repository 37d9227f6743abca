"""People come, change and go. Sign-in names repeat what pages must know, so every change here is written to both."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.services import Actor, record
from app.core.db import session
from app.core.ids import new_id
from app.identity.errors import (
    EmailInUse,
    LastAdmin,
    OwnAccess,
    RoleNotAvailable,
    RoleRequired,
    UserNotPending,
)
from app.identity.links import end_links
from app.identity.models import (
    Credential,
    SignInName,
    SingleUseToken,
    TokenPurpose,
    User,
    UserKind,
    UserSession,
    UserStatus,
    UserType,
)
from app.identity.permissions import BssRole, StorefrontRole
from app.identity.queries import get_user_for_update, is_last_admin, person_of
from app.identity.realms import (
    Person,
    credential_realm,
    has_storefront,
    open_realm,
    realms_of,
    root_realm,
)
from app.identity.recovery import send_activation, send_reset, set_status_of_names
from app.identity.sessions import end_sessions
from app.identity.sign_in import normal_email
from tenants.context import current_scope

Role = StorefrontRole | BssRole


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to be. Who is made without saying more is an Admin: so are all made by the back office (SF-10)."""

    kind: UserKind
    first_name: str
    last_name: str
    email: str
    account_id: UUID | None = None  # None only for BSS
    reseller_id: UUID | None = None  # of reseller staff and end customers
    type: UserType = UserType.ADMIN
    roles: tuple[Role, ...] = ()
    phone: str | None = None
    is_primary_contact: bool = False

    @property
    def person(self) -> Person:
        """Whose rows the person will see."""
        return Person(self.kind, self.reseller_id, self.account_id)


def create_user(
    new: NewUser, *, realms: Collection[UUID], invite_from: UUID | None, actor: Actor, at: datetime
) -> User:
    """Add a person; without realms it is a contact only.

    `realms` are storefront ids (the distributor's id for BSS) the person may sign in to; a reseller's staff may always
    enter root and own storefronts alike. `invite_from` is the realm whose activation mail goes out (RSN-6, 72 h).
    Raises EmailInUse, RoleRequired, RoleNotAvailable. Source: RS-13, SF-11.
    """
    type_, roles = _checked_roles(new.person, new.type, new.roles)
    user = User(
        id=new_id(),
        kind=new.kind,
        reseller_id=new.reseller_id,
        account_id=new.account_id,
        type=type_,
        roles=roles,
        status=UserStatus.PENDING if realms else UserStatus.INACTIVE,
        first_name=new.first_name.strip(),
        last_name=new.last_name.strip(),
        email=normal_email(new.email),
        phone=new.phone,
        is_primary_contact=new.is_primary_contact,
        created_at=at,
    )
    session.add(user)
    session.flush()
    if realms:
        grant_realms(user, realms)
    record(
        "user.created",
        actor=actor,
        at=at,
        target_kind="user",
        target_id=user.id,
        after={"email": user.email, "type": type_.value, "roles": ", ".join(roles)},
    )
    if invite_from is not None:
        send_activation(user, invite_from, at=at)
    return user


def grant_realms(user: User, realms: Collection[UUID]) -> None:
    """Give a person sign-in names in realms, and to reseller staff in all of theirs; raises EmailInUse.

    Names that exist already are kept. Staff's addresses and those of the reseller's customers never meet (RS-13).
    """
    person = person_of(user)
    if person.kind is UserKind.RESELLER:
        realms = tuple(dict.fromkeys((*realms_of(person), *realms)))
    if person.kind is UserKind.END_CUSTOMER and _is_staffs(user.email, person.reseller_id):
        raise EmailInUse(user.email)
    for realm_id in realms:
        if _add_name(user, realm_id) != user.id:
            raise EmailInUse(user.email)


def _is_staffs(email: str, reseller_id: UUID | None) -> bool:
    root = root_realm()
    with open_realm(root):
        found = session.scalar(
            select(SignInName.id).where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == root,
                SignInName.email == email,
                SignInName.reseller_id == reseller_id,
            )
        )
    return found is not None


def _add_name(user: User, realm_id: UUID) -> UUID | None:
    """Add a sign-in name unless the address has one in the realm; return whose it is now."""
    with open_realm(realm_id):
        session.execute(
            insert(SignInName)
            .values(
                distributor_id=user.distributor_id,
                id=new_id(),
                realm_id=realm_id,
                email=user.email,
                user_id=user.id,
                credential_realm_id=credential_realm(person_of(user), realm_id),
                kind=user.kind,
                type=user.type,
                status=user.status,
                roles=user.roles,
                reseller_id=user.reseller_id,
                account_id=user.account_id,
                full_name=user.full_name,
            )
            .on_conflict_do_nothing(index_elements=["distributor_id", "realm_id", "email"])
        )
        return session.scalar(
            select(SignInName.user_id).where(
                SignInName.distributor_id == user.distributor_id,
                SignInName.realm_id == realm_id,
                SignInName.email == user.email,
            )
        )


def admit_staff(reseller_id: UUID, storefront_id: UUID, *, at: datetime) -> int:  # noqa: ARG001 - the contract's
    """Give the reseller's people with access a sign-in name in its storefront; return how many have one now.

    Needs a scope that sees all accounts of the reseller. A second run changes nothing. Somebody whose address a
    customer's user already has there stays out: that address is not theirs in this realm.
    """
    staff = session.scalars(
        select(User).where(
            User.distributor_id == current_scope().distributor_id,
            User.account_id == reseller_id,
            User.kind == UserKind.RESELLER,
            User.status != UserStatus.INACTIVE,
        )
    ).all()
    return sum(_add_name(user, storefront_id) == user.id for user in staff)


def withdraw_realm(realm_id: UUID) -> None:
    """End every session and link of a storefront that closes; names and passwords wait for its return (RS-11)."""
    with open_realm(realm_id):
        for table in (UserSession, SingleUseToken):
            session.execute(
                delete(table).where(table.distributor_id == current_scope().distributor_id, table.realm_id == realm_id)
            )


def erase_realm(realm_id: UUID) -> None:
    """Delete all sign-in data of a purged storefront (RS-11, day 91)."""
    withdraw_realm(realm_id)
    with open_realm(realm_id):
        for table in (Credential, SignInName):
            session.execute(
                delete(table).where(table.distributor_id == current_scope().distributor_id, table.realm_id == realm_id)
            )


def set_roles(user_id: UUID, *, type_: UserType, roles: Collection[Role], actor: Actor, at: datetime) -> User:
    """Change what a person may do; it counts from the next request.

    Raises OwnAccess, LastAdmin (an account's own people may not lose their last Admin), RoleRequired, RoleNotAvailable.
    """
    user = get_user_for_update(user_id)
    type_, names = _checked_roles(person_of(user), type_, roles)
    if actor.user_id == user_id and (type_, names) != (user.type, sorted(user.roles)):
        raise OwnAccess
    if type_ is not UserType.ADMIN:
        _require_another_admin(user)
    before = {"type": user.type.value, "roles": ", ".join(user.roles)}
    user.type, user.roles = type_, names
    _sync_names(user)
    record(
        "user.roles_changed",
        actor=actor,
        at=at,
        target_kind="user",
        target_id=user_id,
        before=before,
        after={"type": type_.value, "roles": ", ".join(names)},
    )
    return user


def rename_user(
    user_id: UUID, *, first_name: str, last_name: str, phone: str | None, actor: Actor, at: datetime
) -> User:
    """Change a person's name and phone."""
    user = get_user_for_update(user_id)
    before = {"name": user.full_name, "phone": user.phone or ""}
    user.first_name, user.last_name, user.phone = first_name.strip(), last_name.strip(), phone
    _sync_names(user)
    record(
        "user.changed",
        actor=actor,
        at=at,
        target_kind="user",
        target_id=user_id,
        before=before,
        after={"name": user.full_name, "phone": phone or ""},
    )
    return user


def deactivate_user(user_id: UUID, *, actor: Actor, at: datetime) -> User:
    """Take away a person's access at once; they stay as a contact. Raises OwnAccess, LastAdmin."""
    user = get_user_for_update(user_id)
    if actor.user_id == user_id:
        raise OwnAccess
    _require_another_admin(user)
    user.status = UserStatus.INACTIVE
    set_status_of_names(user, UserStatus.INACTIVE)
    for realm_id in realms_of(person_of(user)):
        end_sessions(realm_id, user_id)
        for purpose in TokenPurpose:
            end_links(realm_id, user_id, purpose, at=at)
    record("user.deactivated", actor=actor, at=at, target_kind="user", target_id=user_id)
    return user


def activate_contact(user_id: UUID, *, invite_from: UUID, actor: Actor, at: datetime) -> str:
    """Give a contact, or somebody deactivated, access again; return the activation link, or "" where a password exists.

    Raises EmailInUse.
    """
    user = get_user_for_update(user_id)
    if user.status is UserStatus.ACTIVE:
        return ""
    was_active = user.activated_at is not None
    user.status = UserStatus.ACTIVE if was_active else UserStatus.PENDING
    session.flush()
    grant_realms(user, (invite_from,))
    set_status_of_names(user, user.status)
    record("user.reactivated", actor=actor, at=at, target_kind="user", target_id=user_id)
    return "" if was_active else send_activation(user, invite_from, at=at)


def resend_activation(user_id: UUID, *, invite_from: UUID, actor: Actor, at: datetime) -> str:
    """Mail a new activation link, end the old one and return the new address; raises UserNotPending."""
    user = get_user_for_update(user_id)
    if user.status is not UserStatus.PENDING:
        raise UserNotPending
    record("user.invited", actor=actor, at=at, target_kind="user", target_id=user_id)
    return send_activation(user, invite_from, at=at)


def reset_access(user_id: UUID, *, realm_id: UUID, actor: Actor, at: datetime) -> str:
    """Unlock a person and mail a reset link from a realm of theirs; return its address (SF-12)."""
    user = unlock_user(user_id, actor=actor, at=at)
    return send_reset(user.id, realm_id, email=user.email, full_name=user.full_name, at=at)


def unlock_user(user_id: UUID, *, actor: Actor, at: datetime) -> User:
    """End a lock after wrong passwords."""
    user = get_user_for_update(user_id)
    realms = realms_of(person_of(user))
    for realm_id in dict.fromkeys(credential_realm(person_of(user), realm) for realm in realms):
        with open_realm(realm_id):
            session.execute(
                update(Credential)
                .where(
                    Credential.distributor_id == user.distributor_id,
                    Credential.realm_id == realm_id,
                    Credential.user_id == user_id,
                )
                .values(failed_tries=0, locked_until=None)
            )
    record("user.unlocked", actor=actor, at=at, target_kind="user", target_id=user_id)
    return user


def available_roles(person: Person) -> tuple[Role, ...]:
    """Return the roles a person of this kind may be given now."""
    if person.kind is UserKind.BSS:
        return tuple(BssRole)
    has_manager = (
        person.kind is UserKind.RESELLER and person.reseller_id is not None and has_storefront(person.reseller_id)
    )
    return tuple(role for role in StorefrontRole if has_manager or role is not StorefrontRole.STOREFRONT_MANAGER)


def _checked_roles(person: Person, type_: UserType, roles: Collection[Role]) -> tuple[UserType, list[str]]:
    """Return type and role names as they are stored; raises RoleRequired, RoleNotAvailable."""
    available = available_roles(person)
    for role in roles:
        if role not in available:
            raise RoleNotAvailable(role.value)
    names = sorted({role.value for role in roles})
    if person.kind is UserKind.BSS:
        if type_ is UserType.ADMIN or BssRole.ADMINISTRATOR in roles:
            return UserType.ADMIN, sorted({*names, BssRole.ADMINISTRATOR.value})
    elif type_ is UserType.ADMIN:
        return UserType.ADMIN, []
    if not names:
        raise RoleRequired
    return UserType.USER, names


def _require_another_admin(user: User) -> None:
    """Own people may not leave their account without an Admin; those above it may, and are warned (decisions section 8)."""
    here = current_scope()
    is_own = user.kind is UserKind.BSS or user.account_id in (here.account_id, here.reseller_id)
    if is_own and is_last_admin(user):
        raise LastAdmin


def _sync_names(user: User) -> None:
    session.flush()
    for realm_id in realms_of(person_of(user)):
        with open_realm(realm_id):
            session.execute(
                update(SignInName)
                .where(
                    SignInName.distributor_id == user.distributor_id,
                    SignInName.realm_id == realm_id,
                    SignInName.user_id == user.id,
                )
                .values(type=user.type, roles=user.roles, status=user.status, full_name=user.full_name)
            )
