"""Pages and cards of a storefront that are drawn once and shown to many.

A page is kept whole for visitors alone: nobody is signed in, nothing of a person and no form token stands in it. It
goes when anything of its storefront or distributor changes (`tenants.changes`). A card is a pure function of its offer,
the price included, so it needs no going at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache, wraps
from typing import ParamSpec
from zoneinfo import ZoneInfo

from flask import Flask, Response, current_app, g, request, session
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.access import current_address, current_viewer
from app.frames import storefront_look
from app.pricing.catalogue_page import Offer
from app.storefront.kept_answers import LONGEST_QUERY, OFFER
from app.storefront.shopping import today
from app.web.formats import culture
from tenants.changes import Kept
from themes.chosen import theme_of
from themes.rendering import template_in_theme

MOST_PAGES = 2_000  # of some 20 kB
MOST_CARDS = 20_000  # of some 700 bytes
REVALIDATE = "private, max-age=0, must-revalidate"
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A page and the tag by which a browser asks whether it is still the same."""

    body: bytes
    etag: str


class _NotForEverybody(Exception):
    """Carries an answer past the store."""

    def __init__(self, answer: ResponseReturnValue) -> None:
        self.answer = answer


_PAGES: Kept[KeptPage] = Kept(MOST_PAGES)


def kept_for_visitors(view: Callable[Arguments, ResponseReturnValue]) -> Callable[Arguments, ResponseReturnValue]:
    """Answer visitors of a page from what is kept; 304 where their browser has it already."""

    @wraps(view)
    def show(*args: Arguments.args, **values: Arguments.kwargs) -> ResponseReturnValue:
        if current_viewer() is not None or session or len(request.query_string) > LONGEST_QUERY:
            return view(*args, **values)
        key = (current_address(), request.path, request.query_string, today())
        try:
            kept = _PAGES.of(key, lambda: _drawn(view(*args, **values)))
        except _NotForEverybody as made:
            return made.answer
        request.environ[OFFER] = _midnight()
        return _answer(kept)

    return show


def _midnight() -> float:
    """Return when the storefront's day ends, in seconds since 1970: tomorrow other prices and banners may be valid."""
    zone = ZoneInfo(storefront_look().settings.time_zone)
    return datetime.combine(today() + timedelta(days=1), time(), zone).timestamp()


def _drawn(answer: ResponseReturnValue) -> KeptPage:
    if not isinstance(answer, str) or session or "csrf_token" in g:
        raise _NotForEverybody(answer)
    body = answer.encode()
    return KeptPage(body, hashlib.sha256(body).hexdigest()[:24])


def _answer(kept: KeptPage) -> Response:
    is_known = kept.etag in request.headers.get("If-None-Match", "")
    response = Response(status=304) if is_known else Response(kept.body, mimetype="text/html")
    response.headers["ETag"] = f'"{kept.etag}"'
    response.headers["Cache-Control"] = REVALIDATE
    return response


def offer_card(offer: Offer, shows_prices: bool, level: int) -> Markup:  # noqa: FBT001 - called by templates
    """Draw an offer's card, as it was drawn before for the same offer at the same address."""
    theme = theme_of(storefront_look().settings).name
    return _card(offer, shows_prices, level, theme, request.script_root, culture())


@lru_cache(maxsize=MOST_CARDS)
def _card(
    offer: Offer,
    shows_prices: bool,  # noqa: FBT001 - part of the key
    level: int,
    theme: str,
    _script_root: str,
    _culture: str,
) -> Markup:
    template = current_app.jinja_env.get_template(template_in_theme(theme, "storefront/catalogue/_card.html"))
    return Markup(template.module.offer_card(offer, shows_prices, level))  # type: ignore[attr-defined]  # noqa: S704 - drawn by a template


def install_cards(app: Flask) -> None:
    """Let templates draw cards by `card(offer, shows_prices, level)`."""
    app.jinja_env.globals["card"] = offer_card
