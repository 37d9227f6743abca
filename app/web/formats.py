"""How templates write money, days and times, and how they link. One Jinja environment for all surfaces."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_time, format_timedelta
from babel.numbers import format_currency, format_decimal
from flask import Flask, current_app, g, request, url_for
from markupsafe import Markup

from app.core.clock import utc_now
from app.core.days import day_culture, write_day
from themes.rendering import static_version

LOCALE = "galleria.locale"
CURRENCY_CULTURES = "galleria.currency_cultures"
RELATIVE_WITHIN = timedelta(days=7)
UNKNOWN = "-"  # a price the viewer must not see (RS-27)


def _settle() -> None:
    """Let the storefront name its culture and zone, even where a moment is written before the page has its frame."""
    if "time_zone" not in g and LOCALE in current_app.extensions:
        current_app.extensions[LOCALE]()


def culture() -> str:
    """Return the viewer's culture for numbers and dates (CLDR name)."""
    _settle()
    return str(g.get("culture", "en"))


def _culture_of(currency: str) -> str:
    """Return the culture amounts of a currency are written in: the distributor's choice, else the page's."""
    if "currency_cultures" not in g:
        found = current_app.extensions.get(CURRENCY_CULTURES)
        g.currency_cultures = found() if found is not None else {}
    return str(g.currency_cultures.get(currency, "")).replace("-", "_") or culture()


def day_style() -> str:
    """Return the style days are written in, one of `app.core.days.DAY_STYLES`."""
    _settle()
    return str(g.get("day_style", "medium"))


def time_zone() -> ZoneInfo:
    """Return the storefront's time zone."""
    _settle()
    return ZoneInfo(g.get("time_zone", "UTC"))


def money(amount: Decimal | None, currency: str = "", *, unit: bool = False) -> str:
    """Write an amount with its currency: "€1,234.50". `unit` keeps up to 4 decimals, as wholesale unit prices have."""
    if amount is None:
        return UNKNOWN
    if unit:
        exact = amount.normalize()
        return str(format_currency(exact, currency, locale=_culture_of(currency), decimal_quantization=False))
    return str(format_currency(amount, currency, locale=_culture_of(currency)))


def number(value: Decimal | int | None) -> str:
    """Write a number with the culture's separators."""
    return UNKNOWN if value is None else str(format_decimal(value, locale=culture()))


def exact_number(value: Decimal | None) -> str:
    """Write all decimals a number has, without needless zeros: an exchange rate of 0.9213456."""
    if value is None:
        return UNKNOWN
    return str(format_decimal(value.normalize(), locale=culture(), decimal_quantization=False))


def day(value: date | None) -> str:
    """Write a calendar day as the storefront's owner chose: "22 Nov 2026"."""
    return "" if value is None else write_day(value, culture=culture(), style=day_style())


def when(value: datetime | None) -> Markup:
    """Write an instant: near ones as "3 hours ago" with the moment on hover, others as the moment itself.

    The moment is written in the storefront's zone; machines read it in UTC.
    """
    if value is None:
        return Markup("")
    local = value.astimezone(time_zone())
    moment = f"{day(local.date())}, {format_time(local, 'short', tzinfo=time_zone(), locale=day_culture(culture()))}"
    distance = value - utc_now()
    shown = (
        format_timedelta(distance, add_direction=True, locale=culture()) if abs(distance) < RELATIVE_WITHIN else moment
    )
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.astimezone(UTC).isoformat(timespec="seconds"), moment, shown
    )


def static(path: str) -> str:
    """Return the versioned URL of a theme's file below this address; paths without a theme are the base theme's."""
    return f"{request.script_root}/static/{static_version()}/{path}"


def install_formats(app: Flask) -> None:
    """Register the functions of the frames' contract (`themes`)."""
    app.jinja_env.globals.update(static=static, url=url_for, money=money, number=number, when=when, day=day)
    app.jinja_env.globals.update(exact_number=exact_number)
    app.jinja_env.globals.pop("url_for", None)
    app.jinja_env.globals["url_for"] = url_for
