"""The one place where errors become HTTP. A refusal in HTML keeps the brand and offers a way on (UI principle 5)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Flask, flash, redirect, request
from flask.typing import ResponseReturnValue
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import ProgrammingError
from werkzeug.exceptions import HTTPException

from app.core.db import session
from app.core.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    RecordIsReadOnly,
    Throttled,
)
from app.web.pages import page
from app.web.problems import problem

log = logging.getLogger(__name__)

RULE_POLICY = "_rules_"  # stands in the names of the policies that follow permission rules

STATUSES: tuple[tuple[type[DomainError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Gone, HTTPStatus.GONE),
    (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Throttled, HTTPStatus.TOO_MANY_REQUESTS),
)
WORDS = {
    HTTPStatus.BAD_REQUEST: ("This request could not be read", "Go back, reload the page and try again."),
    HTTPStatus.FORBIDDEN: ("You do not have access to this area", "Ask an administrator of your company for it."),
    HTTPStatus.NOT_FOUND: ("We cannot find this page", "It may have moved, or the address has a typing error."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("This cannot be done here", "Go back and use the buttons of the page."),
    HTTPStatus.CONFLICT: ("This was changed meanwhile", "Reload the page to see how it stands now."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("This file is too large", "Choose a smaller file and try again."),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("This cannot be accepted", "Check what you entered and try again."),
    HTTPStatus.TOO_MANY_REQUESTS: ("Too many tries", "Wait a few minutes and try again."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("Something went wrong on our side", "Nothing was lost. Try again in a minute."),
}


def wants_json() -> bool:
    """Whether the caller is a program: an API path, or JSON preferred over HTML."""
    if "/api/" in request.path:
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" and request.accept_mimetypes[best] > request.accept_mimetypes["text/html"]


def status_of(error: DomainError) -> HTTPStatus:
    """Return the HTTP status of a family."""
    return next((status for family, status in STATUSES if isinstance(error, family)), HTTPStatus.BAD_REQUEST)


def answer(status: HTTPStatus, message: str | None = None) -> ResponseReturnValue:
    """Return an error page, or its JSON twin."""
    heading, advice = WORDS.get(status, (status.phrase, "Go back and try again."))
    if wants_json():
        return problem(status, [("", status.phrase.lower().replace(" ", "_"), message or heading)])
    return page(
        "errors/error.html", title=heading, status=int(status), advice=advice if message in (None, heading) else message
    ), status


def _domain_error(error: DomainError) -> ResponseReturnValue:
    status = status_of(error)
    if wants_json():
        if isinstance(error, Invalid):
            return problem(status, [(each.field, each.code, each.message) for each in error.errors])
        return problem(status, [("", error.code, str(error))])
    back = _same_origin_referrer()
    if status is HTTPStatus.CONFLICT and request.method == "POST" and back:
        flash(str(error), "warning")
        return redirect(back, code=HTTPStatus.SEE_OTHER)
    # What a 404 says never depends on whether the thing exists for somebody else.
    return answer(status, None if isinstance(error, NotFound) else str(error) or None)


def _same_origin_referrer() -> str | None:
    parts = urlsplit(request.referrer or "")
    return request.referrer if parts.netloc and parts.netloc == request.host else None


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    status = HTTPStatus(error.code or 500)
    return answer(status, error.description if status is HTTPStatus.BAD_REQUEST else None)


def _refused_by_rule(error: ProgrammingError) -> ResponseReturnValue:
    """Say in words what the database refused because of a permission rule (migrations/records.py)."""
    if not isinstance(error.orig, InsufficientPrivilege) or RULE_POLICY not in str(error.orig):
        return _crash(error)
    session.rollback()
    return _domain_error(RecordIsReadOnly())


def _crash(error: Exception) -> ResponseReturnValue:
    log.error("request_failed", exc_info=error)
    try:
        session.rollback()  # a failed statement would fail every further one, those of the error page too
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR)
    except Exception:  # the page itself cannot be built (database down): say it plainly rather than not at all
        log.exception("error_page_failed")
        heading, advice = WORDS[HTTPStatus.INTERNAL_SERVER_ERROR]
        return f"{heading}. {advice}\n", HTTPStatus.INTERNAL_SERVER_ERROR, {"Content-Type": "text/plain"}


def install_error_pages(app: Flask) -> None:
    """Register the handlers of all families."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ProgrammingError, _refused_by_rule)
    app.register_error_handler(Exception, _crash)
