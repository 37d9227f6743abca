"""How often a program may call, and how often an address may guess. Counted in Redis; without it nobody is kept out."""

from __future__ import annotations

import logging

import redis

from app.access.limits import Limit
from app.core.queue import redis_connection

log = logging.getLogger(__name__)


def seconds_to_wait(limit: Limit, who: str) -> int | None:
    """Return how long somebody has to wait who has used up a limit, in seconds; None: go on. Counts nothing."""
    key = _key(limit, who)
    try:
        with redis_connection().pipeline() as pipeline:
            pipeline.get(key)
            pipeline.ttl(key)
            used, ttl = pipeline.execute()
    except redis.RedisError:
        _say_not_counted(limit)
        return None
    return max(1, ttl) if int(used or 0) >= limit.tries else None


def count(limit: Limit, who: str) -> int | None:
    """Count one time; returns how long to wait, in seconds, if it is one too many."""
    key = _key(limit, who)
    try:
        with redis_connection().pipeline() as pipeline:
            pipeline.set(key, 0, ex=limit.period, nx=True)
            pipeline.incr(key)
            pipeline.ttl(key)
            _, used, ttl = pipeline.execute()
    except redis.RedisError:
        _say_not_counted(limit)
        return None
    return max(1, ttl) if used > limit.tries else None


def _key(limit: Limit, who: str) -> str:
    return f"limit:{limit.name}:{who}"


def _say_not_counted(limit: Limit) -> None:
    log.warning("limit_not_counted", extra={"limit": limit.name})
