"""Records that people edit carry a version: saving what somebody else has changed meanwhile is a conflict (CB-00).

The form says which version it was opened at (`app.web.forms.VersionedForm`), the service claims it before it changes
anything. What is no row, such as a page of settings, has the digest of what stands as its version.
"""

from __future__ import annotations

import zlib

from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import session
from app.core.errors import Conflict


class Versioned:
    """A row whose version is counted up with each save."""

    version: Mapped[int] = mapped_column(default=1)


class StaleVersion(Conflict):
    """Somebody else saved the record after this form was opened."""

    code = "stale_version"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was changed by somebody else meanwhile. Open it again to see how it stands now.")


def lock_at_version(row: Versioned, seen: int, *, name: str) -> None:
    """Lock a row until the transaction ends, where it stands as the form has seen it; `name` is what people call it.

    Ask before anything is judged: the row is read anew. Who then changes it counts its version up. Raises StaleVersion.
    """
    try:
        session.refresh(row, with_for_update=True)
    except InvalidRequestError:  # it was deleted
        raise StaleVersion(name) from None
    require_version(row.version, seen, name=name)


def require_version(stands: int, seen: int, *, name: str) -> None:
    """Raise StaleVersion where a form was opened at another version than the one that stands."""
    if stands != seen:
        raise StaleVersion(name)


def digest_of(*values: object) -> int:
    """Return the version of what is no row: a number that follows from the values, never 0."""
    return zlib.crc32(repr(values).encode()) or 1
