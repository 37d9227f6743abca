"""Rules of a company's provider: which of its groups make which of the company's people what (GO-14, SF-10).

They stand and count as an owner's do (`providers.role_rules`, `providers.following`); what a company adds is said here.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.audit.services import Actor
from app.identity.companies.mails import tell_admins
from app.identity.companies.queries import Company, require_open
from app.identity.providers.models import ProviderRoleRule
from app.identity.providers.queries import list_providers
from app.identity.providers.role_rules import NewRule, add_rule, delete_rule, list_rules


def set_group_rule(
    company: Company, provider_id: UUID, new: NewRule, *, actor: Actor, at: datetime
) -> ProviderRoleRule:
    """Add a rule, or change that of the same group; its Admins hear of one that makes Admins.

    Raises CompanySignInOff, ProviderNotFound, Invalid.
    """
    require_open(company)
    rule = add_rule(company.realm_id, provider_id, new, account_id=company.account_id, actor=actor, at=at)
    if rule.makes_admin:
        tell_admins(
            company, f"{actor.name} lets the group {rule.group_name} at your provider make administrators.", at=at
        )
    return rule


def drop_group_rule(company: Company, provider_id: UUID, rule_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Forget a rule, also where the storefront's owner has switched all of it off.

    Raises ProviderNotFound, RuleNotFound.
    """
    rule = delete_rule(company.realm_id, provider_id, rule_id, account_id=company.account_id, actor=actor, at=at)
    if rule.makes_admin:
        told = f"{actor.name} lets the group {rule.group_name} at your provider make administrators no longer."
        tell_admins(company, told, at=at)


def has_group_rules(company: Company) -> bool:
    """Whether groups give roles at one of a company's providers: then it takes in people without default roles."""
    providers = list_providers(company.realm_id, account_id=company.account_id)
    return any(list_rules(company.realm_id, each.id) for each in providers)
