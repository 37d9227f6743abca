"""Ids made by the application: UUID version 7 (RFC 9562), ordered by time so that indexes stay dense."""

from __future__ import annotations

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, version, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= ((random >> 64) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & ((1 << 62) - 1)
    return UUID(int=value)


def parse_id(text: str) -> UUID | None:
    """Return the UUID written in `text`, or None where it is not one: to a visitor it is simply not found."""
    try:
        return UUID(text)
    except ValueError:
        return None
