"""Reading `$filter` and `$orderby` (BC-32): `country eq 'GR' and (name ge 'M' or contains(email,'@x'))`, `name desc,code`.

What cannot be read is 400; a property or value that there is not is named with 422.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import request

from app.core.criteria import (
    FILTER,
    ORDER,
    TEXT_ONLY,
    Compared,
    Condition,
    Criteria,
    Denied,
    Joined,
    Operator,
    Properties,
    Sorting,
)
from app.core.errors import DomainError, FieldError, Invalid

LONGEST, MOST_TERMS, DEEPEST, MOST_SORTINGS = 2_000, 20, 20, 3
NULL = "null"
TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>[(),])|(?P<word>[^\s'(),]+))")


class Unreadable(DomainError):
    """A query that cannot be parsed: 400."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.code = "unreadable"
        self.errors = (FieldError(name, self.code, message),)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_quoted: bool = False

    def is_word(self, word: str) -> bool:
        return not self.is_quoted and self.text == word


END = _Token("")


def asked_criteria(properties: Properties) -> Criteria:
    """Return what the query asks of a list with these properties. Raises Unreadable, and Invalid naming what is unknown."""
    text, order = request.args.get(FILTER, "").strip(), request.args.get(ORDER, "").strip()
    condition = _Reader(text).read() if text else None
    found = Criteria(condition, tuple(_sortings(order)) if order else ())
    for name, place in ((each.name, ORDER) for each in found.order):
        if name not in properties:
            raise Invalid.field(place, "unknown_property", f"There is no property {name[:60]} to sort by")
    return found


def _sortings(text: str) -> Iterator[Sorting]:
    parts = text.split(",")
    if len(parts) > MOST_SORTINGS:
        raise Invalid.field(ORDER, "too_many", f"Sort by at most {MOST_SORTINGS} properties")
    for part in parts:
        words = part.split()
        if len(words) not in (1, 2) or (len(words) == 2 and words[1] not in ("asc", "desc")):  # noqa: PLR2004 - a name and a way
            raise Unreadable(ORDER, "write names divided by commas, each with asc or desc behind it")
        yield Sorting(words[0], is_down=words[-1] == "desc" and len(words) > 1)


class _Reader:
    """One pass over the words of a filter; `or` binds least, `not` most."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise Unreadable(FILTER, f"use at most {LONGEST} characters")
        self.tokens = list(_tokens(text))
        self.at = 0
        self.terms = 0

    def read(self) -> Condition:
        found = self._any(0)
        if self._next() is not END:
            raise Unreadable(FILTER, f"“{self.tokens[self.at - 1].text[:60]}” was not expected")
        return found

    def _next(self) -> _Token:
        found = self._peek()
        self.at += 1
        return found

    def _peek(self) -> _Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def _any(self, depth: int) -> Condition:
        terms = [self._all(depth)]
        while self._peek().is_word("or"):
            self._next()
            terms.append(self._all(depth))
        return terms[0] if len(terms) == 1 else Joined(tuple(terms), is_any=True)

    def _all(self, depth: int) -> Condition:
        terms = [self._one(depth)]
        while self._peek().is_word("and"):
            self._next()
            terms.append(self._one(depth))
        return terms[0] if len(terms) == 1 else Joined(tuple(terms), is_any=False)

    def _one(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise Unreadable(FILTER, f"nest at most {DEEPEST} brackets")
        if self._peek().is_word("not"):
            self._next()
            return Denied(self._one(depth + 1))
        if self._peek().is_word("("):
            self._next()
            found = self._any(depth + 1)
            self._expect(")")
            return found
        return self._term()

    def _term(self) -> Condition:
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise Invalid.field(FILTER, "too_many", f"Compare at most {MOST_TERMS} times")
        first = self._word()
        if first in {each.value for each in TEXT_ONLY} and self._peek().is_word("("):
            self._next()
            name = self._word()
            self._expect(",")
            value = self._value()
            self._expect(")")
            return Compared(name, Operator(first), value)
        operator = self._word()
        try:
            return Compared(first, Operator(operator), self._value())
        except ValueError:
            raise Unreadable(FILTER, f"“{operator[:60]}” compares nothing: write eq, ne, gt, ge, lt or le") from None

    def _word(self) -> str:
        found = self._next()
        if found is END or found.is_quoted or found.text in ("(", ")", ","):
            raise Unreadable(FILTER, "a name is missing" if found is END else f"“{found.text[:60]}” was not expected")
        return found.text

    def _value(self) -> str | None:
        found = self._next()
        if not found.is_quoted and found.text in ("", "(", ")", ","):
            raise Unreadable(FILTER, "a value is missing")
        return None if found.is_word(NULL) else found.text

    def _expect(self, sign: str) -> None:
        if not self._next().is_word(sign):
            raise Unreadable(FILTER, f"“{sign}” is missing")


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if found is None:
            raise Unreadable(FILTER, "a quote is not closed")
        at = found.end()
        quoted = found["text"]
        if quoted is not None:
            yield _Token(quoted[1:-1].replace("''", "'"), is_quoted=True)
        else:
            yield _Token(found["sign"] or found["word"])
