"""One calendar of scheduled changes, each undoable until it starts (GO-12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor_today
from app.bss.listing import export
from app.changes.words import KIND_WORDS
from app.identity.permissions import Permission
from app.owner.lists import chips, chosen, with_args
from app.reporting.agenda import AgendaFilter, AgendaItem, AgendaKind, count_agenda, list_agenda
from app.subscriptions.models import ChangeKind
from app.subscriptions.periods import add_months
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("calendar", __name__, surface=Surface.BSS)

WORDS = {
    AgendaKind.ORDER: "Order is executed",
    AgendaKind.RENEWAL: "Renews for a new term",
    AgendaKind.EXPIRY: "Expires",
    AgendaKind.TRIAL_END: "Trial is over",
    AgendaKind.CANCELLATION: "Canceled: first day without it",
    AgendaKind.CHANGE: "Changes",
}
EXPORT_ROWS = 10_000
LONGEST_PAST = timedelta(days=31)  # what is late is still to be undone
MOST_MONTHS = 36


@dataclass(frozen=True, slots=True)
class Undo:
    """A button, or a page that asks once more."""

    label: str
    url: str
    is_post: bool
    fields: dict[str, str]


@bp.get("")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """Show a month of what will happen, day by day, or export it."""
    first = _first_day()
    last = add_months(first, 1)  # the same day of the next month too: when what began today renews
    wanted = AgendaFilter(first, last, chosen(AgendaKind, "kind"), request.args.get("q", "")[:100])
    if request.args.get("export") == "csv":
        return _export(wanted)
    asked = requested_page()
    items = list_agenda(wanted, limit=asked.size, offset=asked.offset)
    return page(
        "bss/agenda/index.html",
        title="Calendar",
        wanted=wanted,
        days=[(day, list(rows)) for day, rows in groupby(items, key=lambda item: item.day)],
        found=Page(items, count_agenda(wanted), asked.number, asked.size),
        filters=[
            {
                "name": "kind",
                "label": "What",
                "options": [(each.value, WORDS[each]) for each in AgendaKind],
                "value": request.args.get("kind", ""),
            }
        ],
        chips=chips({"kind": WORDS[wanted.kind] if wanted.kind else ""}),
        previous_url=with_args(**{"from": add_months(first, -1).isoformat(), "page": None}),
        next_url=with_args(**{"from": add_months(first, 1).isoformat(), "page": None}),
        with_args=with_args,
        words=words_of_item,
        url_of=_url_of,
        undo_of=_undo_of,
    )


def words_of_item(item: AgendaItem) -> str:
    """Return what happens, in words."""
    if item.kind is not AgendaKind.CHANGE:
        return WORDS[item.kind]
    kind = ChangeKind(item.text)
    to = f" to {item.quantity_to}" if kind is ChangeKind.QUANTITY and item.quantity_to is not None else ""
    return f"{KIND_WORDS[kind]}{to}"


def _first_day() -> date:
    today = distributor_today()
    try:
        wanted = date.fromisoformat(request.args.get("from", ""))
    except ValueError:
        return today
    return min(max(wanted, today - LONGEST_PAST), add_months(today, MOST_MONTHS))


def _url_of(item: AgendaItem) -> str:
    if item.kind is AgendaKind.ORDER:
        return url_for("bss_orders.detail", number=item.code)
    return url_for("bss_subscriptions.detail", code=item.code)


def _undo_of(item: AgendaItem) -> Undo | None:
    viewer = signed_in_viewer()
    if item.kind is AgendaKind.ORDER:
        if not viewer.can(Permission.BSS_ORDERS_EDIT):
            return None
        return Undo("Cancel order", url_for("bss_orders.cancel_order", number=item.code), is_post=False, fields={})
    if not viewer.can(Permission.BSS_SUBSCRIPTIONS_EDIT):
        return None
    if item.change_id is not None:
        url = url_for("bss_subscriptions.withdraw", code=item.code, change_id=item.change_id)
        return Undo("Withdraw", url, is_post=True, fields={"back": "calendar"})
    if item.kind in (AgendaKind.RENEWAL, AgendaKind.EXPIRY):
        is_on = item.kind is AgendaKind.EXPIRY
        return Undo(
            "Renew it after all" if is_on else "Do not renew",
            url_for("bss_subscriptions.auto_renew", code=item.code),
            is_post=True,
            fields={"is_on": "1" if is_on else "0", "back": "calendar"},
        )
    return None


def _export(wanted: AgendaFilter) -> ResponseReturnValue:
    rows = [
        (item.day, words_of_item(item), item.code, item.name, item.account_name)
        for item in list_agenda(wanted, limit=EXPORT_ROWS)
    ]
    return export("csv", "calendar", ("Day", "What", "Order or subscription", "Name", "Account"), rows)
