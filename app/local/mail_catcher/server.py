"""The mail catcher's two servers, on loopback: SMTP, which takes everything, and the page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from werkzeug.serving import make_server

from app.local.mail_catcher.pages import create_pages
from app.local.mail_catcher.store import MailStore
from app.local.surroundings import free_ports

HOST = "127.0.0.1"
LARGEST_MAIL_BYTES = 32 * 2**20


def utc_now() -> datetime:
    return datetime.now(UTC)


class _Sink:
    """What aiosmtpd calls for each mail."""

    def __init__(self, store: MailStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        source = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        mail_id = self._store.add(
            source, sender=envelope.mail_from or "", recipients=envelope.rcpt_tos, at=self._clock()
        )
        return f"250 Caught as {mail_id}"


def _accept_anybody(*_: object) -> AuthResult:
    """Let storefronts that send user and password do so; there is nothing to protect."""
    return AuthResult(success=True)


class MailCatcher:
    """Both servers. `with MailCatcher(directory) as catcher:` serves from threads of this process; 0 is any port."""

    def __init__(
        self, directory: Path, *, smtp_port: int = 0, port: int = 0, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.store = MailStore(directory)
        self._page = make_server(HOST, port, create_pages(self.store), threaded=True)
        self._page_thread = Thread(target=self._page.serve_forever, name="mail page", daemon=True)
        self.smtp_port = smtp_port or free_ports(1)[0]
        self._smtp = Controller(
            _Sink(self.store, clock),
            hostname=HOST,
            port=self.smtp_port,
            authenticator=_accept_anybody,
            auth_require_tls=False,
            data_size_limit=LARGEST_MAIL_BYTES,
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._page.server_port}/"

    def __enter__(self) -> Self:
        self._smtp.start()
        self._page_thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._page.shutdown()
        self._page_thread.join()
        self._page.server_close()
        self._smtp.stop()
