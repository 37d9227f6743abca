import pytest
from flask import Flask, render_template_string
from jinja2 import DictLoader, TemplateNotFound

from themes.registry import UnknownThemeError
from themes.rendering import (
    ThemeEnvironment,
    ThemeLoader,
    install_themes,
    render_theme_template,
    static_file,
    static_version,
    template_in_theme,
)


class _Planted(ThemeLoader):
    """The real loader over planted folders: studio overrides a frame and extends the one below it."""

    def __init__(self):
        super().__init__()
        base = DictLoader(
            {
                "page.html": '{% extends "frame.html" %}{% block content %}page{% endblock %}',
                "frame.html": '{% from "macro.html" import hello %}base({% block content %}{% endblock %}, {{ hello() }})',
                "macro.html": "{% macro hello() %}base hello{% endmacro %}",
            }
        )
        studio = DictLoader(
            {
                "frame.html": '{% extends "parent:frame.html" %}{% block content %}studio {{ super() }}{% endblock %}',
                "macro.html": "{% macro hello() %}studio hello{% endmacro %}",
            }
        )
        self._own = _Prefixed({"base": (base,), "studio": (studio, base), "harbor": (base,)})
        self._parents = _Prefixed({"studio": (base,), "harbor": (base,)})
        self._base = base


class _Prefixed:
    def __init__(self, loaders):
        self._loaders = loaders

    def get_source(self, environment, template):
        name, _, rest = template.partition("/")
        for loader in self._loaders[name]:
            try:
                return loader.get_source(environment, rest)
            except TemplateNotFound:
                continue
        raise TemplateNotFound(template)


@pytest.fixture
def app():
    app = Flask(__name__)
    install_themes(app)
    return app


@pytest.fixture
def planted(app):
    app.jinja_loader = _Planted()
    environment = ThemeEnvironment(app, loader=_Planted())
    environment.globals.update(app.jinja_env.globals)
    return environment


def test_page_of_the_base_theme_stands_in_the_frame_of_the_chosen_theme(planted):
    assert render_theme_template(planted, "base", "page.html", {}) == "base(page, base hello)"
    assert render_theme_template(planted, "studio", "page.html", {}) == "base(page, studio hello)"


def test_override_may_extend_the_version_below_it_and_stays_in_its_theme(planted):
    assert render_theme_template(planted, "studio", "frame.html", {}) == "base(studio , studio hello)"


def test_theme_without_an_override_uses_the_base_file(planted):
    assert render_theme_template(planted, "harbor", "page.html", {}) == "base(page, base hello)"


def test_unknown_theme_and_unknown_template_are_refused(app):
    with pytest.raises(UnknownThemeError):
        template_in_theme("nope", "page.html")
    with pytest.raises(TemplateNotFound):
        render_theme_template(app.jinja_env, "studio", "no/such.html", {})


@pytest.mark.parametrize(
    "name", ["../registry.py", "theme:studio/../../registry.py", "theme:nope/x.html", "theme:studio"]
)
def test_template_name_does_not_leave_its_theme(app, name):
    with pytest.raises(TemplateNotFound):
        app.jinja_env.get_template(name)


def test_flask_renders_a_template_without_prefix_from_the_base_theme(app):
    with app.test_request_context():
        text = render_template_string('{% from "ui/badge.html" import badge %}{{ badge("Overdue") }}')
    assert "badge--danger" in text


def test_text_of_people_is_escaped(app):
    with app.test_request_context():
        text = render_template_string(
            '{% from "ui/badge.html" import badge %}{{ badge(x) }}{{ _("Hello %(name)s", name=x) }}', x="<script>"
        )
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") == 2


@pytest.mark.parametrize("path", ["base/../registry.py", "base/", "nope/x.css", "base/css", "base//etc/passwd", ""])
def test_static_path_gives_no_file_outside(path):
    assert static_file(path) is None


def test_static_path_gives_the_file_of_a_theme():
    file = static_file("base/css/tokens.css")
    assert file is not None
    assert file.name == "tokens.css"
    assert len(static_version()) == 12
