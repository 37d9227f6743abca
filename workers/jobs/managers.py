"""Trying a service manager's address and key, and asking what it must know of accounts. Nothing is changed there."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.provisioning.access import access_to
from app.provisioning.claims import RecordedCall, record_calls
from app.provisioning.jobs import TEST_MANAGER
from app.provisioning.managers import record_test
from workers.connectors.base import AsksForOptions, CanBeTested, ConnectorError
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind
from workers.runtime import scoped_job
from workers.vendor_access import open_connector

SECONDS_FOR_ALL = 120
OWN_DETAILS = frozenset({"code", "name", "email", "country"})  # of the account itself: told in any case


@scoped_job(TEST_MANAGER)
def test_manager(manager_id: UUID) -> None:
    """Make the harmless call of a service manager, and read the details it asks of accounts. Safe to run twice."""
    with unit_of_work():
        access = access_to(manager_id)
    calls: list[RecordedCall] = []
    problem, options = "", None
    try:
        connector = open_connector(access, calls, seconds_for_all=SECONDS_FOR_ALL, connectors=CONNECTORS)
        if isinstance(connector, CanBeTested):
            connector.test()
        if isinstance(connector, AsksForOptions):
            options = [asdict(option) for option in connector.account_options() if option.id not in OWN_DETAILS]
    except (ConnectorError, UnknownConnectorKind, ValueError) as error:
        problem = str(error)
    with unit_of_work():
        record_calls(None, manager_id, calls)
        record_test(manager_id, problem=problem, account_options=options, at=utc_now())
