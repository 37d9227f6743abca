"""Reading a request's JSON as its declared schema: malformed is 400, what does not fit is 422 naming the property."""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from app.api.patches import MEDIA_TYPE as PATCH_TYPE
from app.api.schemas import Schema
from app.core.errors import DomainError, FieldError, Invalid

Body = TypeVar("Body", bound=Schema)
JSON_TYPE = "application/json"
NUL = (b"\x00", b"\\u0000")  # the one character that no text column can hold
MOST_ERRORS = 50
CODES = {"missing": "required", "extra_forbidden": "unknown_property"}


class UnreadableBody(DomainError):
    """A body that is no JSON: 400."""

    code = "unreadable"

    def __init__(self) -> None:
        super().__init__("The body is no JSON that can be read")


def read_body(schema: type[Body]) -> Body:
    """Return the request's body. Raises UnreadableBody, and Invalid naming each property that does not fit."""
    wanted = PATCH_TYPE if request.method == "PATCH" else JSON_TYPE
    if request.mimetype not in {wanted, JSON_TYPE}:
        raise UnsupportedMediaType(f"Send {wanted}")
    raw = request.get_data()
    if any(each in raw for each in NUL):
        raise UnreadableBody
    try:
        return schema.model_validate_json(raw)
    except ValidationError as refused:
        found = refused.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        raise UnreadableBody
    raise Invalid(
        *(
            FieldError(
                ".".join(str(part) for part in each["loc"])[:100],
                CODES.get(each["type"], "invalid"),
                "There is no such property" if each["type"] == "extra_forbidden" else each["msg"],
            )
            for each in found[:MOST_ERRORS]
        )
    )


def read_optional(schema: type[Body]) -> Body:
    """Return the request's body; without one, what the schema says by itself. Raises as `read_body`."""
    return read_body(schema) if request.get_data().strip() else schema()


def no_body() -> None:
    """Refuse a body where none is read, so that nobody believes it was. Raises Invalid."""
    if request.get_data().strip() not in (b"", b"{}"):
        raise Invalid.field("", "no_body", "This call reads no body")
