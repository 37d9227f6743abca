"""Where the administration of a storefront begins: what waits, how business stands, what is still to be set up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_skeleton
from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.core.clock import local_date, utc_now
from app.frames import may_open, storefront_look
from app.identity.permissions import Permission
from app.manage.customers.blueprint import reseller
from app.orders.models import OrderStatus
from app.orders.reseller_queries import StaffFilter, count_staff_orders, list_staff_orders, orders_per_month
from app.orders.words import status_words
from app.owner.scopes import owner_of_request
from app.resellers.customers import customer_totals
from app.resellers.overview import SetUp, set_up_of, specials_below_cost
from app.web.formats import culture
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("home", __name__, surface=Surface.MANAGE, path="")

LATEST = 6
NAMED = 3
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that waits for a person, and where to do it."""

    title: str
    text: str
    url: str | None
    action: str
    tone: str = "warning"


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step on the way to the first order."""

    label: str
    is_done: bool
    url: str | None


@bp.get("/")
@permission_required(Permission.MANAGE_STOREFRONT)
def index() -> ResponseReturnValue:
    """Show what needs attention, figures, orders per month, and the first steps of a new storefront."""
    owner, at = reseller(), utc_now()
    look = storefront_look()
    today = local_date(at, look.settings.time_zone)
    pending = count_staff_orders(owner.id, StaffFilter(status=OrderStatus.PENDING_RESELLER_APPROVAL))
    set_up = set_up_of(owner.id, owner_of_request().storefront_id)
    months = last_months(today)
    counts = orders_per_month(owner.id, since=months[0], zone=look.settings.time_zone)
    points = [(format_skeleton("yMMM", month, locale=culture()), counts.get(month, 0)) for month in months]
    return page(
        "manage/home/index.html",
        title="Overview",
        matters=_matters(pending, specials_below_cost(owner.id, on=today)),
        pending=pending,
        totals=customer_totals(owner.id, currency=owner.currency),
        currency=owner.currency,
        this_month=counts.get(months[-1], 0),
        points=points,
        has_orders=any(counts.values()),
        steps=[] if set_up.is_complete else _first_steps(set_up),
        latest=list_staff_orders(owner.id, StaffFilter(), at=at, limit=LATEST),
        status_words=status_words,
    )


def last_months(today: date) -> list[date]:
    """Return the first days of the last twelve months, this one last."""
    count = today.year * 12 + today.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(count - MONTHS + 1, count + 1)]


def _url(endpoint: str) -> str | None:
    return url_for(endpoint) if may_open(endpoint, signed_in_viewer()) else None


def _matters(pending: int, below_cost: Sequence[str]) -> list[Matter]:
    found = []
    if pending:
        words = "1 order waits for your approval" if pending == 1 else f"{pending} orders wait for your approval"
        found.append(
            Matter(words, "Nothing is provisioned until you decide.", _url("manage_orders.pending"), "Review orders")
        )
    if below_cost:
        more = len(below_cost) - NAMED
        shown = ", ".join(below_cost[:NAMED]) + (f" and {more} more" if more > 0 else "")
        found.append(
            Matter(
                "Some special prices are below cost",
                f"{shown}: customers see the cost until you change them.",
                _url("manage_prices.index"),
                "Review prices",
            )
        )
    return found


def _first_steps(done: SetUp) -> list[FirstStep]:
    return [
        FirstStep("Upload your logo", done.has_logo, _url("manage_look.index")),
        FirstStep("List the first product", done.has_listing, _url("manage_listings.index")),
        FirstStep("Set up mail", done.has_mail, _url("manage_mail.index")),
        FirstStep("Add the first customer", done.has_customer, _url("manage_customers.new")),
    ]
