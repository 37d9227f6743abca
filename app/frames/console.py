"""The frame of the operator's console."""

from __future__ import annotations

from typing import Any

from flask import url_for

from app.access import Viewer
from app.frames.entries import Entry, Navigation, groups
from themes.frames import FrameLinks

NAVIGATION: Navigation = ((None, (Entry("Distributors", "platform_distributors.index", "building"),)),)


def console_context(viewer: Viewer | None) -> dict[str, Any]:
    """Return what stands around a page of the console."""
    return {
        "nav": groups(NAVIGATION, viewer),
        "account_nav": [],
        "links": FrameLinks(logout=url_for("platform_sessions.logout") if viewer else None, view_storefront=None),
    }
