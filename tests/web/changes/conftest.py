from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from app.core import db
from app.core.clock import utc_now
from app.core.ids import new_id
from app.subscriptions.models import Subscription, SubscriptionChange
from app.subscriptions.periods import add_months
from tenants.context import scope
from tests.factories.execution import all_of
from tests.factories.subscriptions import Running, make_running
from tests.factories.world import World
from workers.jobs.changes import start_change

TODAY = utc_now().date()
PERIOD = (TODAY - timedelta(days=9), add_months(TODAY - timedelta(days=9), 1) - timedelta(days=1))


@pytest.fixture
def running(session, world) -> Callable[..., Running]:
    """Insert a subscription that was bought nine days ago; nobody has to be asked at a vendor."""

    def make(**of) -> Running:
        account = of.pop("account", world.direct)
        bought_at = utc_now() - timedelta(days=9)
        return make_running(
            db.session, world, account, of.pop("product", world.seats), period=PERIOD, bought_at=bought_at, **of
        )

    return make


@pytest.fixture
def look(world) -> Callable[[], SubscriptionChange]:
    """Let the job look at the only request, and return it."""

    def run() -> SubscriptionChange:
        (change,) = changes(world)
        start_change(str(change.id), distributor_id=str(world.id))
        (change,) = changes(world)
        return change

    return run


def changes(world: World) -> list[SubscriptionChange]:
    with scope(world.scope):
        return all_of(db.session, SubscriptionChange)


def reread(world: World, running: Running) -> Subscription:
    with scope(world.scope):
        return db.session.get(Subscription, (world.id, running.id), populate_existing=True)


def send(browser: FlaskClient, path: str, **fields: object):
    """Post a form with its token and a key of its own."""
    page = browser.get(path.rpartition("/requests")[0] if "/requests/" in path else path)
    if page.status_code != 200:
        page = browser.get(path.rpartition("/")[0])
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    data = {"csrf_token": token[1] if token else "", "request_key": str(new_id()), **fields}
    return browser.post(path, data={name: value for name, value in data.items() if value is not None})
