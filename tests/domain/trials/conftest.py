from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from app.accounts.models import Account
from app.audit.services import Actor
from app.catalogue.models import Product
from app.changes.trials import open_trial
from app.core import db
from app.pricing.quotes import alias_buyer, root_buyer
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.subscriptions.models import Subscription
from app.subscriptions.price_models import Trial
from app.subscriptions.trials import NewTrial, request_trial
from tenants.context import direct_customer_scope, end_customer_scope, scope
from tests.factories.execution import all_of
from tests.factories.world import World, make_world
from tests.fakes.connector import FakeConnector
from workers.jobs import provisioning

FIRST_OF_JUNE = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def session(connection):
    """The session of the moment: a job ends with the one it had."""
    return db.session


@pytest.fixture
def world(session) -> World:
    """The world, detached, with a 30-day trial of the seats."""
    made = make_world(session)
    with scope(made.scope):
        session.execute(update(Product).where(Product.id == made.seats.id).values(trial_days=30))
        session.commit()
    session.expunge_all()
    return made


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> FakeConnector:
    """A vendor in memory behind service managers of kind "fake"."""
    fake = FakeConnector()
    monkeypatch.setattr(provisioning, "CONNECTORS", {**provisioning.CONNECTORS, "fake": fake.as_factory})
    return fake


@pytest.fixture
def ask(session, world) -> Callable[..., Trial]:
    """Ask for a trial of the seats as an account's own user does."""

    def ask_for(
        account: Account, *, payer: Account | None = None, quantity: int = 4, at: datetime = FIRST_OF_JUNE, **columns
    ) -> Trial:
        payer = payer or account
        own = account.reseller_id
        entered = end_customer_scope(world.id, own, account.id) if own else direct_customer_scope(world.id, account.id)
        with scope(world.scope):
            buyer = root_buyer(payer, at.date()) if payer is account else alias_buyer(payer.id, account.id, at.date())
        with scope(entered.with_price_lists((world.price_list.id,))):
            made = request_trial(
                NewTrial(
                    account=account,
                    payer_id=payer.id,
                    product_id=columns.pop("product_id", world.seats.id),
                    quantity=quantity,
                    friendly_name=columns.pop("friendly_name", ""),
                    storefront_id=None,
                    contact_email="asker@people.example",
                    requested_by=Actor(None, "Asker"),
                ),
                buyer=buyer,
                at=at,
            )
            session.commit()
            return made

    return ask_for


@pytest.fixture
def running(session, world, ask) -> Callable[..., Subscription]:
    """A trial of the direct customer that was asked for, opened and, where there is a vendor, set up there."""

    def opened(
        account: Account | None = None, *, payer: Account | None = None, at: datetime = FIRST_OF_JUNE, **columns
    ):
        trial = ask(account or world.direct, payer=payer, at=at, **columns)
        with scope(world.scope):
            made = open_trial(trial.id, at=at)
            subscription_id = made.id
            session.commit()
        run_tasks(session, world)
        with scope(world.scope):
            return session.get_one(Subscription, (world.id, subscription_id))

    return opened


def run_tasks(session, world) -> None:
    """Let the workers do what is due at vendors."""
    for _ in range(5):
        with scope(world.scope):
            waiting = [task.id for task in all_of(session, ProvisioningTask) if task.status is TaskStatus.PENDING]
            session.commit()
        for task_id in waiting:
            provisioning.provision_order_item(str(task_id), distributor_id=str(world.id))
        if not waiting:
            return


def find_subscription(session, world) -> Subscription:
    """Return the one subscription as it stands."""
    with scope(world.scope):
        (found,) = all_of(session, Subscription)
        return found
