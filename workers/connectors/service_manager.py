"""The connector for service managers that speak our contract (CB-22): JSON over HTTPS, docs/connectors.md."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from workers.connectors.base import (
    AccountPicture,
    AccountReference,
    AddOnAction,
    AddOnPicture,
    Characteristic,
    ConnectorError,
    ConnectorRejected,
    ConnectorUnavailable,
    InvalidVendorResponse,
    ProvisioningRequest,
    RequestKind,
    ServiceManagerSettings,
    VendorResource,
    require_key,
    require_kind,
)
from workers.connectors.calls import CallOutcome, RecordCall, VendorCall, masked, without_secrets
from workers.connectors.transport import Answer, VendorTransport

MAX_MESSAGE = 500
MAX_REFERENCE = 200
MAX_RETRY_AFTER = timedelta(days=1)

_ACTION_TYPES: Mapping[RequestKind, str] = {
    RequestKind.CREATE: "Provision",
    RequestKind.UPDATE: "Update",
    RequestKind.CANCEL: "Cancel",
    RequestKind.SUSPEND: "Suspend",
    RequestKind.ACTIVATE: "Activate",
}
_ADD_ON_ACTION_TYPES: Mapping[AddOnAction, str] = {
    AddOnAction.NONE: "None",
    AddOnAction.CREATE: "Provision",
    AddOnAction.UPDATE: "Update",
    AddOnAction.CANCEL: "Cancel",
}
_RETRYABLE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Reply:
    """`{"Code", "Message", "Result", "Name"}` with Code 0; the last two may be absent."""

    message: str
    result: str | None
    name: str | None


class ServiceManagerConnector:
    """Keeps the Connector protocol. One instance serves one registered service manager and any number of calls."""

    def __init__(
        self,
        settings: ServiceManagerSettings,
        *,
        allowed_private_targets: frozenset[str],
        record_call: RecordCall,
        timeout: timedelta | None = None,
    ) -> None:
        """`timeout` wins over the settings' one; tests make vendors slow without waiting for long."""
        self._settings = settings
        self._record_call = record_call
        self._secrets = (settings.api_key,)
        self._transport = VendorTransport(
            base_url=settings.base_url,
            headers=_standing_headers(settings),
            timeout=timeout or timedelta(seconds=settings.timeout_seconds),
            allowed_private_targets=allowed_private_targets,
        )

    def synchronise_account(self, account: AccountPicture, *, idempotency_key: str) -> AccountReference:
        if not self._settings.synchronises_accounts:
            return AccountReference(account.vendor_reference or account.code)
        reply = self._call("POST", "account/synchronise", _account_body(account), key=idempotency_key)
        return AccountReference(_reference(reply, known=account.vendor_reference), reply.message)

    def check(self, request: ProvisioningRequest) -> None:
        if request.kind in self._settings.prechecked_kinds:
            self._call("POST", _path(request.kind), _request_body(request, is_check_only=True), key=None)

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

    def find(self, idempotency_key: str) -> VendorResource | None:
        if not self._settings.reads_state:
            return None
        try:
            reply = self._call("GET", f"operations/{require_key(idempotency_key)}", None, key=None)
        except UnknownAtVendor:
            return None
        reference = _reference(reply, known=None)
        return VendorResource(reference, reply.name or reference, reply.message)

    def _change(self, request: ProvisioningRequest, kind: RequestKind, idempotency_key: str) -> VendorResource:
        require_kind(request, kind)
        body = _request_body(request, is_check_only=False)
        reply = self._call("POST", _path(kind), body, key=require_key(idempotency_key))
        reference = _reference(reply, known=request.vendor_reference)
        return VendorResource(reference, reply.name or request.product_name, reply.message)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None, *, key: str | None) -> Reply:
        """Send one call and record it, whatever comes of it."""
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {} if key is None else {"Idempotency-Key": require_key(key)}
        started = time.monotonic()
        answer: Answer | None = None

        def record(problem: ConnectorError | None) -> None:
            self._record_call(
                VendorCall(
                    method=method,
                    path=path,
                    idempotency_key=key,
                    is_check_only=body is not None and body.get("checkonly") is True,
                    request_body=masked(sent or b"", secrets=self._secrets),
                    status=None if answer is None else answer.status,
                    response_body="" if answer is None else masked(answer.body, secrets=self._secrets),
                    outcome=_outcome(problem),
                    reason="" if problem is None else problem.reason,
                    duration=timedelta(seconds=time.monotonic() - started),
                )
            )

        try:
            answer = self._transport.send(method, path, headers=headers, body=sent)
            reply = _understood(answer, secrets=self._secrets)
        except ConnectorError as error:
            record(error)
            raise
        record(None)
        return reply


class UnknownAtVendor(ConnectorRejected):
    """The vendor answered 404: it does not know what it was asked about."""


