"""Which themes, skins and font families exist.

A theme is a folder below `themes/` with a `theme.toml`: it decides layout and character. A skin is three colours, a font
is a stack of families the visitor already has (nothing is downloaded). Source: RS-15, SF-02.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from themes.tokens import Color, parse_color

THEMES_FOLDER: Final = Path(__file__).parent
BASE_THEME: Final = "base"
CUSTOM_SKIN: Final = "custom"


class UnknownThemeError(LookupError):
    """No theme of this name is installed."""


class UnknownSkinError(LookupError):
    """No built-in skin of this name exists."""


class UnknownFontError(LookupError):
    """No font family of this name is offered."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Layout and character of a storefront. Templates it does not bring are taken from the base theme."""

    name: str
    label: str
    description: str
    folder: Path
    stylesheets: tuple[str, ...]
    """Static paths (`studio/css/theme.css`), loaded after the stylesheets of the base theme."""
    preview: str
    """Static path of a small picture for the theme picker."""
    position: int
    """Order in the picker."""


@dataclass(frozen=True, slots=True)
class Skin:
    """The colours of a storefront; everything else is worked out from these three."""

    name: str
    label: str
    primary: Color
    accent: Color
    text: Color

    @property
    def colors(self) -> tuple[str, str, str]:
        """The three as `#rrggbb`, in the order the picker draws them."""
        return (self.primary.hex, self.accent.hex, self.text.hex)


@dataclass(frozen=True, slots=True)
class FontFamily:
    """A named choice of typeface: `body` and `heading` are CSS font-family lists."""

    name: str
    label: str
    body: str
    heading: str


def _built_in(name: str, label: str, primary: str, accent: str, text: str) -> Skin:
    return Skin(name, label, parse_color(primary), parse_color(accent), parse_color(text))


SKINS: Final[Mapping[str, Skin]] = MappingProxyType(
    {
        skin.name: skin
        for skin in (
            _built_in("cobalt", "Cobalt", "#2353d6", "#0b7a75", "#172033"),
            _built_in("forest", "Forest", "#1c6b45", "#a8541a", "#18241d"),
            _built_in("lagoon", "Lagoon", "#0a7184", "#b8480f", "#12262b"),
            _built_in("plum", "Plum", "#74308f", "#0f766e", "#241a2b"),
            _built_in("cherry", "Cherry", "#b3213d", "#1d4e89", "#2a171b"),
            _built_in("terracotta", "Terracotta", "#a4471f", "#2f5d50", "#2a1e18"),
            _built_in("saffron", "Saffron", "#f2b90f", "#3c3c98", "#221f14"),
            _built_in("graphite", "Graphite", "#2b3440", "#1f5fd0", "#1a1e25"),
        )
    }
)
DEFAULT_SKIN: Final = SKINS["cobalt"]

_EMOJI: Final = '"Apple Color Emoji","Segoe UI Emoji"'
_SYSTEM: Final = f'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif,{_EMOJI}'
_HUMANIST: Final = f'Seravek,"Gill Sans Nova",Ubuntu,Calibri,"DejaVu Sans",Verdana,sans-serif,{_EMOJI}'
_GEOMETRIC: Final = (
    f'"Avenir Next",Avenir,Montserrat,Corbel,"URW Gothic","Century Gothic",source-sans-pro,sans-serif,{_EMOJI}'
)
_INDUSTRIAL: Final = (
    f'Bahnschrift,"DIN Alternate","Franklin Gothic Medium","Nimbus Sans Narrow","Arial Narrow",sans-serif,{_EMOJI}'
)
_BOOK: Final = f'Charter,"Bitstream Charter","Sitka Text",Cambria,"Liberation Serif",Georgia,serif,{_EMOJI}'
_OLD_STYLE: Final = (
    f'"Iowan Old Style","Palatino Linotype",Palatino,"URW Palladio L",P052,"DejaVu Serif",Georgia,serif,{_EMOJI}'
)

FONTS: Final[Mapping[str, FontFamily]] = MappingProxyType(
    {
        font.name: font
        for font in (
            FontFamily("system", "System: plain and fast", _SYSTEM, _SYSTEM),
            FontFamily("humanist", "Humanist: friendly", _HUMANIST, _HUMANIST),
            FontFamily("geometric", "Geometric: modern", _SYSTEM, _GEOMETRIC),
            FontFamily("industrial", "Industrial: narrow and technical", _SYSTEM, _INDUSTRIAL),
            FontFamily("book", "Book: serif throughout", _BOOK, _BOOK),
            FontFamily("old-style", "Old style: serif headings", _SYSTEM, _OLD_STYLE),
        )
    }
)
DEFAULT_FONT: Final = FONTS["system"]


def custom_skin(primary: str, accent: str, text: str) -> Skin:
    """Make a skin from typed colours `#RRGGBB`. Raises ColorFormatError. Source: RS-15."""
    return Skin(CUSTOM_SKIN, "Custom", parse_color(primary), parse_color(accent), parse_color(text))


def get_skin(name: str) -> Skin:
    """Return a built-in skin. Raises UnknownSkinError, for `custom` too: its colours belong to the storefront."""
    try:
        return SKINS[name]
    except KeyError:
        raise UnknownSkinError(name) from None


def get_font(name: str) -> FontFamily:
    """Return one of the offered families. Raises UnknownFontError."""
    try:
        return FONTS[name]
    except KeyError:
        raise UnknownFontError(name) from None


@cache
def themes() -> Mapping[str, Theme]:
    """Every installed theme by name, in the order of the picker. Read once per process."""
    found = [_read_theme(manifest) for manifest in THEMES_FOLDER.glob("*/theme.toml")]
    return MappingProxyType({theme.name: theme for theme in sorted(found, key=lambda theme: theme.position)})


def get_theme(name: str) -> Theme:
    """Return an installed theme. Raises UnknownThemeError."""
    try:
        return themes()[name]
    except KeyError:
        raise UnknownThemeError(name) from None


def _read_theme(manifest: Path) -> Theme:
    values = tomllib.loads(manifest.read_text(encoding="utf-8"))
    name = manifest.parent.name
    return Theme(
        name=name,
        label=values["label"],
        description=values["description"],
        folder=manifest.parent,
        stylesheets=tuple(f"{name}/{path}" for path in values.get("stylesheets", ())),
        preview=f"{name}/{values['preview']}",
        position=values["position"],
    )
