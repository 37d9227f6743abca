import pytest

from themes.registry import (
    FONTS,
    SKINS,
    THEMES_FOLDER,
    UnknownFontError,
    UnknownSkinError,
    UnknownThemeError,
    custom_skin,
    get_font,
    get_skin,
    get_theme,
    themes,
)
from themes.rendering import static_file
from themes.tokens import ColorFormatError, contrast_warnings


def test_three_themes_are_installed_in_the_order_of_the_picker():
    assert list(themes()) == ["base", "studio", "harbor"]


def test_eight_skins_and_six_fonts_are_offered():
    """RS-15: 8 built-in skins, 6 font families."""
    assert len(SKINS) == 8
    assert len(FONTS) == 6
    assert len({font.body + font.heading for font in FONTS.values()}) == 6


def test_only_saffron_is_light_and_needs_correction():
    assert [skin.name for skin in SKINS.values() if contrast_warnings(skin)] == ["saffron"]


def test_custom_skin_keeps_the_typed_colors():
    assert custom_skin("#AABBCC", "#112233", "#000000").colors == ("#aabbcc", "#112233", "#000000")


def test_custom_skin_with_a_bad_color_is_refused():
    with pytest.raises(ColorFormatError):
        custom_skin("#aabbcc", "blue", "#000000")


def test_unknown_names_are_refused():
    with pytest.raises(UnknownThemeError):
        get_theme("../base")
    with pytest.raises(UnknownSkinError):
        get_skin("custom")
    with pytest.raises(UnknownFontError):
        get_font("comic")


@pytest.mark.parametrize("name", ["base", "studio", "harbor"])
def test_theme_brings_the_files_it_names(name):
    theme = get_theme(name)
    for path in (*theme.stylesheets, theme.preview):
        file = static_file(path)
        assert file is not None, path
        assert file.stat().st_size > 0
    assert theme.label
    assert theme.description.endswith(".")


def test_no_font_is_downloaded():
    assert not [path for path in THEMES_FOLDER.rglob("*.css") if "@font-face" in path.read_text(encoding="utf-8")]