def _understood(answer: Answer, *, secrets: tuple[str, ...]) -> Reply:
    """Turn an answer into a reply, or into the error that it means."""
    if answer.status in _RETRYABLE or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ConnectorUnavailable(f"The service manager answered with HTTP {answer.status}", _retry_after(answer))
    if answer.status < HTTPStatus.BAD_REQUEST:
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise InvalidVendorResponse(f"HTTP {answer.status}; redirects are not followed")
        code, message, fields = _envelope(answer.body, secrets=secrets)
        if code != 0:
            raise ConnectorRejected(str(code), message or f"The vendor refused with code {code}")
        return Reply(message, _text(fields.get("Result"), "Result"), _text(fields.get("Name"), "Name"))

    refusal = UnknownAtVendor if answer.status == HTTPStatus.NOT_FOUND else ConnectorRejected
    try:
        code, message, _ = _envelope(answer.body, secrets=secrets)
    except InvalidVendorResponse:  # a refusal is one, also without the vendor's envelope
        code, message = 0, ""
    raise refusal(
        str(code) if code else f"http_{answer.status}",
        message or f"The service manager refused the call with HTTP {answer.status}",
    )


def _envelope(body: bytes, *, secrets: tuple[str, ...]) -> tuple[int, str, Mapping[str, object]]:
    """Return Code, Message and all fields of a reply; InvalidVendorResponse for any other shape."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidVendorResponse("the reply is not JSON") from error
    if not isinstance(fields, dict):
        raise InvalidVendorResponse("the reply is not an object")
    code, message = fields.get("Code"), fields.get("Message")
    if not isinstance(code, int) or isinstance(code, bool):
        raise InvalidVendorResponse("Code is missing or not a whole number")
    if not isinstance(message, str | None):
        raise InvalidVendorResponse("Message is not text")
    return code, _readable(message or "", secrets=secrets), fields


def _text(value: object, field: str) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_REFERENCE or not value.isprintable():
        raise InvalidVendorResponse(f"{field} is not a short text")
    return value


def _reference(reply: Reply, *, known: str | None) -> str:
    """Return the vendor's reference: the one it sent or, where it sent none, the one it was asked about."""
    reference = reply.result or known
    if reference is None:
        raise InvalidVendorResponse("Result, the reference of what was made, is missing")
    return reference


def _readable(message: str, *, secrets: tuple[str, ...]) -> str:
    """Return a vendor's message as one line that may be shown and stored."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    return without_secrets(one_line, secrets=secrets)[:MAX_MESSAGE]


def _retry_after(answer: Answer) -> timedelta | None:
    """Return what the vendor asked for in seconds; a date is left aside, its clock may be wrong."""
    value = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    return timedelta(seconds=min(int(value[:9]), int(MAX_RETRY_AFTER.total_seconds())))


def _outcome(problem: ConnectorError | None) -> CallOutcome:
    match problem:
        case None:
            return CallOutcome.OK
        case InvalidVendorResponse():
            return CallOutcome.INVALID
        case ConnectorUnavailable():
            return CallOutcome.UNAVAILABLE
        case _:
            return CallOutcome.REJECTED


def _path(kind: RequestKind) -> str:
    return f"subscription/{kind}"


def _standing_headers(settings: ServiceManagerSettings) -> Mapping[str, str]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": "Galleria",
        "X-Application-Id": settings.application_id,
        "X-Api-Key": settings.api_key,
    }
    if settings.is_sandbox:
        headers["X-Sandbox"] = "1"
    return headers


def _request_body(request: ProvisioningRequest, *, is_check_only: bool) -> Mapping[str, object]:
    return {
        "name": request.product_name,
        "serviceType": request.service_type,
        "productId": request.product_code,
        "actionType": _ACTION_TYPES[request.kind],
        "externalId": request.vendor_reference,
        "quantity": request.quantity,
        "term": request.term,
        "billingCycle": request.billing_cycle,
        "currency": request.currency,
        "account": _account_body(request.account),
        "reseller": None if request.reseller is None else _account_body(request.reseller),
        "attributes": _attributes(request.characteristics),
        "addOns": [_add_on_body(add_on) for add_on in request.add_ons],
        "checkonly": is_check_only,
    }


def _account_body(account: AccountPicture) -> Mapping[str, object]:
    return {
        "code": account.code,
        "name": account.name,
        "email": account.email,
        "country": account.country,
        "externalId": account.vendor_reference,
    }


def _add_on_body(add_on: AddOnPicture) -> Mapping[str, object]:
    return {
        "name": add_on.product_name,
        "productId": add_on.product_code,
        "actionType": _ADD_ON_ACTION_TYPES[add_on.action],
        "externalId": add_on.vendor_reference,
        "quantity": add_on.quantity,
        "attributes": _attributes(add_on.characteristics),
    }


def _attributes(characteristics: tuple[Characteristic, ...]) -> list[Mapping[str, object]]:
    return [
        {
            "id": characteristic.id,
            "name": characteristic.name,
            "value": characteristic.value,
            "code": characteristic.code,
            "quantityLinked": characteristic.is_quantity_linked,
        }
        for characteristic in characteristics
    ]
