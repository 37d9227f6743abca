"""A server that answers with exactly the bytes it is given, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

_PATIENCE_SECONDS = 10


@dataclass(slots=True)
class CannedServer:
    port: int
    requests: list[bytes] = field(default_factory=list)
    released: Event = field(default_factory=Event)  # set when the test is over; lets a stalling answer end

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.target}"


STALL = b""  # in a list of pieces: wait until the test is over


def answer(body: bytes, *, status: str = "200 OK", headers: Sequence[str] = ()) -> list[bytes]:
    """One complete answer as pieces to send."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ["\r\n".join([*head, "", ""]).encode("latin-1") + body]


@contextmanager
def canned_server(pieces: Sequence[bytes], *, tls: ssl.SSLContext | None = None) -> Iterator[CannedServer]:
    """Answer every connection with these pieces, then close it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = CannedServer(listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed: the test is over
                return
            with suppress(OSError), connection:
                connection.settimeout(_PATIENCE_SECONDS)
                _answer(tls.wrap_socket(connection, server_side=True) if tls else connection, server, pieces)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(_PATIENCE_SECONDS)


def _answer(connection: socket.socket, server: CannedServer, pieces: Sequence[bytes]) -> None:
    with connection:
        server.requests.append(_read_request(connection))
        for piece in pieces:
            if piece == STALL:
                server.released.wait(_PATIENCE_SECONDS)
            else:
                connection.sendall(piece)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
