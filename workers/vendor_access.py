"""Opening the line to a registered service manager: its connector, and the record of what is said."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.clock import utc_now
from app.core.config import settings
from app.provisioning.access import ManagerAccess
from app.provisioning.claims import RecordedCall
from workers.connectors.base import Connector, ServiceManagerSettings
from workers.connectors.calls import VendorCall
from workers.connectors.registry import ConnectorFactory, connector_for


def open_connector(
    access: ManagerAccess,
    calls: list[RecordedCall],
    *,
    seconds_for_all: int | None,
    connectors: Mapping[str, ConnectorFactory],
) -> Connector:
    """Return the connector of a service manager; `calls` receives what is said. Raises UnknownConnectorKind, ValueError.

    `seconds_for_all` bounds all calls together, so that slow answers cannot outlast the job.
    """

    def record(call: VendorCall) -> None:
        calls.append(_recorded(call, access.base_url))

    return connector_for(
        ServiceManagerSettings(
            kind=access.kind,
            base_url=access.base_url,
            application_id=access.application_id,
            api_key=access.api_key,
            timeout_seconds=access.timeout_seconds,
            seconds_for_all=seconds_for_all,
            is_sandbox=access.is_sandbox,
            synchronises_accounts=access.synchronises_accounts,
            has_precheck=access.has_precheck,
        ),
        allowed_private_targets=settings().allowed_private_targets,
        record_call=record,
        connectors=connectors,
    )


def _recorded(call: VendorCall, base_url: str) -> RecordedCall:
    return RecordedCall(
        at=utc_now(),
        operation=f"{'check ' if call.is_check_only else ''}{call.path.partition('?')[0]}"[:60],
        url=f"{call.method} {base_url.rstrip('/')}/{call.path}"[:500],
        request_body=call.request_body,
        status_code=call.status,
        response_body=call.response_body or call.reason,
        duration_ms=round(call.duration.total_seconds() * 1000),
    )
