"""Settings → General of a storefront: what it is called, which language and time it keeps, who may come in (RS-14).

All fields are checked before anything is stored. The look is published separately (`app.resellers.looks`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from app.accounts.queries import get_account
from app.audit.services import Actor, record
from app.core.days import DAY_STYLES
from app.core.errors import FieldError, Invalid
from app.notifications.settings import is_address
from tenants.settings import PASSWORD_DAYS, ROUNDINGS, StorefrontSettings, save_storefront_settings, settings_for_change

ANALYTICS_ID = re.compile(r"G-[A-Z0-9]{4,12}|UA-[0-9]{4,12}-[0-9]{1,4}", re.ASCII)
LANDING_PAGES = ("home", "catalogue", "dashboard")
MOST_KEYWORDS = 10
MOST_INTRO = 2000
LANGUAGE_NAMES = {
    "en": "English",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
}


@dataclass(frozen=True, slots=True)
class GeneralSettings:
    """What the page General holds; the names are those of StorefrontSettings."""

    company_name: str
    language: str
    time_zone: str
    date_format: str = "medium"
    rounding: str = "none"
    landing_page: str = "home"
    anonymous_access: bool = False
    anonymous_prices: bool = False
    self_registration: bool = False
    approve_registrations: bool = True
    reseller_registration: bool = False
    new_customers_need_approval: bool = True
    show_retail_prices: bool = False
    second_factor_by_mail: bool = False
    password_days: int = 0
    password_length: int = 10
    is_indexed: bool = False
    seo_title: str = ""
    seo_description: str = ""
    seo_keywords: str = ""
    analytics_id: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    contact_address: str = ""
    contact_intro: str = ""


PASSWORD_LENGTHS = range(8, 65)  # SF-13


@cache
def time_zones() -> tuple[str, ...]:
    """Return the time zones people may choose: UTC and those named after a place."""
    return (
        "UTC",
        *sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))),
    )


def save_general(
    storefront_id: UUID,
    changed: GeneralSettings,
    *,
    reseller_id: UUID | None,
    languages: Collection[str],
    actor: Actor,
    at: datetime,
) -> StorefrontSettings:
    """Store the general settings of a storefront in its owner's scope; visitors see them at once. Raises Invalid.

    `languages` are the distributor's. While a reseller pays by card, approval of new customers' orders stays on (RS-25).
    Codes: required, length, choice, needs_anonymous_access, analytics_id, too_many, email.
    """
    if errors := tuple(_errors(changed, languages)):
        raise Invalid(*errors)
    tidy: dict[str, Any] = {
        name: value.strip() if isinstance(value, str) else value for name, value in asdict(changed).items()
    }
    if reseller_id is not None:
        tidy["reseller_registration"] = False  # a reseller's customers do not resell (SF-04)
    if is_approval_locked(reseller_id):
        tidy["new_customers_need_approval"] = True
    before = settings_for_change(storefront_id)
    after = replace(before, **tidy)
    save_storefront_settings(storefront_id, after, reseller_id=reseller_id, at=at)
    differing = [name for name in tidy if getattr(before, name) != getattr(after, name)]
    record(
        "storefront.settings", actor=actor, at=at, target_kind="storefront", target_id=storefront_id,
        before={name: getattr(before, name) for name in differing},
        after={name: getattr(after, name) for name in differing},
    )  # fmt: skip
    return after


def is_approval_locked(reseller_id: UUID | None) -> bool:
    """Whether orders of the reseller's customers always wait for approval, because it pays by card (RS-25)."""
    return reseller_id is not None and get_account(reseller_id).is_card_payer


def _errors(entered: GeneralSettings, languages: Collection[str]) -> Iterator[FieldError]:
    if not entered.company_name.strip():
        yield FieldError("company_name", "required", "Enter the name your customers know you by")
    yield from _too_long(entered)
    choices = (
        ("language", languages, "Choose one of the languages offered"),
        ("time_zone", time_zones(), "Choose a time zone from the list"),
        ("date_format", DAY_STYLES, "Choose how dates are written"),
        ("rounding", ROUNDINGS, "Choose one of the roundings"),
        ("landing_page", LANDING_PAGES, "Choose the page customers see first"),
        ("password_days", PASSWORD_DAYS, "Choose how long a password is valid"),
        ("password_length", PASSWORD_LENGTHS, "Enter 8 to 64"),
    )
    for name, allowed, words in choices:
        if getattr(entered, name) not in allowed:
            yield FieldError(name, "choice", words)
    if not entered.anonymous_access:
        if entered.self_registration:
            yield FieldError(
                "self_registration",
                "needs_anonymous_access",
                "Visitors can only register where they can look around first",
            )
        if entered.is_indexed:
            yield FieldError(
                "is_indexed",
                "needs_anonymous_access",
                "Search engines can only read a catalogue that is open to visitors",
            )
    if len(entered.seo_keywords.split()) > MOST_KEYWORDS:
        yield FieldError("seo_keywords", "too_many", f"Use at most {MOST_KEYWORDS} words")
    if entered.analytics_id.strip() and ANALYTICS_ID.fullmatch(entered.analytics_id.strip()) is None:
        yield FieldError("analytics_id", "analytics_id", "Enter an id such as G-AB12CD34 or UA-1234567-1")
    if entered.contact_email.strip() and not is_address(entered.contact_email.strip()):
        yield FieldError("contact_email", "email", "Enter an e-mail address, such as hello@example.com")


def _too_long(entered: GeneralSettings) -> Iterator[FieldError]:
    limits = {
        "company_name": 100, "seo_title": 60, "seo_description": 160, "contact_email": 254, "contact_phone": 30,
        "contact_address": 500, "contact_intro": MOST_INTRO,
    }  # fmt: skip
    for name, at_most in limits.items():
        if len(getattr(entered, name).strip()) > at_most:
            yield FieldError(name, "length", f"Use at most {at_most} characters")
