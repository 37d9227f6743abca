"""A real mail server on loopback that keeps what it is handed, and refuses while it is told to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.core.config import settings


@dataclass
class Delivered:
    """One mail as the server got it."""

    recipients: list[str]
    message: EmailMessage
    size: int

    @property
    def text(self) -> str:
        """The plain-text part."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        """The HTML part."""
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class MailBox:
    """What aiosmtpd calls for each mail; `refusal` is answered instead of taking it."""

    delivered: list[Delivered] = field(default_factory=list)
    refusal: str = ""
    port: int = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail, or refuse it."""
        if self.refusal:
            return self.refusal
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.delivered.append(Delivered(list(envelope.rcpt_tos), message, len(content)))
        return "250 OK"


def free_port() -> int:
    """Return a port nobody listens on now; the controller cannot start on port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailBox]:
    """A mail server the installation is allowed to reach, although it is on loopback."""
    box = MailBox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    box.port = controller.port
    monkeypatch.setenv("ALLOWED_PRIVATE_TARGETS", f"127.0.0.1:{box.port}")
    settings.cache_clear()
    yield box
    controller.stop()
    monkeypatch.undo()
    settings.cache_clear()
