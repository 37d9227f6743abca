"""Lists of the API: `page` from 1, `size` from 1 to 100 (default 25); anything else is refused with 422."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from flask import Response, request

from app.api.answers import answered
from app.api.criteria import asked_criteria
from app.api.schemas import Item, Listed
from app.core.criteria import Properties
from app.core.errors import FieldError, Invalid
from app.web.pagination import LAST_PAGE, PageRequest

Row = TypeVar("Row")

DEFAULT_SIZE, LARGEST_SIZE = 25, 100
LONGEST_NUMBER = 6


def asked_page() -> PageRequest:
    """Return which part is asked for. Raises Invalid naming what is wrong."""
    wrong: list[FieldError] = []
    number = _number("page", 1, LAST_PAGE, wrong)
    size = _number("size", DEFAULT_SIZE, LARGEST_SIZE, wrong)
    if wrong:
        raise Invalid(*wrong)
    return PageRequest(number, size)


def listed_by(
    schema: type[Listed[Item]],
    show: Callable[[Row], Item],
    properties: Properties,
    find: Callable[..., Sequence[Row]],
    count: Callable[..., int],
    *wanted: object,
) -> Response:
    """Return the asked page of what two queries find: both by `wanted`, and by what the caller asks of the properties.

    Raises Invalid and Unreadable for what cannot be asked.
    """
    asked, criteria = asked_page(), asked_criteria(properties)
    found = find(*wanted, limit=asked.size, offset=asked.offset, criteria=criteria)
    return listed(schema, [show(each) for each in found], asked, count(*wanted, criteria=criteria))


def listed(schema: type[Listed[Item]], items: Sequence[Item], asked: PageRequest, total: int) -> Response:
    """Return one page; beyond the end it is empty."""
    return answered(schema(items=list(items), page=asked.number, size=asked.size, total=total))


def _number(name: str, default: int, largest: int, wrong: list[FieldError]) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
    if is_number and 1 <= int(text) <= largest:
        return int(text)
    wrong.append(FieldError(name, "out_of_range", f"Use a whole number from 1 to {largest}"))
    return default
