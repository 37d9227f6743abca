"""How many calls one service manager gets at once, over all workers (CB-22).

The slots are keys in Redis that end by themselves, so a killed worker frees its own. Nothing rests on them but
courtesy: without Redis calls go ahead.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import redis

from app.core.queue import redis_connection

log = logging.getLogger(__name__)
_GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@contextmanager
def slot_at(manager_id: UUID, most: int, *, seconds: int) -> Iterator[bool]:
    """Hold one of a service manager's slots for at most so many seconds; False where all are taken."""
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
