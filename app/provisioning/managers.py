"""Registering service managers (CB-22): the key is generated or taken over, stored encrypted, and shown once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, select

from app.audit.services import Actor, record
from app.core.config import settings
from app.core.db import nudge_after_commit, session
from app.core.errors import FieldError, Invalid
from app.core.queue import Nudge
from app.core.secrets import encrypt, new_token
from app.provisioning.jobs import TEST_MANAGER
from app.provisioning.kinds import KINDS, offers
from app.provisioning.models import ServiceManager, TaskKind
from app.provisioning.queries import get_service_manager
from app.provisioning.service_accounts.services import publish_questions
from tenants.context import current_scope

SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5, 120  # seconds
LONGEST_NAME = 100
LONGEST_KEY = 200
LONGEST_DESCRIPTION = 500
MOST_CALLS = 50
CHECKED_KINDS = (
    TaskKind.CREATE,
    TaskKind.UPDATE,
    TaskKind.CANCEL,
    TaskKind.SUSPEND,
    TaskKind.ACTIVATE,
    TaskKind.SCHEDULE,
    TaskKind.WITHDRAW,
)


@dataclass(frozen=True, slots=True)
class ManagerDetails:
    """What is registered. `base_url` is empty for services that people provision."""

    name: str
    kind: str
    base_url: str
    application_id: str
    timeout_seconds: int
    has_precheck: bool
    description: str = ""
    unchecked_kinds: frozenset[TaskKind] = frozenset()  # tasks of these kinds are sent without a pre-check
    is_sandbox: bool = False
    max_parallel_calls: int = 4
    synchronises_accounts: bool = True
    takes_future_requests: bool = False  # changes of a later day are sent at once (CB-24)
    accepts_existing_accounts: bool = False


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
    manager = ServiceManager(kind=details.kind, api_key_encrypted=encrypt(key) if key else None, created_at=at)
    _set(manager, details)
    session.add(manager)
    session.flush()
    publish_questions(manager)
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
    _set(manager, details)
    manager.is_active = is_active
    publish_questions(manager)
    after = {"name": manager.name, "base_url": manager.base_url, "is_active": manager.is_active}
    record(
        "service_manager.changed", actor=actor, at=at, target_kind="service_manager", target_id=manager.id,
        before=before, after=after,
    )  # fmt: skip
    return manager


def new_key(manager_id: UUID, *, api_key: str | None = None, actor: Actor, at: datetime) -> Registered:
    """Replace the key, by the vendor's own or a generated one; the old one is gone at once. Raises Invalid."""
    _refuse(list(_key_errors(api_key)))
    manager = get_service_manager(manager_id)
    key = api_key or new_token()
    manager.api_key_encrypted = encrypt(key)
    record("service_manager.new_key", actor=actor, at=at, target_kind="service_manager", target_id=manager.id)
    return Registered(manager, key)


def ask_for_test(manager_id: UUID) -> None:
    """Let a worker try address and key; the outcome stands on the service manager, seconds later."""
    manager = get_service_manager(manager_id)
    manager.tested_at, manager.test_message = None, None
    nudge_after_commit(Nudge(TEST_MANAGER, manager.id, manager.distributor_id))


def record_test(manager_id: UUID, *, problem: str, account_options: list[dict[str, Any]] | None, at: datetime) -> None:
    """Keep what a test has shown: a problem or none, and what the vendor asks of accounts where it told."""
    manager = get_service_manager(manager_id)
    manager.tested_at, manager.test_message = at, problem[:LONGEST_DESCRIPTION]
    if account_options is not None:
        manager.account_options = account_options
        publish_questions(manager)


def _set(manager: ServiceManager, details: ManagerDetails) -> None:
    manager.name, manager.description = details.name.strip(), details.description.strip()
    manager.base_url = details.base_url.strip().rstrip("/") or None
    manager.application_id = details.application_id.strip() or None
    manager.timeout_seconds, manager.has_precheck = details.timeout_seconds, details.has_precheck
    manager.unchecked_kinds = sorted(kind.value for kind in details.unchecked_kinds)
    manager.is_sandbox, manager.max_parallel_calls = details.is_sandbox, details.max_parallel_calls
    manager.synchronises_accounts = details.synchronises_accounts
    manager.takes_future_requests = details.takes_future_requests
    manager.accepts_existing_accounts = details.accepts_existing_accounts


def _calls_out(details: ManagerDetails) -> bool:
    found = KINDS.get(details.kind)
    return found is None or found.calls_out


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
    if details.takes_future_requests and not offers(details.kind, TaskKind.SCHEDULE):
        yield FieldError(
            "takes_future_requests", "not_offered", "This kind is asked on the day: it knows no later days"
        )
    if not SHORTEST_TIMEOUT <= details.timeout_seconds <= LONGEST_TIMEOUT:
        yield FieldError("timeout_seconds", "range", f"Enter {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} seconds")
    if not 1 <= details.max_parallel_calls <= MOST_CALLS:
        yield FieldError("max_parallel_calls", "range", f"Enter 1 to {MOST_CALLS} calls")
    if len(details.description.strip()) > LONGEST_DESCRIPTION:
        yield FieldError("description", "length", f"Use at most {LONGEST_DESCRIPTION} characters")


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
