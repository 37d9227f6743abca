"""Answers to visitors, given before the application is asked: WSGI middleware behind `tenants.resolution`.

Only what `kept_for_visitors` offers is kept, never an answer that sets a cookie; only a browser without a cookie of ours
gets it. An answer is found under its whole address (storefront, state, edition, host, alias), and goes when anything of
its tenant changes, or at midnight of the storefront.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.health import note_answer, request_id_of
from tenants.changes import MOST_SECONDS, Mark, clock
from tenants.context import Reach
from tenants.directory import AddressMatch
from tenants.resolution import address_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

OFFER = "galleria.kept_until"  # set by the page: until when, in seconds since 1970, its answer may be kept
LONGEST_QUERY = 200
MOST_ANSWERS = 2_000  # of some 20 kB
OK, NOT_MODIFIED = "200 OK", "304 NOT MODIFIED"
OF_ONE_ANSWER = frozenset({"x-request-id"})
OF_A_BODY = frozenset({"content-type", "content-length"})
Headers = list[tuple[str, str]]
Key = tuple[AddressMatch, str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with the moment it was made at."""

    mark: Mark
    until: float
    headers: Headers
    etag: str
    body: bytes


class KeptAnswers:
    """Answers from memory, or asks the application and remembers."""

    def __init__(self, application: WSGIApplication, most: int = MOST_ANSWERS) -> None:
        self._application = application
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, Answer] = OrderedDict()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a visitor's GET."""
        address = address_of(environ)
        mark = None if address is None or _is_personal(environ) else _mark_of(address)
        if address is None or mark is None:
            return self._application(environ, start_response)
        key = (address, environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""))
        found = self._answers.get(key)
        if found is not None and found.mark == mark and time.time() < found.until:
            return _give(found, address, environ, start_response)
        return self._ask(key, mark, environ, start_response)

    def _ask(self, key: Key, mark: Mark, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began: list[tuple[str, Headers]] = []

        def begin(status: str, headers: Headers, *error: Any) -> Any:
            began.append((status, list(headers)))
            return start_response(status, headers, *error)

        body = self._application(environ, begin)
        until = environ.get(OFFER)
        if until is None or len(began) != 1 or began[0][0] != OK:
            return body
        parts = list(body)
        if hasattr(body, "close"):
            body.close()
        self._keep(key, mark, until, began[0][1], b"".join(parts))
        return parts

    def _keep(self, key: Key, mark: Mark, until: float, headers: Headers, body: bytes) -> None:
        named = {name.lower(): value for name, value in headers}
        if "set-cookie" in named:
            return
        lasting = [(name, value) for name, value in headers if name.lower() not in OF_ONE_ANSWER]
        with self._lock:
            self._answers[key] = Answer(mark, min(until, time.time() + MOST_SECONDS), lasting, named["etag"], body)
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)


def _is_personal(environ: WSGIEnvironment) -> bool:
    """Whether the request may be of somebody we know: the names of our cookies begin with g_ and f_."""
    cookies = environ.get("HTTP_COOKIE", "")
    return (
        environ.get("REQUEST_METHOD") != "GET"
        or "g_" in cookies
        or "f_" in cookies
        or len(environ.get("QUERY_STRING", "")) > LONGEST_QUERY
    )


def _mark_of(address: AddressMatch) -> Mark | None:
    if address.distributor_id is None:
        return None
    return clock.mark(address.distributor_id, address.reseller_id or Reach.NONE)


def _give(
    answer: Answer, address: AddressMatch, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    began = time.perf_counter()
    request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
    is_known = answer.etag in environ.get("HTTP_IF_NONE_MATCH", "")
    headers = [
        *(each for each in answer.headers if not is_known or each[0].lower() not in OF_A_BODY),
        ("X-Request-Id", request_id),
    ]
    start_response(NOT_MODIFIED if is_known else OK, headers)
    note_answer(
        "storefront",
        "GET",
        "kept",
        304 if is_known else 200,
        time.perf_counter() - began,
        request_id=request_id,
        distributor_id=str(address.distributor_id),
    )
    return [] if is_known else [answer.body]
