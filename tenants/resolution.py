"""The address decides the storefront: WSGI middleware in front of the application (decisions section 4).

Host, then on a distributor's host the first path segment. An alias moves to SCRIPT_NAME, so that `url_for` and
cookies stay below it. An unknown host is refused with 421, never served somebody else's storefront.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from app.core.config import settings
from tenants.directory import AddressKind, AddressMatch, Directory, directory

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ADDRESS = "galleria.address"
HEALTH_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})  # answered on every host
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9-]{2,39}")


def normal_host(raw: str) -> str | None:
    """Return a Host header as it is looked up: lower case, no port, no trailing dot; None if it is not a host."""
    host = raw.strip().lower()
    host = re.sub(r":\d{1,5}$", "", host).removesuffix(".")
    return host if HOST.fullmatch(host) and ".." not in host else None


def first_segment(path: str) -> str:
    """Return the first segment of a decoded path, without slashes."""
    return path.lstrip("/").split("/", 1)[0] if path.startswith("/") else ""


class Resolution:
    """Finds the storefront of each request and hands it over as `environ["galleria.address"]`."""

    def __init__(
        self,
        application: WSGIApplication,
        *,
        reserved: Callable[[], frozenset[str]],
        found_in: Directory = directory,
    ) -> None:
        self._application = application
        self._reserved = reserved  # first path segments of the platform's own routes: never an alias
        self._directory = found_in

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Resolve, then pass on; or answer 421 and 301 here."""
        path = environ.get("PATH_INFO", "") or "/"
        if path in HEALTH_PATHS:
            return self._application(environ, start_response)
        host = normal_host(environ.get("HTTP_HOST", ""))
        match = self._match_host(host) if host else None
        if match is None:
            return _answer(start_response, "421 Misdirected Request", b"No storefront answers at this address.\n")
        if match.kind is AddressKind.ROOT:
            segment = first_segment(path)
            alias = segment.lower()
            if segment and alias not in self._reserved() and ALIAS.fullmatch(segment):
                return self._below_root(match, segment, path, environ, start_response)
        if match.kind is AddressKind.ALIAS and (moved := self._moved(match, path, environ)):
            return _redirect(start_response, moved)
        environ[ADDRESS] = match
        return self._application(environ, start_response)

    def _match_host(self, host: str) -> AddressMatch | None:
        if host == settings().platform_host:
            return AddressMatch(AddressKind.PLATFORM, host)
        if found := self._directory.by_host(host):
            return found
        label, _, parent = host.partition(".")
        root = self._directory.by_host(parent) if parent else None
        if root is None or root.kind is not AddressKind.ROOT or root.distributor_id is None:
            return None
        found = self._directory.by_alias(root.distributor_id, label)
        if found is None or not root.has_alias_subdomains:
            return None
        return dataclasses.replace(found, host=host)

    def _below_root(
        self, root: AddressMatch, segment: str, path: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        assert root.distributor_id is not None
        alias = segment.lower()
        found = self._directory.by_alias(root.distributor_id, alias)
        if found is None:
            environ[ADDRESS] = root  # the distributor's own 404 page, no hint about resellers
            return self._application(environ, start_response)
        script_name = environ.get("SCRIPT_NAME", "")
        rest = path.lstrip("/")[len(segment) :]
        if segment != alias:
            return _redirect(start_response, _with_query(f"{script_name}/{alias}{rest or '/'}", environ))
        if moved := self._moved(found, rest or "/", environ):
            return _redirect(start_response, moved)
        if not rest:
            return _redirect(start_response, _with_query(f"{script_name}/{alias}/", environ))
        environ["SCRIPT_NAME"] = f"{script_name}/{alias}"
        environ["PATH_INFO"] = rest
        environ[ADDRESS] = dataclasses.replace(found, host=root.host, script_name=f"/{alias}")
        return self._application(environ, start_response)

    def _moved(self, match: AddressMatch, path: str, environ: WSGIEnvironment) -> str | None:
        """Return where a GET goes if the storefront's primary address is its own live host."""
        if match.storefront_id is None or environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return None
        primary = self._directory.primary_host(match.storefront_id)
        if primary is None or primary == match.host:
            return None
        return settings().origin(primary) + _with_query(path, environ)


def _with_query(path: str, environ: WSGIEnvironment) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only redirects need it

    query = environ.get("QUERY_STRING", "")
    return quote(path.encode("latin-1"), safe="/:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")


def _redirect(start_response: StartResponse, location: str) -> Iterable[bytes]:
    start_response("301 Moved Permanently", [("Location", location), ("Content-Length", "0")])
    return [b""]


def _answer(start_response: StartResponse, status: str, body: bytes) -> Iterable[bytes]:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def address_of(environ: dict[str, Any]) -> AddressMatch | None:
    """Return the address a request was resolved to; None on health paths."""
    found: AddressMatch | None = environ.get(ADDRESS)
    return found
