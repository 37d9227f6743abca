"""Countries as forms offer them: ISO 3166-1 codes with their English names, by name."""

from __future__ import annotations

from functools import cache

import pycountry


@cache
def _choices() -> tuple[tuple[str, str], ...]:
    named = ((country.alpha_2, getattr(country, "common_name", country.name)) for country in pycountry.countries)
    return (("", "Choose a country"), *sorted(named, key=lambda pair: pair[1]))


def country_choices() -> list[tuple[str, str]]:
    """Return the choices of a country field."""
    return list(_choices())


def country_name(code: str) -> str:
    """Return a country's name, or its code where it is unknown."""
    return dict(_choices()).get(code, code)
