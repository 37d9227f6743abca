"""Who buys on this request, and by which prices: from the viewer and the address to the domains' words."""

from __future__ import annotations

from app.access import current_address, current_viewer, signed_in_viewer
from app.catalogue.models import BillingCycle
from app.catalogue.words import CYCLE_UNITS
from app.core.db import session
from app.frames import storefront_look
from app.frames.buying import buyer_of_request, today
from app.identity.models import User
from app.orders.baskets import Shopper
from tenants.context import current_scope

__all__ = [
    "buyer_of_request",
    "buying_user",
    "price_unit",
    "shopper_of_request",
    "shows_prices",
    "today",
]


def shows_prices() -> bool:
    """Whether this viewer may see prices: visitors only where the storefront allows it (RS-14)."""
    return current_viewer() is not None or storefront_look().settings.anonymous_prices


def shopper_of_request() -> Shopper:
    """Return whose basket this is."""
    viewer, address = signed_in_viewer(), current_address()
    assert address.storefront_id is not None
    assert viewer.account_id is not None
    return Shopper(viewer.user_id, address.storefront_id, viewer.account_id, current_scope().reseller_id)


def buying_user() -> User:
    """Return the signed-in person's record."""
    return session.get_one(User, (current_scope().distributor_id, signed_in_viewer().user_id))


def price_unit(unit_of_measure: str, cycle: BillingCycle) -> str:
    """Return what a unit price is per: "per licence and month"."""
    if cycle is BillingCycle.ONE_TIME:
        return f"per {unit_of_measure}, once"
    return f"per {unit_of_measure} and {CYCLE_UNITS[cycle]}"
