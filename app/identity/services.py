"""People come, change and go. Sign-in names repeat what pages must know, so every change here is written to both."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import update

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.identity.admission import admit_staff, erase_realm, grant_realms, withdraw_realm
from app.identity.companies.queries import require_not_glass_keeper
from app.identity.errors import (
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
    TokenPurpose,
    User,
    UserKind,
    UserStatus,
    UserType,
)
from app.identity.notices import BECAME, CEASED, tell_administrators
from app.identity.permissions import BssRole, StorefrontRole
from app.identity.queries import get_user_for_update, get_user_with_admins_locked, is_last_admin, person_of
from app.identity.realms import (
    Person,
    credential_realm,
    has_storefront,
    open_realm,
    realms_of,
)
from app.identity.recovery import send_activation, send_reset, set_status_of_names
from app.identity.roles import (
    OwnRole,
    assignable_roles,
    hold_roles,
    require_grantable,
    require_may_manage,
    rights_of_roles,
)
from app.identity.sign_in import normal_email
from app.identity.signing_out import end_all_sessions
from tenants.context import current_scope

__all__ = [
    "Invited",
    "NewUser",
    "Role",
    "activate_contact",
    "admit_staff",
    "available_roles",
    "check_new_user",
    "create_user",
    "deactivate_user",
    "erase_realm",
    "grant_realms",
    "invite_user",
    "rename_user",
    "resend_activation",
    "reset_access",
    "set_roles",
    "unlock_user",
    "withdraw_realm",
]
Role = StorefrontRole | BssRole | OwnRole
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to be. Who is made without a type is an Admin of their company (SF-10), or staff with their roles alone."""

    kind: UserKind
    first_name: str
    last_name: str
    email: str
    account_id: UUID | None = None  # None only for BSS
    reseller_id: UUID | None = None  # of reseller staff and end customers
    type: UserType | None = None
    roles: tuple[Role, ...] = ()
    phone: str | None = None
    is_primary_contact: bool = False

    @property
    def type_asked_for(self) -> UserType:
        """The type; where none was said, staff get none that would make administrators of them."""
        return self.type or (UserType.USER if self.kind is UserKind.BSS else UserType.ADMIN)

    @property
    def person(self) -> Person:
        """Whose rows the person will see."""
        return Person(self.kind, self.reseller_id, self.account_id)


@dataclass(frozen=True, slots=True)
class Invited:
    """A new person and the activation link that was mailed, for staff to hand over."""

    user: User
    url: str


def invite_user(new: NewUser, *, realm_id: UUID, actor: Actor, at: datetime) -> Invited:
    """Add a person who may sign in to a realm, mail them and return the link too; raises as `create_user`."""
    user = create_user(new, realms=(realm_id,), invite_from=None, actor=actor, at=at)
    return Invited(user, send_activation(user, realm_id, at=at))


def create_user(
    new: NewUser, *, realms: Collection[UUID], invite_from: UUID | None, actor: Actor, at: datetime
) -> User:
    """Add a person; without realms it is a contact only.

    `realms` are storefront ids (the distributor's id for BSS) the person may sign in to; a reseller's staff may always
    enter root and own storefronts alike. `invite_from` is the realm whose activation mail goes out (RSN-6, 72 h).
    Raises EmailInUse, RoleRequired, RoleNotAvailable, Invalid. Source: RS-13, SF-11.
    """
    check_new_user(new)
    hold_roles([role.value for role in new.roles])
    type_, roles = _checked_roles(new.person, new.type_asked_for, new.roles)
    if new.kind is UserKind.BSS:
        require_grantable(roles, actor, is_admin=type_ is UserType.ADMIN)
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
    if user.kind is UserKind.BSS and type_ is UserType.ADMIN:
        tell_administrators(user, BECAME, actor=actor, at=at)
    return user


def check_new_user(new: NewUser) -> None:
    """Raise Invalid for names or an e-mail that cannot be; whether the address is free is seen when it is used."""
    if errors := tuple(_person_errors(new.first_name, new.last_name, new.email)):
        raise Invalid(*errors)


def _person_errors(first_name: str, last_name: str, email: str | None) -> Iterator[FieldError]:
    for field, value in (("first_name", first_name), ("last_name", last_name)):
        if not value.strip():
            yield FieldError(field, "required", "Enter a name")
        elif len(value.strip()) > LONGEST_NAME:
            yield FieldError(field, "too_long", f"Use at most {LONGEST_NAME} characters")
        elif not value.strip().isprintable():  # a line break would end a mail's header
            yield FieldError(field, "characters", "Leave out line breaks and other invisible characters")
    if email is not None:
        yield from address_errors("email", email)


