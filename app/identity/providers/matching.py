"""Whom a proven identity lets in (SF-14, BC-27): by its link; by a verified address after a proof; or nobody."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.identity.companies.newcomers import newcomer_of
from app.identity.companies.queries import Company, domain_of, has_proven, is_of_company
from app.identity.entering import SignedIn, Visit, enter
from app.identity.locking import count_wrong_try, forget_wrong_tries, lock_credential
from app.identity.mails import mail_person
from app.identity.models import SignInName, UserKind, UserStatus
from app.identity.passwords import is_password
from app.identity.permissions import BssRole
from app.identity.providers.following import follow_groups, roles_by_groups
from app.identity.providers.identities import IdentityTaken, SsoFailed, SsoRefused
from app.identity.providers.models import IdentityLink, IdentityProvider, SsoPurpose, SsoRequest
from app.identity.providers.newcomers import RegistrationNeeded, keep_for_registration, may_register
from app.identity.providers.proofs import (
    ProofNeeded,
    ask_for_proof,
    count_wrong_proof,
    is_code_of,
    mail_code_again,
    proof_needed,
)
from app.identity.providers.queries import get_provider
from app.identity.providers.trips import close, fetch, is_open_for
from app.identity.queries import get_user_for_update
from app.identity.realms import Person, is_bss_realm, open_realm, reseller_of, scope_of
from app.identity.recovery import name_of_user, set_status_of_names
from app.identity.services import NewUser, Role, create_user
from app.identity.sessions import Voucher
from app.identity.sign_in import find_name
from app.notifications.services import MailTemplate
from tenants.context import scope

UNKNOWN = "No account found. Contact the owner of this storefront."
UNKNOWN_STAFF = "You have no access. Ask your administrator."
NOT_ACTIVE = "This account is not active"
CONNECT_FIRST = "Sign in the way you did before, and connect this provider in your login options."


def finish_sign_in(
    realm_id: UUID, request_id: UUID, browser: str, visit: Visit
) -> SignedIn | ProofNeeded | RegistrationNeeded:
    """Let in whom a fetched answer belongs to, or say what is still needed; raises SsoFailed, SsoRefused.

    The caller commits in every case but that of an error.
    """
    trip, provider = _fetched(realm_id, request_id, browser, SsoPurpose.SIGN_IN, at=visit.at)
    link = _find_link(trip)
    if link is not None:
        name = _usable(name_of_user(realm_id, link.user_id), provider)
        if name.status is UserStatus.PENDING and not _is_own_address(trip, provider, name):
            raise SsoRefused(NOT_ACTIVE)
        return _let_in(trip, provider, name, visit)
    name_by_mail = _find_by_address(trip, provider)
    if name_by_mail is None:
        if may_register(trip, provider, is_verified=_is_verified(trip, provider)):
            return keep_for_registration(trip, at=visit.at)
        return _let_in(trip, provider, _create(trip, provider, visit), visit)
    if is_bss_realm(realm_id):  # an address alone never links staff (BC-27)
        raise SsoRefused(CONNECT_FIRST)
    name = _usable(name_by_mail, provider)
    if _links_of_user(trip, name.user_id):
        raise SsoRefused(CONNECT_FIRST)
    if name.status is UserStatus.PENDING:
        return _let_in(trip, provider, name, visit)
    return ask_for_proof(trip, provider, name, at=visit.at)


def confirm_by_password(realm_id: UUID, request_id: UUID, browser: str, password: str, visit: Visit) -> SignedIn | None:
    """Link an identity to whom its address belongs, after their password; None for a wrong one, which counts.

    The caller commits in every case but that of an error. Raises SsoFailed, also after five wrong passwords.
    """
    trip, provider, name = _awaiting(realm_id, request_id, browser, is_code=False, at=visit.at)
    credential = lock_credential(name)
    is_right = is_password(credential.password_hash if credential else None, password)
    if credential is None or credential.is_locked(visit.at) or not is_right or name.status is not UserStatus.ACTIVE:
        count_wrong_proof(trip)
        if credential is not None and not credential.is_locked(visit.at):
            count_wrong_try(credential, name, realm_id, at=visit.at, address=visit.address)
        return None
    forget_wrong_tries(credential)
    return _let_in(trip, provider, name, visit)


def confirm_by_code(realm_id: UUID, request_id: UUID, browser: str, code: str, visit: Visit) -> SignedIn | None:
    """Link an identity to whom its address belongs, after the code that was mailed there; None for a wrong one.

    The caller commits in every case but that of an error. Raises SsoFailed, also after five wrong codes.
    """
    trip, provider, name = _awaiting(realm_id, request_id, browser, is_code=True, at=visit.at)
    if not is_code_of(trip, name, code, at=visit.at) or name.status is not UserStatus.ACTIVE:
        count_wrong_proof(trip)
        return None
    return _let_in(trip, provider, name, visit)


def send_proof_code_again(realm_id: UUID, request_id: UUID, browser: str, *, at: datetime) -> None:
    """Mail another code; raises TooSoon, SsoFailed."""
    trip, _, name = _awaiting(realm_id, request_id, browser, is_code=True, at=at)
    mail_code_again(trip, name, at=at)


def awaited_proof(realm_id: UUID, request_id: UUID, browser: str, *, at: datetime) -> ProofNeeded:
    """Return what is asked for and of whom, for the page that asks; raises SsoFailed."""
    trip, provider = _fetched(realm_id, request_id, browser, SsoPurpose.SIGN_IN, at=at)
    return proof_needed(trip, provider)


def _awaiting(
    realm_id: UUID, request_id: UUID, browser: str, *, is_code: bool, at: datetime
) -> tuple[SsoRequest, IdentityProvider, SignInName]:
    """Return a trip that waits for a password, or a code, with the person who must show it."""
    trip, provider = _fetched(realm_id, request_id, browser, SsoPurpose.SIGN_IN, at=at)
    if proof_needed(trip, provider).is_code is not is_code or trip.user_id is None:
        raise SsoFailed("another proof was asked for")
    return trip, provider, _usable(name_of_user(realm_id, trip.user_id), provider)


def finish_link(realm_id: UUID, request_id: UUID, browser: str, *, session_id: UUID, actor: Actor, at: datetime) -> str:
    """Connect an identity to the person who set out, and return the provider's name.

    Raises IdentityTaken, and SsoFailed where another session came back than the one that set out.
    """
    trip, provider = _fetched(realm_id, request_id, browser, SsoPurpose.LINK, at=at)
    if trip.session_id != session_id or trip.user_id is None or trip.user_id != actor.user_id:
        raise SsoFailed("another session set out")
    link = _find_link(trip)
    if link is not None and link.user_id != trip.user_id:
        raise IdentityTaken
    name = _usable(name_of_user(realm_id, trip.user_id), provider)
    if link is None:
        if _links_of_user(trip, trip.user_id):
            raise SsoRefused("Disconnect this provider first")
        _link(trip, provider, name, actor=actor, at=at)
    close(trip, at=at)
    return provider.name


def _fetched(
    realm_id: UUID, request_id: UUID, browser: str, purpose: SsoPurpose, *, at: datetime
) -> tuple[SsoRequest, IdentityProvider]:
    trip = fetch(realm_id, request_id, browser, at=at)
    provider = get_provider(realm_id, trip.provider_id)
    if trip.purpose is not purpose or not is_open_for(provider, purpose):
        raise SsoFailed("the provider is not in use")
    return trip, provider


def _find_link(trip: SsoRequest) -> IdentityLink | None:
    with open_realm(trip.realm_id):
        return session.scalar(
            select(IdentityLink).where(
                IdentityLink.distributor_id == trip.distributor_id,
                IdentityLink.realm_id == trip.realm_id,
                IdentityLink.provider_id == trip.provider_id,
                IdentityLink.issuer == trip.issuer,
                IdentityLink.subject == trip.subject,
            )
        )


def _links_of_user(trip: SsoRequest, user_id: UUID) -> bool:
    with open_realm(trip.realm_id):
        found = session.scalar(
            select(IdentityLink.id).where(
                IdentityLink.distributor_id == trip.distributor_id,
                IdentityLink.realm_id == trip.realm_id,
                IdentityLink.provider_id == trip.provider_id,
                IdentityLink.user_id == user_id,
            )
        )
    return found is not None


def _is_verified(trip: SsoRequest, provider: IdentityProvider) -> bool:
    """A company's provider speaks for addresses of its own proven domains alone, whatever it says."""
    if not trip.email or not (trip.is_email_verified or provider.trusts_email):
        return False
    return provider.account_id is None or has_proven(Company(trip.realm_id, provider.account_id), trip.email)


