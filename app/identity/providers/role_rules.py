"""Which roles the groups of a provider give, by a table that stands with it (SF-14, BC-27, GO-14).

Nobody writes a rule that gives what they do not have (ADR 0023): the provider would give it to them. `account_id` is the
customer company whose provider it is, None the realm's owner's; a company's rules name what its own Admins may give.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.identity.models import User, UserKind, UserType
from app.identity.permissions import BssRole, Permission, StorefrontRole, permissions_of
from app.identity.providers.models import IdentityProvider, ProviderRoleRule
from app.identity.providers.queries import get_own_provider
from app.identity.realms import Person, is_bss_realm, open_realm
from app.identity.roles import permissions_of_user, require_grantable
from app.identity.services import Role, available_roles
from tenants.context import current_scope

ADMIN = "admin"  # beside the roles of a storefront: all of them, and its users
LONGEST_GROUP, MOST_RULES = 200, 200
NOT_HELD = "You can only give roles whose rights you have yourself"


class RuleNotFound(NotFound):
    """There is no such rule."""

    def __init__(self) -> None:
        super().__init__("There is no such rule")


@dataclass(frozen=True, slots=True)
class NewRule:
    """What is typed of a rule; of a storefront's `ADMIN` may be among the roles."""

    group_name: str
    roles: tuple[str, ...]


def list_rules(realm_id: UUID, provider_id: UUID) -> Sequence[ProviderRoleRule]:
    """Return the rules of a provider by group."""
    with open_realm(realm_id):
        return session.scalars(
            select(ProviderRoleRule)
            .where(
                ProviderRoleRule.distributor_id == current_scope().distributor_id,
                ProviderRoleRule.realm_id == realm_id,
                ProviderRoleRule.provider_id == provider_id,
            )
            .order_by(ProviderRoleRule.group_name)
        ).all()


def roles_to_give(realm_id: UUID, account_id: UUID | None = None) -> tuple[Role, ...]:
    """Return the roles that rules of a realm's owner, or of a company, may name.

    An owner's people are of several kinds: who cannot have a role is not given it.
    """
    if account_id is not None:
        return available_roles(Person(UserKind.DIRECT, None, account_id))
    if is_bss_realm(realm_id):
        return available_roles(Person(UserKind.BSS, None, None))
    return tuple(StorefrontRole)


def add_rule(
    realm_id: UUID, provider_id: UUID, new: NewRule, *, account_id: UUID | None = None, actor: Actor, at: datetime
) -> ProviderRoleRule:
    """Add a rule, or change that of the same group; raises ProviderNotFound, Invalid."""
    provider = get_own_provider(realm_id, provider_id, account_id=account_id)
    with open_realm(realm_id):
        session.refresh(provider, with_for_update=True)  # of two who name the same group the second changes the rule
    group, roles = new.group_name.strip(), tuple(dict.fromkeys(new.roles))
    rules = list_rules(realm_id, provider_id)
    found = next((each for each in rules if each.group_name == group), None)
    errors = []
    if not group or len(group) > LONGEST_GROUP or not group.isprintable():
        errors.append(FieldError("group_name", "required", f"Enter a group of at most {LONGEST_GROUP} characters"))
    elif found is None and len(rules) >= MOST_RULES:
        errors.append(FieldError("group_name", "too_many", f"A provider has at most {MOST_RULES} rules"))
    known = {role.value for role in roles_to_give(realm_id, account_id)} | (
        set() if is_bss_realm(realm_id) else {ADMIN}
    )
    if not roles:
        errors.append(FieldError("roles", "required", "Choose at least one role"))
    elif not set(roles) <= known:
        errors.append(FieldError("roles", "choice", "Choose roles of the list"))
    if errors:
        raise Invalid(*errors)
    makes_admin = bool({ADMIN, BssRole.ADMINISTRATOR.value} & set(roles))
    named = sorted(set(roles) - {ADMIN})
    _require_held(provider, named, actor, makes_admin=makes_admin)
    rule = found or ProviderRoleRule(
        id=new_id(), realm_id=realm_id, provider_id=provider_id, group_name=group, created_at=at
    )
    with open_realm(realm_id):
        rule.makes_admin, rule.roles = makes_admin, named
        session.add(rule)
        session.flush()
    record(
        "provider.rule_set", actor=actor, at=at, target_kind="provider", target_id=provider_id,
        after={"provider": provider.name, "group": group, "roles": ", ".join(roles)},
    )  # fmt: skip
    return rule


def delete_rule(
    realm_id: UUID, provider_id: UUID, rule_id: UUID, *, account_id: UUID | None = None, actor: Actor, at: datetime
) -> ProviderRoleRule:
    """Forget a rule and return it; whoever has roles by it keeps them until their next sign-in.

    Raises ProviderNotFound, RuleNotFound.
    """
    get_own_provider(realm_id, provider_id, account_id=account_id)
    rule = next((each for each in list_rules(realm_id, provider_id) if each.id == rule_id), None)
    if rule is None:
        raise RuleNotFound
    with open_realm(realm_id):
        session.delete(rule)
        session.flush()
    record(
        "provider.rule_deleted", actor=actor, at=at, target_kind="provider", target_id=provider_id,
        before={"group": rule.group_name, "roles": ", ".join(rule.roles), "makes_admin": rule.makes_admin},
    )  # fmt: skip
    return rule


def _require_held(provider: IdentityProvider, roles: Collection[str], actor: Actor, *, makes_admin: bool) -> None:
    """Raise Invalid where a rule would give what its writer does not have, or the writer is not of the company.

    At the distributor's own storefront its staff need the right to look after customers, whose people these are.
    """
    if is_bss_realm(provider.realm_id):
        require_grantable(roles, actor, is_admin=makes_admin)
        return
    writer = None
    if actor.user_id is not None:
        writer = session.scalar(
            select(User).where(User.distributor_id == current_scope().distributor_id, User.id == actor.user_id)
        )
    if writer is None:
        if actor.user_id is not None:
            raise Invalid.field("roles", "not_held", NOT_HELD)
        return  # the system
    if provider.account_id not in (None, writer.account_id):
        may = False
    elif writer.kind is UserKind.BSS:
        may = Permission.BSS_ACCOUNTS_EDIT in permissions_of_user(writer)
    else:
        type_ = UserType.ADMIN if makes_admin else UserType.USER
        given = permissions_of(writer.kind, type_, roles, "standard")
        may = given <= permissions_of(writer.kind, writer.type, writer.roles, "standard")
    if not may:
        raise Invalid.field("roles", "not_held", NOT_HELD)
