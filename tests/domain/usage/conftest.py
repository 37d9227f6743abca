"""A pay-per-use subscription of June, and files of usage written as people write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import app.orders.models  # noqa: F401 - subscriptions refer to its tables
from app.audit.services import SYSTEM
from app.billing.usage.importing import get_import, upload_usage
from app.billing.usage.models import ResourceKind, UsageCharge, UsageImport
from app.billing.usage.rates import RateDetails, add_rate
from app.catalogue.models import BillingType, Product, ProductKind, ProductType
from app.core import db
from app.core.config import settings
from app.core.db import BoundSession, unit_of_work
from tenants.context import scope
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import MONDAY_NOON, World, make_product, make_world
from workers.jobs.usage import import_usage

HEADER = ("AccountCode*", "Subscription", "Resource", "Quantity", "Start date", "End date", "Correction")
IN_JUNE = datetime(2026, 6, 20, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Metered:
    """A pay-per-use subscription, its account's code and its product."""

    running: Running
    account_code: str
    product_id: object

    def row(self, resource: str, quantity: object, first: str = "2026-06-01", last: str = "2026-06-30", **more: str):
        """Return a row of a file about it."""
        return (
            more.get("account", self.account_code),
            more.get("subscription", self.running.code),
            resource,
            str(quantity),
            first,
            last,
            more.get("correction", ""),
        )


Upload = Callable[..., UsageImport]


@pytest.fixture
def world(session: BoundSession) -> World:
    """The world, detached: jobs end with the session, the test still has to read it."""
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture(autouse=True)
def in_scope(world: World, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The test speaks in the distributor's scope; files go to a folder of its own."""
    monkeypatch.setenv("MEDIA_PATH", str(tmp_path))
    settings.cache_clear()
    with scope(world.scope):
        yield world
    monkeypatch.undo()
    settings.cache_clear()


def make_metered(session: BoundSession, world: World, name: str = "Compute", **columns: object) -> Metered:
    """Insert a pay-per-use product and a subscription of the direct customer that runs in June 2026."""
    kind = ProductType(name=f"{name} type", kind=ProductKind.PAY_PER_USE, created_at=MONDAY_NOON)
    session.add(kind)
    session.flush()
    product = make_product(session, kind, name, list_price="0.00", vendor_cost="0.00", billing_type=BillingType.ON_END)
    running = make_running(
        session,
        world,
        world.direct,
        product,
        quantity=1,
        unit_cost="0.00",
        is_charged=False,
        **{"billing_type": BillingType.ON_END, **columns},
    )
    return Metered(running, world.direct.code, product.id)


@pytest.fixture
def metered(session: BoundSession, world: World) -> Metered:
    """A pay-per-use subscription of June."""
    return make_metered(session, world)


def set_rate(
    metered: Metered,
    resource: str = "Traffic",
    price: str | None = "0.50",
    *,
    kind: ResourceKind = ResourceKind.METERED,
    pack: str | None = None,
    included: str = "0",
    add_on: Product | None = None,
    currency: str = "EUR",
) -> UsageCharge:
    """Set up what a resource costs."""
    details = RateDetails(
        resource=resource,
        kind=kind,
        unit="GB",
        currency=currency,
        price=Decimal(price) if price is not None else None,
        add_on_id=add_on.id if add_on else None,
        pack_size=Decimal(pack) if pack else None,
        included=Decimal(included),
    )
    with unit_of_work():
        return add_rate(metered.product_id, details, actor=SYSTEM, at=MONDAY_NOON)


@pytest.fixture
def upload(world: World) -> Upload:
    """Upload rows as a CSV file and let the worker take them in."""

    def do(*rows: Sequence[str], header: Sequence[str] = HEADER) -> UsageImport:
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        with unit_of_work():
            made = upload_usage(io.BytesIO(text.getvalue().encode()), "usage.csv", actor=SYSTEM, at=IN_JUNE).id
        import_usage(str(made), distributor_id=str(world.id))
        db.session.expire_all()
        return get_import(made)

    return do
