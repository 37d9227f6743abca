"""Setup, Audit log: who changed what from what to what; found, filtered, exported, never edited (BC-30)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from app.access import permission_required, signed_in_viewer
from app.audit.models import AuditEvent
from app.audit.origin import Channel
from app.audit.queries import AuditFilter, count_audit, known_target_kinds, list_audit
from app.bss.calendar import distributor_today, distributor_zone
from app.bss.listing import asked_export, asked_id, asked_text, export, with_args
from app.bss.records.history import who_did
from app.bss.records.names import Named, names_of_events
from app.identity.permissions import Permission
from app.identity.queries import names_of
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from app.web.surfaces import Surface, surface_blueprint

bp = surface_blueprint("audit", __name__, surface=Surface.BSS)

LONGEST = timedelta(days=366)
MOST_EXPORTED = 10_000
LONGEST_SHOWN = 80  # characters of a value before it is folded
HEADER = (
    "When (UTC)", "What", "Who", "Address", "Through", "Browser", "Kind", "Record", "Id", "Before", "After",
)  # fmt: skip
CHANNEL_WORDS = {
    Channel.BSS: "Back office", Channel.STOREFRONT: "Storefront", Channel.API: "API", Channel.CONSOLE: "Console",
    Channel.WORKER: "Worker",
}  # fmt: skip
TOO_LONG = "Choose at most twelve months"
WRONG_ORDER = "The first day is after the last"
NO_DAY = "Enter a day such as 2026-03-31"


@bp.get("")
@permission_required(Permission.BSS_AUDIT_VIEW)
def index() -> ResponseReturnValue:
    """List what happened, the newest first, or export what the filter finds."""
    first, last, problem = _requested_days()
    wanted = AuditFilter(
        search=asked_text(),
        target_kind=request.args.get("kind", "")[:40] or None,
        target_id=asked_id("target"),
        actor_id=asked_id("actor"),
        since=_midnight(first) if first else None,
        until=_midnight(last + timedelta(days=1)) if last else None,
    )
    if (kind := asked_export()) and problem is None:
        events = list_audit(wanted, limit=MOST_EXPORTED)
        names, records = _names(events), names_of_events(events, signed_in_viewer())
        return export(kind, "audit-log", HEADER, [_row(event, names, records.get(event.id)) for event in events])
    asked = requested_page()
    events = [] if problem else list_audit(wanted, offset=asked.offset, limit=asked.size)
    return page(
        "bss/audit/index.html",
        title="Audit log",
        events=Page(events, 0 if problem else count_audit(wanted), asked.number, asked.size),
        names=_names(events),
        who=who_did,
        records=names_of_events(events, signed_in_viewer()),
        through=through,
        wanted=wanted,
        first=request.args.get("from", ""),
        last=request.args.get("to", ""),
        problem=problem,
        kinds=known_target_kinds(),
        pairs=pairs,
        sizes=SIZES,
        with_args=with_args,
    ), 422 if problem else 200


def pairs(values: Mapping[str, object], other: Mapping[str, object]) -> Markup:
    """Return fields with their values as lines; those that differ from the other side stand out, long ones are folded."""
    lines = [
        Markup("<div>{}: {}</div>").format(
            name.replace("_", " "),
            _folded(value) if other.get(name) == value else Markup("<strong>{}</strong>").format(_folded(value)),
        )
        for name, value in values.items()
        if value != ""
    ]
    return Markup("").join(lines) or escape("–")


def through(event: AuditEvent) -> str:
    """Return what an event came in by, in words; nothing of old events, which do not say."""
    return CHANNEL_WORDS[Channel(event.channel)] if event.channel else ""


def _folded(value: object) -> Markup:
    text = str(value)
    if len(text) <= LONGEST_SHOWN:
        return escape(text)
    return Markup("<details><summary>{}…</summary>{}</details>").format(text[:LONGEST_SHOWN], text[LONGEST_SHOWN:])


def _requested_days() -> tuple[date | None, date | None, str | None]:
    """Return the asked days and what is wrong with them (BC-30: a range of more than 12 months is to be narrowed)."""
    try:
        first, last = (
            date.fromisoformat(text) if (text := request.args.get(name, "")) else None for name in ("from", "to")
        )
    except ValueError:
        return None, None, NO_DAY
    if first is not None:
        end = last or distributor_today()
        if first > end:
            return first, last, WRONG_ORDER
        if end - first > LONGEST:
            return first, last, TOO_LONG
    return first, last, None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(distributor_zone()))


def _names(events: Iterable[AuditEvent]) -> Mapping[UUID, str]:
    return names_of({event.actor_id for event in events if event.actor_id})


def _row(event: AuditEvent, names: Mapping[UUID, str], record: Named | None) -> tuple[str, ...]:
    return (
        f"{event.at:%Y-%m-%d %H:%M:%S}", event.action, who_did(event, names), event.address or "", through(event),
        event.user_agent or "", event.target_kind or "", record.name if record is not None else "",
        str(event.target_id or ""), _text(event.before), _text(event.after),
    )  # fmt: skip


def _text(values: Mapping[str, object]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items())
