"""Orders hold the promotions that lower them, and count each once when it is used (CB-16)."""

from __future__ import annotations

import pytest

from app.audit.services import SYSTEM
from app.catalogue.models import Term
from app.core.db import unit_of_work
from app.orders.models import OrderStatus
from app.orders.order_promotions import delete_unordered
from app.orders.partial import Delivery, deliver_items, deliver_rest
from app.pricing.models import Promotion
from app.pricing.promotions.errors import PromotionNotFound, PromotionUsed
from app.pricing.promotions.queries import get_promotion
from tenants.context import scope
from tests.domain.promotions.test_eligibility import make
from tests.factories.execution import Placed, Wanted, root_order
from tests.factories.world import MONDAY_NOON


@pytest.fixture
def promotion(world) -> Promotion:
    with scope(world.scope), unit_of_work():
        return make()


@pytest.fixture
def placed(session, world, promotion) -> Placed:
    """An order that waits, two of its items lowered."""
    lowered = {"columns": {"promotion_id": promotion.id}}
    wanted = [Wanted(world.seats, 2, "8.00", **lowered), Wanted(world.suite, 1, "16.00", term=Term.P1Y, **lowered)]
    return root_order(session, world, wanted, status=OrderStatus.SUBMITTED)


def redeemed(session, world, promotion_id) -> int:
    with scope(world.scope):
        found = get_promotion(promotion_id)
        session.refresh(found)
        return found.redeemed


def test_an_order_delivered_in_parts_uses_a_promotion_once(session, world, promotion, placed):
    """CB-16: a redemption is an order, however many deliveries it takes, also straight from Submitted."""
    promotion_id, number, first = promotion.id, placed.number, placed.items[0].id
    with scope(world.scope), unit_of_work():
        deliver_items(Delivery(number, frozenset({first})), actor=SYSTEM, at=MONDAY_NOON)
    after_first = redeemed(session, world, promotion_id)
    with scope(world.scope), unit_of_work():
        deliver_rest(number, actor=SYSTEM, at=MONDAY_NOON)

    assert (after_first, redeemed(session, world, promotion_id)) == (1, 1)


def test_a_promotion_that_a_waiting_order_holds_is_not_deleted(session, world, promotion, placed):
    """CB-16: without it the order would be executed at its full price."""
    with scope(world.scope):
        with pytest.raises(PromotionUsed):
            delete_unordered(promotion.id, actor=SYSTEM, at=MONDAY_NOON)
        unused = make(name="Unused", code="UNUSED")
        delete_unordered(unused.id, actor=SYSTEM, at=MONDAY_NOON)
        session.flush()
        with pytest.raises(PromotionNotFound):
            get_promotion(unused.id)
