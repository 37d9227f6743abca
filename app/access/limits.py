"""Tries per IP address, counted in Redis: a brake on guessing, not a lock. Nothing rests on it; without Redis it is off."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

import redis

from app.core.errors import Throttled
from app.core.queue import redis_connection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in so much time."""

    name: str
    tries: int
    period: timedelta


SIGN_IN = Limit("sign_in", 20, timedelta(minutes=5))  # SF-12
TRIP = Limit("sso", 120, timedelta(minutes=5))  # nothing is guessed at a provider's, and offices share an address
SIGN_OUT = Limit("sign_out", 600, timedelta(minutes=5))  # a provider's one machine tells of all its people
LOOK_UP = Limit("look_up", 30, timedelta(minutes=5))  # records of domains, asked for by hand
REGISTER = Limit("register", 10, timedelta(hours=1))  # SF-04: in place of a CAPTCHA


def require_within(limit: Limit, address: str | None) -> None:
    """Count one try of an IP address; raises Throttled when there were too many."""
    key = f"limit:{limit.name}:{address}"
    try:
        with redis_connection().pipeline() as pipeline:
            pipeline.set(key, 0, ex=limit.period, nx=True)
            pipeline.incr(key)
            _, count = pipeline.execute()
    except redis.RedisError:
        log.warning("limit_not_counted", extra={"limit": limit.name})
        return
    if count > limit.tries:
        raise Throttled("Too many tries from your address. Wait a few minutes and try again.")
