"""What the API answers: what a schema declares, or why it refuses (problem+json, decisions section 5)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, jsonify

from app.api.schemas import Schema
from app.web.problems import problem


def answered(body: Schema, status: HTTPStatus = HTTPStatus.OK, *, location: str | None = None) -> Response:
    """Return what a view's declared schema says; `location` is where a new thing stands."""
    return written(body.model_dump_json(), status, location=location)


def written(text: str, status: HTTPStatus, *, location: str | None) -> Response:
    """Return JSON that is written already."""
    answer = Response(text, status=status, mimetype="application/json")
    if location is not None:
        answer.headers["Location"] = location
    return answer


def refusal(
    status: HTTPStatus, code: str, message: str, *, field: str = "", challenge: str = "", retry_after: int | None = None
) -> Response:
    """Return a refusal. `challenge` says how to prove who one is (RFC 9110, 401); `retry_after` in seconds (429)."""
    answer = problem(status, [(field, code, message)])
    return with_headers(answer, status, challenge=challenge, retry_after=retry_after)


def oauth_refusal(status: HTTPStatus, error: str, description: str, *, retry_after: int | None = None) -> Response:
    """Return a refusal of the token endpoint in the words of RFC 6749, section 5.2."""
    challenge = 'Basic realm="api", charset="UTF-8"' if status is HTTPStatus.UNAUTHORIZED else ""
    answer = jsonify(error=error, error_description=description)
    return with_headers(answer, status, challenge=challenge, retry_after=retry_after)


def with_headers(answer: Response, status: HTTPStatus, *, challenge: str, retry_after: int | None) -> Response:
    """Complete a refusal; none is ever kept by a cache."""
    answer.status_code = status
    answer.headers["Cache-Control"] = "no-store"
    if challenge:
        answer.headers["WWW-Authenticate"] = challenge
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer
