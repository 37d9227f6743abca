"""A world with canaries: costs, markups and names that would be noticed anywhere they do not belong."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.models import ProductPrice, VendorCost
from app.core.db import BoundSession
from app.core.queue import Job
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.models import Order, OrderWork, WorkState
from app.pricing.models import MarkupLevel, MarkupRule, PriceListEntry
from app.provisioning.jobs import PROVISION_ORDER_ITEM
from app.provisioning.models import ProvisioningTask, TaskStatus
from tenants.context import distributor_scope, scope
from tests.factories.world import MONDAY_NOON, World, make_world
from tests.web.conftest import signed_in_browser
from tests.web.storefront.test_buying import checkout_key

COST, VENDOR_COST, LIST_PRICE, MARKUP = Decimal("7.7731"), Decimal("3.3371"), Decimal("91.9173"), Decimal("37.13")
DISTRIBUTOR = "Kanarienvogel Distribution"
CANARIES = (
    "7.7731",
    "7,7731",
    "7.77",
    "3.3371",
    "3.34",
    "91.91",
    "91.92",
    "37.13",
    "37,13",
    "Kanarienvogel",
    "Nordwind",
)


@dataclass
class Bought:
    """A world in which a customer has bought, with everything staff would see of it."""

    world: World
    number: str


def run_job(job: Job, row_id: object, distributor_id: object) -> None:
    """Run a job as the queue would."""
    module, _, name = job.path.rpartition(".")
    getattr(import_module(module), name)(str(row_id), distributor_id=str(distributor_id))


def run_due(session: BoundSession, world: World) -> None:
    """Run order works and tasks until nothing is due."""
    for _ in range(5):
        with scope(distributor_scope(world.id)):
            works = session.scalars(select(OrderWork.id).where(OrderWork.state == WorkState.PENDING)).all()
            tasks = session.scalars(
                select(ProvisioningTask.id).where(ProvisioningTask.status == TaskStatus.PENDING)
            ).all()
        for work_id in works:
            run_job(PROCESS_ORDER_WORK, work_id, world.id)
        for task_id in tasks:
            run_job(PROVISION_ORDER_ITEM, task_id, world.id)
        if not works and not tasks:
            return


@pytest.fixture
def world(session: BoundSession) -> World:
    """The base world under a name that would be noticed, at prices that would be noticed."""
    made = make_world(session, name=DISTRIBUTOR, host="cloud.vogel.example")
    with scope(made.scope):
        session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == made.seats.id)).one().price = COST
        session.scalars(
            select(ProductPrice).where(ProductPrice.product_id == made.seats.id)
        ).one().list_price = LIST_PRICE
        session.scalars(
            select(VendorCost).where(VendorCost.product_id == made.seats.id)
        ).one().vendor_cost = VENDOR_COST
    with scope(made.tech.scope):
        session.add(
            MarkupRule(
                reseller_id=made.tech.id,
                level=MarkupLevel.PRODUCT,
                product_id=made.seats.id,
                percent=MARKUP,
                created_at=MONDAY_NOON,
            )
        )
    session.commit()
    return made


def buy(browser: FlaskClient, world: World) -> str:
    """Order one seat under the alias; returns the order's number."""
    browser.post(
        "/techsolutions/basket/items",
        data={"product_id": str(world.seats.id), "price": "P1M.monthly", "quantity": "1"},
    )
    key = checkout_key(browser.get("/techsolutions/checkout/review").text)
    done = browser.post("/techsolutions/checkout/review", data={"checkout_key": key})
    return str(done.headers["Location"]).rpartition("/")[2]


@pytest.fixture
def bought(app: Flask, client: FlaskClient, session: BoundSession, world: World) -> Bought:
    """The customer has an executed order, an active subscription, and one order that waits."""
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.customers[0].id)).approval_required = False
        session.get_one(Account, (world.id, world.tech.id)).credit_limit = None
    signed_in_browser(client, world, world.tech.buyers[0])
    number = buy(client, world)
    run_due(session, world)
    buy(client, world)
    with scope(world.scope):
        assert session.scalar(select(Order.status).where(Order.number == number)).value == "executed"  # type: ignore[union-attr]
    return Bought(world, number)
