"""VAT numbers: whether one has its country's form, and what makes two of them the same (SF-04)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from stdnum import get_cc_module

from app.core.errors import FieldError

VatRegister = Callable[[str, str], bool | None]  # country and number; None: the register did not answer
PREFIX_OF_COUNTRY = {"GR": "EL"}  # where VAT numbers do not begin with the country's ISO code


def no_register(_country: str, _number: str) -> bool | None:
    """Answer for a register that cannot be asked: the number is taken as unverified."""
    return None


def normal_vat(country: str, number: str) -> str:
    """Return a number as it is compared: no separators, capital letters, without its country's prefix."""
    text = re.sub(r"[^A-Z0-9]", "", number.upper())
    for prefix in (country, PREFIX_OF_COUNTRY.get(country, country)):
        if text.startswith(prefix) and len(text) > len(prefix):
            return text[len(prefix) :]
    return text


def vat_errors(country: str, number: str) -> Iterator[FieldError]:
    """Refuse a number that cannot be one of its country; countries whose form is not known allow any."""
    form = get_cc_module(country.lower(), "vat") if country else None
    if number.strip() and form is not None and not form.is_valid(number.strip()):
        yield FieldError("tax_id", "vat_number", "Check the VAT number: it has not the form of its country")
