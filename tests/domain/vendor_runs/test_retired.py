"""What a retired product still does: nothing new, but what runs goes on (CB-15)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.audit.services import Actor
from app.billing.models import InvoiceLine
from app.catalogue.models import BillingCycle, Product, Term
from app.changes.renewals import bill_day
from app.core.db import BoundSession, unit_of_work
from app.core.errors import Invalid
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_items import WantedItem, add_item
from app.orders.models import OrderItem
from app.pricing.buyers import alias_buyer, root_buyer
from app.pricing.catalogue_page import offered_ids
from app.subscriptions.models import Subscription
from tenants.context import scope
from tests.factories.subscriptions import make_running
from tests.factories.world import MONDAY, MONDAY_NOON, World


@pytest.fixture
def retired(world: World, session: BoundSession) -> Product:
    """The world's monthly product, gone from its vendor's feed."""
    with scope(world.scope):
        product = session.scalars(select(Product).where(Product.id == world.seats.id)).one()
        product.retired_at = MONDAY_NOON
        session.commit()
    return product


def test_a_retired_product_is_offered_nowhere(world: World, session: BoundSession, retired: Product) -> None:
    """CB-F44 (partly): retired is not orderable, at the root, under an alias, and in the back office."""
    staff = Actor(world.bss_user.id, "Bo")
    with scope(world.scope.with_price_lists((world.price_list.id,))):
        assert offered_ids([retired.id, world.suite.id], root_buyer(world.direct, MONDAY)) == {world.suite.id}
    with scope(world.tech.scope.with_price_lists((world.price_list.id,))):
        assert offered_ids([retired.id, world.suite.id], alias_buyer(world.tech.id, None, MONDAY)) == {world.suite.id}
    with scope(world.scope):
        with unit_of_work():
            number = create_order(NewOrder(world.direct.id), actor=staff, at=MONDAY_NOON).number
        wanted = WantedItem(retired.id, Term.P1M, BillingCycle.MONTHLY, 1)
        with pytest.raises(Invalid) as refused, unit_of_work():
            add_item(number, wanted, actor=staff, at=MONDAY_NOON)
        assert refused.value.codes == ("not_available",)
        assert session.scalars(select(OrderItem)).all() == []


def test_what_runs_renews(world: World, session: BoundSession, retired: Product) -> None:
    """CB-F44 (partly): a retired product's subscriptions still renew, and are still billed."""
    running = make_running(session, world, world.direct, retired, quantity=5, unit_cost="10.00")
    with scope(world.scope):
        with unit_of_work():
            bill_day(world.direct.id, date(2026, 7, 1), at=datetime(2026, 7, 1, 3, tzinfo=UTC))
        subscription = session.scalars(select(Subscription).where(Subscription.id == running.id)).one()
        assert subscription.period_to == date(2026, 7, 31)
        assert session.scalars(select(InvoiceLine.net_amount)).all() == [
            Decimal("60.0000")
        ]  # a new term begins at today's price
