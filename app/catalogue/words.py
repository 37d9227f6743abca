"""How terms and billing cycles are worded, on every page, in mails and on papers alike."""

from __future__ import annotations

from typing import Final

from app.catalogue.models import BillingCycle, Term

TERM_WORDS: Final = {Term.P1M: "1 month", Term.P1Y: "1 year", Term.P3Y: "3 years", Term.NONE: "No term"}
CYCLE_WORDS: Final = {
    BillingCycle.MONTHLY: "monthly",
    BillingCycle.ANNUAL: "yearly",
    BillingCycle.TRIENNIAL: "every 3 years",
    BillingCycle.ONE_TIME: "once",
}
CYCLE_UNITS: Final = {  # what a price is per
    BillingCycle.MONTHLY: "month",
    BillingCycle.ANNUAL: "year",
    BillingCycle.TRIENNIAL: "3 years",
    BillingCycle.ONE_TIME: "once",
}


def unit_words(term: Term, cycle: BillingCycle) -> str:
    """Return a term and its billing as people say it: "1 year, billed monthly"; "Paid once" where there is no term."""
    return "Paid once" if term is Term.NONE else f"{TERM_WORDS[term]}, billed {CYCLE_WORDS[cycle]}"
