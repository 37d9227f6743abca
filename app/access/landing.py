"""Where somebody goes after sign-in: where they wanted to, if that is a path of this very address; else home."""

from __future__ import annotations

import re

from flask import request

from app.web.surfaces import PREFIXES, Surface

ODD = re.compile(r"[\x00-\x20\\\x7f]")
LONGEST = 500


def safe_next(wanted: str | None, surface: Surface) -> str | None:
    """Return `wanted` if it is a path below this address and surface; None for anything else, above all other hosts."""
    if (
        not wanted
        or len(wanted) > LONGEST
        or ODD.search(wanted)
        or not wanted.startswith("/")
        or wanted.startswith("//")
    ):
        return None
    if ".." in wanted.split("?", 1)[0].split("/"):
        return None
    root = request.script_root
    if not wanted.startswith(f"{root}/"):
        return None
    below = wanted[len(root) :]
    if below.startswith("//"):
        return None
    prefix = PREFIXES[surface] if surface in (Surface.BSS, Surface.PLATFORM) else ""
    is_inside = below.startswith(f"{prefix}/") or below == prefix
    is_back_office = not prefix and below.startswith(f"{PREFIXES[Surface.BSS]}/")
    return wanted if is_inside and not is_back_office else None


def here() -> str | None:
    """Return the path of this request, to come back to; None unless it was a GET."""
    if request.method != "GET":
        return None
    return request.script_root + request.full_path.rstrip("?")
