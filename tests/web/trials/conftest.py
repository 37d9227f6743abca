from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from app.catalogue.models import Product
from app.changes.trials import open_trial
from app.core.clock import utc_now
from app.subscriptions.models import Subscription
from app.subscriptions.price_models import Trial
from tenants.context import scope


@pytest.fixture(autouse=True)
def _seats_can_be_tried(session, world) -> None:
    """The seats have a 30-day trial."""
    with scope(world.scope):
        session.execute(update(Product).where(Product.id == world.seats.id).values(trial_days=30))
        session.commit()


@pytest.fixture
def open_all(session, world) -> Callable[[], list[Subscription]]:
    """Open what was asked for, as the job does; return the trials' subscriptions."""

    def opened() -> list[Subscription]:
        with scope(world.scope):
            for trial_id in session.scalars(select(Trial.id)).all():
                open_trial(trial_id, at=utc_now())
            session.commit()
            return list(session.scalars(select(Subscription).order_by(Subscription.id)))

    return opened
