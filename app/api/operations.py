"""What a call takes and answers, declared on its view: the description of the API (OpenAPI) is made from it.

A test walks the routes: one that declares nothing, or answers what it has not declared, is refused there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from app.api.schemas import Listed, Schema
from app.core.criteria import Properties

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. `lists` are the properties `$filter` and `$orderby` may name; `takes_key`: `Idempotency-Key` counts."""

    answer: type[Schema]
    status: HTTPStatus = HTTPStatus.OK
    body: type[Schema] | None = None
    lists: Properties | None = None
    query: tuple[tuple[str, str], ...] = ()  # further parameters, each with what it is
    takes_key: bool = False
    needs_body: bool = True  # of a call with a body
    refuses: tuple[HTTPStatus, ...] = ()  # beside what every call may answer

    @property
    def has_pages(self) -> bool:
        """Whether it answers a list, a page at a time."""
        return issubclass(self.answer, Listed)


def answers(
    answer: type[Schema],
    status: HTTPStatus = HTTPStatus.OK,
    *,
    lists: Properties | None = None,
    query: tuple[tuple[str, str], ...] = (),
    refuses: tuple[HTTPStatus, ...] = (),
) -> Callable[[View], View]:
    """Declare a call that reads."""
    return _declare(Operation(answer, status, None, lists, query, refuses=refuses))


def writes(
    answer: type[Schema],
    status: HTTPStatus = HTTPStatus.OK,
    *,
    body: type[Schema] | None = None,
    needs_body: bool = True,
    refuses: tuple[HTTPStatus, ...] = (),
) -> Callable[[View], View]:
    """Declare a call that changes something; it can be repeated under one key (GO-02)."""
    return _declare(Operation(answer, status, body, takes_key=True, needs_body=needs_body, refuses=refuses))


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """Return what a view declares, or None where it describes itself: the token endpoint and the description."""
    found: Operation | None = getattr(view, "api_operation", None)
    return found


def _declare(operation: Operation) -> Callable[[View], View]:
    def declare(view: View) -> View:
        view.api_operation = operation  # type: ignore[attr-defined]
        return view

    return declare
