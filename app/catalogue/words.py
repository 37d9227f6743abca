"""How terms and billing cycles are worded, on every page, in mails and on papers alike."""

from __future__ import annotations

from typing import Final

from app.catalogue.models import BillingCycle, Term

YEAR = 12  # months


def months_words(months: int) -> str:
    """Return a number of months as people say it: "1 month", "6 months", "1 year", "3 years"."""
    number, unit = (months // YEAR, "year") if months % YEAR == 0 else (months, "month")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def trial_words(days: int | None, months: int | None) -> str:
    """Return how long a trial lasts: "1 day", "30 days", "2 months"; empty without one."""
    if months:
        return "1 month" if months == 1 else f"{months} months"
    return "" if not days else "1 day" if days == 1 else f"{days} days"


def _cycle_words(months: int) -> str:
    return {0: "once", 1: "monthly", YEAR: "yearly"}.get(months) or f"every {months_words(months)}"


def _cycle_unit(months: int) -> str:
    return "once" if not months else months_words(months).removeprefix("1 ")


TERM_WORDS: Final = {each: months_words(each.months) if each.months else "No term" for each in Term}
CYCLE_WORDS: Final = {each: _cycle_words(each.months) for each in BillingCycle}
CYCLE_UNITS: Final = {each: _cycle_unit(each.months) for each in BillingCycle}  # what a price is per
CYCLE_RATES: Final = {  # what follows an amount: "a month", "a year", "every 3 months"
    each: f"a {CYCLE_UNITS[each]}" if each.months in (1, YEAR) else CYCLE_WORDS[each] for each in BillingCycle
}


def unit_words(term: Term, cycle: BillingCycle) -> str:
    """Return a term and its billing as people say it: "1 year, billed monthly"; "Paid once" where there is no term."""
    return "Paid once" if term is Term.NONE else f"{TERM_WORDS[term]}, billed {CYCLE_WORDS[cycle]}"
