"""The address map of this process: every live address, refreshed when the directory's version has moved.

Ten thousand addresses cost nothing per request: a look-up is a dictionary access, and the version is asked at most
once a second. An address that is not in the map is looked up once more in the database, so a storefront answers the
moment it opens.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, func, select

from app.core.db import BoundSession, engine
from tenants.models import Address, AddressState, Distributor, DistributorState, Storefront, StorefrontState

REFRESH_SECONDS = 1.0


class AddressKind(enum.Enum):
    """What an address opens."""

    ROOT = "root"  # the distributor's storefront and BSS
    ALIAS = "alias"  # a reseller's storefront, by path, subdomain or its own host
    PLATFORM = "platform"  # the operator's console


@dataclass(frozen=True, slots=True)
class AddressMatch:
    """Which storefront a request came for; everything a page links to stays on this address."""

    kind: AddressKind
    host: str
    distributor_id: UUID | None = None
    distributor_name: str = ""
    storefront_id: UUID | None = None  # also the id of the realm
    reseller_id: UUID | None = None
    alias: str | None = None
    state: StorefrontState = StorefrontState.LIVE
    edition: str = "root"
    script_name: str = ""  # "/techsolutions" where the alias is a path segment
    has_alias_subdomains: bool = False  # of the distributor


COLUMNS = (
    Address.alias,
    Address.host,
    Address.state.label("address_state"),
    Address.is_primary,
    Address.reseller_id,
    Storefront.id.label("storefront_id"),
    Storefront.state.label("storefront_state"),
    Storefront.edition,
    Distributor.id.label("distributor_id"),
    Distributor.name.label("distributor_name"),
    Distributor.has_alias_subdomains,
)
ADDRESSES = (
    select(*COLUMNS)
    .join(Distributor, Distributor.id == Address.distributor_id)
    .join(
        Storefront,
        (Storefront.distributor_id == Address.distributor_id) & (Storefront.id == Address.storefront_id),
    )
    .where(
        Distributor.state == DistributorState.ACTIVE,
        Address.state.in_((AddressState.LIVE, AddressState.RETAINED)),
        Storefront.state != StorefrontState.PROVISIONING,
        Storefront.state != StorefrontState.PURGED,
    )
)
# Not the highest version: numbers are drawn before the commit, so a lower one may become visible after a higher one.
VERSIONS = select(func.count(), func.sum(Address.version))


class Directory:
    """All addresses of the installation, by host and by (distributor, alias)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._hosts: dict[str, AddressMatch] = {}
        self._aliases: dict[tuple[UUID, str], AddressMatch] = {}
        self._primary_hosts: dict[UUID, str] = {}
        self._versions: tuple[int, ...] | None = None  # how many addresses, and the sum of their versions
        self._checked_at = float("-inf")

    def forget(self) -> None:
        """Ask the database again at the next look-up."""
        self._checked_at = float("-inf")
        self._versions = None

    def by_host(self, host: str) -> AddressMatch | None:
        """Return what a lower-case host without port opens, or None."""
        self._refresh_if_stale()
        found = self._hosts.get(host)
        if found is None and self._refresh_now():
            found = self._hosts.get(host)
        return found

    def by_alias(self, distributor_id: UUID, alias: str) -> AddressMatch | None:
        """Return the storefront of a distributor's alias, or None."""
        self._refresh_if_stale()
        found = self._aliases.get((distributor_id, alias))
        if found is None and self._refresh_now():
            found = self._aliases.get((distributor_id, alias))
        return found

    def primary_host(self, storefront_id: UUID) -> str | None:
        """Return the storefront's own host if it is Live and primary: other addresses redirect there."""
        self._refresh_if_stale()
        return self._primary_hosts.get(storefront_id)

    def _refresh_if_stale(self) -> None:
        if self._clock() - self._checked_at >= REFRESH_SECONDS:
            self._refresh_now()

    def _refresh_now(self) -> bool:
        """Reload if the directory's version has moved; return whether it had."""
        with self._lock:
            self._checked_at = self._clock()
            bound = BoundSession.bound_to
            if isinstance(bound, Connection):
                return self._reload(bound)
            with engine().connect() as connection:
                return self._reload(connection)

    def _reload(self, connection: Connection) -> bool:
        versions = tuple(connection.execute(VERSIONS).one())
        if versions == self._versions:
            return False
        hosts: dict[str, AddressMatch] = {}
        aliases: dict[tuple[UUID, str], AddressMatch] = {}
        primary: dict[UUID, str] = {}
        for row in connection.execute(ADDRESSES):
            match = AddressMatch(
                kind=AddressKind.ALIAS if row.reseller_id else AddressKind.ROOT,
                host=row.host or "",
                distributor_id=row.distributor_id,
                distributor_name=row.distributor_name,
                storefront_id=row.storefront_id,
                reseller_id=row.reseller_id,
                alias=row.alias,
                state=row.storefront_state,
                edition=row.edition,
                has_alias_subdomains=row.has_alias_subdomains,
            )
            if row.alias:
                aliases[row.distributor_id, row.alias] = match
            else:
                hosts[row.host] = match
                if row.is_primary and row.reseller_id and row.address_state is AddressState.LIVE:
                    primary[row.storefront_id] = row.host
        self._hosts, self._aliases, self._primary_hosts, self._versions = hosts, aliases, primary, versions
        return True


directory = Directory()
