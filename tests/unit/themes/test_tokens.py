import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themes.registry import DEFAULT_SKIN, FONTS, SKINS, THEMES_FOLDER, custom_skin
from themes.statuses import Tone
from themes.tokens import (
    BLACK,
    DARK_BACKGROUND,
    DARK_RAISED,
    DARK_SURFACE,
    LIGHT_SUNKEN,
    LIGHT_SURFACE,
    WHITE,
    Color,
    ColorFormatError,
    contrast_ratio,
    contrast_warnings,
    parse_color,
    readable_on,
    skin_css,
    toward_contrast,
)

parts = st.integers(0, 255)
colors = st.builds(Color, parts, parts, parts)


def properties(css: str) -> tuple[dict[str, str], dict[str, str]]:
    light, dark = css.split("@media (prefers-color-scheme:dark)")
    found = [dict(re.findall(r"(--[\w-]+):([^;}]+)", text)) for text in (light, dark)]
    return found[0], found[1]


def test_color_is_read_in_either_case_and_written_in_lower_case():
    assert parse_color(" #1F4Fd8 ") == Color(0x1F, 0x4F, 0xD8)
    assert parse_color("#1F4Fd8").hex == "#1f4fd8"


@pytest.mark.parametrize(
    "typed", ["", "red", "#12345", "#1234567", "123456", "#12345g", "#fff", "#１２３４５６", "#123456;}"]
)
def test_other_spellings_of_a_color_are_refused_with_color_format(typed):
    with pytest.raises(ColorFormatError) as refusal:
        parse_color(typed)
    assert refusal.value.code == "color_format"
    assert refusal.value.value == typed


def test_contrast_is_that_of_wcag():
    assert contrast_ratio(BLACK, WHITE) == pytest.approx(21)
    assert contrast_ratio(WHITE, WHITE) == pytest.approx(1)
    assert contrast_ratio(parse_color("#777777"), WHITE) == pytest.approx(4.48, abs=0.01)
    assert contrast_ratio(parse_color("#767676"), WHITE) == pytest.approx(4.54, abs=0.01)


@given(colors, colors)
def test_contrast_does_not_depend_on_the_order(first, second):
    assert contrast_ratio(first, second) == contrast_ratio(second, first)
    assert 1 <= contrast_ratio(first, second) <= 21


@given(colors)
def test_text_on_any_color_is_readable(color):
    assert contrast_ratio(readable_on(color), color) >= 4.5


@given(colors)
def test_any_color_can_be_moved_until_it_is_readable(color):
    moved = toward_contrast(color, against=(LIGHT_SUNKEN, LIGHT_SURFACE), minimum=4.5)
    assert min(contrast_ratio(moved, LIGHT_SUNKEN), contrast_ratio(moved, LIGHT_SURFACE)) >= 4.5


def test_readable_color_is_left_as_it_is():
    color = parse_color("#2353d6")
    assert toward_contrast(color, against=(WHITE,), minimum=4.5) == color


@given(colors, colors, colors)
def test_every_skin_gives_readable_text_light_and_dark(primary, accent, text):
    """RS-F40 (partly): whatever three colours a reseller types, the storefront stays readable."""
    light, dark = properties(skin_css(custom_skin(primary.hex, accent.hex, text.hex)))
    surfaces = {"light": (LIGHT_SUNKEN, LIGHT_SURFACE), "dark": (DARK_BACKGROUND, DARK_SURFACE, DARK_RAISED)}
    for values, grounds in ((light, surfaces["light"]), (dark, surfaces["dark"])):
        for name in ("--text", "--text-muted", "--brand-text", "--accent-text"):
            assert min(contrast_ratio(parse_color(values[name]), ground) for ground in grounds) >= 4.5, name
        for name in ("--brand-deep", "--glow-brand", "--glow-accent"):
            assert contrast_ratio(WHITE, parse_color(values[name])) >= 4.5, name
        for name in ("brand", "accent", "brand-deep"):
            assert contrast_ratio(parse_color(values[f"--on-{name}"]), parse_color(values[f"--{name}"])) >= 4.5, name
        assert contrast_ratio(parse_color(values["--brand-text"]), parse_color(values["--brand-soft"])) >= 4.5
        assert min(contrast_ratio(parse_color(values["--brand-edge"]), ground) for ground in grounds) >= 3


