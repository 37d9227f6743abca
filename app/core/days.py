"""Calendar days as people read them. Rows and mail fields keep them as ISO 8601; here they are written out."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from babel.dates import format_date, get_date_format

DAY_STYLES: Final = ("short", "medium", "long")
_TO: Final = " – "
_ISO_DAYS: Final = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}({_TO}\d{{4}}-\d{{2}}-\d{{2}})?")


def day_culture(culture: str) -> str:
    """Return the culture days are written in: English without a country puts the day before the month."""
    return "en_GB" if culture == "en" else culture


def write_day(value: date, *, culture: str = "en", style: str = "medium") -> str:
    """Write a day in a style of DAY_STYLES: "22/11/2026" (short), "22 Nov 2026" (medium), "22 November 2026" (long)."""
    locale = day_culture(culture)
    pattern = get_date_format(style, locale=locale).pattern  # type: ignore[arg-type]  # checked where it is stored
    return str(format_date(value, format=re.sub("y+", "y", pattern), locale=locale))  # a year has four digits


def write_out(text: str, *, culture: str = "en", style: str = "medium") -> str:
    """Write out a text that is an ISO day, or a first and a last one with a dash; leave any other text as it is."""
    if not _ISO_DAYS.fullmatch(text):
        return text
    try:
        days = [write_day(date.fromisoformat(each), culture=culture, style=style) for each in text.split(_TO)]
    except ValueError:  # digits like a day's that are none
        return text
    return _TO.join(days)