def is_address(email: str) -> bool:
    """Whether a text is an address that people may sign in with."""
    try:
        validate_email(email.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return False
    return email.isascii()  # what is not needs mail servers with SMTPUTF8, and ours are our customers'


def address_errors(field: str, email: str) -> Iterator[FieldError]:
    """Return what is wrong with an address to sign in with."""
    if not is_address(email):
        yield FieldError(field, "email", "Enter an e-mail address, such as anna@company.com")


def set_roles(user_id: UUID, *, type_: UserType, roles: Collection[Role], actor: Actor, at: datetime) -> User:
    """Change what a person may do; it counts from the next request.

    Raises OwnAccess, LastAdmin (an account's own people may not lose their last Admin), RoleRequired, RoleNotAvailable;
    of the distributor's people RightsNotHeld, and Invalid where the actor would give what they do not have.
    """
    hold_roles([role.value for role in roles])
    user = get_user_with_admins_locked(user_id)
    type_, names = _checked_roles(person_of(user), type_, roles, kept=user.roles)
    if actor.user_id == user_id and (type_, names) != (user.type, sorted(user.roles)):
        raise OwnAccess
    if type_ is not UserType.ADMIN:
        _require_another_admin(user)
        require_not_glass_keeper(user)
    if user.kind is UserKind.BSS and (type_, names) != (user.type, sorted(user.roles)):
        require_may_manage(user, actor)
        require_grantable(set(names) - set(user.roles), actor, is_admin=type_ is UserType.ADMIN)
    before, was = {"type": user.type.value, "roles": ", ".join(user.roles)}, user.type
    user.type, user.roles = type_, names
    _sync_names(user)
    if user.kind is UserKind.BSS and type_ is not was:
        tell_administrators(user, BECAME if type_ is UserType.ADMIN else CEASED, actor=actor, at=at)
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
    """Change a person's name and phone; raises Invalid."""
    if errors := tuple(_person_errors(first_name, last_name, None)):
        raise Invalid(*errors)
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
    """Take away a person's access at once; they stay as a contact. Raises OwnAccess, LastAdmin, RightsNotHeld."""
    user = get_user_with_admins_locked(user_id)
    if actor.user_id == user_id:
        raise OwnAccess
    _require_another_admin(user)
    require_not_glass_keeper(user)
    require_may_manage(user, actor)
    user.status = UserStatus.INACTIVE
    set_status_of_names(user, UserStatus.INACTIVE)
    end_all_sessions(user)
    for realm_id in realms_of(person_of(user)):
        for purpose in TokenPurpose:
            end_links(realm_id, user_id, purpose, at=at)
    if user.kind is UserKind.BSS and user.type is UserType.ADMIN:
        tell_administrators(user, CEASED, actor=actor, at=at)
    record("user.deactivated", actor=actor, at=at, target_kind="user", target_id=user_id)
    return user


def activate_contact(user_id: UUID, *, invite_from: UUID, actor: Actor, at: datetime) -> str:
    """Give a contact, or somebody deactivated, access again; return the activation link, or "" where a password exists.

    Raises EmailInUse.
    """
    user = get_user_for_update(user_id)
    if user.status is UserStatus.ACTIVE:
        return ""
    require_may_manage(user, actor)
    was_active = user.activated_at is not None
    user.status = UserStatus.ACTIVE if was_active else UserStatus.PENDING
    session.flush()
    grant_realms(user, (invite_from,))
    set_status_of_names(user, user.status)
    if user.kind is UserKind.BSS and user.type is UserType.ADMIN:
        tell_administrators(user, BECAME, actor=actor, at=at)
    record("user.reactivated", actor=actor, at=at, target_kind="user", target_id=user_id)
    return "" if was_active else send_activation(user, invite_from, at=at)


def resend_activation(user_id: UUID, *, invite_from: UUID, actor: Actor, at: datetime) -> str:
    """Mail a new activation link, end the old one and return the new address; raises UserNotPending."""
    user = get_user_for_update(user_id)
    if user.status is not UserStatus.PENDING:
        raise UserNotPending
    require_may_manage(user, actor)
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
        return (*BssRole, *assignable_roles())
    has_manager = (
        person.kind is UserKind.RESELLER and person.reseller_id is not None and has_storefront(person.reseller_id)
    )
    return tuple(role for role in StorefrontRole if has_manager or role is not StorefrontRole.STOREFRONT_MANAGER)


def _checked_roles(
    person: Person, type_: UserType, roles: Collection[Role], kept: Collection[str] = ()
) -> tuple[UserType, list[str]]:
    """Return type and role names as they are stored; raises RoleRequired, RoleNotAvailable.

    `kept` is what the person has already: it may stay although nobody is given it any more.
    """
    available = {role.value for role in available_roles(person)}
    if person.kind is UserKind.BSS:
        available |= set(kept)
    for role in roles:
        if role.value not in available:
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
    """Repeat name and rights in the sign-in names; not the status, which a closed account has taken from them."""
    session.flush()
    rights = rights_of_roles(user.roles) if user.kind is UserKind.BSS else []
    for realm_id in realms_of(person_of(user)):
        with open_realm(realm_id):
            session.execute(
                update(SignInName)
                .where(
                    SignInName.distributor_id == user.distributor_id,
                    SignInName.realm_id == realm_id,
                    SignInName.user_id == user.id,
                )
                .values(type=user.type, roles=user.roles, rights=rights, full_name=user.full_name)
            )