@given(colors)
def test_button_stays_readable_when_pointed_at(primary):
    for values in properties(skin_css(custom_skin(primary.hex, "#0b7a75", "#172033"))):
        assert contrast_ratio(parse_color(values["--on-brand"]), parse_color(values["--brand-hover"])) >= 4.5


def test_style_sheet_without_a_skin_shows_the_default_one():
    """Back offices load no skin: what tokens.css says and what the default skin gives are the same colours."""
    sheet = (THEMES_FOLDER / "base/static/css/tokens.css").read_text(encoding="utf-8")
    light, dark, *_ = [dict(re.findall(r"(--[\w-]+): ([^;]+);", part)) for part in sheet.split("@media")]
    for written, made in zip((light, dark), properties(skin_css(DEFAULT_SKIN)), strict=True):
        for name, value in made.items():
            assert written.get(name, light[name]) == value, name


@pytest.mark.parametrize("path", sorted(THEMES_FOLDER.glob("*/static/css/*.css")), ids=lambda path: path.parts[-4])
def test_grounds_of_every_theme_lie_within_what_skins_are_made_for(path):
    parts = path.read_text(encoding="utf-8").split("@media (prefers-color-scheme: dark)")
    grounds = re.compile(r"--(?:bg|surface|raised|sunken|hover): (#[0-9a-f]{6})\b")
    for value in grounds.findall(parts[0]):
        assert parse_color(value).luminance >= LIGHT_SUNKEN.luminance, value
    for block in parts[1:]:
        for value in grounds.findall(block.split("@media")[0].split("}\n")[0]):
            assert parse_color(value).luminance <= DARK_RAISED.luminance, value


@pytest.mark.parametrize("tone", list(Tone))
def test_tones_are_readable_light_and_dark(tone):
    sheet = (THEMES_FOLDER / "base/static/css/tokens.css").read_text(encoding="utf-8")
    for part, ground in zip(sheet.split("@media")[:2], (LIGHT_SURFACE, DARK_SURFACE), strict=True):
        values = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", part.replace("#fff;", "#ffffff;")))
        text, soft = parse_color(values[f"--{tone}-text"]), parse_color(values[f"--{tone}-soft"])
        assert contrast_ratio(text, soft) >= 4.5
        assert contrast_ratio(text, ground) >= 4.5
        assert contrast_ratio(parse_color(values[f"--on-{tone}"]), parse_color(values[f"--{tone}"])) >= 4.5
        assert contrast_ratio(parse_color(values[f"--{tone}"]), ground) >= 3


def test_low_contrast_is_warned_of_and_not_refused():
    """A colour below 4.5:1 on white is told with its ratio (RS-15)."""
    warnings = contrast_warnings(custom_skin("#ffe9a8", "#0b7a75", "#222222"))
    assert [(warning.part, warning.code) for warning in warnings] == [("primary", "low_contrast")]
    assert warnings[0].ratio < 4.5
    assert "4.5:1" in warnings[0].message


def test_ratio_just_below_the_limit_is_not_shown_as_the_limit():
    (warning,) = contrast_warnings(custom_skin("#777777", "#000000", "#000000"))
    assert "4.4:1" in warning.message


def test_good_colors_give_no_warning():
    assert contrast_warnings(custom_skin("#1f4fd8", "#0b7a75", "#172033")) == ()


def test_font_of_the_storefront_is_in_its_style_sheet():
    light, dark = properties(skin_css(SKINS["plum"], FONTS["old-style"]))
    assert light["--font-heading"].startswith('"Iowan Old Style"')
    assert light["--font-body"].startswith("system-ui")
    assert "--font-body" not in dark
