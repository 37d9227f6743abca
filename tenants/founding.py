"""Founding a distributor: its row, its root storefront and its host. The console does it, under its own database role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import available_timezones

from babel.core import get_global
from sqlalchemy import func, select

from app.core.config import settings
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from tenants.models import Address, AddressState, Distributor, Storefront, StorefrontState
from tenants.resolution import normal_host

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class NewDistributor:
    """A distributor to be. `host` is its own DNS name, `currency` its home currency (ISO 4217), `time_zone` IANA."""

    name: str
    host: str
    currency: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class DistributorFacts:
    """A distributor as the console lists it: what stands in the directory, nothing of its business."""

    id: UUID
    name: str
    host: str
    state: str
    storefronts: int  # of its resellers
    created_at: datetime


def found_distributor(new: NewDistributor, *, at: datetime) -> Distributor:
    """Insert a distributor with its root storefront, live at its host; raises Invalid, among it `host_in_use`."""
    host = normal_host(new.host)
    if errors := _errors(new, host):
        raise Invalid(*errors)
    distributor = Distributor(
        id=new_id(), name=new.name.strip(), currency=new.currency, time_zone=new.time_zone, created_at=at
    )
    storefront = Storefront(
        distributor_id=distributor.id,
        id=new_id(),
        reseller_id=None,
        state=StorefrontState.LIVE,
        edition="root",
        created_at=at,
    )
    session.add_all([distributor, storefront])
    session.flush()
    session.add(
        Address(
            distributor_id=distributor.id,
            storefront_id=storefront.id,
            host=host,
            state=AddressState.LIVE,
            is_primary=True,
        )
    )
    session.flush()
    return distributor


def _errors(new: NewDistributor, host: str | None) -> tuple[FieldError, ...]:
    errors = []
    if not new.name.strip() or len(new.name.strip()) > LONGEST_NAME:
        errors.append(FieldError("name", "required", f"Enter a name of at most {LONGEST_NAME} characters"))
    if host is None or "." not in host or host != new.host.strip().lower():
        errors.append(FieldError("host", "host", "Enter a host name, such as cloud.company.com"))
    elif host == settings().platform_host or session.scalar(select(Address.id).where(Address.host == host)):
        errors.append(FieldError("host", "host_in_use", "This host already opens a storefront"))
    if new.currency not in get_global("all_currencies"):
        errors.append(FieldError("currency", "currency", "Choose a currency"))
    if new.time_zone not in available_timezones():
        errors.append(FieldError("time_zone", "time_zone", "Choose a time zone"))
    return tuple(errors)


def list_distributors() -> list[DistributorFacts]:
    """Return all distributors by name, with their first host and how many reseller storefronts they have."""
    host = (
        select(func.min(Address.host))
        .where(Address.distributor_id == Distributor.id, Address.reseller_id.is_(None), Address.host.is_not(None))
        .scalar_subquery()
    )
    storefronts = (
        select(func.count())
        .select_from(Storefront)
        .where(Storefront.distributor_id == Distributor.id, Storefront.reseller_id.is_not(None))
        .scalar_subquery()
    )
    rows = session.execute(
        select(Distributor, host, storefronts).order_by(func.lower(Distributor.name), Distributor.id)
    )
    return [
        DistributorFacts(found.id, found.name, own_host or "", found.state.value, count, found.created_at)
        for found, own_host, count in rows
    ]
