"""The control of the demo vendor: a page for people, the same as JSON for tests and scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.local.demo_vendor.api import Vendor
from app.local.demo_vendor.behaviour import MAX_SECONDS, Behaviour, Mode
from app.local.demo_vendor.state import VendorState, as_json, state_of

MAX_COUNT = 1000
_ON_PAGE = 50
_MODES = frozenset(mode.value for mode in Mode)
_IN_JSON = 1000


@dataclass(frozen=True, slots=True)
class ControlProblem:
    field: str
    code: str
    message: str


class BadControl(Exception):
    def __init__(self, problems: tuple[ControlProblem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def control_of(vendor: Vendor) -> Blueprint:
    control = Blueprint("control", __name__)
    control.before_request(_refuse_other_sites)

    @control.get("/")
    def index() -> ResponseReturnValue:
        return _page(vendor, _as_typed(vendor.temper.behaviour))

    @control.post("/control")
    def change() -> ResponseReturnValue:
        try:
            behaviour = behaviour_of(_fields())
        except BadControl as error:
            if not request.is_json:
                return _page(vendor, request.form, error.problems), HTTPStatus.UNPROCESSABLE_ENTITY
            problems = [{"field": p.field, "code": p.code, "message": p.message} for p in error.problems]
            return {"errors": problems}, HTTPStatus.UNPROCESSABLE_ENTITY
        vendor.temper.become(behaviour)
        return _done()

    @control.post("/control/reset")
    def reset() -> ResponseReturnValue:
        vendor.temper.become(Behaviour())
        vendor.store.forget_everything()
        return _done()

    @control.get("/control/state")
    def tell() -> Response:
        fields = as_json(_state(vendor, _IN_JSON))
        return Response(json.dumps(fields, default=_instant), mimetype="application/json")

    @control.get("/favicon.ico")
    def icon() -> Response:
        return make_response("", HTTPStatus.NO_CONTENT)

    return control


def behaviour_of(fields: Mapping[str, object]) -> Behaviour:
    """Read a wanted behaviour from JSON or from the form, where everything is text and empty means left out."""
    given = {name: value for name, value in fields.items() if value not in {"", None}}
    problems: list[ControlProblem] = []
    mode = str(given.get("mode", Mode.OK))
    if mode not in _MODES:
        problems.append(ControlProblem("mode", "unknown", f"Choose one of {', '.join(Mode)}"))
    seconds = _number(given.get("seconds", 0))
    if seconds is None or not 0 <= seconds <= MAX_SECONDS:
        problems.append(ControlProblem("seconds", "out_of_range", f"Enter 0 to {MAX_SECONDS:g} seconds"))
    count = _number(given.get("count", 1))
    if count is None or not 1 <= count <= MAX_COUNT or count != int(count):
        problems.append(ControlProblem("count", "out_of_range", f"Enter a whole number from 1 to {MAX_COUNT}"))
    if problems or seconds is None or count is None:
        raise BadControl(tuple(problems))
    return Behaviour(Mode(mode), seconds, int(count) if "count" in given else None, str(given.get("match", "")).strip())


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _fields() -> Mapping[str, object]:
    if not request.is_json:
        return request.form
    fields = request.get_json(silent=True)
    if not isinstance(fields, dict):
        raise BadControl((ControlProblem("", "malformed", "Send a JSON object"),))
    return fields


def _as_typed(behaviour: Behaviour) -> Mapping[str, object]:
    return {
        "mode": behaviour.mode,
        "seconds": f"{behaviour.seconds:g}",
        "count": "" if behaviour.count is None else behaviour.count,
        "match": behaviour.match,
    }


def _state(vendor: Vendor, limit: int) -> VendorState:
    with vendor.store.transaction() as rows:
        return state_of(rows, vendor.temper, limit=limit)


def _page(vendor: Vendor, typed: Mapping[str, object], problems: tuple[ControlProblem, ...] = ()) -> str:
    messages = {problem.field: problem.message for problem in problems}
    return render_template(
        "index.html", state=_state(vendor, _ON_PAGE), modes=list(Mode), typed=typed, messages=messages, shown=_ON_PAGE
    )


def _refuse_other_sites() -> None:
    """A page somewhere on the web must not steer this vendor through somebody's browser."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and origin != request.host_url.rstrip("/"):
        abort(HTTPStatus.FORBIDDEN)


def _done() -> ResponseReturnValue:
    """Take a browser back to the page; a script needs no answer."""
    if "text/html" in request.headers.get("Accept", ""):
        return redirect(url_for("control.index"), code=HTTPStatus.SEE_OTHER)
    return "", HTTPStatus.NO_CONTENT


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not written as JSON")
