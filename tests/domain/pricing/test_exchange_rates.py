"""What currencies are worth in each other on a day, derived from what was entered (BC-07)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.audit.services import SYSTEM
from app.core.errors import Invalid
from app.pricing.exchange_rates.models import ExchangeRate
from app.pricing.exchange_rates.rates import (
    NewRate,
    Pair,
    add_rate,
    list_rates,
    rate_on,
    rates_in_force,
    rates_on,
    remove_rate,
)
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.execution import all_of
from tests.factories.world import MONDAY_NOON

MARCH, JUNE, JULY = date(2026, 3, 1), date(2026, 6, 1), date(2026, 7, 1)


@pytest.fixture
def enter(session, world):
    """Enter rates as staff does."""

    def enter(from_code: str, to_code: str, rate: str, day: date) -> ExchangeRate:
        with scope(world.scope):
            made = add_rate(NewRate(from_code, to_code, Decimal(rate), day), actor=SYSTEM, at=MONDAY_NOON)
            session.commit()
            return made

    return enter


def on(world, from_code: str, to_code: str, day: date) -> Decimal | None:
    with scope(world.scope):
        return rate_on(from_code, to_code, day)


def test_a_rate_holds_from_its_day_until_a_later_one(world, enter):
    """BC-07: history is kept; before the first one there is none, and none is guessed."""
    enter("USD", "EUR", "0.92", MARCH)
    enter("USD", "EUR", "0.8812345678", JUNE)
    assert on(world, "USD", "EUR", date(2026, 2, 28)) is None
    assert [on(world, "USD", "EUR", day) for day in (MARCH, date(2026, 5, 31), JUNE)] == [
        Decimal("0.92"), Decimal("0.92"), Decimal("0.8812345678"),
    ]  # fmt: skip
    assert on(world, "USD", "GBP", JUNE) is None
    assert on(world, "USD", "USD", JUNE) == 1


def test_the_other_way_round_it_is_the_reciprocal_of_whichever_is_later(world, enter):
    enter("USD", "EUR", "0.8", MARCH)
    assert on(world, "EUR", "USD", MARCH) == Decimal("1.25")
    enter("EUR", "USD", "1.6", JUNE)
    assert on(world, "USD", "EUR", JUNE) == Decimal("0.625")
    enter("USD", "EUR", "0.63", JUNE)
    assert on(world, "USD", "EUR", JUNE) == Decimal("0.63")


def test_of_both_directions_the_later_one_is_in_force(session, world, enter):
    first, later = enter("USD", "EUR", "0.8", MARCH), enter("EUR", "USD", "1.6", JUNE)
    with scope(world.scope):
        history = list_rates(Pair("USD", "EUR"), limit=None)
        assert [each.id for each in history] == [later.id, first.id]
        assert rates_in_force(history, JULY) == {later.id}
        assert rates_in_force(history, MARCH) == {first.id}


def test_all_rates_into_a_currency_take_one_statement(world, enter, connection):
    for code, rate in (("USD", "0.92"), ("GBP", "1.17"), ("CHF", "1.05")):
        enter(code, "EUR", rate, MARCH)
    with scope(world.scope), statements_of(connection) as seen:
        found = rates_on("EUR", JULY)
    assert found == {"USD": Decimal("0.92"), "GBP": Decimal("1.17"), "CHF": Decimal("1.05")}
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("new", "field", "code"),
    [
        (NewRate("USD", "EUR", Decimal(0), JUNE), "rate", "rate_above_0"),
        (NewRate("USD", "EUR", Decimal(-1), JUNE), "rate", "rate_above_0"),
        (NewRate("USD", "EUR", Decimal("NaN"), JUNE), "rate", "rate_above_0"),
        (NewRate("USD", "EUR", Decimal("0.92345678901"), JUNE), "rate", "rate_places"),
        (NewRate("EUR", "EUR", Decimal(1), JUNE), "to_code", "same_currency"),
        (NewRate("XXY", "EUR", Decimal(1), JUNE), "from_code", "currency_unknown"),
        (NewRate("USD", "", Decimal(1), JUNE), "to_code", "currency_unknown"),
        (NewRate("USD", "EUR", Decimal("0.93"), MARCH), "valid_from", "duplicate_date"),
    ],
)
def test_a_wrong_rate_is_refused_at_its_field(session, world, enter, new, field, code):
    """BC-07: rate of 0 or less, the same currencies, a day twice, an unknown code; nothing is stored."""
    enter("USD", "EUR", "0.92", MARCH)
    with scope(world.scope), pytest.raises(Invalid) as refused:
        add_rate(new, actor=SYSTEM, at=MONDAY_NOON)
    session.rollback()
    assert [(error.field, error.code) for error in refused.value.errors] == [(field, code)]
    with scope(world.scope):
        assert [each.rate for each in all_of(session, ExchangeRate)] == [Decimal("0.92")]


def test_what_was_entered_and_removed_is_told(session, world, enter):
    """BC-30: with its values, so that a removed rate can still be read."""
    made = enter("USD", "EUR", "0.92", MARCH)
    with scope(world.scope):
        remove_rate(made.id, actor=SYSTEM, at=MONDAY_NOON)
        session.commit()
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.target_kind == "exchange_rate").order_by(AuditEvent.id)
        ).all()
    assert [event.action for event in events] == ["pricing.rate_added", "pricing.rate_removed"]
    assert events[0].after == events[1].before
    assert Decimal(events[1].before["rate"]) == Decimal("0.92")
    assert on(world, "USD", "EUR", JUNE) is None
