"""Calls to identity providers: public machines over https, others only where the deployment allows them.

The name is resolved here and the connection goes to an address that was checked, so that a name that changes between
check and connection gains nothing. Redirects are not followed, and answers end at a size.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from app.core.config import settings
from app.core.networks import is_public
from app.identity.oidc.ports import OutsideFailed

TIMEOUT_SECONDS = 10  # between two pieces of an answer
TIMEOUT_FOR_ALL_SECONDS = 20
CHUNK = 65_536
LARGEST = 1_000_000  # bytes
PORTS = {"http": 80, "https": 443}


class _Pinned(HTTPAdapter):
    """Connects to one address and still speaks to the host: its name is in `Host`, SNI and the certificate."""

    def __init__(self, host: str, address: str) -> None:
        self.host, self.address = host, address
        super().__init__()

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """Return a connection to the checked address."""
        del proxies
        parts = urlsplit(request.url)
        keys, pool = self.build_connection_pool_key_attributes(request, verify, cert)
        keys["host"], keys["port"] = self.address, parts.port or PORTS[parts.scheme]
        if parts.scheme == "https":
            named: dict[str, Any] = {**pool, "server_hostname": self.host, "assert_hostname": self.host}
            return self.poolmanager.connection_from_host(**keys, pool_kwargs=named)
        return self.poolmanager.connection_from_host(**keys, pool_kwargs=pool)


class GuardedOutside:
    """The outside world as sign-in services may reach it."""

    def get_json(self, url: str, *, bearer: str | None = None) -> Mapping[str, Any]:
        """Fetch a JSON object."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return _json(_send("GET", url, headers=headers))

    def post_form(self, url: str, fields: Mapping[str, str], *, basic: tuple[str, str] | None) -> Mapping[str, Any]:
        """Send a form; RFC 6749 wants both halves of Basic form-encoded first."""
        auth = (quote_plus(basic[0]), quote_plus(basic[1])) if basic else None
        return _json(_send("POST", url, data=dict(fields), auth=auth))

    def get_text(self, url: str) -> str:
        """Fetch a text, such as SAML metadata."""
        return _send("GET", url).decode("utf-8", "replace")


def _send(method: str, url: str, **options: Any) -> bytes:
    host, address = _checked(url)
    with requests.Session() as outside:
        outside.trust_env = False
        adapter = _Pinned(host, address)
        outside.mount("https://", adapter)
        outside.mount("http://", adapter)
        headers = {"Accept": "application/json, text/xml", **options.pop("headers", {})}
        try:
            with outside.request(
                method, url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True, headers=headers, **options
            ) as answer:
                body = _read(answer, host)
                status = answer.status_code
        except (requests.RequestException, HTTPError, OSError) as error:
            raise OutsideFailed(f"{host} did not answer") from error
    if status != requests.codes.ok:
        raise OutsideFailed(f"{host} answered {status}: {body[:200].decode('utf-8', 'replace')}")
    if len(body) > LARGEST:
        raise OutsideFailed(f"{host} answered too much")
    return body


def _read(answer: requests.Response, host: str) -> bytes:
    """Return what came, up to one byte too much; whoever dribbles is left after a while."""
    found, until = bytearray(), time.monotonic() + TIMEOUT_FOR_ALL_SECONDS
    while len(found) <= LARGEST and (part := answer.raw.read1(CHUNK, decode_content=True)):
        found += part
        if time.monotonic() > until:
            raise OutsideFailed(f"{host} answers too slowly")
    return bytes(found[: LARGEST + 1])


def _checked(url: str) -> tuple[str, str]:
    """Return host and checked address of a URL; raises OutsideFailed."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise OutsideFailed("The address is malformed") from error
    if not host or parts.scheme not in PORTS or parts.username is not None:
        raise OutsideFailed("The address must start with https:// and name a host")
    is_allowed = f"{host}:{port}" in settings().allowed_private_targets
    if parts.scheme != "https" and not is_allowed:
        raise OutsideFailed(f"{host} must be called over https")
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise OutsideFailed(f"There is no host {host}") from error
    if not found or not (is_allowed or all(map(is_public, found))):
        raise OutsideFailed(f"{host} is not a public address")
    return host, found[0]


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise OutsideFailed(f"The answer is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise OutsideFailed("The answer is no JSON object")
    return found
