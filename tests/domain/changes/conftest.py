from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from app.audit.services import Actor
from app.billing.models import Charge, Invoice
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.core import db
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.provisioning.models import ProvisioningTask
from app.subscriptions.models import ChangeKind, Subscription, SubscriptionChange
from tenants.context import Scope, scope
from tests.factories.execution import all_of, use_service_manager
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import World, make_world
from tests.fakes.connector import FakeConnector, FakeResource
from workers.jobs import changes as change_jobs
from workers.jobs import provisioning

STAFF = Actor(None, "Sam Staff")


def on(day: int, month: int = 6, hour: int = 12) -> datetime:
    """Return an hour of a day of 2026, in UTC; the world's distributor is there, too."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


class Clock:
    """The workers' clock, moved by hand."""

    def __init__(self) -> None:
        self.now = on(1)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Desk:
    """Somebody who asks for changes, and looks at what became of them."""

    world: World
    clock: Clock
    manager_id: UUID | None = None
    vendor: FakeConnector = field(default_factory=FakeConnector)

    def running(self, *, account=None, payer=None, product=None, is_provisioned: bool = False, **columns) -> Running:
        reference = f"resource-{len(self.vendor.resources) + 1}" if is_provisioned else None
        made = make_running(
            db.session, self.world, account or self.world.direct, product or self.world.seats, payer=payer,
            vendor_reference=reference, service_manager_id=self.manager_id, **columns,
        )  # fmt: skip
        if reference:
            self.vendor.resources[reference] = FakeResource(reference, "Active", None)
        db.session.remove()
        return made

    def submit(
        self,
        running: Running,
        kind: ChangeKind,
        *,
        at: datetime,
        where: Scope | None = None,
        key: UUID | None = None,
        **of,
    ) -> SubscriptionChange:
        with scope(where or self.world.scope), unit_of_work():
            wanted = NewChange(subscription_id=running.id, kind=kind, request_key=key or new_id(), **of)
            return submit_change(wanted, actor=STAFF, at=at)

    def do(self, service: Callable, *args, **kwargs):
        """Call a service as BSS does: in the distributor's scope, committed."""
        return self.do_in(self.world.scope, service, *args, **kwargs)

    def do_in(self, where: Scope, service: Callable, *args, **kwargs):
        with scope(where), unit_of_work():
            return service(*args, **kwargs)

    def look(self, change: SubscriptionChange, *, at: datetime) -> None:
        """Let the job look at a storefront's request."""
        self.clock.now = at
        change_jobs.start_change(str(change.id), distributor_id=str(self.world.id))

    def run_tasks(self, *, at: datetime) -> None:
        """Let the vendor be asked for whatever is due."""
        self.clock.now = at
        with scope(self.world.scope):
            due = [task.id for task in all_of(db.session, ProvisioningTask)]
        for task_id in due:
            provisioning.provision_order_item(str(task_id), distributor_id=str(self.world.id))

    def subscription(self, running: Running) -> Subscription:
        with scope(self.world.scope):
            return db.session.get(Subscription, (self.world.id, running.id), populate_existing=True)

    def change(self, change: SubscriptionChange) -> SubscriptionChange:
        with scope(self.world.scope):
            return db.session.get(SubscriptionChange, (self.world.id, change.id), populate_existing=True)

    def rows(self, model: type, where: Scope | None = None) -> list:
        with scope(where or self.world.scope):
            return all_of(db.session, model)

    def charged(self, running: Running) -> list[tuple[str, str, date | None, date | None]]:
        """Return what changes have charged: kind, net amount, first and last day."""
        return [
            (each.kind.value, f"{each.net_amount:.2f}", each.period_from, each.period_to)
            for each in self.rows(Charge)
            if each.subscription_id == running.id and each.change_id is not None
        ]

    def papers(self) -> list[tuple[str, str]]:
        return [(each.kind.value, f"{each.net_total:.2f}") for each in self.rows(Invoice)]


@pytest.fixture
def session(connection):
    """The session of the moment: a job ends with the one it had."""
    return db.session


@pytest.fixture
def world(session) -> World:
    """The world, detached: jobs end with the session, the test still has to read it."""
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    for module in (provisioning, change_jobs):
        monkeypatch.setattr(module, "utc_now", moved)
    return moved


@pytest.fixture
def desk(session, world, clock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A distributor whose products are provisioned by a vendor in memory."""
    manager = use_service_manager(session, world, has_precheck=False)
    made = Desk(world, clock, manager.id)
    monkeypatch.setattr(provisioning, "CONNECTORS", {**provisioning.CONNECTORS, "fake": made.vendor.as_factory})
    session.expunge_all()
    return made
