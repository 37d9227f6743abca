"""What an account's fields must look like (RS-02, RS-24, BC-16, BC-18). Each rule returns the errors it finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import pycountry
from email_validator import EmailNotValidError, validate_email

from app.accounts.models import BillingDayRule
from app.core.errors import FieldError

MAX_CREDIT_LIMIT = Decimal("999999999.99")  # BC-22
LONGEST_EMAIL = 254
LONGEST_PAYMENT_DAYS = 365
LAST_BILLING_DAY = 31  # of a shorter month, its last day
WEBSITE = re.compile(r"https?://[^\s/]+\.[^\s/]+(/\S*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Country:
    """A country people choose: ISO 3166-1 alpha-2 code and English short name."""

    code: str
    name: str


@cache
def countries() -> tuple[Country, ...]:
    """Return all countries by name. Source: ISO 3166-1."""
    found = (Country(entry.alpha_2, getattr(entry, "common_name", entry.name)) for entry in pycountry.countries)
    return tuple(sorted(found, key=lambda country: country.name))


def country_name(code: str) -> str:
    """Return a country's name, or the code where ISO does not know it."""
    found = pycountry.countries.get(alpha_2=code)
    return getattr(found, "common_name", found.name) if found else code


def normal_email(text: str) -> str | None:
    """Return an e-mail address trimmed and in lower case, or None where RFC 5321/5322 do not allow it.

    ASCII only: other addresses need mail servers with SMTPUTF8.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return None
    normal = found.normalized.lower()
    return normal if "." in found.domain and len(normal) <= LONGEST_EMAIL and normal.isascii() else None


def text_errors(field: str, label: str, value: str | None, *, at_least: int = 0, at_most: int) -> Iterator[FieldError]:
    """Refuse a text that is missing, too short or too long, by its trimmed length."""
    length = len((value or "").strip())
    if at_least and not length:
        yield FieldError(field, "required", f"Enter {label}")
    elif length < at_least:
        yield FieldError(field, "too_short", f"Use at least {at_least} characters")
    elif length > at_most:
        yield FieldError(field, "too_long", f"Use at most {at_most} characters")


def email_errors(field: str, value: str) -> Iterator[FieldError]:
    """Refuse an e-mail address that is missing or malformed."""
    if not value.strip():
        yield FieldError(field, "required", "Enter an e-mail address")
    elif normal_email(value) is None:
        yield FieldError(field, "email", "Enter an e-mail address, such as anna@company.com")


def country_errors(value: str) -> Iterator[FieldError]:
    """Refuse what is not an ISO 3166-1 alpha-2 code."""
    if pycountry.countries.get(alpha_2=value) is None:
        yield FieldError("country", "country", "Choose a country")


def currency_errors(value: str) -> Iterator[FieldError]:
    """Refuse what is not an ISO 4217 code."""
    if pycountry.currencies.get(alpha_3=value) is None:
        yield FieldError("currency", "currency", "Choose a currency")


def website_errors(value: str | None) -> Iterator[FieldError]:
    """Only http and https lead anywhere from our pages (BC-16)."""
    if value and not WEBSITE.fullmatch(value.strip()):
        yield FieldError("website", "url", "Enter an address that starts with https://")


def billing_errors(
    *,
    credit_limit: Decimal | None,
    payment_days: int,
    billing_day_rule: BillingDayRule,
    billing_day: int | None,
) -> Iterator[FieldError]:
    """Refuse impossible billing options (BC-18, BC-22). A limit of None is unlimited."""
    if credit_limit is not None and credit_limit < 0:
        yield FieldError("credit_limit", "min_0", "Enter 0 or more")
    elif credit_limit is not None and credit_limit > MAX_CREDIT_LIMIT:
        yield FieldError("credit_limit", "max", "Enter at most 999,999,999.99")
    if not 0 <= payment_days <= LONGEST_PAYMENT_DAYS:
        yield FieldError("payment_days", "range", "Enter 0 to 365 days")
    if billing_day is not None and not 1 <= billing_day <= LAST_BILLING_DAY:
        yield FieldError("billing_day", "range", "Enter a day from 1 to 31")
    elif billing_day_rule is BillingDayRule.CHOSEN and billing_day is None:
        yield FieldError("billing_day", "required", "Enter the billing day")
