"""What callers send and what they are answered, typed; anything malformed is refused by name of the field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from http import HTTPStatus


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    ACTIVATE = "activate"
    SCHEDULE = "schedule"
    WITHDRAW = "withdraw"


class Refusal(Exception):
    """The vendor says no: its code, a sentence and the HTTP status."""

    def __init__(self, code: int, message: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Attribute:
    id: str
    name: str
    value: str
    code: str
    is_quantity_linked: bool


@dataclass(frozen=True, slots=True)
class AddOn:
    name: str
    product_id: str
    action_type: str
    quantity: int
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Account:
    code: str
    name: str
    email: str
    country: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class ServiceOrder:
    """One changing call about a service: the complete picture."""

    action: Action
    reference: str | None
    name: str
    service_type: str
    product_id: str
    quantity: int
    term: str
    billing_cycle: str
    currency: str
    account: Account
    reseller: Account | None
    attributes: tuple[Attribute, ...]
    add_ons: tuple[AddOn, ...]
    is_check_only: bool
    effective_on: date | None = None  # of what is scheduled or withdrawn


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to work that was done; the same again for the same key."""

    reference: str
    name: str
    message: str


def fields_of(body: bytes) -> dict[str, object]:
    """Parse a body as a JSON object."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed("the body is not JSON") from error
    if not isinstance(fields, dict):
        raise _malformed("the body is not an object")
    return fields


def account_of(fields: dict[str, object]) -> Account:
    return Account(
        code=_text(fields, "code"),
        name=_text(fields, "name"),
        email=_text(fields, "email"),
        country=_text(fields, "country"),
        reference=_optional_text(fields, "externalId"),
    )


def service_order_of(action: Action, fields: dict[str, object]) -> ServiceOrder:
    reseller = fields.get("reseller")
    return ServiceOrder(
        action=action,
        reference=_optional_text(fields, "externalId"),
        name=_text(fields, "name"),
        service_type=_text(fields, "serviceType"),
        product_id=_text(fields, "productId"),
        quantity=_quantity(fields),
        term=_text(fields, "term"),
        billing_cycle=_text(fields, "billingCycle"),
        currency=_text(fields, "currency"),
        account=account_of(_object(fields.get("account"), "account")),
        reseller=None if reseller is None else account_of(_object(reseller, "reseller")),
        attributes=_attributes(fields),
        add_ons=tuple(_add_on(_object(item, "addOns")) for item in _list(fields, "addOns")),
        is_check_only=fields.get("checkonly") is True,
        effective_on=_day(fields) if action in (Action.SCHEDULE, Action.WITHDRAW) else None,
    )


def _add_on(fields: dict[str, object]) -> AddOn:
    return AddOn(
        name=_text(fields, "name"),
        product_id=_text(fields, "productId"),
        action_type=_text(fields, "actionType"),
        quantity=_quantity(fields),
        attributes=_attributes(fields),
    )


def _attributes(fields: dict[str, object]) -> tuple[Attribute, ...]:
    found = []
    for item in _list(fields, "attributes"):
        attribute = _object(item, "attributes")
        found.append(
            Attribute(
                id=_text(attribute, "id"),
                name=_text(attribute, "name"),
                value=_any_text(attribute, "value"),
                code=_any_text(attribute, "code"),
                is_quantity_linked=attribute.get("quantityLinked") is True,
            )
        )
    return tuple(found)


def _malformed(what: str) -> Refusal:
    return Refusal(10, f"Bad request: {what}", HTTPStatus.BAD_REQUEST)


def _object(value: object, field: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _malformed(f"{field} is not an object")
    return value


def _list(fields: dict[str, object], field: str) -> list[object]:
    value = fields.get(field, [])
    if not isinstance(value, list):
        raise _malformed(f"{field} is not a list")
    return value


def _any_text(fields: dict[str, object], field: str) -> str:
    value = fields.get(field)
    if not isinstance(value, str):
        raise _malformed(f"{field} is missing or not text")
    return value


def _text(fields: dict[str, object], field: str) -> str:
    value = _any_text(fields, field)
    if not value.strip():
        raise _malformed(f"{field} is empty")
    return value


def _optional_text(fields: dict[str, object], field: str) -> str | None:
    return None if fields.get(field) is None else _text(fields, field)


def _day(fields: dict[str, object]) -> date:
    try:
        return date.fromisoformat(_text(fields, "effectiveOn"))
    except ValueError:
        raise _malformed("effectiveOn is not a day") from None


def _quantity(fields: dict[str, object]) -> int:
    value = fields.get("quantity")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _malformed("quantity is not a whole number above 0")
    return value
