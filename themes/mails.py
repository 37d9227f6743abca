"""Rendering mails in a storefront's brand: subject, HTML and a real plain-text part, without a request.

A mail is `mail/<name>.html` and `.txt`; a storefront owner may bring another subject and body, with merge fields
written `{{order_number}}`. Unknown merge fields are refused when they are saved, never here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import nh3
from jinja2 import Environment
from markupsafe import Markup, escape

from themes.frames import Look
from themes.registry import Skin
from themes.rendering import ThemeEnvironment, ThemeLoader, add_theme_globals, template_in_theme
from themes.tokens import readable_on

MERGE_FIELD = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class MailWords:
    """What one mail says: its fields, the button, and the owner's own subject and body where there are some."""

    name: str
    fields: Mapping[str, str]
    action_url: str | None = None
    action_label: str | None = None
    subject: str | None = None
    body_html: str | None = None  # sanitised when it was saved; sanitised again here


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready to be sent."""

    subject: str
    html: str
    text: str


class _MailEnvironment(Environment):
    join_path = ThemeEnvironment.join_path


@cache
def _environment(*, is_html: bool) -> Environment:
    made = _MailEnvironment(loader=ThemeLoader(), autoescape=is_html, trim_blocks=True, lstrip_blocks=True)
    add_theme_globals(made)
    return made


def merged(text: str, fields: Mapping[str, str]) -> str:
    """Fill merge fields of a subject; a field without value becomes nothing."""
    return MERGE_FIELD.sub(lambda found: fields.get(found.group(1), ""), text)


def merged_html(text: str, fields: Mapping[str, str]) -> Markup:
    """Fill merge fields of an owner's body with escaped values, and sanitise the result."""
    filled = MERGE_FIELD.sub(lambda found: str(escape(fields.get(found.group(1), ""))), text)
    return Markup(nh3.clean(filled))  # noqa: S704 - sanitised on this line


def plain_text(body: str) -> str:
    """Return the words of an HTML body, for the plain-text part."""
    spaced = re.sub(r"<(br|/p|/li|/h\d)[^>]*>", "\n", body)
    return html.unescape(nh3.clean(spaced, tags=set())).strip()


def render_mail(look: Look, skin: Skin, words: MailWords) -> RenderedMail:
    """Render a mail in a look; raises jinja2.TemplateNotFound for a mail without a file."""
    context = {
        "storefront": look,
        "brand_color": skin.primary.hex,
        "on_brand_color": readable_on(skin.primary).hex,
        "action_url": words.action_url,
        "action_label": words.action_label,
        "lang": "en",
        **words.fields,
    }
    page = _environment(is_html=True).get_template(template_in_theme(look.theme.name, f"mail/{words.name}.html"))
    text = _environment(is_html=False).get_template(template_in_theme(look.theme.name, f"mail/{words.name}.txt"))
    plain = _environment(is_html=False).get_template(template_in_theme(look.theme.name, f"mail/{words.name}.html"))
    subject = merged(words.subject, words.fields) if words.subject else _block(plain, "subject", context)
    if words.body_html:
        own = merged_html(words.body_html, words.fields)
        return RenderedMail(
            subject,
            _environment(is_html=True)
            .get_template(template_in_theme(look.theme.name, "mail/own_words.html"))
            .render(**context, own_body=own),
            _environment(is_html=False)
            .get_template(template_in_theme(look.theme.name, "mail/own_words.txt"))
            .render(**context, own_text=plain_text(own)),
        )
    return RenderedMail(subject, page.render(context), text.render(context).strip() + "\n")


def _block(template: object, name: str, context: Mapping[str, object]) -> str:
    blocks = template.blocks  # type: ignore[attr-defined]  # jinja2.Template
    made = template.new_context(dict(context))  # type: ignore[attr-defined]  # jinja2.Template
    return " ".join("".join(blocks[name](made)).split())
