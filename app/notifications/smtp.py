"""Handing one mail to a mail server: SSL or STARTTLS, 15 s at most, no private hosts unless the installation allows them."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr, formatdate

from app.core.networks import is_public
from app.notifications.errors import MailNotSent
from app.notifications.services import Attachment

ENCRYPTIONS = ("ssl", "tls", "none")
READY = 220  # RFC 5321: the greeting of a server that takes mail


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where one storefront owner's mail leaves. `encryption` none needs an allowed target."""

    host: str
    port: int
    encryption: str
    username: str | None
    password: str | None
    sender_name: str
    sender_email: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A rendered mail: plain text and HTML say the same. `message_id` is stable, so that a repeat can be recognised."""

    message_id: str
    to_email: str
    to_name: str
    subject: str
    text: str
    html: str
    copies: tuple[str, ...] = ()
    reply_to: str | None = None
    attachment: Attachment | None = None


def addresses_of(host: str) -> tuple[str, ...]:
    """Return the IP addresses of a host; none for a host that does not exist."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter for what cannot be a name
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))


def is_private(host: str) -> bool:
    """Return whether a host name or address leads into a private or loopback network; unknown hosts do not."""
    return not all(is_public(address) for address in addresses_of(host))


def message_of(server: MailServer, letter: Letter) -> EmailMessage:
    """Return the letter as an Internet message with a plain-text and an HTML part."""
    message = EmailMessage()
    message["From"] = formataddr((server.sender_name, server.sender_email))
    message["To"] = formataddr((letter.to_name, letter.to_email))
    if letter.copies:
        message["Cc"] = ", ".join(letter.copies)
    if letter.reply_to:
        message["Reply-To"] = letter.reply_to
    message["Subject"] = letter.subject.replace("\r", " ").replace("\n", " ")
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    if letter.attachment is not None:
        kind, _, subtype = letter.attachment.content_type.partition("/")
        message.add_attachment(
            letter.attachment.content, maintype=kind, subtype=subtype, filename=letter.attachment.name
        )
    return message


def send(server: MailServer, letter: Letter, *, timeout_seconds: int, allowed_private: Collection[str]) -> None:
    """Hand a letter over; raises MailNotSent with the server's answer. `allowed_private` holds host:port texts."""
    is_allowed = f"{server.host}:{server.port}" in allowed_private
    addresses = addresses_of(server.host)
    if not addresses:
        message = f"There is no mail server {server.host}"
        raise MailNotSent(message)
    is_private_target = not all(is_public(address) for address in addresses)
    if not is_allowed and (server.encryption == "none" or is_private_target):
        message = f"{server.host} is not an allowed mail server"
        raise MailNotSent(message)
    tls = ssl.create_default_context()
    try:
        with _connection(server, addresses[0], timeout_seconds, tls) as smtp:
            if server.encryption == "tls":
                smtp.starttls(context=tls)
            if server.username:
                smtp.login(server.username, server.password or "")
            smtp.send_message(message_of(server, letter), to_addrs=[letter.to_email, *letter.copies])
    except (smtplib.SMTPException, OSError) as error:
        raise MailNotSent(_answer(error)) from error


class _Checked(smtplib.SMTP):
    """Connects to the address that was checked: a name that answers differently the second time leads nowhere else."""

    checked_address = ""

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self.checked_address, port), timeout)


class _CheckedOverTls(smtplib.SMTP_SSL, _Checked):
    """The same below TLS from the first byte; the certificate is the host name's."""


def _connection(server: MailServer, address: str, timeout_seconds: int, tls: ssl.SSLContext) -> smtplib.SMTP:
    smtp: _Checked
    if server.encryption == "ssl":
        smtp = _CheckedOverTls(timeout=timeout_seconds, context=tls)
    else:
        smtp = _Checked(timeout=timeout_seconds)
    smtp.checked_address = address
    smtp._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001 - set by the constructor only when it connects
    code, words = smtp.connect(server.host, server.port)
    if code != READY:
        smtp.close()
        raise smtplib.SMTPConnectError(code, words)
    return smtp


def _answer(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {words}"[:500]
    if isinstance(error, TimeoutError):
        return "The mail server did not answer in time"
    return (str(error) or type(error).__name__)[:500]
