"""The record of one call to a vendor, for the log that staff read (CB-22: secrets masked, kept 90 days)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from workers.connectors.base import ConnectorError, ConnectorUnavailable, InvalidVendorResponse

MASK = "***"
MAX_TEXT = 20_000  # characters kept of a body

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|api[-_ ]?key|authorization|auth[-_ ]?(code|info)|credential|private[-_ ]?key|\bpin\b",
    re.IGNORECASE,
)
_NAMING_FIELDS = ("id", "name", "code")


class CallOutcome(StrEnum):
    OK = "ok"
    REJECTED = "rejected"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"

    @classmethod
    def of(cls, problem: ConnectorError | None) -> CallOutcome:
        match problem:
            case None:
                return cls.OK
            case InvalidVendorResponse():
                return cls.INVALID
            case ConnectorUnavailable():
                return cls.UNAVAILABLE
            case _:
                return cls.REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorCall:
    """What was asked and what came back, safe to store. The recorder adds when and for whom."""

    method: str
    path: str
    idempotency_key: str | None
    is_check_only: bool
    request_body: str
    status: int | None  # None: no complete answer
    response_body: str
    outcome: CallOutcome
    reason: str
    duration: timedelta


RecordCall = Callable[[VendorCall], None]


def masked(text: str | bytes, *, secrets: Iterable[str]) -> str:
    """Return a body without secrets: known ones anywhere, others by the name they stand beside.

    A value is masked under a telling key (`"apiKey": …`) and in an attribute with a telling name
    (`{"name": "Auth code", "value": …}`). What is no JSON loses the known secrets only.
    """
    plain = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    with suppress(ValueError, RecursionError):
        plain = json.dumps(_masked_value(json.loads(plain)), ensure_ascii=False)
    return without_secrets(plain, secrets=secrets)[:MAX_TEXT]


def without_secrets(text: str, *, secrets: Iterable[str]) -> str:
    """Replace known secrets wherever they stand, also as JSON writes them."""
    for secret in filter(None, secrets):
        for spelling in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            text = text.replace(spelling, MASK)
    return text


def _masked_value(value: object) -> object:
    if isinstance(value, dict):
        names_a_secret = any(_tells_a_secret(value.get(name)) for name in _NAMING_FIELDS)
        return {
            key: MASK if _tells_a_secret(key) or (names_a_secret and key == "value") else _masked_value(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked_value(inner) for inner in value]
    return value


def _tells_a_secret(name: object) -> bool:
    return isinstance(name, str) and _SECRET_NAME.search(name) is not None
