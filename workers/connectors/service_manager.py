"""The connector for service managers that speak our contract (CB-22): JSON over HTTPS, docs/connectors.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from workers.connectors.base import (
    AccountOption,
    AccountPicture,
    AccountReference,
    AddOnAction,
    AddOnPicture,
    Characteristic,
    ConnectorRejected,
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
from workers.connectors.line import VendorLine, json_object, path_part, short_text
from workers.connectors.transport import Answer
from workers.connectors.usage import UsageSeen, usage_of

_ACTION_TYPES: Mapping[RequestKind, str] = {
    RequestKind.CREATE: "Provision",
    RequestKind.UPDATE: "Update",
    RequestKind.CANCEL: "Cancel",
    RequestKind.SUSPEND: "Suspend",
    RequestKind.ACTIVATE: "Activate",
    RequestKind.SCHEDULE: "Schedule",
    RequestKind.WITHDRAW: "Withdraw",
}
_ADD_ON_ACTION_TYPES: Mapping[AddOnAction, str] = {
    AddOnAction.NONE: "None",
    AddOnAction.CREATE: "Provision",
    AddOnAction.UPDATE: "Update",
    AddOnAction.CANCEL: "Cancel",
}

PAGE_SIZE = 100
MAX_NAME = 255
MAX_EMAIL = 254

T = TypeVar("T")


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
        self._line = VendorLine(
            settings,
            headers=_headers(settings),
            allowed_private_targets=allowed_private_targets,
            record_call=record_call,
            timeout=timeout,
        )

    def synchronise_account(self, account: AccountPicture, *, idempotency_key: str) -> AccountReference:
        if not self._settings.synchronises_accounts:
            return AccountReference(account.vendor_reference or account.code)
        return self._ask(
            "POST",
            "account/synchronise",
            _account_body(account),
            key=require_key(idempotency_key),
            read=lambda reply: AccountReference(_reference(reply, known=account.vendor_reference), reply.message),
        )

    def check(self, request: ProvisioningRequest) -> None:
        if self._settings.has_precheck:
            body = _request_body(request, is_check_only=True)
            self._ask("POST", _path(request.kind), body, read=lambda reply: reply.message)

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
        return self._change(request, RequestKind.SCHEDULE, idempotency_key)

    def withdraw(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        return self._change(request, RequestKind.WITHDRAW, idempotency_key)

    def find(self, idempotency_key: str) -> VendorResource | None:
        if not self._settings.reads_state:
            return None
        try:
            return self._ask("GET", f"operations/{require_key(idempotency_key)}", read=_found)
        except UnknownAtVendor:
            return None

    def list_services(self, following: str | None) -> ServicePage:
        after = f"&after={quote(following, safe='')}" if following else ""
        return self._line.ask(
            "GET", f"services?size={PAGE_SIZE}{after}", understand=lambda answer: _page(self._result(answer))
        )

    def read_service(self, reference: str) -> ServiceSeen | None:
        try:
            return self._line.ask(
                "GET",
                f"services/{path_part(reference)}",
                understand=lambda answer: _service(_object(self._result(answer), "Result")),
            )
        except UnknownAtVendor:
            return None

    def account_options(self) -> tuple[AccountOption, ...]:
        return self._line.ask("GET", "account/options", understand=lambda answer: _options(self._result(answer)))

    def test(self) -> str:
        found = self._line.ask(
            "GET", "service-definition", understand=lambda answer: _object(self._result(answer), "Result")
        )
        products = found.get("products")
        return f"The vendor answers; it sells {len(products) if isinstance(products, list) else 0} products"

    def definition(self) -> object:
        """Return what the vendor sells, as it sent it (workers.connectors.definition)."""
        return self._line.ask("GET", "service-definition", understand=self._result)

    def usage(self, first: date, last: date) -> tuple[UsageSeen, ...]:
        """Return what was used on some days (workers.connectors.usage)."""
        return self._line.ask(
            "GET",
            f"usage?from={first.isoformat()}&to={last.isoformat()}",
            understand=lambda answer: usage_of(self._result(answer)),
        )

    def _change(self, request: ProvisioningRequest, kind: RequestKind, idempotency_key: str) -> VendorResource:
        require_kind(request, kind)
        return self._ask(
            "POST",
            _path(kind),
            _request_body(request, is_check_only=False),
            key=require_key(idempotency_key),
            read=lambda reply: VendorResource(
                _reference(reply, known=request.vendor_reference), reply.name or request.product_name, reply.message
            ),
        )

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        read: Callable[[Reply], T],
        key: str | None = None,
    ) -> T:
        return self._line.ask(
            method,
            path,
            body,
            key=key,
            is_check_only=body is not None and body.get("checkonly") is True,
            understand=lambda answer: read(self._understood(answer)),
        )

    def _understood(self, answer: Answer) -> Reply:
        """Turn an answer into a reply, or into the refusal that it means."""
        message, fields = self._agreed(answer)
        return Reply(message, short_text(fields.get("Result"), "Result"), short_text(fields.get("Name"), "Name"))

    def _result(self, answer: Answer) -> object:
        """Return the Result of a question, whatever its shape, or raise the refusal that the answer means."""
        _, fields = self._agreed(answer)
        return fields.get("Result")

    def _agreed(self, answer: Answer) -> tuple[str, Mapping[str, object]]:
        if answer.status < HTTPStatus.BAD_REQUEST:
            code, message, fields = _envelope(answer)
            if code != 0:
                raise ConnectorRejected(
                    str(code), self._line.readable(message) or f"The vendor refused with code {code}"
                )
            return self._line.readable(message), fields
        try:
            code, message, _ = _envelope(answer)
        except InvalidVendorResponse:  # a refusal is one, also without the vendor's envelope
            code, message = 0, ""
        refusal = UnknownAtVendor if answer.status == HTTPStatus.NOT_FOUND else ConnectorRejected
        raise refusal(
            str(code) if code else f"http_{answer.status}",
            self._line.readable(message) or f"The service manager refused the call with HTTP {answer.status}",
        )


class UnknownAtVendor(ConnectorRejected):
    """The vendor answered 404: it does not know what it was asked about."""


def _envelope(answer: Answer) -> tuple[int, str, Mapping[str, object]]:
    """Return Code, Message and all fields of a reply; InvalidVendorResponse for any other shape."""
    fields = json_object(answer)
    code, message = fields.get("Code"), fields.get("Message")
    if not isinstance(code, int) or isinstance(code, bool):
        raise InvalidVendorResponse("Code is missing or not a whole number")
    if not isinstance(message, str | None):
        raise InvalidVendorResponse("Message is not text")
    return code, message or "", fields


def _found(reply: Reply) -> VendorResource:
    reference = _reference(reply, known=None)
    return VendorResource(reference, reply.name or reference, reply.message)


def _reference(reply: Reply, *, known: str | None) -> str:
    """Return the vendor's reference: the one it sent or, where it sent none, the one it was asked about."""
    reference = reply.result or known
    if reference is None:
        raise InvalidVendorResponse("Result, the reference of what was made, is missing")
    return reference


