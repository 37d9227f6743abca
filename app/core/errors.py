"""Families of errors the business raises; `app.web.error_pages` makes them HTTP in one place."""

from __future__ import annotations

from dataclasses import dataclass


class DomainError(Exception):
    """Something the business refuses. `code` is stable and machine-readable; the message is for people."""

    code = "error"


class NotFound(DomainError):
    """There is no such thing for this caller: 404, also when it exists for somebody else."""

    code = "not_found"


class Forbidden(DomainError):
    """The caller may see it but has no right to this function: 403."""

    code = "forbidden"


class RecordIsReadOnly(Forbidden):
    """A permission rule lets the caller see the record, not change it (BC-04)."""

    code = "record_read_only"

    def __init__(self) -> None:
        super().__init__("A permission rule lets you see this record, not change it")


class Conflict(DomainError):
    """The thing is in the wrong state, or a race was lost: 409 in JSON, 303 with a notice in HTML."""

    code = "conflict"


class Gone(DomainError):
    """It was there for this caller, and its time is over: 410."""

    code = "gone"


class Throttled(DomainError):
    """Too many tries in a short time: 429."""

    code = "too_many_requests"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: its name, a stable code (`alias_required`) and a sentence for people."""

    field: str
    code: str
    message: str


class Invalid(DomainError):
    """Input that cannot be accepted: 422 with a message per field; nothing was stored."""

    code = "invalid"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors

    @classmethod
    def field(cls, field: str, code: str, message: str) -> Invalid:
        """Return the refusal of a single field."""
        return cls(FieldError(field, code, message))

    @property
    def codes(self) -> tuple[str, ...]:
        """The stable codes of everything that is wrong, in order."""
        return tuple(error.code for error in self.errors)
