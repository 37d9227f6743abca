"""The contract: what a marketplace calls, under /api."""

from __future__ import annotations

import hmac
import json
import re
import socket
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, request

from app.local.demo_vendor import work
from app.local.demo_vendor.behaviour import Behaviour, Mode, Temper
from app.local.demo_vendor.messages import Action, Done, Refusal, account_of, fields_of, service_order_of
from app.local.demo_vendor.services import MOST, list_services, read_service
from app.local.demo_vendor.store import VendorStore
from app.local.demo_vendor.usage import list_usage

REJECTED_CODE = 17
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_DEFINITION = json.loads(Path(__file__).with_name("definition.json").read_text(encoding="utf-8"))
_ACTIONS = frozenset(action.value for action in Action)
_GARBAGE = b'{"Code": 0, "Message": "Servi'


@dataclass(frozen=True, slots=True)
class Vendor:
    """All that the routes need: what is kept, how to behave, who may call, and the time."""

    store: VendorStore
    temper: Temper
    api_key: str | None  # None: everybody on this machine may call
    now: Callable[[], datetime]  # aware UTC


@dataclass(frozen=True, slots=True)
class _Reply:
    status: HTTPStatus
    code: int
    message: str
    result: object = None
    name: str | None = None


Perform = Callable[[sqlite3.Connection], tuple[Done, bool]]


def contract_of(vendor: Vendor) -> Blueprint:
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.before_request
    def require_api_key() -> Response | None:
        given = request.headers.get("X-Api-Key", "")
        if vendor.api_key is None or hmac.compare_digest(given.encode(), vendor.api_key.encode()):
            return None
        return _sent(_Reply(HTTPStatus.UNAUTHORIZED, 401, "The API key is wrong"))

    @api.get("/service-definition")
    def service_definition() -> Response:
        return _read(vendor, lambda _: _Reply(HTTPStatus.OK, 0, "", _DEFINITION))

    @api.get("/account/options")
    def account_options() -> Response:
        return _read(vendor, lambda _: _Reply(HTTPStatus.OK, 0, "", _DEFINITION["accountOptions"]))

    @api.get("/operations/<key>")
    def find(key: str) -> Response:
        def look(rows: sqlite3.Connection) -> _Reply:
            done = work.find_done(rows, application_id=_application_id(), key=key)
            return _Reply(HTTPStatus.OK, 0, done.message, done.reference, done.name)

        return _read(vendor, look)

    @api.post("/account/synchronise")
    def synchronise_account() -> Response:
        return _refusable(lambda: _synchronise_account(vendor))

    @api.post("/subscription/<action>")
    def change(action: str) -> Response:
        return _refusable(lambda: _change(vendor, action))

    _tell_of_services(api, vendor)
    return api


def _tell_of_services(api: Blueprint, vendor: Vendor) -> None:
    @api.get("/services")
    def services() -> Response:
        after, size = request.args.get("after", ""), request.args.get("size", MOST, type=int)

        def look(rows: sqlite3.Connection) -> _Reply:
            work.bring_due(rows, vendor.now())
            found = list_services(rows, application_id=_application_id(), after=after, size=size)
            return _Reply(HTTPStatus.OK, 0, "", found)

        return _read(vendor, look)

    @api.get("/usage")
    def usage() -> Response:
        first, last = request.args.get("from", ""), request.args.get("to", "")

        def look(rows: sqlite3.Connection) -> _Reply:
            found = list_usage(rows, application_id=_application_id(), first=first, last=last, now=vendor.now())
            return _Reply(HTTPStatus.OK, 0, "", found)

        return _read(vendor, look)

    @api.get("/services/<reference>")
    def service(reference: str) -> Response:
        def look(rows: sqlite3.Connection) -> _Reply:
            work.bring_due(rows, vendor.now())
            found = read_service(rows, application_id=_application_id(), reference=reference)
            return _Reply(HTTPStatus.OK, 0, "", found)

        return _read(vendor, look)


def _synchronise_account(vendor: Vendor) -> Response:
    fields = fields_of(request.get_data())
    account, application_id = account_of(fields), _application_id()

    def perform(rows: sqlite3.Connection) -> tuple[Done, bool]:
        return work.once(
            rows,
            application_id=application_id,
            key=_key(),
            fingerprint=work.fingerprint_of(request.path, fields),
            work=lambda: work.synchronise_account(rows, account, application_id=application_id, at=vendor.now()),
        )

    return _changing(vendor, perform, names=(account.name,), is_check_only=False)


def _change(vendor: Vendor, action: str) -> Response:
    if action not in _ACTIONS:
        raise Refusal(41, "There is no such action", HTTPStatus.NOT_FOUND)
    fields = fields_of(request.get_data())
    order, application_id = service_order_of(Action(action), fields), _application_id()

    def perform(rows: sqlite3.Connection) -> tuple[Done, bool]:
        if order.is_check_only:
            work.check_order(rows, order, application_id=application_id)
            return Done(order.reference or "", order.name, "This can be done"), False
        return work.once(
            rows,
            application_id=application_id,
            key=_key(),
            fingerprint=work.fingerprint_of(request.path, fields),
            work=lambda: work.do_order(rows, order, application_id=application_id, at=vendor.now()),
        )

    names = (order.product_id, order.name, order.account.name)
    return _changing(vendor, perform, names=names, is_check_only=order.is_check_only)


