"""Who a program is to an API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.api.callers import current_caller
from app.api.schemas import Schema
from tenants.directory import AddressMatch


class Client(Schema):
    """The credentials that were sent."""

    id: str
    name: str
    expires_at: datetime | None


class StorefrontHere(Schema):
    """The storefront whose API this is."""

    id: UUID | None
    alias: str | None
    edition: str | None


class Me(Schema):
    """Who a program is here, and what it may do now."""

    client: Client
    storefront: StorefrontHere | None = Field(description="None: the back office")
    scopes: list[str]


def me_at(address: AddressMatch | None) -> Me:
    """Return who calls; `address` is the storefront's, None in the back office."""
    caller = current_caller()
    return Me(
        client=Client(id=caller.public_id, name=caller.name, expires_at=caller.expires_at),
        storefront=None
        if address is None
        else StorefrontHere(id=address.storefront_id, alias=address.alias, edition=address.edition),
        scopes=sorted(each.value for each in caller.scopes),
    )
