"""Roles the distributor makes itself, beside the built-in ones of `permissions` (BC-03).

A person names them by their id. What they give is repeated with the sign-in name, so that a session and its rights are
read in one statement; every change here is written there too and counts from the next request. Nobody gives a right
they do not have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id, parse_id
from app.identity.errors import BssRoleNotFound, RightsNotHeld, RoleInUse
from app.identity.models import BssRoleDefinition, SignInName, User, UserKind, UserType
from app.identity.permissions import BSS, OF_BSS_ROLE, BssRole, Permission, permissions_of
from app.identity.realms import open_realm
from tenants.context import current_scope

LONGEST_NAME, LONGEST_DESCRIPTION = 80, 500
GRANTABLE = BSS - {Permission.BSS_OPEN}  # who has any right may open the back office
VIEW = "view"


@dataclass(frozen=True, slots=True)
class OwnRole:
    """A role of the distributor's own as people are given it; it is named and labelled as a built-in one is."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class RoleDetails:
    """What is typed of a role. `rights` are values of Permission."""

    name: str
    rights: tuple[str, ...]
    description: str = ""
    is_active: bool = True


def list_roles() -> Sequence[BssRoleDefinition]:
    """Return the distributor's own roles by name."""
    return session.scalars(
        select(BssRoleDefinition)
        .where(BssRoleDefinition.distributor_id == current_scope().distributor_id)
        .order_by(func.lower(BssRoleDefinition.name))
    ).all()


def assignable_roles() -> tuple[OwnRole, ...]:
    """Return the own roles that people may be given now."""
    return tuple(OwnRole(str(role.id), role.name) for role in list_roles() if role.is_active)


def get_role(role_id: UUID, *, is_changing: bool = False) -> BssRoleDefinition:
    """Return a role, locked for a change; raises BssRoleNotFound."""
    wanted = select(BssRoleDefinition).where(
        BssRoleDefinition.distributor_id == current_scope().distributor_id, BssRoleDefinition.id == role_id
    )
    if is_changing:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(wanted)
    if found is None:
        raise BssRoleNotFound(role_id)
    return found


def hold_roles(names: Collection[str]) -> None:
    """Keep own roles from changing or going until the caller commits; before the people who get them are locked."""
    if ids := _ids(names):
        session.scalars(
            select(BssRoleDefinition.id)
            .where(BssRoleDefinition.distributor_id == current_scope().distributor_id, BssRoleDefinition.id.in_(ids))
            .order_by(BssRoleDefinition.id)
            .with_for_update(read=True)
        ).all()


def rights_of_roles(names: Collection[str]) -> list[str]:
    """Return what the own roles among the names give together, sorted; inactive ones give nothing."""
    ids = _ids(names)
    if not ids:
        return []
    found = session.scalars(
        select(BssRoleDefinition.rights).where(
            BssRoleDefinition.distributor_id == current_scope().distributor_id,
            BssRoleDefinition.id.in_(ids),
            BssRoleDefinition.is_active,
        )
    )
    return sorted({right for rights in found for right in rights})


def _ids(names: Collection[str]) -> list[UUID]:
    return [found for name in names if (found := parse_id(name)) is not None]


def permissions_of_user(user: User) -> frozenset[Permission]:
    """Return the rights of one of the distributor's people."""
    return permissions_of(user.kind, user.type, user.roles, rights=rights_of_roles(user.roles))


def permissions_of_role(name: str) -> frozenset[Permission]:
    """Return what one role gives, built-in or own."""
    return permissions_of(UserKind.BSS, UserType.USER, (name,), rights=rights_of_roles((name,)))


def people_with(role_id: UUID) -> Sequence[User]:
    """Return who has a role, by name, also those without access."""
    return session.scalars(
        select(User)
        .where(
            User.distributor_id == current_scope().distributor_id,
            User.kind == UserKind.BSS,
            User.roles.contains([str(role_id)]),
        )
        .order_by(func.lower(User.last_name), func.lower(User.first_name), User.id)
    ).all()


def create_role(details: RoleDetails, *, actor: Actor, at: datetime) -> BssRoleDefinition:
    """Make a role; raises Invalid for what it cannot be, and for rights its maker does not have."""
    rights = _checked(details, None, actor)
    role = BssRoleDefinition(id=new_id(), created_at=at)
    _write(role, details, rights)
    session.add(role)
    session.flush()
    record("role.created", actor=actor, at=at, target_kind="role", target_id=role.id, after=_picture(role))
    return role


def update_role(role_id: UUID, details: RoleDetails, *, actor: Actor, at: datetime) -> BssRoleDefinition:
    """Change a role for everybody who has it, from their next request; raises BssRoleNotFound, Invalid."""
    role = get_role(role_id, is_changing=True)
    rights = _checked(details, role, actor)
    before = _picture(role)
    _write(role, details, rights)
    session.flush()
    _repeat_rights(role_id)
    record(
        "role.changed", actor=actor, at=at, target_kind="role", target_id=role_id, before=before, after=_picture(role)
    )
    return role


