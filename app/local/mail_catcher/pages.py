"""The mail page: a list, a search by recipient, one mail as text, HTML and headers, and all of it as JSON."""

from __future__ import annotations

import re

from flask import Flask, Response, abort, render_template, request
from markupsafe import Markup, escape

from app.local.mail_catcher.store import CaughtMail, MailStore

POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
# A mail brings its own style and pictures; it may open links but run nothing.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data: http: https:; frame-ancestors 'self'"
)
LINK = re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]")


def create_pages(store: MailStore) -> Flask:
    app = Flask(__name__)
    # A name that leads here from elsewhere is refused: the mails hold sign-in links.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.add_template_filter(with_links)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/")
    def index() -> str:
        to = request.args.get("to", "").strip()
        return render_template("list.html", mails=store.newest_first(to=to), to=to)

    @app.get("/messages/<mail_id>")
    def show(mail_id: str) -> str:
        return render_template("mail.html", mail=_get(store, mail_id))

    @app.get("/messages/<mail_id>/html")
    def html(mail_id: str) -> Response:
        response = Response(f'<base target="_blank">{_get(store, mail_id).html}', mimetype="text/html")
        response.headers["Content-Security-Policy"] = MAIL_POLICY
        return response

    @app.get("/messages/<mail_id>/source")
    def source(mail_id: str) -> Response:
        return Response(_get(store, mail_id).source, mimetype="text/plain")

    @app.get("/messages/<mail_id>/attachments/<int:number>")
    def attachment(mail_id: str, number: int) -> Response:
        attachments = _get(store, mail_id).attachments
        if number >= len(attachments):
            abort(404)
        found = attachments[number]
        response = Response(found.content, mimetype="application/octet-stream")
        response.headers.set("Content-Disposition", "attachment", filename=found.name)
        return response

    @app.get("/api/messages")
    def messages() -> dict[str, object]:
        return {"messages": [mail.as_json() for mail in store.newest_first(to=request.args.get("to", "").strip())]}

    @app.delete("/api/messages")
    def clear() -> tuple[str, int]:
        store.clear()
        return "", 204

    return app


def _get(store: MailStore, mail_id: str) -> CaughtMail:
    found = store.find(mail_id)
    if found is None:
        abort(404)
    return found


def with_links(text: str) -> Markup:
    """Make the addresses in a plain text links that open in a tab of their own."""
    parts: list[str] = []
    position = 0
    for found in LINK.finditer(text):
        parts.append(str(escape(text[position : found.start()])))
        address = escape(found[0])
        parts.append(f'<a href="{address}" target="_blank" rel="noopener">{address}</a>')
        position = found.end()
    parts.append(str(escape(text[position:])))
    return Markup("".join(parts))  # noqa: S704  every part was escaped above
