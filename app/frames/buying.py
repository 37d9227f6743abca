"""Who buys on this request, and by which prices; what its menus list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import g

from app.access import current_address, current_viewer
from app.accounts.models import Account
from app.catalogue.navigation import CategoryNode
from app.core.clock import local_date, utc_now
from app.core.db import session
from app.frames.looks import storefront_look
from app.identity.models import UserKind
from app.pricing.menus import StockedTree, filled_shelves, stocked_tree
from app.pricing.offered import Shelf
from app.pricing.quotes import Buyer, alias_buyer, root_buyer, root_visitor
from tenants.changes import Kept
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


@dataclass(frozen=True, slots=True)
class Assortment:
    """What menus list for a buyer."""

    shelves: Sequence[Shelf]
    tree: StockedTree

    @property
    def categories(self) -> Sequence[CategoryNode]:
        """The top of the tree."""
        return self.tree.nodes


_ASSORTMENTS: Kept[Assortment] = Kept(20_000)


def assortment_of_request() -> Assortment:
    """Return what this request's menus list; kept by account and day, so that a page asks the database nothing for it."""

    def read() -> Assortment:
        buyer = buyer_of_request()
        return Assortment(filled_shelves(buyer), stocked_tree(buyer))

    viewer = current_viewer()
    return _ASSORTMENTS.of((viewer.account_id if viewer else None, viewer.kind if viewer else None, today()), read)
