"""Calls that change something, answered once per `Idempotency-Key` (GO-02, BC-F84); without one each call counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from flask import Response, request

from app.api.answers import written
from app.api.callers import current_caller
from app.api.schemas import Schema
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.orders.idempotency import Submit, answer_once

HEADER, REPEATED = "Idempotency-Key", "Idempotent-Replayed"
KEY = re.compile(r"[\x21-\x7e]{1,80}")


@dataclass(frozen=True, slots=True)
class Made:
    """What a call has done and answers. `order_id`: kept no longer than the order."""

    answer: Schema
    status: HTTPStatus = HTTPStatus.OK
    location: str | None = None
    order_id: UUID | None = None


def once(body: Schema | None, make: Callable[[], Made], *, at: datetime) -> Response:
    """Do something in one transaction and answer; a key that comes again within 24 hours gets the same answer.

    Raises Invalid for a key that is none, `key_reused`, and InFlight.
    """
    key = request.headers.get(HEADER)
    if key is None:
        with unit_of_work():
            made = make()
            return written(made.answer.model_dump_json(), made.status, location=made.location)
    if not KEY.fullmatch(key):
        raise Invalid.field(HEADER, "invalid", "Use 1 to 80 letters, digits and signs without spaces")
    words = (request.path, "" if body is None else body.words())
    submit = Submit(f"api:{current_caller().id}", f"{request.method} {request.endpoint}", key, words)
    with unit_of_work():
        found = answer_once(submit, lambda: _kept(make()), at=at)
    content = found.content
    answer = written(content["text"], HTTPStatus(content["status"]), location=content["location"])
    if found.is_repeated:
        answer.headers[REPEATED] = "true"
    return answer


def _kept(made: Made) -> dict[str, object]:
    return {
        "text": made.answer.model_dump_json(),
        "status": int(made.status),
        "location": made.location,
        "order_id": str(made.order_id) if made.order_id is not None else None,
    }
