"""Absolute links for mails and jobs: always on the storefront's primary address (decisions section 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import select

from app.core.config import settings
from app.core.db import session
from tenants.models import Address, AddressState


class NoAddress(LookupError):
    """The storefront has no live address to link to."""


class Place(Protocol):
    """What a link must know of an address; the rows of `tenants.models.Address` do."""

    @property
    def alias(self) -> str | None: ...
    @property
    def host(self) -> str | None: ...
    @property
    def is_primary(self) -> bool: ...
    @property
    def state(self) -> AddressState: ...
    @property
    def reseller_id(self) -> UUID | None: ...


def storefront_url(storefront_id: UUID, path: str = "/") -> str:
    """Return the absolute URL of a path inside a storefront: its own live host if primary, else below its alias."""
    rows = session.execute(
        select(
            Address.distributor_id, Address.alias, Address.host, Address.is_primary, Address.state, Address.reseller_id
        )
        .where(Address.storefront_id == storefront_id)
        .order_by(Address.is_primary.desc())
    ).all()
    return front_of(rows, lambda: distributor_host(rows[0].distributor_id) if rows else None) + path


def front_of(places: Sequence[Place], find_host: Callable[[], str | None]) -> str:
    """Return what stands before every path of a storefront, given its addresses, the primary first.

    `find_host` is asked for the distributor's own host where the storefront is reached below an alias.
    """
    own = next(
        (p for p in places if p.host and p.state is AddressState.LIVE and (p.is_primary or not p.reseller_id)), None
    )
    if own is not None:
        return settings().origin(own.host or "")
    alias = next((p.alias for p in places if p.alias), None)
    host = find_host() if alias is not None else None
    if host is None:
        raise NoAddress
    return settings().origin(host) + f"/{alias}"


def distributor_host(distributor_id: UUID) -> str:
    """Return the distributor's own host, where its storefront and BSS answer."""
    host = session.scalar(
        select(Address.host)
        .where(
            Address.distributor_id == distributor_id,
            Address.host.is_not(None),
            Address.reseller_id.is_(None),
            Address.state == AddressState.LIVE,
        )
        .order_by(Address.is_primary.desc(), Address.id)
        .limit(1)
    )
    if host is None:
        raise NoAddress(distributor_id)
    return host


def bss_url(distributor_id: UUID, path: str = "/") -> str:
    """Return the absolute URL of a path in the distributor's back office."""
    return settings().origin(distributor_host(distributor_id)) + "/bss" + path
