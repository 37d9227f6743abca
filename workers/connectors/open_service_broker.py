"""The connector for brokers of the Open Service Broker API 2.17: services are instances, products are plans.

Differences from our own contract, and what follows from them:
- the caller names the instance: its id is the idempotency key of the task that creates it, so a repeated PUT is the
  same instance and a lost answer is found by reading it;
- work may be accepted and done later: answers carry `progress`, nobody waits;
- there is no quantity: it is the parameter `quantity`, beside the characteristics and `add_ons`;
- there are no accounts, pre-checks or suspensions: the first needs no call, the second looks into the catalogue, the
  third is not offered.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

from workers.connectors.base import (
    AccountPicture,
    AccountReference,
    ConnectorError,
    ConnectorRejected,
    ConnectorUnavailable,
    InvalidVendorResponse,
    Progress,
    ProvisioningRequest,
    RequestKind,
    ServiceManagerSettings,
    ServiceSeen,
    VendorResource,
    require_key,
    require_kind,
)
from workers.connectors.broker_catalogue import Catalogue, Plan, catalogue_of
from workers.connectors.calls import RecordCall
from workers.connectors.line import VendorLine, json_object, path_part, retry_after, short_text
from workers.connectors.transport import Answer

API_VERSION = "2.17"
PLATFORM = "galleria"
MAX_OPERATION = 10_000  # characters, by the specification
CONCURRENT = "ConcurrencyError"

T = TypeVar("T")


class UnknownInstance(ConnectorRejected):
    """The broker answered 404 or 410: it has no such instance."""


class OpenServiceBrokerConnector:
    """Keeps the protocols Connector, WorksLater, ReadsServices and CanBeTested.

    One instance serves one broker and one task: the catalogue is read once, when first needed.
    """

    def __init__(
        self,
        settings: ServiceManagerSettings,
        *,
        allowed_private_targets: frozenset[str],
        record_call: RecordCall,
        timeout: timedelta | None = None,
    ) -> None:
        """The application id is the user's name, the API key its password. `timeout` is for tests."""
        credentials = base64.b64encode(f"{settings.application_id}:{settings.api_key}".encode()).decode()
        self._line = VendorLine(
            settings,
            headers={"Authorization": f"Basic {credentials}", "X-Broker-API-Version": API_VERSION},
            allowed_private_targets=allowed_private_targets,
            record_call=record_call,
            timeout=timeout,
            secrets=(credentials,),
        )
        self._catalogue: Catalogue | None = None

    def synchronise_account(self, account: AccountPicture, *, idempotency_key: str) -> AccountReference:
        """Name the account by our own code: brokers know no accounts."""
        require_key(idempotency_key)
        return AccountReference(account.vendor_reference or account.code)

    def check(self, request: ProvisioningRequest) -> None:
        """Look for the plan, and whether it takes what the picture holds."""
        plan = self._plans().plan_of(request.product_code)
        if request.kind in {RequestKind.CREATE, RequestKind.UPDATE}:
            _parameters(request, plan)

    def create(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        require_kind(request, RequestKind.CREATE)
        reference = require_key(idempotency_key)
        plan = self._plans().plan_of(request.product_code)
        body = _body(request, plan) | {"plan_id": plan.id, **_places(request)}

        def understand(answer: Answer) -> VendorResource:
            if answer.status < HTTPStatus.BAD_REQUEST:
                return self._done(answer, request, reference, plan)
            if answer.status == HTTPStatus.CONFLICT:
                raise ConnectorRejected("conflict", "The broker has this instance already, made from other details")
            raise self._refusal(answer)

        try:
            return self._change("PUT", reference, request, body=body, understand=understand)
        except InvalidVendorResponse:
            self._remove_orphan(request, reference, plan)
            raise

    def update(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        require_kind(request, RequestKind.UPDATE)
        require_key(idempotency_key)  # a PATCH says what shall be: done twice, it changes nothing
        reference = request.vendor_reference or ""
        plan = self._plans().plan_of(request.product_code)
        before = self._plan_of_instance(reference, plan)
        if before is None and plan.is_retrievable:
            raise UnknownInstance("http_404", "The broker has no such instance")
        body = _body(request, plan)
        if before is None or before.id != plan.id:
            if before is not None and not before.is_updateable:
                raise ConnectorRejected("plan_fixed", f"The broker does not let {before.name} change to another plan")
            if before is not None or plan.is_updateable:
                body |= {"plan_id": plan.id}
        if before is not None:
            body |= {"previous_values": {"plan_id": before.id, "service_id": before.service_id, **_places(request)}}

        def understand(answer: Answer) -> VendorResource:
            if answer.status < HTTPStatus.BAD_REQUEST:
                return self._done(answer, request, reference, plan)
            raise self._refusal(answer)

        return self._change("PATCH", reference, request, body=body, understand=understand)

    def cancel(self, request: ProvisioningRequest, *, idempotency_key: str) -> VendorResource:
        require_kind(request, RequestKind.CANCEL)
        require_key(idempotency_key)
        reference = request.vendor_reference or ""
        wanted = self._plans().plan_of(request.product_code)
        plan = self._plan_of_instance(reference, wanted) or wanted

        def understand(answer: Answer) -> VendorResource:
            if answer.status == HTTPStatus.GONE:  # done before, or never there: either way it is not there now
                return VendorResource(reference, request.product_name, "The broker has no such instance any more")
            if answer.status < HTTPStatus.BAD_REQUEST:
                return self._done(answer, request, reference, plan)
            raise self._refusal(answer)

        return self._change("DELETE", reference, request, query=_names(plan), understand=understand)

    def find(self, idempotency_key: str) -> VendorResource | None:
        """Read the instance that this key created. Changes have no trace of their own: they are sent again."""
        reference = require_key(idempotency_key)
        if not self._plans().is_retrievable:
            return None
        seen = self.read_service(reference)
        return None if seen is None else VendorResource(reference, seen.name or reference)

    def look(self, request: ProvisioningRequest, reference: str, operation: str) -> VendorResource:
        plan = self._plans().plan_of(request.product_code)
        query = _names(plan) | ({"operation": operation} if operation else {})

        def understand(answer: Answer) -> tuple[str, VendorResource]:
            if answer.status == HTTPStatus.GONE and request.kind is RequestKind.CANCEL:
                return "succeeded", VendorResource(reference, request.product_name)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise self._refusal(answer)
            fields = json_object(answer)
            words = self._readable(fields.get("description"))
            match fields.get("state"):
                case "succeeded":
                    return "succeeded", VendorResource(reference, request.product_name, words)
                case "in progress":
                    progress = Progress(operation, retry_after(answer), plan.polling)
                    return "in progress", VendorResource(reference, request.product_name, words, progress=progress)
                case "failed":
                    return "failed", VendorResource(reference, request.product_name, words)
                case other:
                    raise InvalidVendorResponse(f"state is {str(other)[:40]!r}")

        path = f"v2/service_instances/{path_part(reference)}/last_operation?{urlencode(query)}"
        state, resource = self._line.ask("GET", path, understand=understand, headers=_identity(request))
        if state == "failed":
            if request.kind is RequestKind.CREATE:
                self._remove_orphan(request, reference, plan)
            raise ConnectorRejected("failed", resource.message or "The broker could not finish the work")
        return resource

    def read_service(self, reference: str) -> ServiceSeen | None:
        catalogue = self._plans()

        def understand(answer: Answer) -> ServiceSeen:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise self._refusal(answer)
            fields = json_object(answer)
            plan = catalogue.plan_with_id(short_text(fields.get("plan_id"), "plan_id"))
            parameters = fields.get("parameters")
            quantity = parameters.get("quantity") if isinstance(parameters, dict) else None
            return ServiceSeen(
                reference=reference,
                name=plan.name if plan else "",
                product_code=plan.id if plan else short_text(fields.get("plan_id"), "plan_id") or "",
                also_called=catalogue.spellings(plan) if plan else (),
                quantity=quantity if isinstance(quantity, int) and not isinstance(quantity, bool) else None,
            )

        try:
            return self._line.ask("GET", f"v2/service_instances/{path_part(reference)}", understand=understand)
        except UnknownInstance:
            return None

    def test(self) -> str:
        plans = self._plans().plans
        return f"The broker answers; it sells {len(plans)} plans of {len({plan.service_id for plan in plans})} services"

    def _plans(self) -> Catalogue:
        if self._catalogue is None:

            def understand(answer: Answer) -> Catalogue:
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise self._refusal(answer)
                return catalogue_of(json_object(answer))

            self._catalogue = self._line.ask("GET", "v2/catalog", understand=understand)
        return self._catalogue

    def _plan_of_instance(self, reference: str, wanted: Plan) -> Plan | None:
        """Return the plan an instance has now; None where the broker does not tell."""
        if not wanted.is_retrievable:
            return None
        seen = self.read_service(reference)
        return None if seen is None else self._plans().plan_with_id(seen.product_code)

    def _change(
        self,
        method: str,
        reference: str,
        request: ProvisioningRequest,
        *,
        understand: Callable[[Answer], T],
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        path = f"v2/service_instances/{path_part(reference)}"
        arguments = urlencode({"accepts_incomplete": "true", **(query or {})})
        return self._line.ask(method, f"{path}?{arguments}", body, understand=understand, headers=_identity(request))

    def _done(self, answer: Answer, request: ProvisioningRequest, reference: str, plan: Plan) -> VendorResource:
        """Read a 200 or 201, or a 202: accepted, and to be looked at later."""
        fields = json_object(answer)
        if answer.status != HTTPStatus.ACCEPTED:
            return VendorResource(reference, request.product_name)
        operation = fields.get("operation") or ""
        if not isinstance(operation, str) or len(operation) > MAX_OPERATION:
            raise InvalidVendorResponse("operation is not a text")
        progress = Progress(operation, retry_after(answer), plan.polling)
        return VendorResource(reference, request.product_name, "Accepted by the broker", progress=progress)

    def _remove_orphan(self, request: ProvisioningRequest, reference: str, plan: Plan) -> None:
        """Take back what a failed creation may have left. Once: a retry finds what stays, as it has the same id."""
        path = f"v2/service_instances/{path_part(reference)}"
        arguments = urlencode({"accepts_incomplete": "true", **_names(plan)})
        with suppress(ConnectorError):  # the first trouble is the one to tell
            self._line.ask(
                "DELETE", f"{path}?{arguments}", understand=lambda answer: answer.status, headers=_identity(request)
            )

    def _refusal(self, answer: Answer) -> ConnectorError:
        """Return what a 4xx answer means, to be raised."""
        code, words = "", ""
        with suppress(InvalidVendorResponse):  # a refusal is one, also without the specification's body
            fields = json_object(answer)
            code = str(fields.get("error") or "")[:60]
            words = self._readable(fields.get("description"))
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and code == CONCURRENT:
            return ConnectorUnavailable(words or "The broker is at work on this instance", retry_after(answer))
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return UnknownInstance(f"http_{answer.status}", words or "The broker has no such instance")
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            words = words or "The broker refuses this user and password"
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            words = words or f"The broker does not speak version {API_VERSION} of the API"
        return ConnectorRejected(
            code or f"http_{answer.status}", words or f"The broker refused the call with HTTP {answer.status}"
        )

    def _readable(self, words: object) -> str:
        return self._line.readable(words) if isinstance(words, str) else ""


def _body(request: ProvisioningRequest, plan: Plan) -> dict[str, object]:
    return {
        "service_id": plan.service_id,
        "context": {
            "platform": PLATFORM,
            **_places(request),
            "instance_name": request.product_name,
            "organization_name": request.account.name,
        },
        "parameters": _parameters(request, plan),
    }


def _parameters(request: ProvisioningRequest, plan: Plan) -> dict[str, object]:
    """Return the picture as parameters. Raises ConnectorRejected where the plan's schema has no place for it."""
    add_ons = [
        {
            "product": add_on.product_code,
            "quantity": add_on.quantity,
            "parameters": {each.id: each.value for each in add_on.characteristics},
        }
        for add_on in request.standing_add_ons
    ]
    wanted: dict[str, object] = {each.id: each.value for each in request.characteristics}
    wanted["quantity"] = request.quantity
    if add_ons or request.kind is RequestKind.UPDATE:  # an empty list ends those that there were
        wanted["add_ons"] = add_ons
    allowed = plan.create_parameters if request.kind is RequestKind.CREATE else plan.update_parameters
    if allowed is None:
        return wanted
    if "add_ons" not in allowed and not add_ons:
        wanted.pop("add_ons", None)
    if "quantity" not in allowed and request.quantity == 1:
        del wanted["quantity"]  # one of something without a quantity
    unknown = sorted(set(wanted) - allowed)
    if unknown:
        raise ConnectorRejected("parameters", f"The plan {plan.name} does not take {', '.join(unknown)}")
    return wanted


def _places(request: ProvisioningRequest) -> dict[str, str]:
    """Name the distributor and the account: the specification's organisation and space."""
    return {"organization_guid": str(request.distributor_id), "space_guid": request.account.code}


def _names(plan: Plan) -> dict[str, str]:
    return {"service_id": plan.service_id, "plan_id": plan.id}


def _identity(request: ProvisioningRequest) -> dict[str, str]:
    """Say for whom the call is made, and which of our tasks makes it."""
    who = json.dumps(
        {"user_id": request.account.code, "reseller_id": request.reseller.code if request.reseller else ""}
    )
    return {
        "X-Broker-API-Originating-Identity": f"{PLATFORM} {base64.b64encode(who.encode()).decode()}",
        "X-Broker-API-Request-Identity": str(request.task_id),
    }
