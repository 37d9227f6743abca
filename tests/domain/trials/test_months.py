"""Trials whose length is counted in months (CB-12)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import update

from app.catalogue.models import Product
from app.subscriptions.price_models import Trial
from app.subscriptions.trials import days_of_period, last_day
from tenants.context import scope
from tests.factories.execution import all_of


@pytest.mark.parametrize(
    ("first", "months", "last"),
    [
        (date(2026, 6, 1), 1, date(2026, 6, 30)),
        (date(2026, 1, 31), 1, date(2026, 2, 27)),
        (date(2028, 1, 31), 1, date(2028, 2, 28)),
        (date(2026, 11, 30), 3, date(2027, 2, 27)),
        (date(2026, 2, 28), 1, date(2026, 3, 27)),
        (date(2026, 1, 15), 12, date(2027, 1, 14)),
    ],
)
def test_a_trial_of_months_ends_the_day_before_the_same_day(first, months, last):
    """CB-12: a trial period is a number of days or of months."""
    assert last_day(first, 0, months) == last


def test_a_trial_in_months_runs_until_its_last_day(session, world, running):
    """CB-12: two months from 31 December end on 27 February; the record says how long it was meant to be."""
    with scope(world.scope):
        session.execute(update(Product).where(Product.id == world.seats.id).values(trial_days=None, trial_months=2))
        session.commit()
    trial = running(world.direct, at=datetime(2026, 12, 31, 9, tzinfo=UTC))
    with scope(world.scope):
        (row,) = all_of(session, Trial)
        assert (row.days, row.months) == (0, 2)
        assert days_of_period(row, date(2027, 2, 27)) == 59  # 28 February to 27 April
    assert trial.trial_ends_on == date(2027, 2, 27)
