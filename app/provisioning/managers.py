"""Registering service managers (CB-22): the key is generated or taken over, stored encrypted, and shown once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, select

from app.audit.services import Actor, record
from app.core.config import settings
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.secrets import encrypt, new_token
from app.provisioning.models import ServiceManager
from app.provisioning.queries import get_service_manager
from tenants.context import current_scope

KINDS: Mapping[str, str] = {  # keys of workers.connectors.registry
    "service_manager": "Service manager over HTTPS",
    "manual": "Provisioned by people",
}
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5, 120  # seconds
LONGEST_NAME = 100
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class ManagerDetails:
    """What is registered. `base_url` is empty for services that people provision."""

    name: str
    kind: str
    base_url: str
    application_id: str
    timeout_seconds: int
    has_precheck: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """A service manager and its key in the clear: shown now and never again. None: the kind needs no key."""

    manager: ServiceManager
    api_key: str | None


def register_manager(details: ManagerDetails, *, api_key: str | None, actor: Actor, at: datetime) -> Registered:
    """Register a service manager; without `api_key` (one the vendor has issued) a key is generated.

    Raises Invalid `required`, `length`, `taken`, `choice`, `url`, `range`.
    """
    _refuse([*_errors(details, apart_from=None), *_key_errors(api_key)])
    key = (api_key or new_token()) if _calls_out(details) else None
    manager = ServiceManager(
        name=details.name.strip(),
        kind=details.kind,
        base_url=details.base_url.strip().rstrip("/") or None,
        application_id=details.application_id.strip() or None,
        api_key_encrypted=encrypt(key) if key else None,
        timeout_seconds=details.timeout_seconds,
        has_precheck=details.has_precheck,
        created_at=at,
    )
    session.add(manager)
    session.flush()
    record(
        "service_manager.registered", actor=actor, at=at, target_kind="service_manager", target_id=manager.id,
        after={"name": manager.name, "kind": manager.kind, "base_url": manager.base_url or ""},
    )  # fmt: skip
    return Registered(manager, key)


def change_manager(
    manager_id: UUID, details: ManagerDetails, *, is_active: bool, actor: Actor, at: datetime
) -> ServiceManager:
    """Change a service manager; its kind and key stay. Switched off, its tasks wait. Raises as `register_manager`."""
    manager = get_service_manager(manager_id)
    _refuse(list(_errors(details, apart_from=manager.id)))
    before = {"name": manager.name, "base_url": manager.base_url, "is_active": manager.is_active}
    manager.name = details.name.strip()
    manager.base_url = details.base_url.strip().rstrip("/") or None
    manager.application_id = details.application_id.strip() or None
    manager.timeout_seconds, manager.has_precheck = details.timeout_seconds, details.has_precheck
    manager.is_active = is_active
    after = {"name": manager.name, "base_url": manager.base_url, "is_active": manager.is_active}
    record(
        "service_manager.changed", actor=actor, at=at, target_kind="service_manager", target_id=manager.id,
        before=before, after=after,
    )  # fmt: skip
    return manager


def new_key(manager_id: UUID, *, actor: Actor, at: datetime) -> Registered:
    """Generate another key; the old one is gone at once."""
    manager = get_service_manager(manager_id)
    key = new_token()
    manager.api_key_encrypted = encrypt(key)
    record("service_manager.new_key", actor=actor, at=at, target_kind="service_manager", target_id=manager.id)
    return Registered(manager, key)


def _calls_out(details: ManagerDetails) -> bool:
    return details.kind != "manual"


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid(*errors)


def _errors(details: ManagerDetails, *, apart_from: UUID | None) -> Iterator[FieldError]:
    name = details.name.strip()
    if not name:
        yield FieldError("name", "required", "Enter a name")
    elif len(name) > LONGEST_NAME:
        yield FieldError("name", "length", f"Use at most {LONGEST_NAME} characters")
    elif _is_taken(name, apart_from):
        yield FieldError("name", "taken", "There is a service manager of this name")
    if details.kind not in KINDS:
        yield FieldError("kind", "choice", "Choose how its services are provisioned")
    if _calls_out(details) and not _is_allowed(details.base_url.strip()):
        yield FieldError("base_url", "url", "Enter the address of the vendor's API, starting with https://")
    if not SHORTEST_TIMEOUT <= details.timeout_seconds <= LONGEST_TIMEOUT:
        yield FieldError("timeout_seconds", "range", f"Enter {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} seconds")


def _key_errors(api_key: str | None) -> Iterator[FieldError]:
    if api_key and not (
        len(api_key) <= LONGEST_KEY and api_key.isascii() and api_key.isprintable() and " " not in api_key
    ):
        yield FieldError("api_key", "invalid", f"Use up to {LONGEST_KEY} visible ASCII characters without spaces")


def _is_taken(name: str, apart_from: UUID | None) -> bool:
    found = session.scalar(
        select(ServiceManager.id).where(
            ServiceManager.distributor_id == current_scope().distributor_id,
            func.lower(ServiceManager.name) == name.lower(),
            ServiceManager.id != apart_from if apart_from else True,  # type: ignore[arg-type]
        )
    )
    return found is not None


def _is_allowed(url: str) -> bool:
    """Only https leaves, unless the installation allows this very host and port (decisions section 8)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and f"{parts.hostname}:{port}" in settings().allowed_private_targets
