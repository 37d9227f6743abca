"""`python -m themes.gallery`: writes every frame and component to var/gallery; `serve` shows them on a loopback port."""

import functools
import http.server
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from flask import Flask, flash, render_template
from jinja2 import Environment
from markupsafe import Markup
from wtforms import (
    BooleanField,
    DecimalField,
    FileField,
    Form,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the published types are older
from wtforms.validators import InputRequired, Length

from themes.gallery import samples
from themes.registry import SKINS, THEMES_FOLDER, get_font, themes
from themes.rendering import ThemeLoader, install_themes
from themes.tokens import skin_css

TARGET: Final = Path("var/gallery")
PAGES: Final = Path(__file__).parent / "templates"
PORT: Final = 8791
STOREFRONT_PAGES: Final = (
    "storefront-home",
    "storefront-catalogue",
    "storefront-product",
    "storefront-basket",
    "storefront-billing",
    "auth",
)
OTHER_PAGES: Final = (
    "bss-list",
    "bss-empty",
    "bss-detail",
    "bss-home",
    "manage-look",
    "console",
    "components",
    "plain",
    "mail",
)


class _GalleryLoader(ThemeLoader):
    """Also finds the gallery's own pages, in whichever theme they are asked for."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """As ThemeLoader."""
        _, found, name = template.partition("gallery/")
        if found:
            file = PAGES / name
            return file.read_text(encoding="utf-8"), str(file), None
        return super().get_source(environment, template)


class LookForm(Form):
    """Every kind of field, some with errors."""

    name = StringField(
        "Company name",
        [InputRequired("Enter the name of the company"), Length(max=100)],
        description="Shown in the browser tab and in mails.",
    )
    alias = StringField("Alias", [InputRequired()], description="3 to 40 lower-case letters, digits and hyphens.")
    markup = DecimalField(
        "Default markup",
        [InputRequired("Enter a percentage, such as 15")],
        description="Added to the distributor's price. 15 turns 100.00 into 115.00.",
    )
    language = SelectField("Default language", choices=[SelectChoice("el", "Ελληνικά"), SelectChoice("en", "English")])
    intro = TextAreaField("Introduction", [Length(max=400)])
    logo = FileField("Logo", description="PNG, JPG, SVG or WebP, at most 1 MB.")
    landing = RadioField(
        "Landing page after sign-in",
        choices=[SelectChoice(name, name) for name in ("Home", "Catalogue", "Dashboard")],
        default="Home",
    )
    anonymous = BooleanField(
        "Anyone can see the catalogue", description="Off: visitors are asked to sign in first.", default=True
    )
    terms = BooleanField("I have read the terms", [InputRequired("Confirm that you have read the terms")])
    password = PasswordField("Password", [InputRequired()])


def build() -> None:
    """Write pages, static files and skins."""
    app = _app()
    shutil.rmtree(TARGET, ignore_errors=True)
    for theme in themes().values():
        shutil.copytree(theme.folder / "static", TARGET / "static" / theme.name)
        with app.test_request_context("/"):
            flash("SO-2026-000142 approved; provisioning has started.", "success")
            for page in STOREFRONT_PAGES:
                _write(f"{theme.name}/{page}.html", theme.name, page)
    (TARGET / "skins").mkdir()
    for skin in SKINS.values():
        font = {"plum": "old-style", "lagoon": "humanist"}.get(skin.name, "system")
        (TARGET / f"skins/{skin.name}.css").write_text(skin_css(skin, get_font(font)), encoding="utf-8")
    for page in OTHER_PAGES:
        with app.test_request_context("/"):
            _write(f"admin/{page}.html", "base", page)
    with app.test_request_context("/"):
        (TARGET / "admin/mail.txt").write_text(
            render_template("theme:base/gallery/mail.txt", **_context("base", "mail")), encoding="utf-8"
        )
    index = "".join(
        f'<li><a href="{path.relative_to(TARGET)}">{path.relative_to(TARGET)}</a>'
        for path in sorted(TARGET.glob("*/*.html"))
    )
    (TARGET / "index.html").write_text(f"<!doctype html><title>Gallery</title><ul>{index}</ul>", encoding="utf-8")
    (TARGET / "palette.html").write_text('<a href="#">Orders</a><a href="#">New order</a>', encoding="utf-8")


def serve() -> None:
    """Serve what was built until interrupted; `<use>` does not work from files."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=TARGET)
    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler).serve_forever()


def _write(path: str, theme_name: str, page: str) -> None:
    target = TARGET / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        render_template(f"theme:{theme_name}/gallery/{page}.html", **_context(theme_name, page)), encoding="utf-8"
    )


def _context(theme_name: str, page: str) -> dict[str, Any]:
    skin = {"studio": "plum", "harbor": "lagoon"}.get(theme_name, "cobalt")
    is_admin = not page.startswith(("storefront", "auth"))
    look = samples.look(
        theme_name,
        skin=skin,
        name=samples.LONG_NAME if page in {"storefront-billing", "manage-look"} else "Techsolutions Cloud",
    )
    if page.startswith("bss"):
        look = replace(look, name="Galaxy Distribution", powered_by=None)
    form = LookForm(data={"alias": "techsolutions", "landing": "Home", "anonymous": True})
    if page in {"manage-look", "components"}:
        form.validate()
        form.markup.errors = ["Enter a number, such as 15"]
    return {
        "storefront": look,
        "links": samples.LINKS,
        "nav": samples.BSS_NAV if is_admin else samples.CATEGORIES,
        "viewer": None if page == "storefront-home" else samples.VIEWER,
        "account_nav": samples.ACCOUNT_NAV,
        "footer_nav": samples.FOOTER_NAV,
        "side_nav": samples.BILLING_NAV if page == "storefront-billing" else (),
        "create_nav": samples.ACCOUNT_NAV,
        "basket_count": 3,
        "notification_count": 5,
        "breadcrumbs": samples.CRUMBS if page not in {"storefront-home", "bss-home"} else (),
        "acting_as": samples.ACTING if page == "bss-detail" else None,
        "page_title": {
            "auth": "Sign in",
            "plain": "This page does not exist",
            "bss-detail": "SO-2026-000142",
            "bss-home": "Good morning, Eleni",
            "manage-look": "Look and feel",
            "components": "Components",
        }.get(page, "Orders"),
        "form": form,
        "samples": samples,
        "skins": [{"value": skin.name, "label": skin.label, "colors": skin.colors} for skin in SKINS.values()],
        "themes": [
            {
                "value": theme.name,
                "label": theme.label,
                "hint": theme.description,
                "image_url": f"/static/{theme.preview}",
            }
            for theme in themes().values()
        ],
    }


def _app() -> Flask:
    app = Flask("gallery", root_path=str(THEMES_FOLDER), static_folder=None)
    app.secret_key = "gallery"  # noqa: S105  # pages without users
    install_themes(app)
    app.jinja_loader = _GalleryLoader()
    app.jinja_env.globals.update(
        static=lambda path: f"/static/{path}",
        csrf_token=lambda: "token",
        url=lambda endpoint, **_: f"#{endpoint}",
        money=_money,
        when=_when,
        day=_day,
    )
    return app


def _money(amount: Decimal, currency: str) -> str:
    symbol = {"EUR": "€", "USD": "$"}.get(currency, currency)
    return f"{symbol}{amount:,.2f}"


def _when(moment: datetime) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), moment.strftime("%d %b %Y, %H:%M UTC"), moment.strftime("%d %b, %H:%M")
    )


def _day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


if __name__ == "__main__":
    build()
    if "serve" in sys.argv[1:]:
        serve()
