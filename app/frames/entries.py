"""Places of a navigation: an entry is shown when its page exists and its declared access admits the viewer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import current_app, request, url_for

from app.access import Viewer
from app.identity.permissions import Permission
from app.orders.queries import count_pending_approval
from themes.frames import NavGroup, NavItem


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of a navigation: its page's endpoint."""

    label: str
    endpoint: str
    icon: str


Navigation = tuple[tuple[str | None, tuple[Entry, ...]], ...]


def may_open(endpoint: str, viewer: Viewer | None) -> bool:
    """Return whether the page exists and its declared access admits the viewer."""
    view = current_app.view_functions.get(endpoint)
    if view is None:
        return False
    access = getattr(view, "access", None)
    if isinstance(access, Permission):
        return viewer is not None and viewer.holds(access)
    return access == "public" or viewer is not None


def items(entries: tuple[Entry, ...], viewer: Viewer | None, *, entered: Collection[str] = ()) -> list[NavItem]:
    """Return the entries the viewer may open. `entered` are the pages that have an entry of their own beside these."""
    return [
        NavItem(
            entry.label,
            url_for(entry.endpoint),
            entry.icon,
            is_current=_is_current(entry.endpoint, entered),
            badge=_badge(entry.endpoint),
        )
        for entry in entries
        if may_open(entry.endpoint, viewer)
    ]


def groups(navigation: Navigation, viewer: Viewer | None) -> list[NavGroup]:
    """Return a navigation as the viewer sees it, without groups that are empty for them."""
    entered = {entry.endpoint for _, entries in navigation for entry in entries}
    found = [NavGroup(items(entries, viewer, entered=entered), label) for label, entries in navigation]
    return [group for group in found if group.items]


def url_if_open(endpoint: str, viewer: Viewer | None) -> str | None:
    """Return a page's address where the viewer may open it."""
    return url_for(endpoint) if may_open(endpoint, viewer) else None


def _badge(endpoint: str) -> str | None:
    """Return how much waits behind an entry: the approval queue of a reseller (RS-25)."""
    waiting = count_pending_approval() if endpoint == "manage_orders.pending" else 0
    return str(waiting) if waiting else None


def _is_current(endpoint: str, entered: Collection[str]) -> bool:
    """Whether an entry leads to this page, or to the list this page belongs to; the page's own entry goes first."""
    here = request.endpoint or ""
    if here in entered:
        return here == endpoint
    return endpoint.endswith(".index") and here.partition(".")[0] == endpoint.partition(".")[0]
