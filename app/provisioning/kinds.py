"""Kinds of service managers and what each can do; the workers' connectors prove it (tests/workers/connectors)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from app.provisioning.models import TaskKind


class Capability(enum.Enum):
    """What not every kind of vendor can do; the values are the protocols of workers.connectors.base."""

    SUSPEND = "Suspends"
    LIST_SERVICES = "ListsServices"
    READ_SERVICES = "ReadsServices"
    ACCOUNT_OPTIONS = "AsksForOptions"
    LATER = "WorksLater"
    TEST = "CanBeTested"
    FUTURE_REQUESTS = "TakesFutureRequests"


@dataclass(frozen=True, slots=True)
class ManagerKind:
    """One kind: its words for people, and what it can do."""

    label: str
    capabilities: frozenset[Capability] = frozenset()
    calls_out: bool = True
    has_accounts: bool = False


KINDS: Mapping[str, ManagerKind] = {  # keys of workers.connectors.registry
    "service_manager": ManagerKind(
        "Service manager over HTTPS",
        frozenset(
            {
                Capability.SUSPEND,
                Capability.LIST_SERVICES,
                Capability.READ_SERVICES,
                Capability.ACCOUNT_OPTIONS,
                Capability.TEST,
                Capability.FUTURE_REQUESTS,
            }
        ),
        has_accounts=True,
    ),
    "open_service_broker": ManagerKind(
        "Open Service Broker 2.17", frozenset({Capability.READ_SERVICES, Capability.LATER, Capability.TEST})
    ),
    "manual": ManagerKind("Provisioned by people", frozenset({Capability.SUSPEND}), calls_out=False),
}
_NEEDED = {
    TaskKind.SUSPEND: Capability.SUSPEND,
    TaskKind.ACTIVATE: Capability.SUSPEND,
    TaskKind.SCHEDULE: Capability.FUTURE_REQUESTS,
    TaskKind.WITHDRAW: Capability.FUTURE_REQUESTS,
}


def can(manager_kind: str, capability: Capability) -> bool:
    """Whether a kind of service manager has a capability; an unknown kind has none."""
    found = KINDS.get(manager_kind)
    return found is not None and capability in found.capabilities


def offers(manager_kind: str, task_kind: TaskKind) -> bool:
    """Whether a kind of service manager can be asked for tasks of this kind; what is not offered is not shown."""
    needed, found = _NEEDED.get(task_kind), KINDS.get(manager_kind)
    return needed is None or found is None or needed in found.capabilities
