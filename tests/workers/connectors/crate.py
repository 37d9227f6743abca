"""Crate, the made-up vendor of docs/connectors.md, and the connector taken from that page."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server

PAGE = Path(__file__).resolve().parents[3] / "docs" / "connectors.md"
REFUSAL = "Crate refuses this"
_STATUS_AFTER = {"create": "Active", "cancel": "Canceled", "suspend": "Suspended", "activate": "Active"}


def connector_of_the_page() -> ModuleType:
    """Run the one Python block of the page as the module it says it is."""
    (source,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    module = ModuleType("crate_of_the_page")
    sys.modules[module.__name__] = module
    exec(compile(source, str(PAGE), "exec"), module.__dict__)  # noqa: S102 - our own page
    return module


@dataclass(slots=True)
class Box:
    status: str
    count: int
    item: str
    extras: int


@dataclass(slots=True)
class Crate:
    url: str = ""
    owners: dict[str, str] = field(default_factory=dict)  # reference by code
    boxes: dict[str, Box] = field(default_factory=dict)
    orders: dict[str, tuple[object, str]] = field(default_factory=dict)  # what was ordered, and its box, by number
    next_trouble: str | None = None

    def owner(self, fields: dict[str, str]) -> Response:
        return _yes(self.owners.setdefault(fields["code"], f"o-{len(self.owners) + 1}"))

    def order(self, number: str, *, is_dry: bool) -> Response:
        trouble, self.next_trouble = self.next_trouble, None
        if trouble == "fail":
            return Response(status=503)
        if trouble == "reject":
            return _no(17, REFUSAL)
        fields = request.get_json()
        refused = self._objection(number, fields)
        if refused is not None:
            return refused
        if is_dry:
            return _yes(fields["box"] or "none yet")
        if number not in self.orders:
            self.orders[number] = (fields, self._carry_out(fields))
        if trouble is not None:
            return Response(status=504) if trouble == "time out" else Response("nonsense")
        return _yes(self.orders[number][1])

    def found(self, number: str) -> Response:
        return _yes(self.orders[number][1]) if number in self.orders else _no(40, "No such order", status=404)

    def _objection(self, number: str, fields: dict[str, Any]) -> Response | None:
        if number in self.orders:
            return None if self.orders[number][0] == fields else _no(22, "This number belongs to another order")
        if fields["owner"] not in self.owners.values():
            return _no(31, f"{fields['owner_name']} is not known")
        if fields["do"] == "create":
            return None
        if fields["box"] not in self.boxes:
            return _no(44, "No such box")
        is_gone = self.boxes[fields["box"]].status == "Canceled"
        return _no(45, "The box is gone") if is_gone and fields["do"] != "cancel" else None

    def _carry_out(self, fields: dict[str, Any]) -> str:
        reference = fields["box"] or f"b-{len(self.boxes) + 1}"
        before = self.boxes[reference].status if reference in self.boxes else "Active"
        status = _STATUS_AFTER.get(fields["do"], before)
        self.boxes[reference] = Box(status, fields["count"], fields["item"], len(fields["extras"]))
        return reference


def _yes(reference: str) -> Response:
    return Response(json.dumps({"box": reference}), mimetype="application/json")


def _no(error: int, text: str, *, status: int = 409) -> Response:
    return Response(json.dumps({"error": error, "text": text}), status=status, mimetype="application/json")


@contextmanager
def running_crate() -> Iterator[Crate]:
    crate, app = Crate(), Flask(__name__)

    @app.put("/owners")
    def owner() -> ResponseReturnValue:
        return crate.owner(request.get_json())

    @app.put("/orders/<number>")
    def order(number: str) -> ResponseReturnValue:
        return crate.order(number, is_dry="dry" in request.args)

    @app.get("/orders/<number>")
    def found(number: str) -> ResponseReturnValue:
        return crate.found(number)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    crate.url = f"http://127.0.0.1:{server.port}"
    try:
        yield crate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
