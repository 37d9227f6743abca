"""Lists that a caller narrows and sorts by naming properties (BC-32): what may be named, and what becomes of it in SQL.

A domain declares its properties; the text of `$filter` and `$orderby` is read by the API. Nothing a caller writes ever
becomes SQL: names are looked up, values are bound.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, not_, or_

from app.core.errors import FieldError, Invalid

FILTER, ORDER = "$filter", "$orderby"
LARGEST_NUMBER = Decimal(10) ** 13


class Kind(enum.Enum):
    """What values of a property look like."""

    TEXT = "text"
    NUMBER = "whole number"
    AMOUNT = "number"
    DAY = "day such as 2026-03-31"
    INSTANT = "instant such as 2026-03-31T12:00:00Z"
    YES_NO = "true or false"
    ID = "id"


class Operator(enum.Enum):
    """How a property is compared."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    CONTAINS = "contains"
    STARTS_WITH = "startswith"


EQUALITY = frozenset({Operator.EQ, Operator.NE})
TEXT_ONLY = frozenset({Operator.CONTAINS, Operator.STARTS_WITH})
UNORDERED = frozenset({Kind.YES_NO, Kind.ID})


@dataclass(frozen=True, slots=True)
class Property:
    """Something of a list's rows that callers may name. `choices`: the values there are, of a column that holds an enum."""

    column: Any
    kind: Kind = Kind.TEXT
    choices: type[enum.Enum] | None = None


Properties = Mapping[str, Property]


@dataclass(frozen=True, slots=True)
class Compared:
    """One term. `value` is as it was written, without quotes; None is the word null."""

    name: str
    operator: Operator
    value: str | None


@dataclass(frozen=True, slots=True)
class Joined:
    """Terms of which all must hold, or any."""

    terms: tuple[Condition, ...]
    is_any: bool


@dataclass(frozen=True, slots=True)
class Denied:
    """A term that must not hold."""

    term: Condition


Condition = Compared | Joined | Denied


@dataclass(frozen=True, slots=True)
class Sorting:
    """A property to sort by."""

    name: str
    is_down: bool = False


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a caller wants of a list; nothing said: all of it, in the list's own order."""

    condition: Condition | None = None
    order: tuple[Sorting, ...] = ()


EVERYTHING = Criteria()


def narrowed(statement: Any, wanted: Criteria, properties: Properties) -> Any:
    """Return a statement with the condition added. Raises Invalid naming a property or value that is none."""
    if wanted.condition is None:
        return statement
    return statement.where(_sql(wanted.condition, properties))


def in_order(statement: Any, wanted: Criteria, properties: Properties, *, otherwise: Sequence[Any]) -> Any:
    """Return a statement sorted as wanted, then by the list's own order, which ends ties. Raises Invalid."""
    columns = []
    for each in wanted.order:
        column = _property(each.name, properties, ORDER).column
        columns.append(column.desc().nulls_last() if each.is_down else column.asc().nulls_first())
    return statement.order_by(*columns, *otherwise)


def _sql(condition: Condition, properties: Properties) -> ColumnElement[bool]:
    if isinstance(condition, Denied):
        return not_(_sql(condition.term, properties))
    if isinstance(condition, Joined):
        terms = [_sql(term, properties) for term in condition.terms]
        return or_(*terms) if condition.is_any else and_(*terms)
    return _compared(condition, _property(condition.name, properties, FILTER))


def _property(name: str, properties: Properties, field: str) -> Property:
    found = properties.get(name)
    if found is None:
        known = ", ".join(sorted(properties))
        raise Invalid.field(field, "unknown_property", f"There is no property {name[:60]}. There are: {known}")
    return found


def _compared(term: Compared, found: Property) -> ColumnElement[bool]:
    column, operator = found.column, term.operator
    if operator in TEXT_ONLY and (found.kind is not Kind.TEXT or found.choices is not None or term.value is None):
        raise _wrong(f"{term.name} cannot be searched with {operator.value}")
    if operator not in EQUALITY and operator not in TEXT_ONLY and (found.kind in UNORDERED or found.choices):
        raise _wrong(f"{term.name} can be compared with eq and ne alone")
    if term.value is None:
        if operator not in EQUALITY:
            raise _wrong(f"{term.name} can be compared with null by eq and ne alone")
        is_empty: ColumnElement[bool] = column.is_(None)
        return is_empty if operator is Operator.EQ else not_(is_empty)
    value = _value(term, term.value, found)
    if operator is Operator.NE:
        return or_(column != value, column.is_(None))
    return SQL[operator](column, value)


SQL: Mapping[Operator, Callable[[Any, Any], ColumnElement[bool]]] = {
    Operator.EQ: lambda column, value: column == value,
    Operator.GT: lambda column, value: column > value,
    Operator.GE: lambda column, value: column >= value,
    Operator.LT: lambda column, value: column < value,
    Operator.LE: lambda column, value: column <= value,
    Operator.CONTAINS: lambda column, value: column.icontains(value, autoescape=True),
    Operator.STARTS_WITH: lambda column, value: column.istartswith(value, autoescape=True),
}


def _value(term: Compared, text: str, found: Property) -> Any:
    """Return a value as its column holds it. Raises Invalid naming the property."""
    if found.choices is not None:
        choices = {str(each.value): each for each in found.choices}
        if text not in choices:
            raise _wrong(f"{term.name} is one of: {', '.join(choices)}")
        return choices[text]
    try:
        return READ[found.kind](text)
    except (ValueError, InvalidOperation):
        raise _wrong(f"{term.name} is compared with a {found.kind.value}") from None


def _number(text: str) -> int:
    found = int(text)
    if abs(found) >= 2**31:
        raise ValueError(text)
    return found


def _amount(text: str) -> Decimal:
    found = Decimal(text)
    if not found.is_finite() or abs(found) >= LARGEST_NUMBER:
        raise ValueError(text)
    return found


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


READ: Mapping[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.NUMBER: _number,
    Kind.AMOUNT: _amount,
    Kind.DAY: date.fromisoformat,
    Kind.INSTANT: _instant,
    Kind.YES_NO: _yes_no,
    Kind.ID: UUID,
}


def _wrong(message: str) -> Invalid:
    return Invalid(FieldError(FILTER, "invalid_comparison", message[:300]))
