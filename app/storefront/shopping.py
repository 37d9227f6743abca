"""Who buys on this request, and by which prices: from the viewer and the address to the domains' words."""

from __future__ import annotations

from datetime import date

from flask import g

from app.access import current_address, current_viewer, signed_in_viewer
from app.accounts.models import Account
from app.catalogue.models import BillingCycle
from app.catalogue.words import CYCLE_UNITS
from app.core.clock import local_date, utc_now
from app.core.db import session
from app.frames import storefront_look
from app.identity.models import User, UserKind
from app.orders.baskets import Shopper
from app.pricing.quotes import Buyer, alias_buyer, root_buyer, root_visitor
from tenants.context import current_scope
from tenants.directory import AddressKind


def today() -> date:
    """Return the storefront's calendar day."""
    return local_date(utc_now(), storefront_look().settings.time_zone)


def buyer_of_request() -> Buyer:
    """Return by whose prices this request's pages are priced; found once per request.

    Reseller staff on alias pages see the default sell prices, as a preview (decisions section 8).
    """
    if "buyer" not in g:
        address, viewer = current_address(), current_viewer()
        if address.kind is AddressKind.ALIAS:
            assert address.reseller_id is not None
            is_customer = viewer is not None and viewer.kind is UserKind.END_CUSTOMER
            customer_id = viewer.account_id if viewer is not None and is_customer else None
            g.buyer = alias_buyer(address.reseller_id, customer_id, today())
        elif viewer is None or viewer.account_id is None:
            g.buyer = root_visitor(today())
        else:
            g.buyer = root_buyer(session.get_one(Account, (current_scope().distributor_id, viewer.account_id)), today())
    found: Buyer = g.buyer
    return found


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
