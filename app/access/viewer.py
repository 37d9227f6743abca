"""Who is asking, as everything above the domains sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import g, request

from app.audit.services import Actor
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.identity.realms import Person
from tenants.context import HeldRules, Reach
from tenants.directory import AddressMatch
from tenants.resolution import address_of


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person with the rights they have at this address. `kind` None is an operator of the platform."""

    user_id: UUID
    sign_in_name_id: UUID
    session_id: UUID
    realm_id: UUID
    name: str
    email: str
    kind: UserKind | None
    is_admin: bool
    roles: tuple[str, ...]
    account_id: UUID | None
    reseller_id: UUID | None
    permissions: frozenset[Permission]
    rules: HeldRules | Reach = Reach.ALL  # which records of the back office permission rules leave to the person
    on_record: frozenset[Permission] | None = None  # what a permission rule leaves of them for the record of this page
    acting_account_id: UUID | None = None  # the customer whom reseller staff orders for at the root
    own_storefront_id: UUID | None = None  # of reseller staff, while it is open
    edition: str = "none"
    address: str | None = None
    request_id: str | None = None
    session_began_at: datetime | None = None  # None of operators, who have no storefront
    notices_seen_at: datetime | None = None

    # What Flask-Login asks of a user.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return the id Flask-Login knows the person by; the session itself is ours."""
        return str(self.user_id)

    def can(self, permission: Permission) -> bool:
        """Return whether the person has a right here: on the page of a record, with regard to that record."""
        return permission in (self.permissions if self.on_record is None else self.on_record)

    def holds(self, permission: Permission) -> bool:
        """Return whether the person has a right, whatever record is looked at: for ways to other pages."""
        return permission in self.permissions

    @property
    def person(self) -> Person:
        """Whose rows the person may see, and so which realms are theirs. Operators have none: RuntimeError."""
        if self.kind is None:
            raise RuntimeError("Operators belong to no realm of a distributor")
        return Person(self.kind, self.reseller_id, self.account_id)

    @property
    def actor(self) -> Actor:
        """The person as the audit trail names them."""
        return Actor(
            self.user_id,
            self.name,
            reseller_id=self.reseller_id,
            address=self.address,
            request_id=self.request_id,
        )


def current_viewer() -> Viewer | None:
    """Return who is signed in at this address, or None."""
    found: Viewer | None = g.get("viewer")
    return found


def signed_in_viewer() -> Viewer:
    """Return who is signed in, in views that let nobody else in."""
    found = current_viewer()
    if found is None:
        raise RuntimeError("The view is open to visitors; ask current_viewer()")
    return found


def current_address() -> AddressMatch:
    """Return which storefront the request came for."""
    found = address_of(request.environ)
    if found is None:
        raise RuntimeError("This path answers on every host and knows no storefront")
    return found
