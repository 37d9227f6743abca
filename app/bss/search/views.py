"""The search box of the back office: five hits of each kind the viewer may open, a code's exact match first (BC-30).

It asks the lists' own queries, so it finds what the viewer's lists show, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.contacts import search_people
from app.accounts.queries import AccountFilter, list_accounts
from app.billing.queries import InvoiceFilter, list_invoices
from app.bss.calendar import distributor_zone
from app.bss.listing import asked_text
from app.catalogue.product_lists import ProductFilter, list_products
from app.identity.permissions import Permission
from app.orders.back_office_queries import BackOfficeFilter, find_orders
from app.subscriptions.back_office import SubscriptionFilter, list_subscriptions
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("search", __name__, surface=Surface.BSS)

SHORTEST = 2
EACH = 5


@dataclass(frozen=True, slots=True)
class Hit:
    """One record: `code` is what people quote."""

    title: str
    code: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record, who may search it, and the list that shows all hits."""

    label: str
    permission: Permission
    find: Callable[[str, int], Sequence[Hit]]
    list_endpoint: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of one kind, and where all of them are."""

    label: str
    hits: Sequence[Hit]
    all_url: str | None


def _accounts(query: str, limit: int) -> Sequence[Hit]:
    found = list_accounts(AccountFilter(search=query), limit=limit)
    return [Hit(a.name, a.code, a.email, url_for("bss_accounts.detail", account_id=a.id)) for a in found]


def _people(query: str, limit: int) -> Sequence[Hit]:
    return [
        Hit(p.full_name, p.email, p.account_name, url_for("bss_accounts.people", account_id=p.account_id))
        for p in search_people(query, limit=limit)
    ]


def _orders(query: str, limit: int) -> Sequence[Hit]:
    found = find_orders(BackOfficeFilter(search=query), zone=distributor_zone(), limit=limit)
    return [Hit(o.number, o.number, o.account_name, url_for("bss_orders.detail", number=o.number)) for o in found]


def _subscriptions(query: str, limit: int) -> Sequence[Hit]:
    found = [each.subscription for each in list_subscriptions(SubscriptionFilter(search=query), limit=limit)]
    return [Hit(s.name, s.code, s.account_name, url_for("bss_subscriptions.detail", code=s.code)) for s in found]


def _invoices(query: str, limit: int) -> Sequence[Hit]:
    found = list_invoices(InvoiceFilter(search=query), limit=limit)
    return [
        Hit(i.number, i.number, f"{i.words}, {i.buyer_name}", url_for("bss_invoices.detail", number=i.number))
        for i in found
    ]


def _products(query: str, limit: int) -> Sequence[Hit]:
    found = list_products(ProductFilter(search=query), limit=limit)
    return [Hit(p.name, p.code, p.vendor, url_for("bss_products.detail", product_id=p.id)) for p in found]


KINDS = (
    Kind("Accounts", Permission.BSS_ACCOUNTS_VIEW, _accounts, "bss_accounts.index"),
    Kind("Contacts", Permission.BSS_ACCOUNTS_VIEW, _people, None),
    Kind("Orders", Permission.BSS_ORDERS_VIEW, _orders, "bss_orders.index"),
    Kind("Subscriptions", Permission.BSS_SUBSCRIPTIONS_VIEW, _subscriptions, "bss_subscriptions.index"),
    Kind("Invoices", Permission.BSS_BILLING_VIEW, _invoices, "bss_invoices.index"),
    Kind("Products", Permission.BSS_CATALOGUE_VIEW, _products, "bss_products.index"),
)


def search(query: str) -> Sequence[Found]:
    """Return what the viewer may open and what fits, by kind."""
    viewer = signed_in_viewer()
    found = []
    for kind in KINDS:
        if not viewer.can(kind.permission):
            continue
        hits = kind.find(query, EACH + 1)
        ordered = sorted(hits, key=lambda hit: _rank(hit, query.lower()))[:EACH]
        more = url_for(kind.list_endpoint, q=query) if kind.list_endpoint and len(hits) > EACH else None
        if ordered:
            found.append(Found(kind.label, ordered, more))
    return found


def _rank(hit: Hit, query: str) -> int:
    """Code first, then what begins so, then the rest."""
    if hit.code.lower() == query:
        return 0
    return 1 if hit.code.lower().startswith(query) or hit.title.lower().startswith(query) else 2


@bp.get("")
@permission_required(Permission.BSS_OPEN)
def index() -> ResponseReturnValue:
    """Show what fits the search."""
    query = asked_text().strip()
    return page(
        "bss/search/index.html",
        title="Search",
        search_query=query,
        found=search(query) if len(query) >= SHORTEST else [],
        is_short=len(query) < SHORTEST,
    )


@bp.get("/palette")
@permission_required(Permission.BSS_OPEN)
def palette() -> ResponseReturnValue:
    """Return the same as a list of links, for the box that opens on Ctrl-K."""
    query = asked_text().strip()
    return page("bss/search/palette.html", title="Search", found=search(query) if len(query) >= SHORTEST else [])
