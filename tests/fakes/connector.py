"""A vendor in memory that keeps the Connector protocol and passes the same contract tests as the real connectors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from workers.connectors.base import (
    AccountPicture,
    AccountReference,
    ConnectorRejected,
    ConnectorUnavailable,
    InvalidVendorResponse,
    ProvisioningRequest,
    RequestKind,
    ServiceManagerSettings,
    ServicePage,
    ServiceSeen,
    VendorResource,
    require_key,
    require_kind,
)
from workers.connectors.calls import RecordCall

_STATUS_AFTER = {
    RequestKind.CREATE: "Active",
    RequestKind.CANCEL: "Canceled",
    RequestKind.SUSPEND: "Suspended",
    RequestKind.ACTIVATE: "Active",
}


@dataclass(frozen=True, slots=True)
class FakeResource:
    """One service as the vendor has it: the last picture it was sent, and its status there."""

    reference: str
    status: str
    picture: ProvisioningRequest


@dataclass(frozen=True, slots=True)
class FakeCall:
    """One call about a service that reached the vendor, also one that it refused."""

    idempotency_key: str
    request: ProvisioningRequest


@dataclass(frozen=True, slots=True)
class _Done:
    asked: AccountPicture | ProvisioningRequest
    reference: str


class FakeConnector:
    """Keeps what it was asked for, and can be told to fail, reject, or lose the answer after acting.

    `fail_next`, `reject_next`, `time_out_after_next` and `garble_next` hold for the next calls in the order told,
    pre-checks and accounts among them; `find` is never troubled.
    """

    def __init__(self) -> None:
        self.requests: list[FakeCall] = []
        self.checks: list[ProvisioningRequest] = []
        self.accounts: dict[str, AccountPicture] = {}  # by reference
        self.resources: dict[str, FakeResource] = {}  # by reference
        self.scheduled: dict[str, ProvisioningRequest] = {}  # by reference: what it shall be from its day on
        self.today = date(2026, 1, 1)
        self.page_size = 50
        self._made = 0
        self._done: dict[str, _Done] = {}
        self._troubles: deque[tuple[Callable[[], None], Callable[[], None]]] = deque()  # before and after the work

    @property
    def calls(self) -> int:
        """How many calls about services reached the vendor, repeated ones counted, pre-checks and `find` not."""
        return len(self.requests)

    def fail_next(
        self, *, times: int = 1, reason: str = "The vendor is down", retry_after: timedelta | None = None
    ) -> None:
        def fail() -> None:
            raise ConnectorUnavailable(reason, retry_after)

        self._trouble(before=fail, times=times)

    def reject_next(self, *, times: int = 1, code: str = "17", reason: str = "The vendor refuses this") -> None:
        def reject() -> None:
            raise ConnectorRejected(code, reason)

        self._trouble(before=reject, times=times)

    def time_out_after_next(self, *, times: int = 1) -> None:
        """Do the work, then lose the answer."""

        def time_out() -> None:
            raise ConnectorUnavailable("The vendor did not answer in time")

        self._trouble(after=time_out, times=times)

    def garble_next(self, *, times: int = 1) -> None:
        """Do the work, then answer something that nobody understands."""

        def garble() -> None:
            raise InvalidVendorResponse("the reply is not JSON")

        self._trouble(after=garble, times=times)

    def as_factory(
        self, settings: ServiceManagerSettings, *, allowed_private_targets: frozenset[str], record_call: RecordCall
    ) -> FakeConnector:
        """A ConnectorFactory for `connector_for(..., connectors={"fake": vendor.as_factory})`."""
        del settings, allowed_private_targets, record_call
        return self

    def synchronise_account(self, account: AccountPicture, *, idempotency_key: str) -> AccountReference:
        def work() -> str:
            known = next((ref for ref, other in self.accounts.items() if other.code == account.code), None)
            reference = account.vendor_reference or known or f"account-{len(self.accounts) + 1}"
            self.accounts[reference] = replace(account, vendor_reference=reference)
            return reference

        return AccountReference(self._perform(account, require_key(idempotency_key), work), "Account synchronised")

    def check(self, request: ProvisioningRequest) -> None:
        self.checks.append(request)
        after = self._suffer()
        self._object(request)
        after()

    def create(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._change(request, RequestKind.CREATE, idempotency_key)

    def update(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._change(request, RequestKind.UPDATE, idempotency_key)

    def cancel(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._change(request, RequestKind.CANCEL, idempotency_key)

    def suspend(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._change(request, RequestKind.SUSPEND, idempotency_key)

    def activate(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._change(request, RequestKind.ACTIVATE, idempotency_key)

    def schedule(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._tell_ahead(request, RequestKind.SCHEDULE, idempotency_key)

    def withdraw(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._tell_ahead(request, RequestKind.WITHDRAW, idempotency_key)

    def day_comes(self, day: date) -> None:
        """Let what was scheduled hold from its day on, by the vendor's own clock."""
        self.today = day
        for reference, request in list(self.scheduled.items()):
            if request.effective_on is not None and request.effective_on <= day:
                picture = replace(request, kind=RequestKind.UPDATE, effective_on=None)
                self.resources[reference] = replace(self.resources[reference], picture=picture)
                del self.scheduled[reference]

    def find(self, idempotency_key: str) -> VendorResource | None:
        done = self._done.get(require_key(idempotency_key))
        if done is None:
            return None
        name = done.asked.name if isinstance(done.asked, AccountPicture) else done.asked.product_name
        return VendorResource(done.reference, name)

    def list_services(self, following: str | None) -> ServicePage:
        live = [reference for reference, each in self.resources.items() if each.status != "Canceled"]
        start = int(following or 0)
        page = live[start : start + self.page_size]
        more = str(start + self.page_size) if start + self.page_size < len(live) else None
        return ServicePage(tuple(self._seen(reference) for reference in page), more, len(live))

    def read_service(self, reference: str) -> ServiceSeen | None:
        if reference in {"", ".", ".."}:
            raise ConnectorRejected("no_reference", "The vendor's reference cannot stand in an address")
        found = self.resources.get(reference)
        return None if found is None or found.status == "Canceled" else self._seen(reference)

    def _seen(self, reference: str) -> ServiceSeen:
        found = self.resources[reference]
        account = self.accounts.get(found.picture.account.vendor_reference or "", found.picture.account)
        return ServiceSeen(
            reference=reference,
            name=found.picture.product_name,
            product_code=found.picture.product_code,
            quantity=found.picture.quantity,
            is_active=found.status == "Active",
            term=found.picture.term,
            billing_cycle=found.picture.billing_cycle,
            account_reference=found.picture.account.vendor_reference,
            account_code=account.code,
            account_name=account.name,
            account_email=account.email,
        )

    def _change(self, request: ProvisioningRequest, kind: RequestKind, idempotency_key: str) -> VendorResource:
        require_kind(request, kind)
        self.requests.append(FakeCall(require_key(idempotency_key), request))

        def work() -> str:
            self._object(request)
            self._made += kind is RequestKind.CREATE
            reference = request.vendor_reference or f"resource-{self._made}"
            earlier = self.resources.get(reference)
            status = _STATUS_AFTER.get(kind) or (earlier.status if earlier else "Active")
            self.resources[reference] = FakeResource(reference, status, replace(request, vendor_reference=reference))
            return reference

        return VendorResource(self._perform(request, idempotency_key, work), request.product_name, "Done")

    def _tell_ahead(self, request: ProvisioningRequest, kind: RequestKind, idempotency_key: str) -> VendorResource:
        require_kind(request, kind)
        self.requests.append(FakeCall(require_key(idempotency_key), request))

        def work() -> str:
            self._object(request)
            reference = request.vendor_reference or ""
            if kind is RequestKind.WITHDRAW and self.scheduled.pop(reference, None) is None:
                raise ConnectorRejected("48", f"{reference} has no change scheduled")
            if kind is RequestKind.SCHEDULE:
                if reference in self.scheduled:
                    raise ConnectorRejected("47", f"{reference} has a change scheduled already")
                self.scheduled[reference] = request
                self.day_comes(self.today)
            return reference

        return VendorResource(self._perform(request, idempotency_key, work), request.product_name, "Done")

    def _perform(self, asked: AccountPicture | ProvisioningRequest, key: str, work: Callable[[], str]) -> str:
        """Do the work once per key, in the trouble of the moment."""
        after = self._suffer()
        earlier = self._done.get(key)
        if earlier is not None and earlier.asked != asked:
            raise ConnectorRejected("22", "This key was used for another request")
        if earlier is None:
            self._done[key] = _Done(asked, work())
        after()
        return self._done[key].reference

    def _object(self, request: ProvisioningRequest) -> None:
        if request.account.vendor_reference not in self.accounts:
            raise ConnectorRejected("31", f"Account {request.account.name} is not synchronised")
        if request.kind is RequestKind.CREATE:
            return
        known = self.resources.get(request.vendor_reference or "")
        if known is None:
            raise ConnectorRejected("44", "There is no such service")
        if known.status == "Canceled" and request.kind is not RequestKind.CANCEL:
            raise ConnectorRejected("45", f"{known.reference} is canceled and cannot be changed")

    def _trouble(
        self, *, before: Callable[[], None] | None = None, after: Callable[[], None] | None = None, times: int
    ) -> None:
        for _ in range(times):
            self._troubles.append((before or _no_trouble, after or _no_trouble))

    def _suffer(self) -> Callable[[], None]:
        """Raise the trouble that comes before the work; return the one that comes after it."""
        before, after = self._troubles.popleft() if self._troubles else (_no_trouble, _no_trouble)
        before()
        return after


def _no_trouble() -> None:
    """All is well."""
