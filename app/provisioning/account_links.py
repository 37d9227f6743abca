"""Accounts at vendors (CB-22: account first): what they are called there, how that stands, what the vendor asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.audit.services import Actor, record
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.provisioning.models import ServiceManager, VendorAccountLink
from app.provisioning.queries import get_service_manager
from app.provisioning.service_accounts.services import ask_again, mark_told
from app.subscriptions.models import SyncStatus
from tenants.context import current_scope

MAX_MESSAGE = 500
MAX_VALUE = 255
MAX_REFERENCE = 200
EXISTING = "existing"  # the field of an account the vendor has already
TAKEN = "This account at the vendor is another company's here"


@dataclass(frozen=True, slots=True)
class Option:
    """A detail a vendor asks for, and what is known of it."""

    id: str
    name: str
    is_required: bool
    value: str


@dataclass(frozen=True, slots=True)
class AccountAtVendor:
    """An account at one service manager, as staff sees it."""

    manager: ServiceManager
    link: VendorAccountLink | None
    options: tuple[Option, ...]

    @property
    def status(self) -> SyncStatus:
        """Unsynchronised until it was first made known."""
        return self.link.sync_status if self.link else SyncStatus.UNSYNCHRONISED

    @property
    def existing_reference(self) -> str | None:
        """What its owner calls the account it has there already, until the vendor has confirmed it."""
        return self.link.existing_reference if self.link else None

    @property
    def missing(self) -> tuple[Option, ...]:
        """What the vendor must know and nobody has told yet; of an account it has already, nothing."""
        if self.existing_reference:
            return ()
        return tuple(option for option in self.options if option.is_required and not option.value)


def at_vendors(account_id: UUID) -> Sequence[AccountAtVendor]:
    """Return how an account stands at each active service manager that makes accounts known first."""
    rows = session.execute(
        select(ServiceManager, VendorAccountLink)
        .outerjoin(
            VendorAccountLink,
            (VendorAccountLink.distributor_id == ServiceManager.distributor_id)
            & (VendorAccountLink.service_manager_id == ServiceManager.id)
            & (VendorAccountLink.account_id == account_id),
        )
        .where(
            ServiceManager.distributor_id == current_scope().distributor_id,
            ServiceManager.is_active,
            ServiceManager.synchronises_accounts,
        )
        .order_by(ServiceManager.name)
    )
    return [AccountAtVendor(manager, link, _options(manager, link)) for manager, link in rows]


def at_vendor(manager_id: UUID, account_id: UUID) -> AccountAtVendor:
    """Return how an account stands at one service manager; raises ServiceManagerNotFound."""
    manager, link = get_service_manager(manager_id), _find(manager_id, account_id)
    return AccountAtVendor(manager, link, _options(manager, link))


def tell_options(
    manager_id: UUID,
    account_id: UUID,
    values: Mapping[str, str],
    *,
    existing: str | None = None,
    actor: Actor,
    at: datetime,
) -> VendorAccountLink:
    """Keep what a vendor asks for; the account is made known anew with its next task.

    `existing` is what an account is called that the vendor has already; it needs no further details.
    Raises ServiceManagerNotFound, Invalid `required`, `length`. The caller has checked the account.
    """
    known = at_vendor(manager_id, account_id)
    told = {option.id: values.get(option.id, "").strip() for option in known.options}
    reference = (existing or "").strip() if known.manager.accepts_existing_accounts else ""
    errors = [
        FieldError(option.id, "required", f"Enter: {option.name}")
        for option in known.options
        if option.is_required and not told[option.id] and not reference
    ]
    if len(reference) > MAX_REFERENCE:
        errors.append(FieldError(EXISTING, "length", f"Use at most {MAX_REFERENCE} characters"))
    errors += [
        FieldError(option_id, "length", f"Use at most {MAX_VALUE} characters")
        for option_id, value in told.items()
        if len(value) > MAX_VALUE
    ]
    if errors:
        raise Invalid(*errors)
    link = known.link or _add(manager_id, account_id, at)
    link.options = {option_id: value for option_id, value in told.items() if value}
    link.existing_reference = reference or None
    mark_told(manager_id, account_id)
    if link.sync_status is not SyncStatus.UNSYNCHRONISED:
        link.sync_status, link.message = SyncStatus.PENDING, None
    record("vendor_account.options", actor=actor, at=at, target_kind="account", target_id=account_id)
    return link


def take_answers(
    manager_id: UUID, account_id: UUID, options: Mapping[str, str], *, existing: str | None, at: datetime
) -> None:
    """Keep what the buyer of an order said of an account, unless its vendor knows it. Twice is once."""
    known = at_vendor(manager_id, account_id)
    if known.status is SyncStatus.SYNCHRONISED:
        return
    link = known.link or _add(manager_id, account_id, at)
    asked = {option.id for option in known.options}
    link.options = {**link.options, **{key: value[:MAX_VALUE] for key, value in options.items() if key in asked}}
    if known.manager.accepts_existing_accounts:
        link.existing_reference = existing[:MAX_REFERENCE] if existing else None
    if link.sync_status is SyncStatus.FAILED:
        link.sync_status, link.message = SyncStatus.PENDING, None
    session.flush()
    mark_told(manager_id, account_id)


def is_anothers(manager_id: UUID, account_id: UUID, vendor_reference: str) -> bool:
    """Whether an account at a vendor belongs to somebody else here: naming it gives nobody a way into it."""
    found = session.scalar(
        select(VendorAccountLink.id).where(
            VendorAccountLink.distributor_id == current_scope().distributor_id,
            VendorAccountLink.service_manager_id == manager_id,
            VendorAccountLink.account_id != account_id,
            VendorAccountLink.vendor_reference == vendor_reference,
        )
    )
    return found is not None


def link_account(manager_id: UUID, account_id: UUID, vendor_reference: str, *, at: datetime) -> None:
    """Remember what an account is called at a vendor: it is synchronised."""
    link = _find(manager_id, account_id) or _add(manager_id, account_id, at)
    link.vendor_reference, link.sync_status, link.message = vendor_reference, SyncStatus.SYNCHRONISED, None
    link.synchronised_at = at
    mark_told(manager_id, account_id)


def account_refused(manager_id: UUID, account_id: UUID, reason: str, *, at: datetime) -> None:
    """Remember why a vendor does not take an account."""
    link = _find(manager_id, account_id) or _add(manager_id, account_id, at)
    link.sync_status, link.message = SyncStatus.FAILED, reason[:MAX_MESSAGE]
    ask_again(manager_id, account_id)


def _find(manager_id: UUID, account_id: UUID) -> VendorAccountLink | None:
    return session.scalar(
        select(VendorAccountLink).where(
            VendorAccountLink.distributor_id == current_scope().distributor_id,
            VendorAccountLink.service_manager_id == manager_id,
            VendorAccountLink.account_id == account_id,
        )
    )


def _add(manager_id: UUID, account_id: UUID, at: datetime) -> VendorAccountLink:
    link = VendorAccountLink(
        service_manager_id=manager_id,
        account_id=account_id,
        sync_status=SyncStatus.UNSYNCHRONISED,
        options={},
        created_at=at,
    )
    session.add(link)
    return link


def _options(manager: ServiceManager, link: VendorAccountLink | None) -> tuple[Option, ...]:
    known = link.options if link else {}
    return tuple(
        Option(str(each["id"]), str(each["name"]), bool(each.get("is_required")), str(known.get(each["id"], "")))
        for each in manager.account_options
    )
