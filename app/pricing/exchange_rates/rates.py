"""Exchange rates: which one holds on a day, what they were, entering and removing one (BC-07).

A rate holds from its day until a later one of its pair takes its place. What nobody has entered is not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.dialects.postgresql import distinct_on

from app.audit.services import Actor, record
from app.catalogue.imports.sheet import is_currency
from app.core.db import session
from app.core.errors import FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.pricing.exchange_rates.models import ExchangeRate
from tenants.context import current_scope

PLACES = 10
MOST = Decimal(10) ** 9
ONE = Decimal(1)


class RateNotFound(NotFound):
    """The distributor has no such rate."""

    def __init__(self, rate_id: UUID) -> None:
        super().__init__("There is no such rate")
        self.rate_id = rate_id


@dataclass(frozen=True, slots=True)
class Pair:
    """Two currencies, by ISO 4217 code."""

    from_code: str
    to_code: str


@dataclass(frozen=True, slots=True)
class NewRate:
    """What one unit of `from_code` is worth in `to_code` from a day of the distributor on."""

    from_code: str
    to_code: str
    rate: Decimal
    valid_from: date

    @property
    def pair(self) -> Pair:
        """Return the two currencies."""
        return Pair(self.from_code, self.to_code)


def rate_on(from_code: str, to_code: str, day: date) -> Decimal | None:
    """Return what one unit was worth on a day; None where nobody has entered it.

    Of the pair's latest row up to the day, in either direction: the other way round it is 1 / rate, at 10 decimals.
    """
    return ONE if from_code == to_code else rates_on(to_code, day).get(from_code)


def rates_on(to_code: str, day: date) -> Mapping[str, Decimal]:
    """Return the rates into a currency that hold on a day, by the other currency's code; one statement."""
    rows = session.scalars(
        select(ExchangeRate)
        .where(
            _here(),
            or_(ExchangeRate.to_code == to_code, ExchangeRate.from_code == to_code),
            ExchangeRate.valid_from <= day,
        )
        .ext(distinct_on(ExchangeRate.from_code, ExchangeRate.to_code))
        .order_by(ExchangeRate.from_code, ExchangeRate.to_code, ExchangeRate.valid_from.desc())
    )
    latest: dict[str, ExchangeRate] = {}
    for row in rows:
        other = row.from_code if row.to_code == to_code else row.to_code
        known = latest.get(other)
        if known is None or (row.valid_from, row.to_code == to_code) > (known.valid_from, known.to_code == to_code):
            latest[other] = row
    return {code: towards(to_code, row) for code, row in latest.items()}


def towards(to_code: str, row: ExchangeRate) -> Decimal:
    """Return what a row says of the other currency in this one."""
    return row.rate if row.to_code == to_code else round(ONE / row.rate, PLACES)


def pairs() -> Sequence[Pair]:
    """Return the pairs that have rates, by code."""
    rows = session.execute(
        select(ExchangeRate.from_code, ExchangeRate.to_code)
        .where(_here())
        .distinct()
        .order_by(ExchangeRate.from_code, ExchangeRate.to_code)
    )
    return [Pair(*row) for row in rows]


def list_rates(pair: Pair | None, *, limit: int | None, offset: int = 0) -> Sequence[ExchangeRate]:
    """Return the history of a pair, entered in either direction, or of all; the latest first. `limit` None: all of it."""
    return session.scalars(
        select(ExchangeRate)
        .where(_here(), _of(pair))
        .order_by(ExchangeRate.valid_from.desc(), ExchangeRate.from_code, ExchangeRate.to_code)
        .limit(limit)
        .offset(offset)
    ).all()


def count_rates(pair: Pair | None) -> int:
    """Return how many rows that history has."""
    return session.scalar(select(func.count()).select_from(ExchangeRate).where(_here(), _of(pair))) or 0


def rates_in_force(rates: Sequence[ExchangeRate], day: date) -> frozenset[UUID]:
    """Return which of some rates hold on a day: the latest of their two currencies; two, where both directions are."""
    if not rates:
        return frozenset()
    one, other = (
        func.least(ExchangeRate.from_code, ExchangeRate.to_code),
        func.greatest(ExchangeRate.from_code, ExchangeRate.to_code),
    )
    latest = (
        select(one.label("one"), other.label("other"), func.max(ExchangeRate.valid_from).label("first"))
        .where(_here(), ExchangeRate.valid_from <= day)
        .group_by(one, other)
        .subquery()
    )
    found = session.scalars(
        select(ExchangeRate.id)
        .join(latest, and_(latest.c.one == one, latest.c.other == other, latest.c.first == ExchangeRate.valid_from))
        .where(_here(), ExchangeRate.id.in_([each.id for each in rates]))
    )
    return frozenset(found)


