"""Templates and static files of the themes: one Jinja environment for all of them.

`theme:<name>/<path>` is the theme's file, or the base theme's where the theme has none. References inside a template
stay in its theme: `{% extends "frames/storefront.html" %}` read from `theme:studio/…` is studio's frame. An override that
wants the version below it says `{% extends "parent:frames/storefront.html" %}`. A name without prefix is the base theme's.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Flask
from flask.templating import Environment as FlaskEnvironment
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, TemplateNotFound

from themes import charts, statuses
from themes.registry import BASE_THEME, THEMES_FOLDER, get_theme, themes

_THEME: Final = "theme:"
_PARENT: Final = "parent:"


class ThemeLoader(BaseLoader):
    """Finds a template in its theme, then in the base theme."""

    def __init__(self) -> None:
        base = FileSystemLoader(THEMES_FOLDER / BASE_THEME / "templates")
        own = {
            name: ChoiceLoader([FileSystemLoader(theme.folder / "templates"), base]) for name, theme in themes().items()
        }
        self._own = PrefixLoader(own)
        self._parents = PrefixLoader(dict.fromkeys(themes(), base))
        self._base = base

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Jinja's contract: text, file name and freshness check. Raises TemplateNotFound."""
        if template.startswith(_THEME):
            return self._own.get_source(environment, template.removeprefix(_THEME))
        if template.startswith(_PARENT):
            return self._parents.get_source(environment, template.removeprefix(_PARENT))
        return self._base.get_source(environment, template)

    def list_templates(self) -> list[str]:
        """Every template by its full name, `theme:<name>/…`."""
        return sorted(f"{_THEME}{name}" for name in self._own.list_templates())


class ThemeEnvironment(FlaskEnvironment):
    """Keeps references between templates inside the theme they were read from."""

    def join_path(self, template: str, parent: str) -> str:
        """Full name of `template` as named by `parent`."""
        if template.startswith(_THEME):
            return template
        theme = _theme_of(parent)
        if template.startswith(_PARENT):
            return f"{_PARENT}{theme}/{template.removeprefix(_PARENT)}"
        return f"{_THEME}{theme}/{template}"


def install_themes(app: Flask) -> None:
    """Make the application render through the themes. Call before anything touches `app.jinja_env`.

    The web layer adds the functions `static`, `csrf_token`, `url`, `money`, `when` and `day` as globals.
    """
    app.jinja_environment = ThemeEnvironment
    app.jinja_loader = ThemeLoader()
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}
    add_theme_globals(app.jinja_env)


def add_theme_globals(environment: Environment) -> None:
    """Register what the macros need and the translation functions, which return their text until a catalogue is set."""
    environment.add_extension("jinja2.ext.i18n")
    environment.add_extension("jinja2.ext.do")
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # added by the i18n extension
    environment.globals.update(
        tone_of=statuses.tone_of,
        bar_geometry=charts.bar_geometry,
        line_geometry=charts.line_geometry,
        donut_geometry=charts.donut_geometry,
    )


def template_in_theme(theme_name: str, template_name: str) -> str:
    """Full name of a template in a theme, for `flask.render_template`. Raises UnknownThemeError."""
    return f"{_THEME}{get_theme(theme_name).name}/{template_name}"


def render_theme_template(
    environment: Environment, theme_name: str, template_name: str, context: Mapping[str, Any]
) -> str:
    """Render without a request, as mails are. Raises UnknownThemeError, jinja2.TemplateNotFound."""
    return environment.get_template(template_in_theme(theme_name, template_name)).render(context)


def static_file(path: str) -> Path | None:
    """The file behind a static path `<theme>/<path>`; None for what does not exist or lies outside."""
    theme_name, _, rest = path.partition("/")
    theme = themes().get(theme_name)
    if theme is None or not rest:
        return None
    folder = (theme.folder / "static").resolve()
    file = (folder / rest).resolve()
    return file if file.is_relative_to(folder) and file.is_file() else None


@cache
def static_version() -> str:
    """A short digest of all static files, for URLs that may be cached for ever. Read once per process."""
    digest = hashlib.sha256()
    for theme in themes().values():
        for file in sorted((theme.folder / "static").rglob("*")):
            if file.is_file():
                digest.update(file.relative_to(THEMES_FOLDER).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _theme_of(template: str) -> str:
    for prefix in (_THEME, _PARENT):
        if template.startswith(prefix):
            name, separator, _ = template.removeprefix(prefix).partition("/")
            if not separator:
                raise TemplateNotFound(template)
            return name
    return BASE_THEME
