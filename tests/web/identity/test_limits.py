from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import redis

from app.access import limits
from app.access.limits import Limit, require_within
from app.core.errors import Throttled
from app.core.queue import redis_connection

THREE = Limit("test", 3, timedelta(minutes=5))


def test_tries_are_counted_by_address() -> None:
    here, there = str(uuid4()), str(uuid4())
    for _ in range(3):
        require_within(THREE, here)

    with pytest.raises(Throttled):
        require_within(THREE, here)
    require_within(THREE, there)


def test_count_is_forgotten_after_the_period() -> None:
    here = str(uuid4())
    require_within(THREE, here)

    assert 0 < redis_connection().ttl(f"limit:test:{here}") <= 300


def test_without_redis_nobody_is_kept_out(monkeypatch) -> None:
    dead = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(limits, "redis_connection", lambda: dead)

    for _ in range(10):
        require_within(THREE, "192.0.2.1")

    with pytest.raises(redis.RedisError):
        dead.ping()
