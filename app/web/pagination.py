"""Pages of lists: number and size from the query string, sizes 25, 50 or 100 (RS-18)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request

SIZES = (25, 50, 100)
LAST_PAGE = 100_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is asked for; `number` starts at 1."""

    number: int = 1
    size: int = SIZES[0]

    @property
    def offset(self) -> int:
        """How many items come before it."""
        return (self.number - 1) * self.size


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list. `total` counts all items of the filter."""

    items: Sequence[Item]
    total: int
    number: int = 1
    size: int = SIZES[0]

    @property
    def first(self) -> int:
        """Position of the first item shown, from 1; 0 in an empty list."""
        return (self.number - 1) * self.size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """Position of the last item shown."""
        return (self.number - 1) * self.size + len(self.items)

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def has_previous(self) -> bool:
        """Whether there is a page before this one."""
        return self.number > 1

    @property
    def has_next(self) -> bool:
        """Whether there is a page after this one."""
        return self.number < self.pages


def listed(reads: Callable[[PageRequest], Sequence[Item]], counts: Callable[[], int]) -> Page[Item]:
    """Return the page that is asked for: `reads` finds its items, `counts` all of them."""
    asked = requested_page()
    return Page(reads(asked), counts(), asked.number, asked.size)


def requested_page() -> PageRequest:
    """Read `page` and `size` from the query string; anything odd falls back to page 1 of 25."""
    number = request.args.get("page", default=1, type=int)
    size = request.args.get("size", default=SIZES[0], type=int)
    return PageRequest(min(max(number, 1), LAST_PAGE), size if size in SIZES else SIZES[0])
