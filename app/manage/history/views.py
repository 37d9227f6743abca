"""History: who of the reseller's people changed what in its storefront, and what befell its plan (RS-32)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import request
from flask.typing import ResponseReturnValue

from app.access import current_address, permission_required
from app.audit.models import ResellerAuditEvent
from app.audit.own import OwnFilter, count_own, list_own
from app.audit.shown import PROVIDER
from app.identity.permissions import Permission
from app.manage.history.words import Names, lines_of, names_in
from app.owner.lists import with_args
from app.web.exports import csv_response
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from tenants.settings import storefront_settings

bp = surface_blueprint("history", __name__, surface=Surface.MANAGE)

MOST_EXPORTED = 10_000
HEADER = ("When (UTC)", "What", "Who", "Address", "Before", "After")
NO_DAY = "Enter a day such as 2026-03-31"
WRONG_ORDER = "The first day is after the last"


@bp.get("")
@permission_required(Permission.MANAGE_SETTINGS)
def index() -> ResponseReturnValue:
    """List what happened, the newest first, or export what the filter finds."""
    first, last, problem = _asked_days()
    wanted = OwnFilter(
        request.args.get("q", "")[:100],
        since=_midnight(first) if first else None,
        until=_midnight(last + timedelta(days=1)) if last else None,
    )
    if request.args.get("export") == "csv" and problem is None:
        events = list_own(wanted, limit=MOST_EXPORTED)
        names = names_in(events)
        return csv_response("history", HEADER, [_row(event, names) for event in events])
    asked = requested_page()
    events = () if problem else list_own(wanted, offset=asked.offset, limit=asked.size)
    return page(
        "manage/history/index.html",
        title="History",
        found=Page(events, 0 if problem else count_own(wanted), asked.number, asked.size),
        names=names_in(events),
        who=who_did,
        words=in_words,
        lines=lines_of,
        wanted=wanted,
        first=request.args.get("from", ""),
        last=request.args.get("to", ""),
        problem=problem,
        with_args=with_args,
    ), 422 if problem else 200


def who_did(event: ResellerAuditEvent, names: Names) -> str:
    """Return who did something; of the distributor's people none by name."""
    if event.actor_id is not None and event.actor_id in names:
        return names[event.actor_id]
    return event.actor_name or PROVIDER


def in_words(event: ResellerAuditEvent) -> str:
    """Return what happened as people read it, such as “Storefront: settings”."""
    words: str = event.action.replace(".", ": ").replace("_", " ")
    return words.capitalize()


def _row(event: ResellerAuditEvent, names: Names) -> tuple[str, ...]:
    before, after = (
        "; ".join(f"{line[0]}: {line[side]}" for line in lines_of(event, names) if line[side]) for side in (1, 2)
    )
    return f"{event.at:%Y-%m-%d %H:%M:%S}", event.action, who_did(event, names), event.address or "", before, after


def _asked_days() -> tuple[date | None, date | None, str | None]:
    """Return the asked days and what is wrong with them."""
    try:
        first, last = (
            date.fromisoformat(text) if (text := request.args.get(name, "")) else None for name in ("from", "to")
        )
    except ValueError:
        return None, None, NO_DAY
    return first, last, WRONG_ORDER if first is not None and last is not None and first > last else None


def _midnight(day: date) -> datetime:
    storefront_id = current_address().storefront_id
    assert storefront_id is not None, "a storefront's address"
    return datetime.combine(day, time(), ZoneInfo(storefront_settings(storefront_id).time_zone))
