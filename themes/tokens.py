"""Colours as pure functions: parsing, WCAG contrast, and the CSS variables of a skin.

The names of the variables are those of `base/static/css/tokens.css`; a skin's text is served by the application at a
URL of its own, because pages carry no inline style. Source: RS-15, GO-15.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from themes.registry import FontFamily, Skin

MINIMUM_CONTRAST: Final = 4.5
"""WCAG 2.2 AA for text of ordinary size (1.4.3)."""
MINIMUM_GRAPHIC_CONTRAST: Final = 3.0
"""WCAG 2.2 AA for controls and graphics (1.4.11)."""

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_LINEAR_LIMIT: Final = 0.04045  # sRGB, IEC 61966-2-1; WCAG's 0.03928 differs in no 8-bit value
_STEPS: Final = 50
_MIDDLE_LUMINANCE: Final = 0.179  # black and white contrast equally with it


class ColorFormatError(ValueError):
    """A colour is not written as `#RRGGBB`."""

    code = "color_format"

    def __init__(self, value: str) -> None:
        super().__init__("Enter a colour as # and six digits or letters a to f, such as #1F4FD8")
        self.value = value


@dataclass(frozen=True, slots=True)
class Color:
    """An opaque sRGB colour, each part 0 to 255."""

    red: int
    green: int
    blue: int

    @property
    def hex(self) -> str:
        """`#rrggbb` in lower case."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """WCAG relative luminance, 0 (black) to 1 (white)."""
        return 0.2126 * _linear(self.red) + 0.7152 * _linear(self.green) + 0.0722 * _linear(self.blue)

    def mixed(self, other: Self, share: float) -> "Color":
        """`share` (0 to 1) of the other colour, the rest of this one."""
        return Color(
            round(self.red + (other.red - self.red) * share),
            round(self.green + (other.green - self.green) * share),
            round(self.blue + (other.blue - self.blue) * share),
        )


@dataclass(frozen=True, slots=True)
class ContrastWarning:
    """Two colours of a skin that are hard to tell apart. Shown, not refused: derived colours are corrected."""

    code: str
    part: str
    ratio: float
    message: str


WHITE: Final = Color(255, 255, 255)
BLACK: Final = Color(0, 0, 0)
LIGHT_SUNKEN: Final = Color(0xEC, 0xEE, 0xF1)
"""The darkest ground a theme may put text on in the light scheme; DARK_RAISED is the lightest in the dark one."""
LIGHT_SURFACE: Final = WHITE
DARK_BACKGROUND: Final = Color(0x0E, 0x11, 0x16)
DARK_SURFACE: Final = Color(0x16, 0x1A, 0x21)
DARK_RAISED: Final = Color(0x1F, 0x25, 0x2E)
DARK_TEXT: Final = Color(0xE9, 0xEC, 0xF1)


def parse_color(value: str) -> Color:
    """Read `#RRGGBB`, blanks around it allowed. Raises ColorFormatError."""
    text = value.strip()
    if _COLOR.fullmatch(text) is None:
        raise ColorFormatError(value)
    return Color(int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))


def contrast_ratio(first: Color, second: Color) -> float:
    """WCAG contrast, 1 (the same) to 21 (black on white); the order does not matter."""
    lighter, darker = sorted((first.luminance, second.luminance), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(background: Color) -> Color:
    """White where it is readable, else black: one of the two always reaches 4.5."""
    return WHITE if contrast_ratio(WHITE, background) >= MINIMUM_CONTRAST else BLACK


def toward_contrast(color: Color, *, against: tuple[Color, ...], minimum: float) -> Color:
    """The colour nearest to `color` on its way to black or white that has the contrast with all of `against`."""
    target = BLACK if sum(other.luminance for other in against) / len(against) > _MIDDLE_LUMINANCE else WHITE
    for step in range(_STEPS + 1):
        candidate = color.mixed(target, step / _STEPS)
        if all(contrast_ratio(candidate, other) >= minimum for other in against):
            return candidate
    return target


def contrast_warnings(skin: "Skin") -> tuple[ContrastWarning, ...]:
    """What a person should know before choosing these colours: ratios below 4.5:1 on white. Source: RS-15."""
    pairs = (
        ("primary", "Primary colour", skin.primary),
        ("accent", "Accent colour", skin.accent),
        ("text", "Text colour", skin.text),
    )
    found: list[ContrastWarning] = []
    for part, label, color in pairs:
        ratio = contrast_ratio(color, LIGHT_SURFACE)
        if ratio < MINIMUM_CONTRAST:
            # Rounded down, so that 4.496 does not read "4.5, needs 4.5".
            said = int(ratio * 10) / 10
            message = (
                f"{label} has a contrast of {said}:1 on white; text needs 4.5:1. It is darkened where it carries text."
            )
            found.append(ContrastWarning("low_contrast", part, ratio, message))
    return tuple(found)


def skin_css(skin: "Skin", font: "FontFamily | None" = None) -> str:
    """The custom properties of a skin as a style sheet, light and dark.

    Colours were parsed and font lists are our own constants, so nothing typed by a person reaches the text unchecked.
    """
    fonts = {} if font is None else {"--font-body": font.body, "--font-heading": font.heading}
    light = _rule({**fonts, **_light(skin)})
    dark = _rule(_dark(skin))
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _light(skin: "Skin") -> dict[str, str]:
    surfaces = (LIGHT_SUNKEN, LIGHT_SURFACE)
    soft = skin.primary.mixed(WHITE, 0.91)
    colors = {
        **_brand(skin, soft=soft, hover=_hover(skin.primary)),
        "--brand-text": toward_contrast(skin.primary, against=(*surfaces, soft), minimum=MINIMUM_CONTRAST),
        "--brand-edge": toward_contrast(skin.primary, against=surfaces, minimum=MINIMUM_GRAPHIC_CONTRAST),
        "--accent-text": toward_contrast(skin.accent, against=surfaces, minimum=MINIMUM_CONTRAST),
        "--text": toward_contrast(skin.text, against=surfaces, minimum=7.0),
        "--text-muted": toward_contrast(skin.text.mixed(WHITE, 0.34), against=surfaces, minimum=MINIMUM_CONTRAST + 0.6),
    }
    return {name: color.hex for name, color in colors.items()}


def _dark(skin: "Skin") -> dict[str, str]:
    surfaces = (DARK_BACKGROUND, DARK_SURFACE, DARK_RAISED)
    primary = toward_contrast(skin.primary, against=surfaces, minimum=MINIMUM_GRAPHIC_CONTRAST)
    accent = toward_contrast(skin.accent, against=surfaces, minimum=MINIMUM_GRAPHIC_CONTRAST)
    soft = DARK_SURFACE.mixed(skin.primary, 0.22)
    colors = {
        **_brand(skin, soft=soft, hover=_hover(primary)),
        "--brand": primary,
        "--on-brand": readable_on(primary),
        "--accent": accent,
        "--on-accent": readable_on(accent),
        "--brand-text": toward_contrast(skin.primary, against=(*surfaces, soft), minimum=MINIMUM_CONTRAST + 0.5),
        "--brand-edge": primary,
        "--accent-text": toward_contrast(skin.accent, against=surfaces, minimum=MINIMUM_CONTRAST + 0.5),
        "--text": DARK_TEXT,
        "--text-muted": Color(0xA4, 0xAE, 0xBC),
    }
    return {name: color.hex for name, color in colors.items()}


def _brand(skin: "Skin", *, soft: Color, hover: Color) -> dict[str, Color]:
    deep = toward_contrast(skin.primary.mixed(Color(0x0B, 0x10, 0x18), 0.62), against=(WHITE,), minimum=10.0)
    return {
        "--brand": skin.primary,
        "--brand-hover": hover,
        "--on-brand": readable_on(skin.primary),
        "--brand-soft": soft,
        "--brand-deep": deep,
        "--brand-deep-2": deep.mixed(WHITE, 0.12),
        "--on-brand-deep": WHITE,
        "--glow-brand": toward_contrast(skin.primary, against=(WHITE,), minimum=MINIMUM_CONTRAST),
        "--glow-accent": toward_contrast(skin.accent, against=(WHITE,), minimum=MINIMUM_CONTRAST),
        "--accent": skin.accent,
        "--on-accent": readable_on(skin.accent),
    }


def _hover(color: Color) -> Color:
    """A little away from the colour of its text, so that pointing at a button never costs contrast."""
    return color.mixed(BLACK if readable_on(color) == WHITE else WHITE, 0.14)


def _rule(properties: dict[str, str]) -> str:
    return ";".join(f"{name}:{value}" for name, value in properties.items())


def _linear(part: int) -> float:
    value = part / 255
    return value / 12.92 if value <= _LINEAR_LIMIT else ((value + 0.055) / 1.055) ** 2.4