def _page(result: object) -> ServicePage:
    fields = _object(result, "Result")
    listed, total = fields.get("services"), fields.get("total")
    if not isinstance(listed, list):
        raise InvalidVendorResponse("services is not a list")
    return ServicePage(
        tuple(_service(_object(each, "services")) for each in listed),
        short_text(fields.get("next"), "next"),
        total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None,
    )


def _service(fields: Mapping[str, object]) -> ServiceSeen:
    reference, quantity = short_text(fields.get("externalId"), "externalId"), fields.get("quantity")
    if reference is None:
        raise InvalidVendorResponse("externalId is missing")
    if quantity is not None and (not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 0):
        raise InvalidVendorResponse("quantity is not a whole number")
    account = _object(fields.get("account") or {}, "account")
    return ServiceSeen(
        reference=reference,
        name=(short_text(fields.get("name"), "name") or "")[:MAX_NAME],
        product_code=short_text(fields.get("productId"), "productId") or "",
        quantity=quantity,
        is_active=fields.get("status") != "Suspended",
        term=short_text(fields.get("term"), "term"),
        billing_cycle=short_text(fields.get("billingCycle"), "billingCycle"),
        account_reference=short_text(account.get("externalId"), "account"),
        account_code=short_text(account.get("code"), "account"),
        account_name=short_text(account.get("name"), "account"),
        account_email=(short_text(account.get("email"), "account") or "")[:MAX_EMAIL] or None,
    )


def _options(result: object) -> tuple[AccountOption, ...]:
    if not isinstance(result, list):
        raise InvalidVendorResponse("Result is not a list of account options")
    options = []
    for each in result:
        fields = _object(each, "Result")
        option_id = short_text(fields.get("id"), "id")
        if option_id is None:
            raise InvalidVendorResponse("an account option has no id")
        name = short_text(fields.get("name"), "name") or option_id
        options.append(AccountOption(option_id, name, fields.get("required") is True))
    return tuple(options)


def _object(value: object, field: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidVendorResponse(f"{field} is not an object")
    return value


def _path(kind: RequestKind) -> str:
    return f"subscription/{kind}"


def _headers(settings: ServiceManagerSettings) -> Mapping[str, str]:
    headers = {"X-Application-Id": settings.application_id, "X-Api-Key": settings.api_key}
    return headers | {"X-Sandbox": "1"} if settings.is_sandbox else headers


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
        **({"effectiveOn": request.effective_on.isoformat()} if request.effective_on is not None else {}),
    }


def _account_body(account: AccountPicture) -> Mapping[str, object]:
    return {
        "code": account.code,
        "name": account.name,
        "email": account.email,
        "country": account.country,
        "externalId": account.vendor_reference,
        **({"options": dict(account.options)} if account.options else {}),
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
