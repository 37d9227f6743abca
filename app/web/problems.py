"""Refusals for programs: problem+json (RFC 9457) with what is wrong with each field (decisions section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response, jsonify

MEDIA_TYPE = "application/problem+json"


def problem(status: HTTPStatus, errors: Sequence[tuple[str, str, str]]) -> Response:
    """Return a refusal. Each error is the field it is about, "" where it is none, a stable code, and a sentence."""
    answer = jsonify(
        type="about:blank",
        title=status.phrase,
        status=int(status),
        errors=[{"field": field, "code": code, "message": message} for field, code, message in errors],
    )
    answer.status_code = status
    answer.mimetype = MEDIA_TYPE
    return answer
