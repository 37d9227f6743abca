"""What the workers ask of a vendor and what a connector answers (CB-22)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

MIN_TIMEOUT_SECONDS = 5
MAX_TIMEOUT_SECONDS = 120

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_HEADER_VALUE = re.compile(r"[!-~]*")


class RequestKind(StrEnum):
    """What shall happen to one service at the vendor."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    ACTIVATE = "activate"
    SCHEDULE = "schedule"  # what the picture says holds from a later day on
    WITHDRAW = "withdraw"  # what was scheduled is not wanted any more


class AddOnAction(StrEnum):
    """What one request does to one add-on.

    `NONE` keeps it as it is, yet it stays in the picture; `CANCEL` is said once, in the request that ends it.
    """

    NONE = "none"
    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristic:
    """One value of the service, as text; a feature that is on or off says "1" or "0"."""

    id: str
    name: str
    value: str
    code: str = ""  # of a listed value; empty for free text
    is_quantity_linked: bool = False  # the vendor multiplies it by the quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnPicture:
    product_code: str
    product_name: str
    quantity: int
    action: AddOnAction = AddOnAction.NONE
    characteristics: tuple[Characteristic, ...] = ()
    vendor_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPicture:
    """A company as the vendor is told about it."""

    code: str
    name: str
    email: str
    country: str  # ISO 3166-1 alpha-2
    vendor_reference: str | None = None  # None: not synchronised yet
    options: tuple[tuple[str, str], ...] = ()  # what the vendor asks for beside these, by the option's id


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningRequest:
    """One change of one service, always with the complete picture: the service and all its add-ons as they shall be.

    The vendor computes its totals from the picture, so an add-on that is left out is an add-on that is gone.
    """

    task_id: UUID
    distributor_id: UUID
    kind: RequestKind
    service_type: str
    product_code: str
    product_name: str
    quantity: int  # the new total, not the difference
    term: str  # ISO 8601 duration: P1M, P1Y
    billing_cycle: str
    currency: str  # ISO 4217
    account: AccountPicture  # who uses the service
    reseller: AccountPicture | None = None  # who sold it, when not the distributor itself
    characteristics: tuple[Characteristic, ...] = ()
    add_ons: tuple[AddOnPicture, ...] = ()
    vendor_reference: str | None = None  # the service at the vendor; None only before it was created
    effective_on: date | None = (
        None  # of what is scheduled, or withdrawn: its first day, as the distributor counts days
    )

    def __post_init__(self) -> None:
        """A mistake of ours must not reach a vendor."""
        if self.quantity < 1:
            raise ValueError("A service has a quantity of at least 1; to end it, cancel it")
        if self.kind is not RequestKind.CREATE and not self.vendor_reference:
            raise ValueError(f"{self.kind} needs the vendor's reference of the service")
        if (self.effective_on is not None) is not (self.kind in (RequestKind.SCHEDULE, RequestKind.WITHDRAW)):
            raise ValueError(f"A day belongs to what is scheduled or withdrawn, and to nothing else: {self.kind}")

    @property
    def standing_add_ons(self) -> tuple[AddOnPicture, ...]:
        """The add-ons that the service has after the request."""
        return tuple(add_on for add_on in self.add_ons if add_on.action is not AddOnAction.CANCEL)


@dataclass(frozen=True, slots=True)
class Progress:
    """The vendor accepted the work and is still at it: look again, nobody waits for it."""

    operation: str  # the vendor's word for it, handed back to `look` as it is; may be empty
    again_in: timedelta | None = None  # when the vendor wants to be asked; None: as we think fit
    for_at_most: timedelta | None = None  # how long the vendor says that it may take


@dataclass(frozen=True, slots=True)
class VendorResource:
    """The service at the vendor after a call; `reference` names it in all later calls."""

    reference: str  # empty only when `needs_person`
    name: str
    message: str = ""
    needs_person: bool = False  # nothing was done: somebody has to do it, and record the reference
    progress: Progress | None = None  # not done yet; the reference holds all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeen:
    """A service as the vendor has it; None and empty texts stand for what the vendor does not tell."""

    reference: str
    name: str = ""
    product_code: str = ""
    also_called: tuple[str, ...] = ()  # other codes that mean the same product at this vendor
    quantity: int | None = None
    is_active: bool = True  # else suspended; canceled ones are not seen at all
    term: str | None = None
    billing_cycle: str | None = None
    account_reference: str | None = None
    account_code: str | None = None
    account_name: str | None = None
    account_email: str | None = None


@dataclass(frozen=True, slots=True)
class ServicePage:
    """A part of all services; `following` asks for the next one, None: this was the last."""

    services: tuple[ServiceSeen, ...]
    following: str | None
    total: int | None = None  # of all pages, where the vendor tells


@dataclass(frozen=True, slots=True)
class AccountOption:
    """Something the vendor must know of an account beside its code, name, mail and country."""

    id: str
    name: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class AccountReference:
    reference: str  # empty only when `needs_person`
    message: str = ""
    needs_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceManagerSettings:
    """One registered service manager of a distributor, its key in the clear: build it shortly before the call."""

    kind: str
    base_url: str = ""
    application_id: str = ""
    api_key: str = field(default="", repr=False)
    timeout_seconds: int = 30
    seconds_for_all: int | None = None  # for all calls of one connector together; None: each has its timeout
    is_sandbox: bool = False
    synchronises_accounts: bool = True
    has_precheck: bool = True  # the vendor answers `check`
    reads_state: bool = True  # the vendor answers `find`

    def __post_init__(self) -> None:
        if not MIN_TIMEOUT_SECONDS <= self.timeout_seconds <= MAX_TIMEOUT_SECONDS:
            raise ValueError(f"A timeout is {MIN_TIMEOUT_SECONDS} to {MAX_TIMEOUT_SECONDS} seconds")
        if not all(_HEADER_VALUE.fullmatch(value) for value in (self.application_id, self.api_key)):
            raise ValueError("Application id and API key are sent as headers: visible ASCII characters only")


class ConnectorError(Exception):
    """A call to a vendor did not succeed. `reason` is a sentence for people, without secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ConnectorUnavailable(ConnectorError):
    """The vendor could not be asked, or its answer was lost: try again later, with the same key.

    Transport errors, timeouts, HTTP 408, 429 and 5xx. The work may have been done all the same.
    """

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after  # what the vendor asked for; at most a day


class ConnectorRejected(ConnectorError):
    """The vendor said no (Code ≠ 0, HTTP 4xx): trying again unchanged is of no use."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code  # the vendor's own code, or one of ours in words


class InvalidVendorResponse(ConnectorRejected):
    """The vendor's answer cannot be understood. The work may have been done all the same."""

    def __init__(self, detail: str) -> None:
        super().__init__("invalid_response", f"Invalid response: {detail}")


class NotOffered(ConnectorRejected):
    """This kind of vendor cannot do what was asked, so it was not asked."""

    def __init__(self, what: str) -> None:
        super().__init__("not_offered", f"This service manager does not offer {what}")


