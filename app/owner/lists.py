"""Lists that keep their filter in the address: links that change one part of it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from flask import request, url_for

Word = TypeVar("Word", bound=enum.Enum)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list; `sort_url` and `sorted` where people may sort by it."""

    label: str
    kind: str = ""
    sort_url: str | None = None
    sorted: str | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address without it."""

    label: str
    remove_url: str


def with_args(**changes: object) -> str:
    """Return the request's address with some parameters changed; an empty value drops one."""
    args = {**request.args.to_dict(), **(request.view_args or {}), **changes}
    # Names with an underscore are url_for's own, and not a visitor's to set.
    kept = {name: value for name, value in args.items() if value not in (None, "") and not name.startswith("_")}
    return url_for(request.endpoint or "", **kept)


def chosen(kind: type[Word], name: str) -> Word | None:
    """Return the member a parameter names by its value; what is no choice is no filter."""
    text = request.args.get(name, "")
    return next((each for each in kind if each.value == text), None)


def yes_or_no(name: str) -> bool | None:
    """Read a yes/no filter; anything else does not narrow."""
    return {"yes": True, "no": False}.get(request.args.get(name, ""))


def sorted_columns(columns: Sequence[tuple[str, str, str]], current: str) -> list[Column]:
    """Return columns of (label, kind, sort key); the current one turns round when it is clicked again."""
    found = []
    for label, kind, key in columns:
        if not key:
            found.append(Column(label, kind))
            continue
        state = {key: "asc", f"-{key}": "desc"}.get(current)
        found.append(Column(label, kind, with_args(sort=f"-{key}" if state == "asc" else key, page=None), state))
    return found


def chips(labels: dict[str, str]) -> list[Chip]:
    """Return the filters in force by parameter name; empty labels are not in force."""
    return [Chip(label, with_args(**{name: None, "page": None})) for name, label in labels.items() if label]
