"""`/healthz`, `/readyz`, `/metrics` on every host, and the request's id in its answer and its log line."""

from __future__ import annotations

import hmac
import logging
import re
import time
from http import HTTPStatus
from ipaddress import ip_address
from uuid import uuid4

import structlog
from flask import Flask, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core.config import settings
from app.core.db import engine
from app.core.queue import redis_connection

log = logging.getLogger("app.request")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
REQUESTS = Counter("galleria_requests_total", "Answered requests", ["surface", "method", "status"])
SECONDS = Histogram("galleria_request_seconds", "Time to answer", ["surface"])


def healthz() -> ResponseReturnValue:
    """Say that the process answers."""
    return "ok\n", HTTPStatus.OK, {"Content-Type": "text/plain"}


def readyz() -> ResponseReturnValue:
    """Say whether the process can work: PostgreSQL must answer; Redis may be away, no work is lost by that."""
    checks = {"database": "ok", "redis": "ok"}
    status = HTTPStatus.OK
    try:
        with engine().connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        checks["database"], status = "unreachable", HTTPStatus.SERVICE_UNAVAILABLE
    try:
        redis_connection().ping()
    except RedisError:
        checks["redis"] = "unreachable"
    return jsonify(checks), status


def metrics() -> ResponseReturnValue:
    """Return Prometheus metrics, to loopback or to who holds the token (decisions section 8)."""
    token = settings().metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    is_loopback = ip_address(request.remote_addr or "0.0.0.0").is_loopback and "X-Forwarded-For" not in request.headers  # noqa: S104 - an address to compare
    if not is_loopback and not (token and hmac.compare_digest(given.encode(), token.encode())):
        return "Not found\n", HTTPStatus.NOT_FOUND
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def request_id_of(given: str) -> str:
    """Return the id the caller gave its request, if it is one; else a new one."""
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


def note_answer(surface: str, method: str, endpoint: str | None, status: int, seconds: float, **fields: str) -> None:
    """Count an answer and log it."""
    REQUESTS.labels(surface, method, status).inc()
    SECONDS.labels(surface).observe(seconds)
    log.info(
        "request",
        extra={
            "method": method,
            "endpoint": endpoint,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            **fields,
        },
    )


def _begin() -> None:
    g.request_id = request_id_of(request.headers.get("X-Request-Id", ""))
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    surface = (request.blueprint or "none").split("_", 1)[0]
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if request.path.startswith("/static/"):
        REQUESTS.labels(surface, request.method, response.status_code).inc()
        SECONDS.labels(surface).observe(seconds)
    else:
        note_answer(surface, request.method, request.endpoint, response.status_code, seconds)
    return response


def install_health(app: Flask) -> None:
    """Register the three paths and the request's id. They are public and know no tenant."""
    app.before_request(_begin)
    app.after_request(_end)
    for path, view in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", metrics)):
        view.access = "public"  # type: ignore[attr-defined]
        app.add_url_rule(path, view_func=view)
