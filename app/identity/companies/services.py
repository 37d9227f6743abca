"""What a company's Admin decides about its own sign-in, and what its storefront's owner does (GO-14)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.identity.companies.groups import has_group_rules
from app.identity.companies.mails import tell_admins
from app.identity.companies.models import CompanySignIn
from app.identity.companies.queries import (
    CUSTOMERS,
    Company,
    proven_domains,
    require_open,
)
from app.identity.models import Credential, RememberedSignIn, SignInName, User, UserSession
from app.identity.permissions import StorefrontRole
from app.identity.providers.models import IdentityProvider, ProviderState
from app.identity.providers.queries import list_providers
from app.identity.providers.services import disable_provider, enable_provider
from app.identity.queries import list_account_admins
from app.identity.realms import open_realm
from tenants.context import current_scope
from tenants.settings import save_storefront_settings, settings_for_change

ROLES = tuple(role for role in StorefrontRole if role is not StorefrontRole.STOREFRONT_MANAGER)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a company decides. `default_roles` are values of `ROLES`."""

    creates_users: bool = False
    default_roles: tuple[str, ...] = ()
    is_required: bool = False
    break_glass_user_id: UUID | None = None


def glass_keepers(company: Company) -> Sequence[User]:
    """Return the active Admins who have a password: who can get in when the provider fails. Needs the account's scope."""
    admins = list_account_admins(company.account_id)
    with open_realm(company.realm_id):
        able = set(
            session.scalars(
                select(Credential.user_id).where(
                    Credential.distributor_id == current_scope().distributor_id,
                    Credential.realm_id == company.realm_id,
                    Credential.user_id.in_([admin.id for admin in admins]),
                )
            )
        )
    return [admin for admin in admins if admin.id in able]


def save_rules(company: Company, rules: Rules, *, actor: Actor, at: datetime) -> None:
    """Store what a company decides; raises Invalid at the field, CompanySignInOff.

    Where passwords go off, sessions that were started with one end, but for the actor's and the kept Admin's.
    """
    require_open(company)
    if errors := tuple(_errors(company, rules)):
        raise Invalid(*errors)
    row = _row_for_change(company, at=at)
    before = _facts(row)
    with open_realm(company.realm_id):
        row.creates_users, row.default_roles = rules.creates_users, sorted(set(rules.default_roles))
        row.break_glass_user_id = rules.break_glass_user_id if rules.is_required else None
        was_required, row.is_required = row.is_required, rules.is_required
        row.changed_at = at
        session.flush()
    _record(company, "company_sign_in.rules", actor=actor, at=at, before=before, after=_facts(row))
    if rules.is_required and not was_required:
        _end_password_sessions(company, but={actor.user_id, rules.break_glass_user_id})
        told = f"{actor.name} has switched passwords off: people of your domains sign in through your provider alone."
        tell_admins(company, told, at=at)
    elif was_required and not rules.is_required:
        tell_admins(company, f"{actor.name} has switched passwords on again.", at=at)


def _errors(company: Company, rules: Rules) -> Iterator[FieldError]:
    if not set(rules.default_roles) <= {role.value for role in ROLES}:
        yield FieldError("default_roles", "choice", "Choose roles of the list")
    elif rules.creates_users and not rules.default_roles and not has_group_rules(company):
        yield FieldError("default_roles", "required", "Choose the roles of new people, or let groups give them")
    if not rules.is_required:
        return
    if find_enabled(company) is None or not proven_domains(company):
        yield FieldError("is_required", "not_ready", "Prove a domain and switch a provider on first")
    if rules.break_glass_user_id not in {admin.id for admin in glass_keepers(company)}:
        yield FieldError("break_glass_user_id", "choice", "Choose an administrator who has a password")


def find_enabled(company: Company) -> IdentityProvider | None:
    """Return the provider a company's people are led to."""
    own = list_providers(company.realm_id, account_id=company.account_id)
    return next((each for each in own if each.state is ProviderState.ENABLED), None)


