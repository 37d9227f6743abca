"""One-time hops of a reseller's staff between the root and their own storefront (RS-32): proven once, entered twice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.identity.errors import LinkNoLongerValid, NoOwnStorefront
from app.identity.links import make_link, use_link
from app.identity.models import TokenPurpose, UserKind
from app.identity.realms import Person, realms_of
from app.identity.sign_in import SignedIn, Visit, sign_in_by_hop


def start_hop(
    user_id: UUID, person: Person, to_realm_id: UUID, *, at: datetime, acting_account_id: UUID | None = None
) -> str:
    """Return the secret of a hop (60 s, once) to a realm of the person's own; raises NoOwnStorefront.

    `acting_account_id` is the customer whom reseller staff orders for at the root.
    """
    if person.kind is not UserKind.RESELLER or to_realm_id not in realms_of(person):
        raise NoOwnStorefront
    return make_link(TokenPurpose.HOP, to_realm_id, user_id, at=at, acting_account_id=acting_account_id).token


def land_hop(realm_id: UUID, token: str, visit: Visit) -> SignedIn:
    """Spend a hop and start a session in this realm; raises LinkNoLongerValid."""
    holder = use_link(TokenPurpose.HOP, realm_id, token, at=visit.at)
    signed_in = sign_in_by_hop(realm_id, holder.user_id, visit, acting_account_id=holder.acting_account_id)
    if signed_in is None:
        raise LinkNoLongerValid
    return signed_in