def _changing(vendor: Vendor, perform: Perform, *, names: tuple[str, ...], is_check_only: bool) -> Response:
    """Do one changing call in the mood of the moment, note it, answer it."""
    behaviour = vendor.temper.take(*names)
    if behaviour.mode is Mode.SLOW:
        vendor.temper.wait(behaviour.seconds)
    try:
        with vendor.store.transaction() as rows:
            _refuse_in_mood(behaviour)
            done, did_work = perform(rows)
            reply = _Reply(HTTPStatus.OK, 0, done.message, done.reference, done.name)
            _note(rows, vendor, reply, behaviour, did_work=did_work, is_check_only=is_check_only)
    except Refusal as refusal:
        reply = _refused(vendor, refusal, behaviour, is_check_only=is_check_only)
    return _sent_in_mood(vendor, reply, behaviour)


def _read(vendor: Vendor, look: Callable[[sqlite3.Connection], _Reply]) -> Response:
    """Answer a question; a vendor that is down, slow or confused as a whole is so for questions too."""
    behaviour = vendor.temper.for_reading()
    if behaviour.mode is Mode.SLOW:
        vendor.temper.wait(behaviour.seconds)
    try:
        with vendor.store.transaction() as rows:
            _refuse_in_mood(behaviour)
            reply = look(rows)
            _note(rows, vendor, reply, behaviour)
    except Refusal as refusal:
        reply = _refused(vendor, refusal, behaviour)
    return _sent_in_mood(vendor, reply, behaviour)


def _refuse_in_mood(behaviour: Behaviour) -> None:
    if behaviour.mode is Mode.FAIL:
        raise Refusal(503, "The vendor is down", HTTPStatus.SERVICE_UNAVAILABLE)
    if behaviour.mode is Mode.REJECT:
        raise Refusal(REJECTED_CODE, "The vendor refuses this: told to by its control page")


def _refused(vendor: Vendor, refusal: Refusal, behaviour: Behaviour, *, is_check_only: bool = False) -> _Reply:
    """Note a refusal, for which nothing was kept."""
    reply = _Reply(refusal.status, refusal.code, refusal.message)
    with vendor.store.transaction() as rows:
        _note(rows, vendor, reply, behaviour, is_check_only=is_check_only)
    return reply


def _refusable(handle: Callable[[], Response]) -> Response:
    try:
        return handle()
    except Refusal as refusal:
        return _sent(_Reply(refusal.status, refusal.code, refusal.message))


def _note(
    rows: sqlite3.Connection,
    vendor: Vendor,
    reply: _Reply,
    behaviour: Behaviour,
    *,
    did_work: bool = False,
    is_check_only: bool = False,
) -> None:
    rows.execute(
        "INSERT INTO calls (at, application_id, method, path, idempotency_key, is_check_only, mode, did_work, "
        "status, code, message, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            vendor.now().isoformat(),
            _application_id(),
            request.method,
            request.path,
            request.headers.get("Idempotency-Key"),
            is_check_only,
            behaviour.mode,
            did_work,
            None if behaviour.mode is Mode.TIMEOUT_AFTER else reply.status,
            reply.code,
            reply.message,
            request.get_data(as_text=True),
        ),
    )


def _sent_in_mood(vendor: Vendor, reply: _Reply, behaviour: Behaviour) -> Response:
    response = _sent(reply)
    wire: socket.socket = request.environ["werkzeug.socket"]
    match behaviour.mode:
        case Mode.GARBAGE:
            response.set_data(_GARBAGE)
        case Mode.TWICE:
            response.call_on_close(lambda: _send_again(wire, response))
        case Mode.TIMEOUT_AFTER:
            vendor.temper.wait(behaviour.seconds)
            with suppress(OSError):  # the caller may have hung up before
                wire.shutdown(socket.SHUT_RDWR)
    return response


def _send_again(wire: socket.socket, response: Response) -> None:
    head = f"HTTP/1.1 {response.status}\r\n{response.headers}".encode("latin-1")
    with suppress(OSError):  # the caller has what it needs and may be gone
        wire.sendall(head + response.get_data())


def _sent(reply: _Reply) -> Response:
    fields: dict[str, object] = {"Code": reply.code, "Message": reply.message, "Result": reply.result}
    if reply.name is not None:
        fields["Name"] = reply.name
    return Response(json.dumps(fields, ensure_ascii=False), status=reply.status, mimetype="application/json")


def _application_id() -> str:
    return request.headers.get("X-Application-Id", "")


def _key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if _KEY.fullmatch(key) is None:
        raise Refusal(11, "Idempotency-Key is missing or malformed", HTTPStatus.BAD_REQUEST)
    return key
