"""What offers look like in a language: title, words above the products and below the totals, logo, tax (CB-17).

Texts hold merge fields in double braces. A language nobody has written a template for has the built-in one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.audit.services import Actor, record
from app.catalogue.services.pictures import reencoded
from app.core.db import session
from app.core.errors import FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.orders.offers.models import OfferTemplate
from tenants.context import current_scope
from tenants.settings import distributor_settings

MERGED = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
LONGEST_TITLE, LONGEST_TEXT = 120, 8000
SAMPLES: Mapping[str, str] = {
    "number": "OF-2026-000017",
    "name": "New branch office",
    "account": "Olympus Bakery",
    "contact": "Anna Papadopoulou",
    "owner": "Mia Manager",
    "seller": "Your company",
    "currency": "EUR",
    "items": "10 x Contoso Seats, 2 x Contoso Backup",
    "net_total": "€112.00",
    "tax": "€26.88",
    "total": "€138.88",
    "valid_until": "30 Jun 2026",
}  # a value for each merge field: what previews show
TITLE = "Offer {{number}}"
TERMS = "Prices are per unit and billing cycle, without tax where nothing else is said."


class UnknownLanguage(NotFound):
    """The distributor does not speak it."""


@dataclass(frozen=True, slots=True)
class OfferWords:
    """A template as people write it."""

    language: str
    title: str = TITLE
    introduction: str = ""
    terms: str = TERMS
    shows_tax: bool = True
    logo: bytes | None = None  # WebP
    is_own: bool = False  # else built in


def list_templates() -> Sequence[OfferWords]:
    """Return the template of each of the distributor's languages. Needs the distributor's scope."""
    rows = session.scalars(
        select(OfferTemplate).where(OfferTemplate.distributor_id == current_scope().distributor_id)
    ).all()
    written = {row.language: row for row in rows}
    return [
        _words(written[language]) if language in written else OfferWords(language)
        for language in distributor_settings().languages
    ]


def template_of(language: str) -> OfferWords:
    """Return what offers of a language look like; of one that is not spoken any more the built-in one."""
    return next((each for each in list_templates() if each.language == language), OfferWords(language))


def get_template(language: str) -> OfferWords:
    """Return the template of a language; raises UnknownLanguage."""
    if language not in distributor_settings().languages:
        raise UnknownLanguage
    return template_of(language)


def save_template(
    words: OfferWords, *, logo: bytes | None = None, removes_logo: bool = False, actor: Actor, at: datetime
) -> None:
    """Keep a template. `logo`: an uploaded picture that takes the place of the one there is.

    Raises UnknownLanguage, Invalid `length`, `unknown_merge_field`, `file_type`, `file_size`.
    """
    before = get_template(words.language)
    require_sane(words)
    row = session.scalar(
        select(OfferTemplate)
        .where(OfferTemplate.distributor_id == current_scope().distributor_id, OfferTemplate.language == words.language)
        .with_for_update()
    )
    if row is None:
        row = OfferTemplate(id=new_id(), language=words.language)
        session.add(row)
    row.title, row.introduction, row.terms = words.title.strip(), words.introduction.strip(), words.terms.strip()
    row.shows_tax, row.updated_at = words.shows_tax, at
    row.logo = small_logo(logo) if logo else (None if removes_logo else before.logo)
    session.flush()
    record("offer_template.saved", actor=actor, at=at, target_kind="offer_template", target_id=row.id,
           after={"language": words.language, "title": row.title})  # fmt: skip


def small_logo(content: bytes) -> bytes:
    """Return an uploaded logo as it is kept. Raises Invalid at `logo`: `file_type`, `file_size`."""
    try:
        return reencoded(content)
    except Invalid as refusal:
        raise Invalid(*(FieldError("logo", each.code, each.message) for each in refusal.errors)) from refusal


def require_sane(words: OfferWords) -> None:
    """Refuse texts that are too long, empty titles and merge fields there are none of."""
    errors = []
    if not 1 <= len(words.title.strip()) <= LONGEST_TITLE:
        errors.append(FieldError("title", "length", f"Use 1 to {LONGEST_TITLE} characters"))
    for field, text in (("title", words.title), ("introduction", words.introduction), ("terms", words.terms)):
        if len(text) > LONGEST_TEXT:
            errors.append(FieldError(field, "length", f"Use at most {LONGEST_TEXT:,} characters"))
        if unknown := [name for name in MERGED.findall(text) if name not in SAMPLES]:
            named = ", ".join(f"{{{{{name[:40]}}}}}" for name in unknown)
            errors.append(FieldError(field, "unknown_merge_field", f"Offers have no field {named}"))
    if errors:
        raise Invalid(*errors)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its merge fields filled in, once: what is filled in is not read again."""
    return MERGED.sub(lambda found: values.get(found.group(1), ""), text)


def _words(row: OfferTemplate) -> OfferWords:
    return OfferWords(row.language, row.title, row.introduction, row.terms, row.shows_tax, row.logo, is_own=True)