def _is_own_address(trip: SsoRequest, provider: IdentityProvider, name: SignInName) -> bool:
    return _is_verified(trip, provider) and trip.email == name.email


def _find_by_address(trip: SsoRequest, provider: IdentityProvider) -> SignInName | None:
    return find_name(trip.realm_id, trip.email or "") if _is_verified(trip, provider) else None


def _usable(name: SignInName, provider: IdentityProvider) -> SignInName:
    """Refuse who may not enter: the inactive, and whoever is not of the company whose provider this is."""
    if provider.account_id is not None and not is_of_company(name, Company(provider.realm_id, provider.account_id)):
        raise SsoRefused(UNKNOWN)
    if name.status is UserStatus.INACTIVE:
        raise SsoRefused(NOT_ACTIVE)
    return name


def _let_in(trip: SsoRequest, provider: IdentityProvider, name: SignInName, visit: Visit) -> SignedIn:
    actor = Actor(name.user_id, name.full_name, reseller_id=name.reseller_id, address=visit.address)
    link = _find_link(trip)
    if link is None:
        link = _link(trip, provider, name, actor=actor, at=visit.at)
    with open_realm(trip.realm_id):
        link.last_used_at = visit.at
        session.flush()
    if name.status is UserStatus.PENDING:
        with scope(scope_of(Person(name.kind, name.reseller_id, name.account_id))):
            user = get_user_for_update(name.user_id)
            user.status, user.activated_at = UserStatus.ACTIVE, visit.at
            set_status_of_names(user, UserStatus.ACTIVE)
            record("user.activated", actor=actor, at=visit.at, target_kind="user", target_id=user.id)
    follow_groups(provider, name, trip.groups, visit)
    close(trip, at=visit.at)
    voucher = Voucher(provider.id, trip.subject, trip.provider_session, trip.logout_hint_encrypted)
    return enter(name, visit, voucher=voucher)


