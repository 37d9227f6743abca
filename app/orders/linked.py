"""What a row has that can be shown to whoever has its link."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Linked:
    """A row with a link. One that was given stays the same, whenever the record is shared again."""

    token: Mapped[str | None] = mapped_column(String(400))  # encrypted: staff may read the link again
    token_digest: Mapped[str | None] = mapped_column(String(64))
