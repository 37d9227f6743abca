"""Registering, and deciding on a registration (SF-04, SF-05). What follows from either is a job's (`settling`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.accounts import rules
from app.accounts.details import NewEndCustomer, customer_errors
from app.accounts.registration.errors import RegistrationDecided, RegistrationNotFound
from app.accounts.registration.jobs import SETTLE_REGISTRATION
from app.accounts.registration.models import Registration, RegistrationRequest, RegistrationStatus
from app.accounts.registration.vat import VatRegister, no_register, vat_errors
from app.audit.services import Actor, record
from app.core.db import nudge_after_commit, session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.core.queue import Nudge
from app.core.secrets import sign
from app.identity.models import UserKind
from app.identity.providers.newcomers import Vouched
from app.identity.registrants import hash_chosen_password
from app.identity.services import NewUser, check_new_user
from tenants.context import current_scope

COMPANY_FIELDS = {"name": "company"}  # what the rules of accounts call otherwise
OWN_FIELDS = ("first_name", "last_name", "email")


@dataclass(frozen=True, slots=True)
class NewRegistration:
    """What a visitor typed."""

    first_name: str
    last_name: str
    email: str
    company: str
    country: str  # ISO 3166-1 alpha-2
    city: str
    street: str
    postcode: str
    password: str
    repeat: str
    phone: str = ""
    tax_id: str = ""
    region: str = ""
    wants_reselling: bool = False
    accepts_terms: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """Where somebody registers, and what its owner has chosen."""

    storefront_id: UUID
    reseller_id: UUID | None  # None: the distributor's own storefront
    needs_approval: bool
    offers_reselling: bool = False  # at the distributor's own storefront alone


def register(
    new: NewRegistration,
    door: Door,
    *,
    at: datetime,
    ask: VatRegister = no_register,
    vouched: Vouched | None = None,
) -> None:
    """Take in a registration; raises Invalid with all that is wrong at once.

    `vouched` is who comes from a provider: no password, and the address is the provider's, whatever was typed.

    Nothing here depends on whether the address is known: one hash, one row, and a job does the rest. So neither the
    answer nor its time tells who is a customer already (SF-04).
    """
    if vouched is not None:
        new = replace(new, email=vouched.email, password="", repeat="")
    errors = list(_errors(new))
    is_verified = bool(new.tax_id.strip()) and not any(error.field == "tax_id" for error in errors)
    if is_verified:
        answer = ask(new.country, new.tax_id.strip())
        if answer is False:
            errors.append(FieldError("tax_id", "vat_unknown", "This VAT number is not registered"))
        is_verified = answer is True
    password_hash = ""
    try:
        if vouched is None:
            password_hash = hash_chosen_password(
                door.storefront_id, new.password, name=f"{new.first_name} {new.last_name}", email=new.email,
                is_wanted=not errors,
            )  # fmt: skip
    except Invalid as refusal:
        errors.extend(refusal.errors)
    if errors:
        raise Invalid(*errors)
    email = rules.normal_email(new.email)
    assert email is not None, "checked before"
    request = RegistrationRequest(
        id=new_id(),
        storefront_id=door.storefront_id,
        reseller_id=door.reseller_id,
        first_name=new.first_name.strip(),
        last_name=new.last_name.strip(),
        email=email,
        phone=new.phone.strip() or None,
        company=new.company.strip(),
        tax_id=new.tax_id.strip() or None,
        country=new.country,
        city=new.city.strip(),
        street=new.street.strip(),
        postcode=new.postcode.strip(),
        region=new.region.strip() or None,
        wants_reselling=new.wants_reselling and door.offers_reselling and door.reseller_id is None,
        is_tax_id_verified=is_verified,
        password_hash=password_hash,
        provider_id=vouched.provider_id if vouched else None,
        identity_issuer=vouched.issuer if vouched else None,
        identity_subject=vouched.subject if vouched else None,
        needs_approval=door.needs_approval,
        next_attempt_at=at,
        created_at=at,
    )
    session.add(request)
    nudge_after_commit(Nudge(SETTLE_REGISTRATION, request.id, current_scope().distributor_id))


def decide(
    registration_id: UUID, *, reseller_id: UUID | None, approve: bool, actor: Actor, at: datetime
) -> Registration:
    """Approve or reject a registration for the owner of its storefront; a job carries it out at once.

    Of a rejected one the audit trail keeps a keyed hash of the address, nothing else. Raises RegistrationNotFound,
    RegistrationDecided.
    """
    found = _find(registration_id, reseller_id, for_update=True)
    if found.status is not RegistrationStatus.REQUESTED:
        raise RegistrationDecided
    found.status = RegistrationStatus.APPROVED if approve else RegistrationStatus.REJECTED
    found.decided_at, found.decided_by_id, found.decided_by_name = at, actor.user_id, actor.name
    record(
        f"registration.{found.status.value}", actor=actor, at=at, target_kind="registration", target_id=found.id,
        after={"email_hash": sign("registration", found.email)},
    )  # fmt: skip
    nudge_after_commit(Nudge(SETTLE_REGISTRATION, found.id, found.distributor_id))
    return found


def get_registration(registration_id: UUID, *, reseller_id: UUID | None) -> Registration:
    """Return a registration that waits for its owner's decision; raises RegistrationNotFound."""
    found = _find(registration_id, reseller_id)
    if found.status is not RegistrationStatus.REQUESTED:
        raise RegistrationNotFound
    return found


def _find(registration_id: UUID, reseller_id: UUID | None, *, for_update: bool = False) -> Registration:
    wanted = select(Registration).where(
        Registration.distributor_id == current_scope().distributor_id,
        Registration.id == registration_id,
        Registration.reseller_id.is_not_distinct_from(reseller_id),
    )
    found = session.scalar(wanted.with_for_update() if for_update else wanted)
    if found is None:
        raise RegistrationNotFound
    return found


def _errors(new: NewRegistration) -> Iterator[FieldError]:
    try:
        check_new_user(NewUser(UserKind.DIRECT, new.first_name, new.last_name, new.email))
    except Invalid as refusal:
        yield from refusal.errors
    else:
        yield from rules.email_errors("email", new.email)
    details = NewEndCustomer(
        name=new.company,
        email=new.email,
        country=new.country,
        phone=new.phone,
        tax_id=new.tax_id,
        street=new.street,
        city=new.city,
        postcode=new.postcode,
        region=new.region,
    )
    for error in customer_errors(details):
        if error.field not in OWN_FIELDS:
            yield FieldError(COMPANY_FIELDS.get(error.field, error.field), error.code, error.message)
    for field, label in (("street", "an address"), ("city", "a city"), ("postcode", "a post code")):
        if not getattr(new, field).strip():
            yield FieldError(field, "required", f"Enter {label}")
    yield from vat_errors(new.country, new.tax_id)
    if new.password != new.repeat:
        yield FieldError("repeat", "mismatch", "The passwords differ")
    if not new.accepts_terms:
        yield FieldError("terms", "required", "Accept the terms to register")
