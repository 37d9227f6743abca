"""Through what somebody acts: pages, an API or a job (BC-30). The edges say so once; every event of theirs tells it."""

from __future__ import annotations

import enum
from contextvars import ContextVar
from dataclasses import dataclass

LONGEST_AGENT = 300


class Channel(enum.Enum):
    """What a change came in by."""

    BSS = "bss"
    STOREFRONT = "storefront"  # the admin area of a reseller's storefront, too
    API = "api"
    CONSOLE = "console"
    WORKER = "worker"  # jobs and commands: whoever says nothing


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from. `user_agent` and `address` (IP) are None of jobs."""

    channel: Channel
    user_agent: str | None = None
    address: str | None = None
    request_id: str | None = None


NOWHERE = Origin(Channel.WORKER)
_current: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current_origin() -> Origin:
    """Return where the running request came from; of jobs and commands `NOWHERE`."""
    return _current.get()


def came_from(origin: Origin) -> None:
    """Say where the work of this context comes from, until somebody says otherwise: for the edges only."""
    _current.set(origin)
