"""HTTP to a service manager: checked targets, no redirects, no proxies, bounded time and size."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeout
from urllib3.poolmanager import PoolManager

from workers.connectors.base import ConnectorUnavailable, InvalidVendorResponse
from workers.connectors.targets import checked_endpoints, require_url

MAX_REPLY_BYTES = 1_048_576
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class VendorTransport:
    """Sends one call at a time, each on a connection of its own.

    A call's timeout bounds connecting, each wait for bytes and the reading of the whole answer. Proxies, .netrc and other
    settings of the environment are left aside: a proxy would connect to targets that were not checked.
    """

    base_url: str
    headers: Mapping[str, str]
    allowed_private_targets: frozenset[str]

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, timeout: timedelta
    ) -> Answer:
        """Send one call and read its answer.

        Raises ConnectorUnavailable when no complete answer came in time, InvalidVendorResponse for one that is too
        large or compressed, TargetRefused for a target that may not be called.
        """
        require_url(self.base_url, allowed_private_targets=self.allowed_private_targets)
        deadline = time.monotonic() + timeout.total_seconds()
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", _CheckedAdapter(self.allowed_private_targets))
            session.mount("http://", _CheckedAdapter(self.allowed_private_targets))
            try:
                with session.request(
                    method,
                    f"{self.base_url.rstrip('/')}/{path}",
                    data=body,
                    headers={**self.headers, **headers},
                    timeout=timeout.total_seconds(),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    return Answer(response.status_code, dict(response.headers), _read(response, deadline))
            except (requests.Timeout, HTTPTimeout, TimeoutError) as error:
                raise _too_late(timeout) from error
            except (requests.RequestException, HTTPError, OSError) as error:
                raise ConnectorUnavailable(f"No answer from the service manager ({type(error).__name__})") from error


def _read(response: requests.Response, deadline: float) -> bytes:
    """Read the answer as it arrives; a vendor that sends a byte now and then must not hold the worker for ever."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise InvalidVendorResponse(f"the reply is encoded as {encoding[:40]}, which nobody asked for")
    received = bytearray()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        received += chunk
        if len(received) > MAX_REPLY_BYTES:
            raise InvalidVendorResponse("the reply is larger than 1 MB")
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(received)


def _too_late(timeout: timedelta) -> ConnectorUnavailable:
    return ConnectorUnavailable(f"The service manager did not answer within {timeout.total_seconds():g} seconds")


class _CheckedAdapter(HTTPAdapter):
    """Connects to addresses that were checked a moment before, and to no others; never retries by itself."""

    def __init__(self, allowed_private_targets: frozenset[str]) -> None:
        self._allowed_private_targets = allowed_private_targets
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: FBT001, FBT002 - the signature of requests
        allowed = self._allowed_private_targets

        class CheckedHTTPConnection(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, allowed)

        class CheckedHTTPSConnection(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, allowed)

        class HTTPPool(HTTPConnectionPool):
            ConnectionCls = CheckedHTTPConnection

        class HTTPSPool(HTTPSConnectionPool):
            ConnectionCls = CheckedHTTPSConnection

        manager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **pool_kwargs)
        manager.pool_classes_by_scheme = {"http": HTTPPool, "https": HTTPSPool}
        self.poolmanager = manager


def _connect(connection: HTTPConnection, allowed_private_targets: frozenset[str]) -> socket.socket:
    """Open the first checked address that answers. TLS is added by urllib3 afterwards, against the host's name."""
    problem: OSError = ConnectionError(f"{connection.host} has no address")
    endpoints = checked_endpoints(connection.host, connection.port, allowed_private_targets=allowed_private_targets)
    for endpoint in endpoints:
        opened = socket.socket(endpoint.family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(connection.timeout)
            opened.connect(endpoint.sockaddr)
        except OSError as error:
            opened.close()
            problem = error
        else:
            return opened
    raise problem
