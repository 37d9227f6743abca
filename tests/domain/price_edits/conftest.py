from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from app.audit.services import SYSTEM
from app.changes.price_edits import NewPriceEdit, edit_price
from app.changes.price_quotes import WantedPrice
from app.core.ids import new_id
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange, SubscriptionCost
from tenants.context import scope
from tests.domain.renewals.conftest import Billing, billing, noon
from tests.factories.execution import all_of
from tests.factories.world import World, make_world

__all__ = ("billing",)


@pytest.fixture
def world(session) -> World:
    """The world, detached: a refusal rolls back and would expire what the test still has to read."""
    made = make_world(session)
    session.expunge_all()
    return made


@pytest.fixture
def edit(session, world) -> Callable[..., SubscriptionChange]:
    """Edit a subscription's price on a day."""

    def edit_now(
        subscription: Subscription,
        day: date,
        *,
        timing: ChangeTiming = ChangeTiming.NOW,
        key: UUID | None = None,
        may_go_below_cost: bool = False,
        **wanted: object,
    ) -> SubscriptionChange:
        with scope(world.scope):
            change = edit_price(
                NewPriceEdit(
                    subscription_id=subscription.id,
                    wanted=WantedPrice(**wanted),
                    timing=timing,
                    request_key=key or new_id(),
                    may_go_below_cost=may_go_below_cost,
                ),
                actor=SYSTEM,
                at=noon(day),
            )
            session.commit()
            return change

    return edit_now


def cost_of(session, world) -> SubscriptionCost:
    """Return the one subscription's cost row as it stands."""
    with scope(world.scope):
        (found,) = all_of(session, SubscriptionCost)
        return found


def unit_cost(session, world) -> Decimal:
    return cost_of(session, world).unit_cost


__all__ = ("Billing", "billing", "cost_of", "noon", "unit_cost")
