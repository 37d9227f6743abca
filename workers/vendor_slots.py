"""How many calls one service manager gets at once, over all workers (CB-22).

The slots are keys in Redis that end by themselves, so a killed worker frees its own. Nothing rests on them but
courtesy: without Redis calls go ahead.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID, uuid4

import redis

from app.core.queue import redis_connection

log = logging.getLogger(__name__)
KEPT_SECONDS = 60  # how long calls that follow each other share a slot before it is taken anew
_GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Held:
    """A slot that a run keeps between its calls, which follow each other."""

    key: str
    holder: str
    until: float  # on the monotonic clock


_run: ContextVar[dict[UUID, Held] | None] = ContextVar("slots of a run", default=None)


@contextmanager
def slots_kept() -> Iterator[None]:
    """Let the block's calls follow each other in one slot of each service manager, given back at its end."""
    kept: dict[UUID, Held] = {}
    token = _run.set(kept)
    try:
        yield
    finally:
        _run.reset(token)
        for held in kept.values():
            _give_back(held.key, held.holder)


@contextmanager
def slot_at(manager_id: UUID, most: int, *, seconds: int) -> Iterator[bool]:
    """Hold one of a service manager's slots for at most so many seconds; False where all are taken."""
    kept = _run.get()
    if kept is not None:
        yield _has_kept(kept, manager_id, most, seconds)
        return
    holder = str(uuid4())
    try:
        taken = _take(manager_id, most, holder, seconds)
    except redis.RedisError:
        log.warning("slots_not_counted", extra={"service_manager_id": str(manager_id)})
        yield True
        return
    try:
        yield taken is not None
    finally:
        if taken is not None:
            _give_back(taken, holder)


def _has_kept(kept: dict[UUID, Held], manager_id: UUID, most: int, seconds: int) -> bool:
    held = kept.get(manager_id)
    if held is not None and held.until - time.monotonic() >= seconds:
        return True
    if held is not None:
        del kept[manager_id]
        _give_back(held.key, held.holder)
    holder = str(uuid4())
    try:
        taken = _take(manager_id, most, holder, seconds + KEPT_SECONDS)
    except redis.RedisError:
        log.warning("slots_not_counted", extra={"service_manager_id": str(manager_id)})
        return True
    if taken is not None:
        kept[manager_id] = Held(taken, holder, time.monotonic() + seconds + KEPT_SECONDS)
    return taken is not None


def _take(manager_id: UUID, most: int, holder: str, seconds: int) -> str | None:
    numbers = list(range(most))
    random.shuffle(numbers)  # workers that begin together try different ones first
    for number in numbers:
        key = f"vendor-slot:{manager_id}:{number}"
        if redis_connection().set(key, holder, nx=True, ex=seconds):
            return key
    return None


def _give_back(key: str, holder: str) -> None:
    try:
        redis_connection().eval(_GIVE_BACK, 1, key, holder)
    except redis.RedisError:
        log.warning("slot_not_given_back", extra={"key": key})
