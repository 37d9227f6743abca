"""Which connector serves which kind of service manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from workers.connectors.base import Connector, ServiceManagerSettings
from workers.connectors.calls import RecordCall
from workers.connectors.manual import ManualConnector
from workers.connectors.open_service_broker import OpenServiceBrokerConnector
from workers.connectors.service_manager import ServiceManagerConnector


class ConnectorFactory(Protocol):
    """Makes a connector for one registered service manager; it must not call out yet."""

    def __call__(
        self, settings: ServiceManagerSettings, *, allowed_private_targets: frozenset[str], record_call: RecordCall
    ) -> Connector: ...


class UnknownConnectorKind(LookupError):
    """A service manager is registered with a kind that no connector serves."""

    def __init__(self, kind: str, known: tuple[str, ...]) -> None:
        super().__init__(f"No connector is of kind {kind!r}; there are {', '.join(known)}")
        self.kind, self.known = kind, known


def _manual(
    settings: ServiceManagerSettings, *, allowed_private_targets: frozenset[str], record_call: RecordCall
) -> Connector:
    del settings, allowed_private_targets, record_call  # it calls nobody
    return ManualConnector()


CONNECTORS: Mapping[str, ConnectorFactory] = {
    "manual": _manual,
    "open_service_broker": OpenServiceBrokerConnector,
    "service_manager": ServiceManagerConnector,
}


def connector_for(
    settings: ServiceManagerSettings,
    *,
    allowed_private_targets: frozenset[str],
    record_call: RecordCall,
    connectors: Mapping[str, ConnectorFactory] = CONNECTORS,
) -> Connector:
    """Return the connector of this service manager. Raises UnknownConnectorKind."""
    factory = connectors.get(settings.kind)
    if factory is None:
        raise UnknownConnectorKind(settings.kind, tuple(sorted(connectors)))
    return factory(settings, allowed_private_targets=allowed_private_targets, record_call=record_call)
