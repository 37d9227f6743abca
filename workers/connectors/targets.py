"""Which machines a connector may talk to: public ones over https, others only where the deployment allows them.

An allowed target is "host:port", as in "127.0.0.1:9000" or "[::1]:9000"; it may be private, and may speak plain http
(decisions §8: a deployment setting, empty by default). Names are resolved here and the connection goes to an address
that was checked, so a name that changes between check and connection gains nothing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.networks import is_public
from workers.connectors.base import ConnectorRejected, ConnectorUnavailable

_DEFAULT_PORTS = {"http": 80, "https": 443}


class TargetRefused(ConnectorRejected):
    """The address of the service manager is one that a connector may not call."""

    def __init__(self, reason: str) -> None:
        super().__init__("target_refused", reason)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One checked address of a target, as the socket functions want it."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


def require_url(url: str, *, allowed_private_targets: frozenset[str]) -> None:
    """Refuse an address that is malformed, carries a password, or is unencrypted without being allowed."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise TargetRefused("The service manager's address is malformed") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise TargetRefused("The service manager's address must start with https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise TargetRefused("The service manager's address must be without user, query and fragment")
    if parts.scheme != "https" and not _is_allowed(parts.hostname, port, allowed_private_targets):
        raise TargetRefused(f"{parts.hostname}:{port} must be called over https")


def checked_endpoints(host: str, port: int, *, allowed_private_targets: frozenset[str]) -> tuple[Endpoint, ...]:
    """Resolve a host; TargetRefused if any of its addresses is not public and the target is not allowed."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectorUnavailable(f"The name {host} could not be resolved") from error
    if not _is_allowed(host, port, allowed_private_targets):
        for *_, sockaddr in answers:
            if not is_public(str(sockaddr[0])):
                raise TargetRefused(f"{host}:{port} is not a public address")
    return tuple(Endpoint(family, sockaddr) for family, _, _, _, sockaddr in answers)


def _is_allowed(host: str, port: int, allowed_private_targets: frozenset[str]) -> bool:
    name = f"[{host}]" if ":" in host else host.lower().rstrip(".")
    return f"{name}:{port}" in {target.lower() for target in allowed_private_targets}
