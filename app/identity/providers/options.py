"""What owners decide about a provider of either protocol: where it shows, what arrives, whom it creates (SF-14, BC-27)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from uuid import UUID

from app.audit.services import Actor
from app.core.errors import FieldError, Invalid
from app.identity.permissions import BssRole
from app.identity.providers.models import IdentityProvider
from app.identity.providers.role_rules import list_rules
from app.identity.realms import is_bss_realm
from app.identity.roles import require_grantable

DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")
LONGEST_CLAIM = 200
CLAIMS = ("email_claim", "first_name_claim", "last_name_claim", "groups_claim")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is typed beside the connection. Claims are SAML attributes as well."""

    position: int = 0
    is_visible: bool = True
    trusts_email: bool = False  # nobody can enter another person's address there
    email_claim: str = "email"
    first_name_claim: str = "given_name"
    last_name_claim: str = "family_name"
    groups_claim: str = "groups"
    roles_follow: bool = False
    signs_out: bool = True
    creates_users: bool = False
    allowed_domains: tuple[str, ...] = ()
    default_roles: tuple[str, ...] = ()


def plain_domains(typed: tuple[str, ...]) -> tuple[str, ...]:
    """Return domains as they are compared."""
    return tuple(dict.fromkeys(each.strip().lower() for each in typed if each.strip()))


def option_errors(
    realm_id: UUID, options: Options, found: IdentityProvider | None, *, actor: Actor
) -> Iterator[FieldError]:
    """Return what is wrong with options; also roles for new people that the actor could not give."""
    for field in CLAIMS:
        value = getattr(options, field)
        if not value or len(value) > LONGEST_CLAIM or not value.isprintable():
            yield FieldError(field, "required", "Enter the name of a claim")
    if any(not DOMAIN.fullmatch(each) for each in options.allowed_domains):
        yield FieldError("allowed_domains", "domain", "Enter domains, such as company.com")
    if is_bss_realm(realm_id):
        yield from _role_errors(options, found, actor)
    if options.creates_users:
        yield from _creation_errors(realm_id, options, found)


def _role_errors(options: Options, found: IdentityProvider | None, actor: Actor) -> Iterator[FieldError]:
    if not set(options.default_roles) <= {role.value for role in BssRole}:
        yield FieldError("default_roles", "choice", "Choose roles of the list")
        return
    added = set(options.default_roles) - set(found.default_roles if found else ())
    try:
        require_grantable(added, actor, is_admin=BssRole.ADMINISTRATOR.value in added)
    except Invalid as refusal:
        yield FieldError("default_roles", "not_held", refusal.errors[0].message)


def _creation_errors(realm_id: UUID, options: Options, found: IdentityProvider | None) -> Iterator[FieldError]:
    if not is_bss_realm(realm_id):
        yield FieldError("creates_users", "company", "Only a customer company's provider creates users")
        return
    if not options.allowed_domains:
        yield FieldError("allowed_domains", "required", "Enter the domains whose people may be created")
    if not options.default_roles and (found is None or not list_rules(realm_id, found.id)):
        yield FieldError("default_roles", "required", "Choose the roles of created users")


def store_options(provider: IdentityProvider, options: Options) -> None:
    """Write checked options to their provider."""
    for field in fields(Options):
        value = getattr(options, field.name)
        setattr(provider, field.name, list(value) if isinstance(value, tuple) else value)
