"""What a task asks of a vendor, as it is stored: the complete picture at the time of asking (CB-22)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.models import Account


@dataclass(frozen=True, slots=True)
class CompanyPicture:
    """A company as the vendor is told about it."""

    account_id: UUID
    code: str
    name: str
    email: str
    country: str  # ISO 3166-1 alpha-2


@dataclass(frozen=True, slots=True)
class CharacteristicPicture:
    """One value of a service, as text; a feature that is on or off says "1" or "0"."""

    id: str
    name: str
    value: str
    code: str = ""
    is_quantity_linked: bool = False


@dataclass(frozen=True, slots=True)
class AddOnPicture:
    """One add-on of a service as it shall be; `quantity` 0 ends it. `action`: none, create, update or cancel."""

    subscription_id: UUID | None  # our record of it
    product_id: UUID
    product_code: str
    product_name: str
    quantity: int
    action: str = "none"
    characteristics: tuple[CharacteristicPicture, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourcePicture:
    """One service as it shall be. `quantity` is the new total; `alias` is a reseller plan's.

    The vendor computes its totals from the picture, so it always holds every add-on and characteristic (CB-22).
    """

    service_type: str
    product_code: str
    product_name: str
    quantity: int
    term: str
    billing_cycle: str
    currency: str
    account: CompanyPicture
    reseller: CompanyPicture | None = None
    alias: str | None = None
    edition: str | None = None
    characteristics: tuple[CharacteristicPicture, ...] = ()
    add_ons: tuple[AddOnPicture, ...] = ()
    effective_on: date | None = None  # the first day it shall hold, where the vendor is told of it ahead


def company_picture(account: Account) -> CompanyPicture:
    """Return what a vendor is told about an account."""
    return CompanyPicture(account.id, account.code, account.name, account.email, account.country)


def to_json(picture: ResourcePicture) -> dict[str, Any]:
    """Return a picture as it is stored."""
    values = asdict(picture)
    for company in (values["account"], values["reseller"]):
        if company is not None:
            company["account_id"] = str(company["account_id"])
    values["effective_on"] = picture.effective_on.isoformat() if picture.effective_on is not None else None
    for add_on in values["add_ons"]:
        add_on["product_id"] = str(add_on["product_id"])
        add_on["subscription_id"] = str(add_on["subscription_id"]) if add_on["subscription_id"] else None
    return values


def from_json(values: dict[str, Any]) -> ResourcePicture:
    """Return a stored picture; one from before add-ons has none."""
    companies = {name: _company(values[name]) for name in ("account", "reseller") if values[name] is not None}
    parts = {
        "characteristics": tuple(CharacteristicPicture(**each) for each in values.get("characteristics", ())),
        "add_ons": tuple(_add_on(each) for each in values.get("add_ons", ())),
    }
    day = values.get("effective_on")
    return ResourcePicture(**{**values, **companies, **parts, "effective_on": date.fromisoformat(day) if day else None})


def _company(values: dict[str, Any]) -> CompanyPicture:
    return CompanyPicture(**{**values, "account_id": UUID(values["account_id"])})


def _add_on(values: dict[str, Any]) -> AddOnPicture:
    return AddOnPicture(
        **{
            **values,
            "product_id": UUID(values["product_id"]),
            "subscription_id": UUID(values["subscription_id"]) if values["subscription_id"] else None,
            "characteristics": tuple(CharacteristicPicture(**each) for each in values["characteristics"]),
        }
    )
