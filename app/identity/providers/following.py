"""What the groups of a proven identity make of its person: when they are created, and each time where roles follow."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from app.audit.services import Actor, record
from app.core.db import session
from app.identity.entering import Visit
from app.identity.errors import LastAdmin
from app.identity.models import SignInName, UserType
from app.identity.permissions import BssRole, StorefrontRole
from app.identity.providers.identities import SsoRefused
from app.identity.providers.models import IdentityProvider
from app.identity.providers.role_rules import list_rules
from app.identity.queries import get_user, is_last_admin
from app.identity.realms import Person, is_bss_realm, open_realm, scope_of
from app.identity.services import Role, available_roles, set_roles
from tenants.context import scope

NO_GROUP = "Your groups at the provider give you no access here. Ask your administrator."


def roles_by_groups(
    provider: IdentityProvider, person: Person, groups: Collection[str], *, otherwise: tuple[Role, ...]
) -> tuple[UserType, tuple[Role, ...]]:
    """Return type and roles of somebody with these groups: those of all rules that name one, else `otherwise`.

    Roles the person cannot have are left out. Raises SsoRefused where nothing is left.
    """
    matching = [each for each in list_rules(provider.realm_id, provider.id) if each.group_name in groups]
    named = {role for each in matching for role in each.roles}
    if any(each.makes_admin for each in matching):
        is_staff = is_bss_realm(provider.realm_id)
        return UserType.ADMIN, (BssRole.ADMINISTRATOR,) if is_staff else ()
    roles = tuple(role for role in available_roles(person) if role.value in named) or otherwise
    if not roles:
        raise SsoRefused(NO_GROUP)
    return UserType.USER, roles


def follow_groups(provider: IdentityProvider, name: SignInName, groups: Collection[str], visit: Visit) -> None:
    """Give somebody who signs in the roles of their groups, where the owner wants roles to follow the provider.

    The last Admin stays one, and that is recorded. Raises SsoRefused for people whose groups give nothing.
    """
    if not provider.roles_follow or not list_rules(provider.realm_id, provider.id):
        return
    person = Person(name.kind, name.reseller_id, name.account_id)
    actor = Actor(None, provider.name, reseller_id=name.reseller_id, address=visit.address)
    with scope(scope_of(person)):
        try:
            type_, roles = roles_by_groups(provider, person, groups, otherwise=_default_roles(provider))
            if (type_, {role.value for role in roles}) == _present(name.user_id):
                return
            set_roles(name.user_id, type_=type_, roles=roles, actor=actor, at=visit.at)
        except LastAdmin:
            _keep_last_admin(name, actor, visit)
        except SsoRefused:
            if not is_last_admin(get_user(name.user_id)):
                raise
            _keep_last_admin(name, actor, visit)
    with open_realm(name.realm_id):
        session.refresh(name)


def _present(user_id: UUID) -> tuple[UserType, set[str]]:
    user = get_user(user_id)
    return user.type, set(user.roles)


def _keep_last_admin(name: SignInName, actor: Actor, visit: Visit) -> None:
    record("user.last_admin_kept", actor=actor, at=visit.at, target_kind="user", target_id=name.user_id)


def _default_roles(provider: IdentityProvider) -> tuple[Role, ...]:
    known = BssRole if is_bss_realm(provider.realm_id) else StorefrontRole
    return tuple(role for role in known if role.value in provider.default_roles)
