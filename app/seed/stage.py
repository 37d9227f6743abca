"""What the steps of one distributor hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.audit.services import Actor
from app.core.clock import utc_now
from app.seed.cast import Cast
from tenants.context import Scope, distributor_scope

OPEN_FOR = timedelta(days=190)  # how long a distributor of the demo has been in business


def days_ago(days: int) -> datetime:
    """Return an instant of the demo's past."""
    return utc_now() - timedelta(days=days)


@dataclass
class Stage:
    """One distributor of the demo while it is being filled."""

    cast: Cast
    distributor_id: UUID
    root_id: UUID  # storefront
    manager: Actor  # the administrator, who does everything in the back office
    price_list_id: UUID | None = None
    service_manager_id: UUID | None = None
    accounts: dict[str, UUID] = field(default_factory=dict)  # by name
    users: dict[str, UUID] = field(default_factory=dict)  # by e-mail
    storefronts: dict[str, UUID] = field(default_factory=dict)  # by the reseller's name

    @property
    def scope(self) -> Scope:
        """The distributor's scope."""
        return distributor_scope(self.distributor_id)
