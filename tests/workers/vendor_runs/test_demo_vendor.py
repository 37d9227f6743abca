"""The definition of the demo vendor, over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Product, ProductPrice, ProductType, Term
from app.catalogue.vendor_runs.models import VendorRunState
from app.catalogue.vendor_runs.queries import get_run
from app.catalogue.vendor_runs.runs import start_run
from app.core.config import settings
from app.core.db import BoundSession, unit_of_work
from app.core.secrets import encrypt
from app.provisioning.models import ServiceManager, VendorCall
from tests.factories.world import MONDAY_NOON, World
from tests.fakes.demo_vendor import API_KEY, DemoVendor, demo_vendor_thread
from workers.jobs.vendor_catalogue import read_vendor_definition


@pytest.fixture
def demo(tmp_path, monkeypatch) -> Iterator[DemoVendor]:
    with demo_vendor_thread(tmp_path) as running:
        monkeypatch.setenv("ALLOWED_PRIVATE_TARGETS", running.target)
        settings.cache_clear()
        yield running
    monkeypatch.undo()
    settings.cache_clear()


def read_from(demo: DemoVendor, world: World, session: BoundSession, starter: Actor, *, key: str = API_KEY):
    manager = ServiceManager(
        name="Demo vendor",
        kind="service_manager",
        base_url=f"{demo.url}/api",
        api_key_encrypted=encrypt(key),
        created_at=MONDAY_NOON,
    )
    session.add(manager)
    session.commit()
    with unit_of_work():
        run = start_run(manager.id, manager.name, actor=starter, at=MONDAY_NOON)
    read_vendor_definition(str(run.id), distributor_id=str(world.id))
    return get_run(run.id)


def test_the_demo_vendors_catalogue_is_read(
    demo: DemoVendor, in_scope: World, session: BoundSession, starter: Actor
) -> None:
    run = read_from(demo, in_scope, session, starter)

    assert (run.state, run.message) == (VendorRunState.COMPLETED, None)
    workplace = session.scalars(select(ProductType).where(ProductType.external_id == "workplace")).one()
    assert [each["id"] for each in workplace.characteristics] == ["domain", "region", "storage_gb", "archiving"]
    price = session.scalars(
        select(ProductPrice)
        .join(Product, Product.id == ProductPrice.product_id)
        .where(Product.external_id == "WP-START", ProductPrice.term == Term.P1Y, ProductPrice.currency == "EUR")
    ).one()
    assert (price.list_price, price.cycle) == (Decimal("4.2500"), BillingCycle.MONTHLY)
    call = session.scalars(select(VendorCall)).one()
    assert (call.operation, call.status_code, call.service_manager_id) == (
        "service-definition", 200, run.service_manager_id,
    )  # fmt: skip


def test_a_wrong_key_fails_the_run_and_changes_nothing(
    demo: DemoVendor, in_scope: World, session: BoundSession, starter: Actor
) -> None:
    run = read_from(demo, in_scope, session, starter, key="another-key-77")

    assert (run.state, run.message) == (VendorRunState.FAILED, "The API key is wrong")
    assert session.scalars(select(Product).where(Product.external_id.is_not(None))).all() == []


def test_a_vendor_talking_nonsense_fails_the_run(
    demo: DemoVendor, in_scope: World, session: BoundSession, starter: Actor
) -> None:
    demo.behave("garbage", count=None)

    run = read_from(demo, in_scope, session, starter)

    assert run.state is VendorRunState.FAILED
    assert run.message == "Invalid response: the reply is not JSON"
