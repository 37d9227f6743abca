"""A service manager as the workers need it: with its key in the clear, short-lived, never logged."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.core.secrets import decrypt
from app.provisioning.models import ServiceManager
from app.provisioning.queries import get_service_manager


@dataclass(frozen=True, slots=True)
class ManagerAccess:
    """How to call one service manager."""

    id: UUID
    kind: str
    base_url: str
    application_id: str
    api_key: str
    timeout_seconds: int
    has_precheck: bool
    is_active: bool
    unchecked_kinds: frozenset[str] = frozenset()  # of tasks that are sent without a pre-check
    is_sandbox: bool = False
    max_parallel_calls: int = 4
    synchronises_accounts: bool = True
    asks_for_options: bool = False  # the vendor must know more of an account than its own details, or has it already

    def __repr__(self) -> str:
        """Keep the key out of logs and tracebacks."""
        return f"ManagerAccess({self.id}, {self.kind})"


def access_to(manager_id: UUID) -> ManagerAccess:
    """Return how to call a service manager; raises ServiceManagerNotFound."""
    return access_of(get_service_manager(manager_id))


def access_of(manager: ServiceManager) -> ManagerAccess:
    """Return how to call this service manager."""
    return ManagerAccess(
        id=manager.id,
        kind=manager.kind,
        base_url=manager.base_url or "",
        application_id=manager.application_id or "",
        api_key=decrypt(manager.api_key_encrypted) if manager.api_key_encrypted else "",
        timeout_seconds=manager.timeout_seconds,
        has_precheck=manager.has_precheck,
        is_active=manager.is_active,
        unchecked_kinds=frozenset(manager.unchecked_kinds),
        is_sandbox=manager.is_sandbox,
        max_parallel_calls=manager.max_parallel_calls,
        synchronises_accounts=manager.synchronises_accounts,
        asks_for_options=bool(manager.account_options) or bool(manager.accepts_existing_accounts),
    )
