"""Text about products: the search key, slugs, and cells no spreadsheet may run."""

from __future__ import annotations

import re
import unicodedata

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
SLUG_LENGTH = 200  # leaves room for a code after a dash


def folded(text: str) -> str:
    """Return text in lower case without accents, single-spaced: "Ψηφιακή Café" is found by "ψηφιακη cafe"."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
    return " ".join(plain.split())


def search_text(*, name: str, code: str, vendor: str, group_name: str = "") -> str:
    """Return what product search looks into: name, code, vendor and group, folded."""
    return folded(" ".join((name, code, vendor, group_name if group_name != name else "")))


def slugified(text: str, *, otherwise: str) -> str:
    """Return a URL segment of ASCII letters, digits and dashes; `otherwise` stands in for text that has none."""
    found = _NOT_SLUG.sub("-", folded(text)).strip("-")[:SLUG_LENGTH].strip("-")
    return found or _NOT_SLUG.sub("-", otherwise.lower()).strip("-") or "product"


def looks_like_formula(text: str) -> bool:
    """Whether a spreadsheet would run a cell instead of showing it."""
    return text.startswith(FORMULA_STARTS)