class Connector(Protocol):
    """The code for one kind of provisioning system: what every one of them can do.

    Every method may raise ConnectorUnavailable and ConnectorRejected (InvalidVendorResponse is one), nothing else for
    what a vendor does. A changing call with a key that was used before answers as the first did and does nothing.
    The key is made of letters, digits and `._:-`, 200 at most, and is the same at each try of the same work.
    What some vendors can do beside is a protocol of its own below: a connector has it by having its methods.
    """

    def synchronise_account(self, account: AccountPicture, *, idempotency_key: str) -> AccountReference:
        """Make the account known to the vendor, or bring what it knows up to date."""
        ...

    def check(self, request: ProvisioningRequest) -> None:
        """Ask whether the request would succeed (`checkonly`); provisions nothing, raises what the vendor objects to."""
        ...

    def create(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource: ...

    def update(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        """Make the service what the picture says: quantity, edition, characteristics and add-ons."""
        ...

    def cancel(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource: ...

    def find(self, idempotency_key: str) -> VendorResource | None:
        """Return what became of an earlier request; None when the vendor never did it, or does not tell."""
        ...


@runtime_checkable
class Suspends(Protocol):
    """Services can be switched off for a while."""

    def suspend(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource: ...

    def activate(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        """End a suspension."""
        ...


@runtime_checkable
class TakesFutureRequests(Protocol):
    """Services can be told at once what they shall be from a later day on (CB-24). One such request at a time."""

    def schedule(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        """Have the picture hold from `effective_on` on, by the vendor's own clock; a day that has come means now."""
        ...

    def withdraw(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        """Forget what was scheduled; the picture is the service as it stays. ConnectorRejected where it has begun."""
        ...


@runtime_checkable
class WorksLater(Protocol):
    """Changing calls may answer with `progress`: the work goes on at the vendor."""

    def look(self, request: ProvisioningRequest, reference: str, operation: str) -> VendorResource:
        """Return how accepted work stands: done, or with `progress` again. Raises ConnectorRejected where it failed."""
        ...


@runtime_checkable
class ListsServices(Protocol):
    """All services can be read page by page."""

    def list_services(self, following: str | None) -> ServicePage:
        """Return a page of the services that are not canceled; None for the first."""
        ...


@runtime_checkable
class ReadsServices(Protocol):
    """One service can be read by its reference."""

    def read_service(self, reference: str) -> ServiceSeen | None:
        """Return it as the vendor has it; None when there is none, or it is canceled."""
        ...


@runtime_checkable
class AsksForOptions(Protocol):
    """The vendor says what it must know of an account."""

    def account_options(self) -> tuple[AccountOption, ...]: ...


@runtime_checkable
class CanBeTested(Protocol):
    """A harmless call shows whether address and key are right."""

    def test(self) -> str:
        """Return a sentence about what was found there."""
        ...


def carry_out(connector: Connector, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
    """Call the method that the request's kind names. Raises NotOffered where the connector has none."""
    match request.kind:
        case RequestKind.CREATE:
            return connector.create(request, idempotency_key=idempotency_key)
        case RequestKind.UPDATE:
            return connector.update(request, idempotency_key=idempotency_key)
        case RequestKind.CANCEL:
            return connector.cancel(request, idempotency_key=idempotency_key)
        case RequestKind.SUSPEND | RequestKind.ACTIVATE:
            return _switch(connector, request, idempotency_key)
        case RequestKind.SCHEDULE | RequestKind.WITHDRAW:
            return _tell_ahead(connector, request, idempotency_key)


def _switch(connector: Connector, request: ProvisioningRequest, key: str) -> VendorResource:
    if not isinstance(connector, Suspends):
        raise NotOffered("suspending services")
    ask = connector.suspend if request.kind is RequestKind.SUSPEND else connector.activate
    return ask(request, idempotency_key=key)


def _tell_ahead(connector: Connector, request: ProvisioningRequest, key: str) -> VendorResource:
    if not isinstance(connector, TakesFutureRequests):
        raise NotOffered("changes of a later day")
    ask = connector.schedule if request.kind is RequestKind.SCHEDULE else connector.withdraw
    return ask(request, idempotency_key=key)


def require_key(idempotency_key: str) -> str:
    """Return the key if it is safe in a header and in an address; ValueError otherwise."""
    if _KEY.fullmatch(idempotency_key) is None:
        raise ValueError("An idempotency key has 1 to 200 letters, digits and ._:- and starts with a letter or digit")
    return idempotency_key


def require_kind(request: ProvisioningRequest, kind: RequestKind) -> None:
    """Refuse a request that was handed to the wrong method; a mistake of ours, so ValueError."""
    if request.kind is not kind:
        raise ValueError(f"This request is to {request.kind}, not to {kind}")
