"""A service manager whose feed the test writes, and one that is the demo vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from app.audit.services import Actor
from app.catalogue.vendor_runs.models import VendorRun
from app.catalogue.vendor_runs.queries import get_run
from app.catalogue.vendor_runs.runs import start_run
from app.core.db import BoundSession, unit_of_work
from app.core.secrets import encrypt
from app.provisioning.models import ServiceManager
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World
from workers.connectors.base import ConnectorError
from workers.jobs import vendor_catalogue
from workers.jobs.vendor_catalogue import read_vendor_definition

FEED: dict[str, Any] = {
    "types": [{"id": "mail", "name": "Vendor mail", "attributes": []}],
    "products": [
        {
            "id": "MAIL-S",
            "typeId": "mail",
            "name": "Mail Small",
            "upgradesTo": ["MAIL-L"],
            "terms": [
                {
                    "term": "P1Y",
                    "billingCycle": "monthly",
                    "currency": "EUR",
                    "cost": "57.60",
                    "suggestedPrice": "72.00",
                }
            ],
        },
        {
            "id": "MAIL-L",
            "typeId": "mail",
            "name": "Mail Large",
            "terms": [
                {"term": "P1M", "billingCycle": "monthly", "currency": "EUR", "cost": "9.60", "suggestedPrice": "12.00"}
            ],
        },
    ],
    "addOns": [
        {
            "id": "ARCHIVE",
            "typeId": "mail",
            "name": "Archive",
            "parents": ["MAIL-S"],
            "terms": [
                {"term": "P1M", "billingCycle": "monthly", "currency": "EUR", "cost": "1.60", "suggestedPrice": "2.00"}
            ],
        }
    ],
}


class FeedConnector:
    """Answers with whatever the test has put into `feed`; raises what it is told to raise."""

    def __init__(self) -> None:
        self.feed: Any = deepcopy(FEED)
        self.problem: ConnectorError | None = None
        self.calls = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def definition(self) -> object:
        self.calls += 1
        self.meanwhile()
        if self.problem is not None:
            raise self.problem
        return deepcopy(self.feed)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> FeedConnector:
    """The vendor behind every service manager of kind service_manager."""
    connector = FeedConnector()
    monkeypatch.setattr(vendor_catalogue, "CONNECTORS", {"service_manager": lambda _settings, **_: connector})
    return connector


@pytest.fixture
def in_scope(world: World) -> Iterator[World]:
    """The test speaks in the distributor's scope."""
    with scope(world.scope):
        yield world


@pytest.fixture
def manager(in_scope: World, session: BoundSession) -> ServiceManager:
    """A registered service manager."""
    made = ServiceManager(
        name="Acme Cloud",
        kind="service_manager",
        base_url="https://vendor.example/api",
        application_id="galleria",
        api_key_encrypted=encrypt("key"),
        created_at=MONDAY_NOON,
    )
    session.add(made)
    session.commit()
    return made


@pytest.fixture
def starter(world: World) -> Actor:
    """Who presses the button."""
    return Actor(world.bss_user.id, world.bss_user.full_name)


@pytest.fixture
def read(in_scope: World, manager: ServiceManager, starter: Actor) -> Callable[[], VendorRun]:
    """Start a run, let the worker do it, and return it as it ended."""

    def run() -> VendorRun:
        with unit_of_work():
            started = start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON)
        read_vendor_definition(str(started.id), distributor_id=str(in_scope.id))
        return get_run(started.id)

    return run
