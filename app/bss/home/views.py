"""The home page of BSS: how business stands and what needs attention."""

from __future__ import annotations

from dataclasses import dataclass

from babel.dates import format_skeleton
from flask import current_app, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor_today, distributor_zone
from app.catalogue.vendor_runs.queries import count_last_failed
from app.changes.back_office import count_undecided
from app.core.days import day_culture
from app.identity.permissions import Permission
from app.orders.back_office_queries import BackOfficeFilter, find_orders, manual_orders
from app.orders.schedule import count_flagged
from app.orders.words import STATUS_WORDS
from app.reporting.back_office import Overview, overview
from app.reporting.stuck_work import count_stuck
from app.web.formats import culture
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("home", __name__, surface=Surface.BSS, path="")
LATEST = 8


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that waits for a person."""

    count: int
    text: str
    url: str | None
    tone: str


@bp.get("/")
@permission_required(Permission.BSS_OPEN)
def index() -> ResponseReturnValue:
    """Show tiles, orders per day, and what needs attention."""
    zone = distributor_zone()
    seen = overview(today=distributor_today(), zone=zone)
    may_see_orders = signed_in_viewer().can(Permission.BSS_ORDERS_VIEW)
    return page(
        "bss/home/index.html",
        title="Home",
        seen=seen,
        matters=_matters(seen),
        points=[(format_skeleton("MMMd", each, locale=day_culture(culture())), count) for each, count in seen.per_day],
        latest=find_orders(BackOfficeFilter(), zone=zone, limit=LATEST) if may_see_orders else [],
        manual=manual_orders() if may_see_orders else [],
        may_see_orders=may_see_orders,
        statuses=STATUS_WORDS,
    )


def _matters(seen: Overview) -> list[Matter]:
    found = (
        (count_stuck(), "piece of work stands still", "pieces of work stand still",
         _url("bss_provisioning.stuck"), "danger"),
        (seen.tasks_failed, "provisioning task failed", "provisioning tasks failed",
         _url("bss_provisioning.index", stage="stuck"), "danger"),
        (seen.orders_partial, "order is partially executed", "orders are partially executed",
         _url("bss_orders.index", status="partially_executed"), "danger"),
        (seen.orders_submitted, "order waits to be executed", "orders wait to be executed",
         _url("bss_orders.index", status="submitted"), "warning"),
        (seen.orders_in_progress, "order is delivered by hand", "orders are delivered by hand",
         _url("bss_orders.index", status="in_progress"), "warning"),
        (count_flagged(), "scheduled order failed on its day", "scheduled orders failed on their day",
         _url("bss_orders.index", flagged="1"), "danger"),
        (count_undecided(), "pending subscription cancellation request", "pending subscription cancellation requests",
         _url("bss_subscriptions.requests", status="submitted"), "warning"),
        (count_last_failed(), "vendor catalogue was not read in full", "vendor catalogues were not read in full",
         _url("bss_vendor_runs.index"), "warning"),
        (seen.accounts_pending, "account waits for approval", "accounts wait for approval",
         _url("bss_accounts.index", status="pending_approval"), "warning"),
        (seen.mails_failed, "mail could not be sent", "mails could not be sent", _url("bss_mail.index"), "warning"),
        (seen.resellers_without_prices, "reseller has no price list", "resellers have no price list",
         _url("bss_accounts.index", kind="reseller"), "warning"),
    )  # fmt: skip
    return [Matter(count, one if count == 1 else many, url, tone) for count, one, many, url, tone in found if count]


def _url(endpoint: str, **values: str) -> str | None:
    """Return a page's address, or None where it does not exist or the viewer may not open it."""
    view = current_app.view_functions.get(endpoint)
    access = getattr(view, "access", None)
    if view is None or (isinstance(access, Permission) and not signed_in_viewer().can(access)):
        return None
    return url_for(endpoint, **values)  # type: ignore[arg-type]  # strings are query parameters
