"""The demo's second currency, and what it was worth over half a year."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from app.core.clock import local_date, utc_now
from app.core.db import unit_of_work
from app.pricing.currencies import CurrencyDetails, save_currency
from app.pricing.exchange_rates.rates import NewRate, add_rate
from app.seed.stage import Stage
from tenants.context import scope

EURO, DOLLAR = "EUR", "USD"
RATES = ("1.0834", "1.0902", "1.0761", "1.0688", "1.0847", "1.0915", "1.1023", "1.0956", "1.0879", "1.0991")
APART = timedelta(days=18)


def keep_rates(stage: Stage) -> None:
    """Add the euro, with a rate every 18 days up to today. The rates are made up."""
    at = utc_now()
    today = local_date(at, stage.cast.time_zone)
    with scope(stage.scope), unit_of_work():
        save_currency(CurrencyDetails(EURO, culture="de-DE", is_active=True), is_new=True, actor=stage.manager, at=at)
        for back, rate in enumerate(reversed(RATES)):
            new = NewRate(EURO, DOLLAR, Decimal(rate), today - back * APART)
            add_rate(new, actor=stage.manager, at=at)