def switch_on(company: Company, provider_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Lead the company's people to a tested provider, and to no other any more; raises ProviderNotTested."""
    require_open(company)
    for each in list_providers(company.realm_id, account_id=company.account_id):
        if each.id == provider_id:
            enable_provider(company.realm_id, provider_id, account_id=company.account_id, actor=actor, at=at)
            tell_admins(company, f"{actor.name} has switched on signing in with {each.name}.", at=at)
        elif each.state is ProviderState.ENABLED:
            disable_provider(company.realm_id, each.id, account_id=company.account_id, actor=actor, at=at)


def switch_off(company: Company, provider_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Lead nobody to a provider any more: the company's people sign in with passwords, required or not."""
    was = find_enabled(company)
    disable_provider(company.realm_id, provider_id, account_id=company.account_id, actor=actor, at=at)
    if was is not None and was.id == provider_id:
        tell_admins(company, f"{actor.name} has switched off signing in with {was.name}.", at=at)


def block_company(company: Company, *, is_blocked: bool, actor: Actor, at: datetime) -> None:
    """Switch one company's sign-in off, or let it work again: the storefront's owner, who tells its Admins by it."""
    row = _row_for_change(company, at=at)
    if row.is_blocked is is_blocked:
        return
    with open_realm(company.realm_id):
        row.is_blocked, row.changed_at = is_blocked, at
        session.flush()
    action = "company_sign_in.blocked" if is_blocked else "company_sign_in.unblocked"
    _record(company, action, actor=actor, at=at, after={"is_blocked": is_blocked})
    told = "has switched off single sign-on of your company." if is_blocked else "lets your company use single sign-on."
    tell_admins(company, f"The owner of the storefront {told}", at=at)


def allow_companies(realm_id: UUID, *, is_on: bool, reseller_id: UUID | None, actor: Actor, at: datetime) -> None:
    """Let companies of a storefront use their own sign-in, or none of them; what they have set up stays."""
    before = settings_for_change(realm_id)
    save_storefront_settings(realm_id, replace(before, company_sign_in=is_on), reseller_id=reseller_id, at=at)
    record(
        "company_sign_in.switched",
        actor=actor,
        at=at,
        target_kind="realm",
        target_id=realm_id,
        before={"company_sign_in": before.company_sign_in},
        after={"company_sign_in": is_on},
    )


def retire(company: Company) -> None:
    """End a company's own sign-in because its people are customers here no longer (they resell now)."""
    with open_realm(company.realm_id):
        session.execute(
            update(IdentityProvider)
            .where(
                IdentityProvider.distributor_id == current_scope().distributor_id,
                IdentityProvider.realm_id == company.realm_id,
                IdentityProvider.account_id == company.account_id,
                IdentityProvider.state == ProviderState.ENABLED,
            )
            .values(state=ProviderState.DISABLED)
        )


def _row_for_change(company: Company, *, at: datetime) -> CompanySignIn:
    """Return a company's rules, locked until the caller commits; made where there were none, once for two who save."""
    with open_realm(company.realm_id):
        session.execute(
            insert(CompanySignIn)
            .values(
                distributor_id=current_scope().distributor_id,
                id=new_id(),
                realm_id=company.realm_id,
                account_id=company.account_id,
                creates_users=False,
                default_roles=[],
                is_required=False,
                is_blocked=False,
                changed_at=at,
            )
            .on_conflict_do_nothing()
        )
        return session.scalars(
            select(CompanySignIn)
            .where(
                CompanySignIn.distributor_id == current_scope().distributor_id,
                CompanySignIn.realm_id == company.realm_id,
                CompanySignIn.account_id == company.account_id,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()


def _end_password_sessions(company: Company, *, but: Collection[UUID | None]) -> None:
    """End what a password has started for people of the company's domains."""
    kept = [each for each in but if each is not None]
    with open_realm(company.realm_id):
        people = (
            select(SignInName.user_id)
            .where(
                SignInName.distributor_id == current_scope().distributor_id,
                SignInName.realm_id == company.realm_id,
                SignInName.account_id == company.account_id,
                SignInName.kind.in_(CUSTOMERS),
                func.split_part(SignInName.email, "@", 2).in_(proven_domains(company)),
                SignInName.user_id.not_in(kept),
            )
            .scalar_subquery()
        )
        session.execute(
            delete(UserSession).where(
                UserSession.distributor_id == current_scope().distributor_id,
                UserSession.realm_id == company.realm_id,
                UserSession.provider_id.is_(None),
                UserSession.user_id.in_(people),
            )
        )
        session.execute(
            delete(RememberedSignIn).where(
                RememberedSignIn.distributor_id == current_scope().distributor_id,
                RememberedSignIn.realm_id == company.realm_id,
                RememberedSignIn.user_id.in_(people),
            )
        )


def _facts(row: CompanySignIn) -> dict[str, object]:
    return {
        "creates_users": row.creates_users,
        "default_roles": ", ".join(row.default_roles),
        "is_required": row.is_required,
        "break_glass_user_id": row.break_glass_user_id or "",
    }


def _record(
    company: Company,
    action: str,
    *,
    actor: Actor,
    at: datetime,
    after: dict[str, object],
    before: dict[str, object] | None = None,
) -> None:
    record(action, actor=actor, at=at, target_kind="account", target_id=company.account_id, before=before, after=after)