def delete_role(role_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Delete a role nobody has, with access or without; raises BssRoleNotFound, RoleInUse."""
    role = get_role(role_id, is_changing=True)
    if people := people_with(role_id):
        raise RoleInUse(len(people))
    record("role.deleted", actor=actor, at=at, target_kind="role", target_id=role_id, before=_picture(role))
    session.delete(role)
    session.flush()


def clone_of(name: str) -> RoleDetails:
    """Return a role to begin a new one with: a built-in one by its value, an own one by its id; BssRoleNotFound."""
    built_in = next((role for role in BssRole if role.value == name), None)
    if built_in is not None:
        given = OF_BSS_ROLE[built_in] & GRANTABLE
        return RoleDetails(f"Copy of {built_in.label}", tuple(sorted(right.value for right in given)))
    role = get_role(parse_id(name) or new_id())
    return RoleDetails(f"Copy of {role.name}"[:LONGEST_NAME], tuple(role.rights), role.description)


def require_grantable(names: Collection[str], actor: Actor, *, is_admin: bool = False) -> None:
    """Raise Invalid at `roles` where roles give what the actor does not have; the system and operators give all."""
    held = permissions_of_actor(actor)
    if held is None:
        return
    given = BSS if is_admin else frozenset[Permission]().union(*(permissions_of_role(name) for name in names))
    if given - held:
        raise Invalid.field("roles", "not_held", "You can only give roles whose rights you have yourself")


def require_may_manage(user: User, actor: Actor) -> None:
    """Raise RightsNotHeld where one of the distributor's people has rights that the actor does not have."""
    if user.kind is not UserKind.BSS:
        return
    held = permissions_of_actor(actor)
    if held is not None and permissions_of_user(user) - held:
        raise RightsNotHeld


def permissions_of_actor(actor: Actor) -> frozenset[Permission] | None:
    """Return the rights of who acts; None, so no bound, where it is none of the distributor's people."""
    if actor.user_id is None:
        return None
    found = session.scalar(
        select(User).where(
            User.distributor_id == current_scope().distributor_id,
            User.id == actor.user_id,
            User.kind == UserKind.BSS,
        )
    )
    return None if found is None else permissions_of_user(found)


def _checked(details: RoleDetails, role: BssRoleDefinition | None, actor: Actor) -> list[str]:
    """Return the rights as they are stored; raises Invalid."""
    errors = []
    name = details.name.strip()
    if not name:
        errors.append(FieldError("name", "required", "Enter a name"))
    elif len(name) > LONGEST_NAME:
        errors.append(FieldError("name", "too_long", f"Use at most {LONGEST_NAME} characters"))
    elif not name.isprintable():
        errors.append(FieldError("name", "characters", "Leave out line breaks and other invisible characters"))
    elif _is_taken(name, role):
        errors.append(FieldError("name", "taken", "A role with this name exists"))
    if len(details.description) > LONGEST_DESCRIPTION:
        errors.append(FieldError("description", "too_long", f"Use at most {LONGEST_DESCRIPTION} characters"))
    known = {right.value: right for right in GRANTABLE}
    if unknown := sorted(set(details.rights) - set(known)):
        errors.append(FieldError("rights", "unknown", f"There is no right called {unknown[0][:60]}"))
    elif not details.rights:
        errors.append(FieldError("rights", "required", "Choose at least one right"))
    rights = _with_views({known[value] for value in details.rights if value in known})
    earlier = set(role.rights) if role is not None and role.is_active else set()
    held = permissions_of_actor(actor)
    if held is not None and {right for right in rights if right.value not in earlier} - held:
        errors.append(FieldError("rights", "not_held", "You can only give rights that you have yourself"))
    if errors:
        raise Invalid(*errors)
    return sorted(right.value for right in rights)


def _is_taken(name: str, role: BssRoleDefinition | None) -> bool:
    if name.casefold() in {built_in.label.casefold() for built_in in BssRole}:
        return True
    wanted = select(BssRoleDefinition.id).where(
        BssRoleDefinition.distributor_id == current_scope().distributor_id,
        func.lower(BssRoleDefinition.name) == func.lower(name),
    )
    if role is not None:
        wanted = wanted.where(BssRoleDefinition.id != role.id)
    return session.scalar(wanted) is not None


def _with_views(rights: Collection[Permission]) -> set[Permission]:
    """Add to every right the one to see what it is about: what cannot be opened cannot be changed."""
    views = {f"{right.value.rpartition('.')[0]}.{VIEW}" for right in rights}
    return {*rights, *(right for right in GRANTABLE if right.value in views)}


def _write(role: BssRoleDefinition, details: RoleDetails, rights: list[str]) -> None:
    role.name, role.description = details.name.strip(), details.description.strip()
    role.rights, role.is_active = rights, details.is_active


def _picture(role: BssRoleDefinition) -> dict[str, object]:
    return {"name": role.name, "rights": ", ".join(role.rights), "is_active": role.is_active}


def _repeat_rights(role_id: UUID) -> None:
    """Write to the sign-in names of a role's people what all of their own roles give now.

    The people are locked first: of two roles changed at once, the later change then reads the earlier one.
    """
    people = session.execute(
        select(User.id, User.roles)
        .where(
            User.distributor_id == current_scope().distributor_id,
            User.kind == UserKind.BSS,
            User.roles.contains([str(role_id)]),
        )
        .order_by(User.id)
        .with_for_update()
    ).all()
    realm_id = current_scope().distributor_id
    for person in people:
        rights = rights_of_roles(person.roles)
        with open_realm(realm_id):
            session.execute(
                update(SignInName)
                .where(
                    SignInName.distributor_id == realm_id,
                    SignInName.realm_id == realm_id,
                    SignInName.user_id == person.id,
                )
                .values(rights=rights)
            )
