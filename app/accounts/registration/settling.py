"""What becomes of a registration: an account with its first user, a question to the storefront's owner, or nothing.

Runs in the distributor's scope, off the visitor's request; each step in one transaction with the request's row locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select, union

from app.accounts.contacts import NewContact, add_contact
from app.accounts.details import NewAccount, NewEndCustomer
from app.accounts.models import Account
from app.accounts.registration import mails
from app.accounts.registration.models import (
    ApprovalReason,
    Registration,
    RegistrationRequest,
    RegistrationStatus,
)
from app.accounts.registration.vat import PREFIX_OF_COUNTRY, normal_vat
from app.accounts.services import create_account, create_end_customer
from app.audit.services import SYSTEM, record
from app.core.db import session
from app.core.ids import new_id
from app.identity.admission import is_address_taken
from app.identity.models import UserKind
from app.identity.providers.newcomers import Vouched, connect_newcomer
from app.identity.providers.queries import find_provider
from app.identity.realms import Person
from app.identity.recovery import send_activation
from app.identity.registrants import invite_again, keep_hash, standing_of
from tenants.context import current_scope
from tenants.models import Distributor

REMINDER_AFTER = timedelta(days=3)
RETRY_AFTER = timedelta(hours=1)
COPIED = (
    "storefront_id", "reseller_id", "first_name", "last_name", "email", "phone", "company", "tax_id", "country",
    "city", "street", "postcode", "region", "wants_reselling", "is_tax_id_verified", "created_at",
)  # fmt: skip


def settle(request_id: UUID, *, at: datetime) -> None:
    """Take a registration one step further. A second run finds nothing to do."""
    request = session.scalar(
        select(RegistrationRequest)
        .where(
            RegistrationRequest.distributor_id == current_scope().distributor_id, RegistrationRequest.id == request_id
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if request is None:
        return
    registration = session.scalar(
        select(Registration)
        .where(Registration.distributor_id == request.distributor_id, Registration.id == request.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if registration is None:
        _take_in(request, at=at)
    elif registration.status is RegistrationStatus.APPROVED:
        _open(request, at=at)
        _forget(request.id)
    elif registration.status is RegistrationStatus.REJECTED:
        mails.tell_rejected(request, at=at)
        _forget(request.id)
    elif request.next_attempt_at is not None and request.next_attempt_at <= at:
        mails.ask_owner(registration, at=at)
        registration.reminded_at, request.next_attempt_at = at, None


def postpone(request_id: UUID, *, at: datetime) -> None:
    """Look again later: what stood in the way may pass, such as a storefront that is closed for now."""
    request = session.scalar(
        select(RegistrationRequest)
        .where(
            RegistrationRequest.distributor_id == current_scope().distributor_id, RegistrationRequest.id == request_id
        )
        .with_for_update()
    )
    if request is not None:
        request.next_attempt_at = at + RETRY_AFTER


def due(at: datetime, *, limit: int) -> Sequence[UUID]:
    """Return the registrations a job has to look at now."""
    distributor_id = current_scope().distributor_id
    waiting = select(RegistrationRequest.id).where(
        RegistrationRequest.distributor_id == distributor_id, RegistrationRequest.next_attempt_at <= at
    )
    decided = (
        select(Registration.id)
        .join(
            RegistrationRequest,
            (RegistrationRequest.distributor_id == Registration.distributor_id)
            & (RegistrationRequest.id == Registration.id),
        )
        .where(
            Registration.distributor_id == distributor_id,
            Registration.status != RegistrationStatus.REQUESTED,
            # one that was postponed waits its hour; a later instant is a reminder that nobody needs any more
            or_(RegistrationRequest.next_attempt_at.is_(None), RegistrationRequest.next_attempt_at > at + RETRY_AFTER),
        )
    )
    return session.scalars(union(waiting, decided).limit(limit)).all()


def _take_in(request: RegistrationRequest, *, at: datetime) -> None:
    if _is_waiting(request):  # the first one counts: nobody changes what another has sent
        _forget(request.id)
        return
    same_company = request.tax_id is not None and _knows_tax_id(request)
    if _is_known(request) or not (request.needs_approval or same_company):
        _open(request, at=at)
        _forget(request.id)
        return
    reason = ApprovalReason.SAME_TAX_ID if same_company else ApprovalReason.SETTING
    registration = Registration(id=request.id, reason=reason, **{name: getattr(request, name) for name in COPIED})
    session.add(registration)
    request.next_attempt_at = request.created_at + REMINDER_AFTER
    record("registration.requested", actor=SYSTEM, at=at, target_kind="registration", target_id=request.id,
           after={"reason": reason.value})  # fmt: skip
    mails.ask_owner(registration, at=at)


def _open(request: RegistrationRequest, *, at: datetime) -> None:
    """Open the account with its first user, an Admin; somebody known is told so by mail, and nothing is made."""
    if _is_known(request):
        if not mails.has_had_enough(request, at=at):
            name = standing_of(request.storefront_id, request.email)
            if name is None or not invite_again(name, at=at):
                mails.tell_known(request, at=at)
        return
    account = _account_of(request, at=at)
    user = add_contact(
        account.id,
        NewContact(
            request.first_name, request.last_name, request.email, phone=request.phone, is_primary_contact=True,
            is_vouched_for=request.provider_id is not None,
        ),
        actor=SYSTEM,
        at=at,
    )  # fmt: skip
    if request.provider_id is None:
        keep_hash(user, request.storefront_id, request.password_hash, at=at)
    elif not connect_newcomer(user, request.storefront_id, _vouched(request), actor=SYSTEM, at=at):
        send_activation(user, request.storefront_id, at=at)  # their address was theirs when they registered
    record("registration.account_opened", actor=SYSTEM, at=at, target_kind="account", target_id=account.id,
           after={"tax_id_verified": request.is_tax_id_verified})  # fmt: skip


def _vouched(request: RegistrationRequest) -> Vouched:
    assert request.provider_id is not None
    provider = find_provider(request.storefront_id, request.provider_id)
    return Vouched(
        request.provider_id, provider.name if provider else "", request.identity_issuer or "",
        request.identity_subject or "", request.email, request.first_name, request.last_name,
    )  # fmt: skip


def _account_of(request: RegistrationRequest, *, at: datetime) -> Account:
    if request.reseller_id is not None:
        details = NewEndCustomer(
            name=request.company, email=request.email, country=request.country, phone=request.phone,
            tax_id=request.tax_id, street=request.street, city=request.city, postcode=request.postcode,
            region=request.region, approval_required=True,
        )  # fmt: skip
        return create_end_customer(request.reseller_id, details, actor=SYSTEM, at=at)
    currency = session.scalars(
        select(Distributor.currency).where(Distributor.id == current_scope().distributor_id)
    ).one()
    own = NewAccount(
        name=request.company, email=request.email, country=request.country, currency=currency, phone=request.phone,
        tax_id=request.tax_id, street=request.street, city=request.city, postcode=request.postcode,
        region=request.region, is_reseller=request.wants_reselling,
    )  # fmt: skip
    return create_account(own, actor=SYSTEM, at=at)


def _is_known(request: RegistrationRequest) -> bool:
    kind = UserKind.DIRECT if request.reseller_id is None else UserKind.END_CUSTOMER
    return is_address_taken(request.email, Person(kind, request.reseller_id, None), apart_from=new_id())


def _is_waiting(request: RegistrationRequest) -> bool:
    found = session.scalar(
        select(Registration.id).where(
            Registration.distributor_id == request.distributor_id,
            Registration.storefront_id == request.storefront_id,
            Registration.email == request.email,
            Registration.status == RegistrationStatus.REQUESTED,
        )
    )
    return found is not None


def _knows_tax_id(request: RegistrationRequest) -> bool:
    """Whether the owner's customers include a company with the VAT number, however either is written."""
    plain = normal_vat(request.country, request.tax_id or "")
    prefix = PREFIX_OF_COUNTRY.get(request.country, request.country)
    owner = (
        or_(Account.reseller_id.is_(None), Account.is_reseller)
        if request.reseller_id is None
        else Account.reseller_id == request.reseller_id
    )
    found = session.scalar(
        select(Account.id)
        .where(
            Account.distributor_id == request.distributor_id,
            owner,
            Account.country == request.country,
            func.regexp_replace(func.upper(Account.tax_id), "[^A-Z0-9]", "", "g").in_(
                (plain, prefix + plain, request.country + plain)
            ),
        )
        .limit(1)
    )
    return found is not None


def _forget(request_id: UUID) -> None:
    session.flush()
    for table in (RegistrationRequest, Registration):
        session.execute(
            delete(table).where(table.distributor_id == current_scope().distributor_id, table.id == request_id)
        )
