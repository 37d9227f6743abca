"""What a storefront's look may be: themes, colours, words, sections and banners (RS-15, SF-02)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import nh3

from app.core.errors import FieldError
from tenants.settings import DEFAULT_SECTIONS, Banner, HomeSection
from themes.registry import BASE_THEME, CUSTOM_SKIN, DEFAULT_FONT, DEFAULT_SKIN, FONTS, SKINS, themes
from themes.tokens import ColorFormatError, parse_color

SECTION_KINDS = ("banners", "featured", "new", "popular", "promoted", "categories", "text", "products", "contact")
MOST_SECTIONS, MOST_BANNERS, MOST_PRODUCTS = 12, 10, 12
MOST_TITLE, MOST_WORDS, MOST_HTML = 80, 400, 20_000
OWN_PATH = re.compile(r"/(?![/\\])\S*")
HTTPS = re.compile(r"https://[^\s/\\]+\.[^\s\\]+")


@dataclass(frozen=True, slots=True)
class LookSettings:
    """The part of StorefrontSettings that is drafted and published; names and defaults are the same."""

    theme: str = BASE_THEME
    skin: str = DEFAULT_SKIN.name
    primary_color: str = ""
    accent_color: str = ""
    text_color: str = ""
    font: str = DEFAULT_FONT.name
    logo_image_id: str = ""
    mail_logo_image_id: str = ""
    favicon_image_id: str = ""
    login_image_id: str = ""
    login_heading: str = ""
    login_text: str = ""
    footer_text: str = ""
    show_powered_by: bool = False
    sections: tuple[HomeSection, ...] = DEFAULT_SECTIONS
    banners: tuple[Banner, ...] = ()


def look_errors(look: LookSettings) -> Iterator[FieldError]:
    """Return all that is wrong with a look. Parts of lists are named `sections-0-title`."""
    yield from _style_errors(look)
    limits = (("login_heading", MOST_TITLE), ("login_text", MOST_WORDS), ("footer_text", MOST_WORDS))
    for name, at_most in limits:
        if len(getattr(look, name).strip()) > at_most:
            yield FieldError(name, "length", f"Use at most {at_most} characters")
    if len(look.sections) > MOST_SECTIONS:
        yield FieldError("sections", "too_many", f"A home page has at most {MOST_SECTIONS} sections")
    if not look.sections:
        yield FieldError("sections", "required", "Keep at least one section")
    for number, section in enumerate(look.sections):
        yield from _prefixed(f"sections-{number}", section_errors(section))
    if len(look.banners) > MOST_BANNERS:
        yield FieldError("banners", "too_many", f"There are at most {MOST_BANNERS} banners")
    for number, banner in enumerate(look.banners):
        yield from _prefixed(f"banners-{number}", banner_errors(banner))


def _style_errors(look: LookSettings) -> Iterator[FieldError]:
    if look.theme not in themes():
        yield FieldError("theme", "choice", "Choose one of the themes")
    if look.skin not in SKINS and look.skin != CUSTOM_SKIN:
        yield FieldError("skin", "choice", "Choose one of the skins")
    if look.font not in FONTS:
        yield FieldError("font", "choice", "Choose one of the typefaces")
    for name in ("primary_color", "accent_color", "text_color"):
        yield from _color_errors(name, getattr(look, name), is_needed=look.skin == CUSTOM_SKIN)


def section_errors(section: HomeSection) -> Iterator[FieldError]:
    """Return all that is wrong with one section."""
    if section.kind not in SECTION_KINDS:
        yield FieldError("kind", "choice", "Choose what the section shows")
    if len(section.title.strip()) > MOST_TITLE:
        yield FieldError("title", "length", f"Use at most {MOST_TITLE} characters")
    if len(section.text) > MOST_HTML:
        yield FieldError("text", "length", "Use at most 20,000 characters")
    if len(section.product_ids) > MOST_PRODUCTS:
        yield FieldError("product_ids", "too_many", f"Choose at most {MOST_PRODUCTS} products")


def banner_errors(banner: Banner) -> Iterator[FieldError]:
    """Return all that is wrong with one banner."""
    if not banner.image_id:
        yield FieldError("image", "required", "Choose a picture")
    if not banner.alt_text.strip():
        yield FieldError("alt_text", "required", "Say in words what the picture shows")
    elif len(banner.alt_text.strip()) > MOST_WORDS:
        yield FieldError("alt_text", "length", f"Use at most {MOST_WORDS} characters")
    if len(banner.heading.strip()) > MOST_TITLE:
        yield FieldError("heading", "length", f"Use at most {MOST_TITLE} characters")
    if len(banner.text.strip()) > MOST_WORDS:
        yield FieldError("text", "length", f"Use at most {MOST_WORDS} characters")
    link = banner.link.strip()
    if link and not (OWN_PATH.fullmatch(link) or HTTPS.fullmatch(link)):
        yield FieldError(
            "link", "link_scheme", "Enter a path of your storefront, such as /catalogue, or an https address"
        )
    days = [_day(banner.valid_from), _day(banner.valid_to)]
    for name, text, day in (("valid_from", banner.valid_from, days[0]), ("valid_to", banner.valid_to, days[1])):
        if text and day is None:
            yield FieldError(name, "date", "Enter a day")
    if days[0] is not None and days[1] is not None and days[1] < days[0]:
        yield FieldError("valid_to", "range", "The last day comes after the first")


def tidy_look(look: LookSettings) -> LookSettings:
    """Return a checked look as it is stored: trimmed, its HTML without anything that could run."""
    return replace(
        look,
        login_heading=look.login_heading.strip(),
        login_text=look.login_text.strip(),
        footer_text=look.footer_text.strip(),
        sections=tuple(replace(each, title=each.title.strip(), text=safe_html(each.text)) for each in look.sections),
        banners=tuple(
            replace(
                each,
                alt_text=each.alt_text.strip(),
                heading=each.heading.strip(),
                text=each.text.strip(),
                link=each.link.strip(),
            )
            for each in look.banners
        ),
    )


def safe_html(text: str) -> str:
    """Return typed HTML without scripts, handlers, forms, frames or foreign schemes."""
    return nh3.clean(text, url_schemes={"https", "mailto", "tel"}).strip()


def _color_errors(name: str, value: str, *, is_needed: bool) -> Iterator[FieldError]:
    if not value and not is_needed:
        return
    try:
        parse_color(value)
    except ColorFormatError as error:
        yield FieldError(name, error.code, str(error))


def _prefixed(prefix: str, errors: Iterator[FieldError]) -> Iterator[FieldError]:
    return (FieldError(f"{prefix}-{error.field}", error.code, error.message) for error in errors)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
