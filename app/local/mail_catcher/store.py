"""Caught mails as files: `<id>.eml` is what came, `<id>.json` for whom; the second makes a mail complete."""

from __future__ import annotations

import email
import email.policy
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class CaughtMail:
    """One mail as it came. `recipients` are the envelope's, hence those of Bcc too."""

    id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    source: bytes

    @cached_property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.source, policy=email.policy.default)

    @property
    def subject(self) -> str:
        return self._header("Subject")

    @property
    def shown_sender(self) -> str:
        """Return who sends it by name and address, or the envelope's sender."""
        return self._header("From") or self.sender

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """Every header, decoded by the older parser: the newer one leaves a space inside a long name (CPython 3.11)."""
        return [
            (name, str(make_header(decode_header(" ".join(str(value).splitlines())))))
            for name, value in email.message_from_bytes(self.source).items()
        ]

    def _header(self, wanted: str) -> str:
        return next((value for name, value in self.headers if name.lower() == wanted.lower()), "")

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""

    @property
    def attachments(self) -> list[Attachment]:
        return [
            Attachment(
                part.get_filename() or f"attachment-{number}",
                part.get_content_type(),
                _content(part),
            )
            for number, part in enumerate(self.message.iter_attachments(), start=1)
        ]

    def is_for(self, wanted: str) -> bool:
        """Whether a recipient's address contains these letters."""
        return any(wanted.lower() in recipient.lower() for recipient in self.recipients)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat(),
            "mail_from": self.sender,
            "recipients": list(self.recipients),
            "from": self._header("From"),
            "to": self._header("To"),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": [list(pair) for pair in self.headers],
            "attachments": [
                {"name": found.name, "content_type": found.content_type, "size": len(found.content)}
                for found in self.attachments
            ],
        }


def _content(part: Any) -> bytes:
    content = part.get_content()
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else bytes(content)


class MailStore:
    """The directory of caught mails."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._numbers = itertools.count(1)

    def add(self, source: bytes, *, sender: str, recipients: Sequence[str], at: datetime) -> str:
        """Store a mail and return its id; ids sort by arrival."""
        mail_id = f"{at.astimezone(UTC):%Y%m%d%H%M%S%f}-{next(self._numbers):06d}"
        self._path(mail_id, "eml").write_bytes(source)
        envelope = {"received_at": at.isoformat(), "sender": sender, "recipients": list(recipients)}
        unfinished = self._path(mail_id, "unfinished")
        unfinished.write_text(json.dumps(envelope), encoding="utf-8")
        unfinished.replace(self._path(mail_id, "json"))
        return mail_id

    def find(self, mail_id: str) -> CaughtMail | None:
        if not mail_id.replace("-", "").isdigit():
            return None
        try:
            envelope = json.loads(self._path(mail_id, "json").read_text(encoding="utf-8"))
            source = self._path(mail_id, "eml").read_bytes()
        except FileNotFoundError:
            return None
        received_at = datetime.fromisoformat(envelope["received_at"])
        return CaughtMail(mail_id, received_at, envelope["sender"], tuple(envelope["recipients"]), source)

    def newest_first(self, *, to: str = "", limit: int = 200) -> list[CaughtMail]:
        return list(itertools.islice((mail for mail in self._all() if mail.is_for(to)), limit))

    def _all(self) -> Iterator[CaughtMail]:
        for path in sorted(self._directory.glob("*.json"), reverse=True):
            found = self.find(path.stem)
            if found is not None:
                yield found

    def clear(self) -> None:
        for path in [*self._directory.glob("*.json"), *self._directory.glob("*.eml")]:
            path.unlink(missing_ok=True)

    def _path(self, mail_id: str, ending: str) -> Path:
        return self._directory / f"{mail_id}.{ending}"