def get_rate(rate_id: UUID) -> ExchangeRate:
    """Return one of the distributor's rates; raises RateNotFound."""
    found = session.get(ExchangeRate, (current_scope().distributor_id, rate_id))
    if found is None:
        raise RateNotFound(rate_id)
    return found


def add_rate(new: NewRate, *, actor: Actor, at: datetime) -> ExchangeRate:
    """Enter a rate. Needs the distributor's scope; raises Invalid at the field (BC-07, bad input)."""
    errors = errors_of(new)
    if not errors and known_rates([new]):
        errors = [FieldError("valid_from", "duplicate_date", "There is a rate from this day already; remove it first")]
    if errors:
        raise Invalid(*errors)
    (made,) = insert_rates([new], entered_by_id=actor.user_id, at=at)
    record("pricing.rate_added", actor=actor, at=at, target_kind="exchange_rate", target_id=made.id, after=_facts(made))
    return made


def remove_rate(rate_id: UUID, *, actor: Actor, at: datetime) -> ExchangeRate:
    """Take a rate out of the history, such as one that was mistyped; the audit log keeps it. Raises RateNotFound."""
    found = get_rate(rate_id)
    session.delete(found)
    session.flush()
    record(
        "pricing.rate_removed", actor=actor, at=at, target_kind="exchange_rate", target_id=rate_id, before=_facts(found)
    )
    return found


def insert_rates(rates: Sequence[NewRate], *, entered_by_id: UUID | None, at: datetime) -> Sequence[ExchangeRate]:
    """Write rates that were looked at before."""
    made = [
        ExchangeRate(
            id=new_id(), from_code=each.from_code, to_code=each.to_code, rate=each.rate, valid_from=each.valid_from,
            entered_by_id=entered_by_id, created_at=at,
        )
        for each in rates
    ]  # fmt: skip
    session.add_all(made)
    session.flush()
    return made


def known_rates(rates: Sequence[NewRate]) -> Mapping[tuple[Pair, date], Decimal]:
    """Return which of some rates' days are taken, and by what; one statement, none for none."""
    if not rates:
        return {}
    days = [each.valid_from for each in rates]
    rows = session.execute(
        select(ExchangeRate.from_code, ExchangeRate.to_code, ExchangeRate.valid_from, ExchangeRate.rate).where(
            _here(),
            ExchangeRate.valid_from.between(min(days), max(days)),
            ExchangeRate.from_code.in_({each.from_code for each in rates}),
        )
    )
    wanted = {(each.pair, each.valid_from) for each in rates}
    found = {(Pair(row.from_code, row.to_code), row.valid_from): row.rate for row in rows}
    return {key: rate for key, rate in found.items() if key in wanted}


def errors_of(new: NewRate) -> list[FieldError]:
    """Return what is wrong with a rate itself, whatever else there is."""
    errors = [
        FieldError(field, "currency_unknown", "Enter an ISO 4217 code, such as EUR")
        for field, code in (("from_code", new.from_code), ("to_code", new.to_code))
        if not is_currency(code)
    ]
    if not errors and new.from_code == new.to_code:
        errors.append(FieldError("to_code", "same_currency", "Choose two different currencies"))
    if not new.rate.is_finite() or not 0 < new.rate <= MOST:
        errors.append(FieldError("rate", "rate_above_0", "Enter a rate above 0"))
    elif -int(new.rate.normalize().as_tuple().exponent) > PLACES:
        errors.append(FieldError("rate", "rate_places", f"Use at most {PLACES} decimals"))
    return errors


def _facts(rate: ExchangeRate) -> dict[str, object]:
    return {
        "from_code": rate.from_code, "to_code": rate.to_code, "rate": rate.rate, "valid_from": rate.valid_from,
    }  # fmt: skip


def _here() -> ColumnElement[bool]:
    return ExchangeRate.distributor_id == current_scope().distributor_id


def _of(pair: Pair | None) -> ColumnElement[bool]:
    if pair is None:
        return true()
    both = (pair.from_code, pair.to_code)
    return and_(ExchangeRate.from_code.in_(both), ExchangeRate.to_code.in_(both))
