"""The line to one vendor: what connectors over HTTP have in common.

It calls no target that may not be called, records each call with its secrets masked, and turns what means the same at
every vendor into our errors. What an answer says is for the connector to understand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from workers.connectors.base import (
    ConnectorError,
    ConnectorRejected,
    ConnectorUnavailable,
    InvalidVendorResponse,
    ServiceManagerSettings,
    require_key,
)
from workers.connectors.calls import CallOutcome, RecordCall, VendorCall, masked, without_secrets
from workers.connectors.transport import Answer, VendorTransport

MAX_MESSAGE = 500
MAX_REFERENCE = 200
MAX_RETRY_AFTER = timedelta(days=1)

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

T = TypeVar("T")


class VendorLine:
    """Serves one registered service manager and any number of calls."""

    def __init__(
        self,
        settings: ServiceManagerSettings,
        *,
        headers: Mapping[str, str],
        allowed_private_targets: frozenset[str],
        record_call: RecordCall,
        timeout: timedelta | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """`headers` go with each call, the API key among them. `timeout` wins over the settings' one, for tests.

        `secrets` are masked beside the key: what the headers say in another spelling.
        """
        self._secrets = (settings.api_key, *secrets)
        self._record_call = record_call
        self._ends_at = None if settings.seconds_for_all is None else time.monotonic() + settings.seconds_for_all
        self._transport = VendorTransport(
            base_url=settings.base_url,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": "Galleria",
                **headers,
            },
            allowed_private_targets=allowed_private_targets,
        )
        self._timeout = timeout or timedelta(seconds=settings.timeout_seconds)

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        understand: Callable[[Answer], T],
        key: str | None = None,
        is_check_only: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Send one call, record it whatever comes of it, and return what `understand` makes of a 2xx or 4xx answer.

        `understand` raises ConnectorRejected or InvalidVendorResponse; all other trouble is raised from here. `key` is
        sent as the header Idempotency-Key, `headers` beside those of every call.
        """
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        sent_headers = {**(headers or {}), **({} if key is None else {"Idempotency-Key": require_key(key)})}
        started = time.monotonic()
        answer: Answer | None = None

        def record(problem: ConnectorError | None) -> None:
            self._record_call(
                VendorCall(
                    method=method,
                    path=path,
                    idempotency_key=key,
                    is_check_only=is_check_only,
                    request_body=masked(sent or b"", secrets=self._secrets),
                    status=None if answer is None else answer.status,
                    response_body="" if answer is None else masked(answer.body, secrets=self._secrets),
                    outcome=CallOutcome.of(problem),
                    reason="" if problem is None else problem.reason,
                    duration=timedelta(seconds=time.monotonic() - started),
                )
            )

        try:
            timeout = self._time_left()
            answer = self._transport.send(method, path, headers=sent_headers, body=sent, timeout=timeout)
            _require_decision(answer)
            understood = understand(answer)
        except ConnectorError as error:
            record(error)
            raise
        except Exception as error:  # the job's own time is over: what was asked is known all the same
            record(ConnectorUnavailable(f"Broken off: {type(error).__name__}"))
            raise
        record(None)
        return understood

    def _time_left(self) -> timedelta:
        """Return how long the next call may take: several slow calls must not outlast the job that makes them."""
        if self._ends_at is None:
            return self._timeout
        left = timedelta(seconds=self._ends_at - time.monotonic())
        if left <= timedelta():
            raise ConnectorUnavailable("The service manager's earlier answers took all the time there was")
        return min(self._timeout, left)

    def readable(self, message: str) -> str:
        """Return a vendor's message as one line without secrets, fit to be shown and stored."""
        one_line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
        return without_secrets(one_line, secrets=self._secrets)[:MAX_MESSAGE]


def path_part(value: str) -> str:
    """Return a reference as one part of an address; ConnectorRejected for one that would lead elsewhere."""
    if value in {"", ".", ".."}:
        raise ConnectorRejected("no_reference", "The vendor's reference cannot stand in an address")
    return quote(value, safe="")


def json_object(answer: Answer) -> Mapping[str, object]:
    """Return the answer's body as an object; InvalidVendorResponse if it is none."""
    try:
        fields = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise InvalidVendorResponse("the reply is not JSON") from error
    if not isinstance(fields, dict):
        raise InvalidVendorResponse("the reply is not an object")
    return fields


def short_text(value: object, field: str) -> str | None:
    """Return a reference or a name that a vendor sent, whole numbers as text; None for nothing or blanks."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_REFERENCE or not value.isprintable():
        raise InvalidVendorResponse(f"{field} is not a short text")
    return value


def _require_decision(answer: Answer) -> None:
    """Let pass what says yes or no: 2xx and 4xx, but not what only says later."""
    if answer.status in _PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ConnectorUnavailable(f"The service manager answered with HTTP {answer.status}", retry_after(answer))
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status >= HTTPStatus.BAD_REQUEST:
        return
    raise InvalidVendorResponse(f"HTTP {answer.status}; redirects are not followed")


def retry_after(answer: Answer) -> timedelta | None:
    """Return what the vendor asked for in seconds; a date is left aside, its clock may be wrong."""
    value = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    return timedelta(seconds=min(int(value[:9]), int(MAX_RETRY_AFTER.total_seconds())))
