"""What the groups of a proven identity make of its person: when they are created, and each time where roles follow.

The rules that name one of the groups count together: one that makes an Admin beats the others, the rest add up. Where
none counts, people get what the provider's owner gives everybody else; where that is nothing, they are let in nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.audit.services import Actor, record
from app.core.db import session
from app.identity.companies.errors import KeepsTheGlass
from app.identity.companies.queries import Company, find_rules, require_not_glass_keeper
from app.identity.entering import Visit
from app.identity.errors import LastAdmin
from app.identity.models import SignInName, UserType
from app.identity.permissions import BssRole, StorefrontRole
from app.identity.providers.identities import SsoRefused
from app.identity.providers.models import IdentityProvider, ProviderRoleRule
from app.identity.providers.role_rules import list_rules, roles_to_give
from app.identity.queries import get_user, is_last_admin
from app.identity.realms import Person, is_bss_realm, open_realm, scope_of
from app.identity.services import Role, available_roles, set_roles
from tenants.context import scope

NO_GROUP = "Your groups at the provider give you no access here. Ask your administrator."
LONGEST_TRACE = 500
KEPT_BECAUSE: dict[type[Exception], str] = {
    LastAdmin: "user.last_admin_kept",
    KeepsTheGlass: "user.glass_keeper_kept",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody with certain groups becomes."""

    rules: tuple[ProviderRoleRule, ...]  # that name one of the groups, by group
    type: UserType
    roles: tuple[Role, ...]  # of an Admin of a storefront none

    @property
    def is_refused(self) -> bool:
        """Whether nothing is left to let them in with."""
        return self.type is not UserType.ADMIN and not self.roles


def foresee(provider: IdentityProvider, groups: Collection[str]) -> Verdict:
    """Return what a provider's next stranger with these groups would become, for the test that signs nobody in."""
    rules = list_rules(provider.realm_id, provider.id)
    available = roles_to_give(provider.realm_id, provider.account_id)
    return _verdict(provider, rules, groups, available, otherwise=roles_of_the_rest(provider))


def roles_of_the_rest(provider: IdentityProvider) -> tuple[Role, ...]:
    """Return the roles of people for whom no rule counts: the provider's, or what its company gives new people."""
    if provider.account_id is not None:
        decided = find_rules(Company(provider.realm_id, provider.account_id))
        chosen = decided.default_roles if decided is not None else []
    else:
        chosen = provider.default_roles
    known = BssRole if is_bss_realm(provider.realm_id) else StorefrontRole
    return tuple(role for role in known if role.value in chosen)


def roles_by_groups(
    provider: IdentityProvider, person: Person, groups: Collection[str], *, otherwise: tuple[Role, ...]
) -> tuple[UserType, tuple[Role, ...]]:
    """Return type and roles of somebody new with these groups; raises SsoRefused where nothing is left."""
    rules = list_rules(provider.realm_id, provider.id)
    found = _verdict(provider, rules, groups, available_roles(person), otherwise=otherwise)
    if found.is_refused:
        raise SsoRefused(NO_GROUP)
    return found.type, found.roles


def follow_groups(provider: IdentityProvider, name: SignInName, groups: Collection[str], visit: Visit) -> None:
    """Give somebody who signs in the roles of their groups, where the owner wants roles to follow the provider.

    The last Admin stays one, and so does the Admin whose password is the company's way in when its provider fails: they
    are let in as they were, and that is recorded. Raises SsoRefused for others whose groups give nothing.
    """
    rules = list_rules(provider.realm_id, provider.id) if provider.roles_follow else ()
    if not rules:
        return
    person = Person(name.kind, name.reseller_id, name.account_id)
    actor = Actor(None, provider.name, reseller_id=name.reseller_id, address=visit.address)
    with scope(scope_of(person)):
        found = _verdict(provider, rules, groups, available_roles(person), otherwise=roles_of_the_rest(provider))
        try:
            if found.is_refused:
                _require_dispensable(name.user_id)
                raise SsoRefused(NO_GROUP)
            if (found.type, {role.value for role in found.roles}) == _present(name.user_id):
                return
            set_roles(name.user_id, type_=found.type, roles=found.roles, actor=actor, at=visit.at)
        except (LastAdmin, KeepsTheGlass) as kept:
            record(
                KEPT_BECAUSE[type(kept)], actor=actor, at=visit.at, target_kind="user", target_id=name.user_id,
                after={
                    "provider": provider.name,
                    "groups": ", ".join(groups)[:LONGEST_TRACE],
                    "roles_not_taken_over": ", ".join(role.value for role in found.roles),
                },
            )  # fmt: skip
    with open_realm(name.realm_id):
        session.refresh(name)


def _verdict(
    provider: IdentityProvider,
    rules: Sequence[ProviderRoleRule],
    groups: Collection[str],
    available: Collection[Role],
    *,
    otherwise: tuple[Role, ...],
) -> Verdict:
    """Weigh the rules. Roles that are not available to the person are left out."""
    counting = tuple(each for each in rules if each.group_name in groups)
    if any(each.makes_admin for each in counting):
        return Verdict(counting, UserType.ADMIN, (BssRole.ADMINISTRATOR,) if is_bss_realm(provider.realm_id) else ())
    named = {role for each in counting for role in each.roles}
    roles = tuple(role for role in available if role.value in named)
    return Verdict(counting, UserType.USER, roles or otherwise)


def _present(user_id: UUID) -> tuple[UserType, set[str]]:
    user = get_user(user_id)
    return user.type, set(user.roles)


def _require_dispensable(user_id: UUID) -> None:
    """Raise LastAdmin or KeepsTheGlass where nobody else could take somebody's place."""
    user = get_user(user_id)
    if is_last_admin(user):
        raise LastAdmin
    require_not_glass_keeper(user)
