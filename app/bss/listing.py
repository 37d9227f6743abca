"""What lists in BSS share: links that keep the filter, choices read from the query string, files of what is shown."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, request, url_for

from app.access import signed_in_viewer
from app.audit.services import record
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.ids import parse_id
from app.web.exports import Cell, csv_response, xlsx_response
from app.web.pages import page
from app.web.pagination import SIZES, Page

Choice = TypeVar("Choice", bound=enum.Enum)
Item = TypeVar("Item")
EXPORTS = ("csv", "xlsx")
SEARCH_LENGTH = 100


def with_args(**changes: object) -> str:
    """Return this page's URL with some parameters changed; an empty value drops one."""
    return to_with_args(request.endpoint or "", **changes)


def list_page(template: str, title: str, found: Page[Item], words: Mapping[Any, str], tones: Mapping[Any, str]) -> str:
    """Render a plain list of runs or files: what was `found`, with words and tones for where each stands."""
    return page(template, title=title, found=found, words=words, tones=tones, sizes=SIZES, with_args=with_args)


def to_with_args(endpoint: str, **changes: object) -> str:
    """Return another page's URL with this page's path and query, some of it changed."""
    args: dict[str, Any] = {**request.args.to_dict(), **changes}
    # Names with an underscore are url_for's own, and not a visitor's to set.
    kept = {name: value for name, value in args.items() if value not in (None, "") and not name.startswith("_")}
    return url_for(endpoint, **{**kept, **(request.view_args or {})})


def asked_text(name: str = "q") -> str:
    """Return a search as typed, cut to what a search may have."""
    return request.args.get(name, "")[:SEARCH_LENGTH]


def asked_choice(choices: type[Choice], name: str) -> Choice | None:
    """Return the member of an enum named in the query string; what is no choice is no filter."""
    wanted = request.args.get(name)
    return next((member for member in choices if member.value == wanted), None)


def asked_id(name: str) -> UUID | None:
    """Return an id named in the query string, or None."""
    return parse_id(request.args.get(name, ""))


def asked_export() -> str | None:
    """Return csv or xlsx where the list is wanted as a file."""
    wanted = request.args.get("format")
    return wanted if wanted in EXPORTS else None


def export(kind: str, name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """Return rows as the kind of file that was asked for; who took what is told by the audit trail (BC-30, BC-31)."""
    found = list(rows)
    with unit_of_work():
        told = {"list": name, "rows": len(found), "format": kind}
        record("list.exported", actor=signed_in_viewer().actor, at=utc_now(), after=told)
    return csv_response(name, header, found) if kind == "csv" else xlsx_response(name, header, found)


def chosen_ids(name: str = "selected") -> Collection[UUID] | None:
    """Return the ids of the rows that were ticked, or None where "all matching" was."""
    if request.form.get("all_matching"):
        return None
    return {found for text in request.form.getlist(name) if (found := parse_id(text)) is not None}
