"""Usage that a vendor tells by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.billing.usage.models import UsageImport, UsageRecord, UsageState
from app.billing.usage.pulling import managers_to_ask
from app.billing.usage.rating import usage_so_far
from app.core.config import settings
from app.core.db import BoundSession
from app.core.secrets import encrypt
from app.local.demo_vendor.server import DemoVendorServer
from app.provisioning.models import ServiceManager, VendorCall
from app.subscriptions.models import Subscription, SubscriptionVendorLink
from tests.domain.usage.conftest import Metered, make_metered, set_rate
from tests.factories.world import MONDAY_NOON, World
from tests.fakes.demo_vendor import API_KEY, DemoVendor
from workers.connectors.base import AccountPicture, ProvisioningRequest, RequestKind
from workers.connectors.registry import connector_for
from workers.jobs import usage as jobs
from workers.jobs.usage import pull_usage

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


class Clock:
    """The time at the vendor and at the worker."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(jobs, "utc_now", moved)
    return moved


@pytest.fixture
def demo(
    in_scope: World, clock: Clock, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DemoVendor]:
    with DemoVendorServer(tmp_path_factory.mktemp("vendor"), api_key=API_KEY, now=clock) as server:
        running = DemoVendor(server.url)
        monkeypatch.setenv("ALLOWED_PRIVATE_TARGETS", running.target)
        settings.cache_clear()
        yield running


@pytest.fixture
def manager(session: BoundSession, demo: DemoVendor) -> ServiceManager:
    made = ServiceManager(
        name="Demo vendor",
        kind="service_manager",
        base_url=f"{demo.url}/api",
        application_id=demo.settings.application_id,
        api_key_encrypted=encrypt(API_KEY),
        created_at=MONDAY_NOON,
    )
    session.add(made)
    session.commit()
    return made


@pytest.fixture
def node(session: BoundSession, world: World, demo: DemoVendor, manager: ServiceManager) -> Metered:
    """Two compute nodes at the vendor, made today at noon, with their subscription of June here."""
    metered = make_metered(session, world, "Node")
    set_rate(metered, "Hours", "0.02")
    account = AccountPicture(code=metered.account_code, name="Direct", email="a@direct.example", country="GR")
    connector = connector_for(
        demo.settings, allowed_private_targets=frozenset({demo.target}), record_call=lambda _call: None
    )
    reference = connector.synchronise_account(account, idempotency_key="account").reference
    made = connector.create(
        ProvisioningRequest(
            task_id=metered.running.id, distributor_id=world.id, kind=RequestKind.CREATE, service_type="compute",
            product_code="CP-NODE", product_name="Node", quantity=2, term="P1M", billing_cycle="monthly", currency="EUR",
            account=AccountPicture(code=account.code, name=account.name, email=account.email, country="GR", vendor_reference=reference),
        ),
        idempotency_key="node",
    )  # fmt: skip
    session.add(
        SubscriptionVendorLink(
            subscription_id=metered.running.id, service_manager_id=manager.id, vendor_reference=made.reference
        )
    )
    session.commit()
    return metered


def total(session: BoundSession, node: Metered) -> Decimal:
    session.expire_all()
    found = session.scalars(select(Subscription).where(Subscription.id == node.running.id)).one()
    return usage_so_far(found).total


def test_a_vendors_usage_is_taken_in_and_asked_again_it_is_no_news(
    session: BoundSession, world: World, clock: Clock, manager: ServiceManager, node: Metered
) -> None:
    """CB-13, models: a worker pulls usage from the service manager; quantities are rated here."""
    clock.now = NOW + timedelta(days=2)
    assert list(managers_to_ask()) == [manager.id]

    pull_usage(str(manager.id), distributor_id=str(world.id))
    # two nodes: from noon on of the first day, the whole of the second; the third is not over
    assert session.scalars(select(UsageRecord.quantity).order_by(UsageRecord.first_day)).all() == [24, 48]
    assert set(session.scalars(select(UsageRecord.state))) == {UsageState.RATED}
    assert total(session, node) == Decimal("1.44")

    pull_usage(str(manager.id), distributor_id=str(world.id))

    assert session.scalar(select(func.count()).select_from(UsageRecord)) == 2
    assert session.scalar(select(func.count()).select_from(UsageImport)) == 1
    assert session.scalar(select(func.count()).where(VendorCall.operation == "usage")) == 2


def test_a_vendor_that_does_not_answer_changes_nothing(
    session: BoundSession, world: World, demo: DemoVendor, manager: ServiceManager, node: Metered
) -> None:
    del node
    demo.behave("fail", count=None)
    pull_usage(str(manager.id), distributor_id=str(world.id))
    assert session.scalar(select(func.count()).select_from(UsageImport)) == 0
    assert session.scalar(select(func.count()).where(VendorCall.operation == "usage")) == 1


def test_nobody_is_asked_where_nothing_is_charged(session: BoundSession, world: World, manager: ServiceManager) -> None:
    del session, world, manager
    assert list(managers_to_ask()) == []
