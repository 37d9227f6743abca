"""What a task asks of a vendor, as it is stored: the complete picture at the time of asking (CB-22)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
class ResourcePicture:
    """One service as it shall be. `quantity` is the new total; `alias` is a reseller plan's."""

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


def company_picture(account: Account) -> CompanyPicture:
    """Return what a vendor is told about an account."""
    return CompanyPicture(account.id, account.code, account.name, account.email, account.country)


def to_json(picture: ResourcePicture) -> dict[str, Any]:
    """Return a picture as it is stored."""
    values = asdict(picture)
    for company in (values["account"], values["reseller"]):
        if company is not None:
            company["account_id"] = str(company["account_id"])
    return values


def from_json(values: dict[str, Any]) -> ResourcePicture:
    """Return a stored picture."""
    companies = {name: _company(values[name]) for name in ("account", "reseller") if values[name] is not None}
    return ResourcePicture(**{**values, **companies})


def _company(values: dict[str, Any]) -> CompanyPicture:
    return CompanyPicture(**{**values, "account_id": UUID(values["account_id"])})
