"""What a storefront has chosen from themes, skins and fonts: its settings turned into the registry's objects."""

from __future__ import annotations

from tenants.settings import StorefrontSettings
from themes.registry import (
    BASE_THEME,
    CUSTOM_SKIN,
    DEFAULT_SKIN,
    FONTS,
    SKINS,
    FontFamily,
    Skin,
    Theme,
    custom_skin,
    get_font,
    get_theme,
    themes,
)


def skin_of(settings: StorefrontSettings) -> Skin:
    """Return the chosen skin; one that is no longer offered falls back to the default."""
    if settings.skin == CUSTOM_SKIN:
        return custom_skin(settings.primary_color, settings.accent_color, settings.text_color)
    return SKINS.get(settings.skin, DEFAULT_SKIN)


def font_of(settings: StorefrontSettings) -> FontFamily:
    """Return the chosen typeface; one that is no longer offered falls back to the system's."""
    return get_font(settings.font if settings.font in FONTS else "system")


def theme_of(settings: StorefrontSettings) -> Theme:
    """Return the chosen theme; one that is not installed falls back to the base theme."""
    return get_theme(settings.theme if settings.theme in themes() else BASE_THEME)
