"""The product and, below /bare/, a Flask view that answers the same bytes: one server, one process, no other difference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response

from app.factory import create_app
from app.pricing import catalogue_page
from app.storefront import kept_pages
from app.storefront.kept_answers import KeptAnswers
from tenants import changes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

bare = Flask("bare", static_folder=None, template_folder=None)


@bare.get("/bare/<name>")
def page(name: str) -> Response:
    """Answer what the measurement has put there: the bytes of the product's page."""
    return Response(_bytes(name), mimetype="text/html")


_kept: dict[str, bytes] = {}


def _bytes(name: str) -> bytes:
    if name not in _kept:
        _kept[name] = (Path(os.environ["BENCH_BYTES"]) / name).read_bytes()
    return _kept[name]


product = create_app()
if os.environ.get("BENCH_CACHES") == "off":
    # Prices come from the database each time; what stands around them is kept.
    catalogue_page._PAGES = kept_pages._PAGES = changes.Kept(0)
    answers = product.wsgi_app._application
    assert isinstance(answers, KeptAnswers)
    answers._most = 0


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Send a request to the bare application or to the product."""
    wanted = bare if environ.get("PATH_INFO", "").startswith("/bare/") else product
    return wanted.wsgi_app(environ, start_response)
