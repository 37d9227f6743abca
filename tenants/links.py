"""Absolute links for mails and jobs: always on the storefront's primary address (decisions section 8)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, or_, select

from app.core.config import settings
from app.core.db import session
from tenants.models import Address, AddressState


class NoAddress(LookupError):
    """The storefront has no live address to link to."""


def storefront_url(storefront_id: UUID, path: str = "/") -> str:
    """Return the absolute URL of a path inside a storefront: its own live host if primary, else below its alias."""
    rows = session.execute(
        select(
            Address.distributor_id, Address.alias, Address.host, Address.is_primary, Address.state, Address.reseller_id
        )
        .where(Address.storefront_id == storefront_id)
        .order_by(Address.is_primary.desc())
    ).all()
    own_host = next(
        (r for r in rows if r.host and r.state is AddressState.LIVE and (r.is_primary or not r.reseller_id)), None
    )
    if own_host is not None:
        return settings().origin(own_host.host) + path
    alias = next((r for r in rows if r.alias), None)
    if alias is None:
        raise NoAddress(storefront_id)
    return settings().origin(distributor_host(alias.distributor_id)) + f"/{alias.alias}{path}"


def place_columns(
    here: ColumnElement[UUID], storefront_id: ColumnElement[UUID]
) -> tuple[ScalarSelect[Any], ScalarSelect[Any], ScalarSelect[Any]]:
    """Return what a statement selects so that `url_at` can link: own host, alias and the distributor's host."""
    of_storefront = select(Address.host).where(Address.distributor_id == here, Address.storefront_id == storefront_id)
    own = (Address.state == AddressState.LIVE, or_(Address.is_primary.is_(True), Address.reseller_id.is_(None)))
    first = Address.is_primary.desc()
    return (
        of_storefront.where(Address.host.is_not(None), *own).order_by(first).limit(1).scalar_subquery(),
        of_storefront.with_only_columns(Address.alias)
        .where(Address.alias.is_not(None)).order_by(first).limit(1).scalar_subquery(),
        select(Address.host)
        .where(
            Address.distributor_id == here,
            Address.host.is_not(None),
            Address.reseller_id.is_(None),
            Address.state == AddressState.LIVE,
        )
        .order_by(first, Address.id)
        .limit(1)
        .scalar_subquery(),
    )  # fmt: skip


def url_at(own_host: str | None, alias: str | None, distributors_host: str | None, path: str) -> str:
    """Return what `storefront_url` does, from what `place_columns` has found. Raises NoAddress."""
    if own_host is not None:
        return settings().origin(own_host) + path
    if alias is None or distributors_host is None:
        raise NoAddress(path)
    return settings().origin(distributors_host) + f"/{alias}{path}"


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
