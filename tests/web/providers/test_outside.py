"""Calls to providers: public machines alone, no redirects, and an end to size and time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.access import outside
from app.access.outside import LARGEST, GuardedOutside
from app.core.config import settings
from app.identity.oidc.ports import OutsideFailed


class Answers(BaseHTTPRequestHandler):
    """Says what its path asks for."""

    stop = threading.Event()

    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/elsewhere" else 200)
        self.send_header("Location", "/text")
        self.end_headers()
        if self.path == "/large":
            self.wfile.write(b"x" * (LARGEST + 10))
        elif self.path == "/slow":
            for _ in range(1000):
                self.wfile.write(b"x")
                self.wfile.flush()
                if self.stop.wait(0.05):
                    break
        else:
            self.wfile.write(b'{"is": "it"}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A private machine that the deployment allows."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Answers.stop.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv("ALLOWED_PRIVATE_TARGETS", target)
    settings.cache_clear()
    yield f"http://{target}"
    Answers.stop.set()
    server.shutdown()
    server.server_close()
    monkeypatch.undo()
    settings.cache_clear()


def test_what_is_allowed_is_read(origin: str) -> None:
    assert GuardedOutside().get_text(f"{origin}/text") == '{"is": "it"}'
    assert GuardedOutside().get_json(f"{origin}/text") == {"is": "it"}


def test_a_redirect_is_not_followed(origin: str) -> None:
    with pytest.raises(OutsideFailed, match="answered 302"):
        GuardedOutside().get_text(f"{origin}/elsewhere")


def test_an_answer_ends_at_a_size(origin: str) -> None:
    with pytest.raises(OutsideFailed, match="too much"):
        GuardedOutside().get_text(f"{origin}/large")


def test_who_dribbles_is_left_after_a_while(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "TIMEOUT_FOR_ALL_SECONDS", 0.2)
    with pytest.raises(OutsideFailed, match="too slowly"):
        GuardedOutside().get_text(f"{origin}/slow")


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://a:b@idp.example/",
     "ftp://idp.example/", "https://"],
)  # fmt: skip
def test_other_private_targets_are_refused(address: str) -> None:
    with pytest.raises(OutsideFailed):
        GuardedOutside().get_text(address)