def _link(
    trip: SsoRequest, provider: IdentityProvider, name: SignInName, *, actor: Actor, at: datetime
) -> IdentityLink:
    link = IdentityLink(
        id=new_id(),
        realm_id=trip.realm_id,
        provider_id=provider.id,
        issuer=trip.issuer or "",
        subject=trip.subject or "",
        user_id=name.user_id,
        email=trip.email or "",
        linked_at=at,
    )
    try:
        with open_realm(trip.realm_id), session.begin_nested():
            session.add(link)
            session.flush()
    except IntegrityError as error:  # another tab was faster
        raise IdentityTaken from error
    record(
        "user.identity_connected",
        actor=actor,
        at=at,
        target_kind="user",
        target_id=name.user_id,
        after={"provider": provider.name},
    )
    tell(name, f"{provider.name} was connected to your account.", at=at)
    return link


def tell(name: SignInName, what: str, *, at: datetime) -> None:
    """Mail a person that their ways in have changed (SF-15)."""
    mail_person(
        MailTemplate.LOGIN_OPTIONS,
        name.realm_id,
        email=name.email,
        full_name=name.full_name,
        fields={"what_changed": what},
        user_id=name.user_id,
        at=at,
    )


def _create(trip: SsoRequest, provider: IdentityProvider, visit: Visit) -> SignInName:
    """Make a user where the provider may, with a verified address of an allowed domain; raises SsoRefused."""
    realm_id, is_staff = trip.realm_id, is_bss_realm(trip.realm_id)
    refusal = SsoRefused(UNKNOWN_STAFF if is_staff else UNKNOWN)
    if not _is_verified(trip, provider) or trip.email is None:
        raise refusal
    roles: tuple[Role, ...]
    if provider.account_id is not None:
        newcomer = newcomer_of(Company(realm_id, provider.account_id))
        if newcomer is None:
            raise refusal
        person, roles = newcomer.person, newcomer.roles
    elif is_staff and provider.creates_users and domain_of(trip.email) in provider.allowed_domains:
        person, roles = Person(UserKind.BSS, None, None), tuple(BssRole(each) for each in provider.default_roles)
    else:
        raise refusal
    local = trip.email.partition("@")[0]
    actor = Actor(None, provider.name, reseller_id=reseller_of(realm_id), address=visit.address)
    try:
        with scope(scope_of(person)):
            type_, roles = roles_by_groups(provider, person, trip.groups, otherwise=roles)
            new = NewUser(
                person.kind,
                trip.first_name or local,
                trip.last_name or local,
                trip.email,
                account_id=person.account_id,
                reseller_id=person.reseller_id,
                type=type_,
                roles=roles,
            )
            user = create_user(new, realms=(realm_id,), invite_from=None, actor=actor, at=visit.at)
            user.status, user.activated_at = UserStatus.ACTIVE, visit.at
            session.flush()
            set_status_of_names(user, UserStatus.ACTIVE)
    except Invalid as error:
        raise refusal from error
    return name_of_user(realm_id, user.id)
