"""Ids made by the application: UUID version 7 (RFC 9562), ordered by time so that indexes stay dense."""

from __future__ import annotations

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, version, 12 bits of the millisecond's parts, 62 random bits.

    The parts (RFC 9562, 6.2, method 3) put what one process makes one after the other into that order.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= (rest * 4096 // 1_000_000) << 64
    value |= 0b10 << 62
    value |= int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=value)


def parse_id(text: str) -> UUID | None:
    """Return the UUID written in `text`, or None where it is not one: to a visitor it is simply not found."""
    try:
        return UUID(text)
    except ValueError:
        return None
