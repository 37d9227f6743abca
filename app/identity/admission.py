"""Who may enter which realm: sign-in names given and taken away (RS-13)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core.db import session
from app.core.ids import new_id
from app.identity.companies.models import CompanyDomain, CompanySignIn
from app.identity.errors import EmailInUse
from app.identity.models import (
    AuthenticatorApp,
    Credential,
    EmailChange,
    RecoveryCode,
    RememberedSignIn,
    SignInChallenge,
    SignInDevice,
    SignInName,
    SingleUseToken,
    User,
    UserKind,
    UserSession,
    UserStatus,
)
from app.identity.permission_rules.held import access_by_person
from app.identity.providers.models import (
    IdentityLink,
    IdentityProvider,
    ProviderRoleRule,
    SamlAssertionSeen,
    SsoRequest,
)
from app.identity.queries import list_users, person_of
from app.identity.realms import Person, credential_realm, open_realm, realms_of, root_realm
from app.identity.recovery import set_status_of_names
from app.identity.roles import rights_of_roles
from tenants.context import current_scope


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


def is_address_taken(email: str, person: Person, *, apart_from: UUID) -> bool:
    """Whether somebody else signs in with an address in a realm of the person's, or a reseller's staff does (RS-13)."""
    if person.kind is UserKind.END_CUSTOMER and _is_staffs(email, person.reseller_id):
        return True
    for realm_id in realms_of(person):
        with open_realm(realm_id):
            found = session.scalar(
                select(SignInName.id).where(
                    SignInName.distributor_id == current_scope().distributor_id,
                    SignInName.realm_id == realm_id,
                    SignInName.email == email,
                    SignInName.user_id != apart_from,
                )
            )
        if found is not None:
            return True
    return False


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
    rights: list[str] = []
    rule_access: Mapping[str, str] = {}
    if user.kind is UserKind.BSS:
        rights, rule_access = rights_of_roles(user.roles), access_by_person().get(user.id, {})
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
                rights=rights,
                rule_access=rule_access,
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
        for table in (UserSession, SingleUseToken, RememberedSignIn, SignInChallenge, SsoRequest):
            session.execute(
                delete(table).where(table.distributor_id == current_scope().distributor_id, table.realm_id == realm_id)
            )


def erase_realm(realm_id: UUID) -> None:
    """Delete all sign-in data of a purged storefront (RS-11, day 91)."""
    withdraw_realm(realm_id)
    with open_realm(realm_id):
        for table in (
            Credential,
            SignInName,
            AuthenticatorApp,
            RecoveryCode,
            SignInDevice,
            EmailChange,
            IdentityLink,
            ProviderRoleRule,
            IdentityProvider,
            SamlAssertionSeen,
            CompanyDomain,
            CompanySignIn,
        ):
            session.execute(
                delete(table).where(table.distributor_id == current_scope().distributor_id, table.realm_id == realm_id)
            )


def shut_out(account_id: UUID) -> None:
    """Take their way in from all people of an account that closes; the users themselves stay as they are (RS-24)."""
    users = list_users(account_id)
    if not users:
        return
    for realm_id in realms_of(person_of(users[0])):
        with open_realm(realm_id):
            session.execute(
                update(SignInName)
                .where(
                    SignInName.distributor_id == current_scope().distributor_id,
                    SignInName.realm_id == realm_id,
                    SignInName.account_id == account_id,
                )
                .values(status=UserStatus.INACTIVE)
            )
            session.execute(
                delete(UserSession).where(
                    UserSession.distributor_id == current_scope().distributor_id,
                    UserSession.realm_id == realm_id,
                    UserSession.user_id.in_([user.id for user in users]),
                )
            )


def let_back_in(account_id: UUID) -> None:
    """Give the people of an account that opens again the way in they had."""
    for user in list_users(account_id):
        set_status_of_names(user, user.status)
