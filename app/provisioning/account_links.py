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
from app.subscriptions.models import SyncStatus
from tenants.context import current_scope

MAX_MESSAGE = 500
MAX_VALUE = 255


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
    def missing(self) -> tuple[Option, ...]:
        """What the vendor must know and nobody has told yet."""
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
    manager_id: UUID, account_id: UUID, values: Mapping[str, str], *, actor: Actor, at: datetime
) -> VendorAccountLink:
    """Keep what a vendor asks for; the account is made known anew with its next task.

    Raises ServiceManagerNotFound, Invalid `required`, `length`. The caller has checked the account.
    """
    known = at_vendor(manager_id, account_id)
    told = {option.id: values.get(option.id, "").strip() for option in known.options}
    errors = [
        FieldError(option.id, "required", f"Enter: {option.name}")
        for option in known.options
        if option.is_required and not told[option.id]
    ]
    errors += [
        FieldError(option_id, "length", f"Use at most {MAX_VALUE} characters")
        for option_id, value in told.items()
        if len(value) > MAX_VALUE
    ]
    if errors:
        raise Invalid(*errors)
    link = known.link or _add(manager_id, account_id, at)
    link.options = {option_id: value for option_id, value in told.items() if value}
    if link.sync_status is not SyncStatus.UNSYNCHRONISED:
        link.sync_status, link.message = SyncStatus.PENDING, None
    record("vendor_account.options", actor=actor, at=at, target_kind="account", target_id=account_id)
    return link


def link_account(manager_id: UUID, account_id: UUID, vendor_reference: str, *, at: datetime) -> None:
    """Remember what an account is called at a vendor: it is synchronised."""
    link = _find(manager_id, account_id) or _add(manager_id, account_id, at)
    link.vendor_reference, link.sync_status, link.message = vendor_reference, SyncStatus.SYNCHRONISED, None
    link.synchronised_at = at


def account_refused(manager_id: UUID, account_id: UUID, reason: str, *, at: datetime) -> None:
    """Remember why a vendor does not take an account."""
    link = _find(manager_id, account_id) or _add(manager_id, account_id, at)
    link.sync_status, link.message = SyncStatus.FAILED, reason[:MAX_MESSAGE]


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
