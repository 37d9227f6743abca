"""Baskets: merging, limits, prices that change, and what becomes of old ones (SF-26)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.catalogue.models import BillingCycle, Product, ProductKind, ProductType, Term
from app.catalogue.quantities import quantity_errors
from app.core.db import session
from app.core.errors import Invalid
from app.orders.baskets import (
    KEPT,
    BasketItemNotFound,
    NewItem,
    ProductNotOffered,
    Shopper,
    add_item,
    change_item,
    remove_item,
    view_basket,
)
from app.orders.models import BasketItem
from app.pricing.models import PriceListEntry
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import Buyer, alias_buyer
from tenants.context import Scope, scope
from tests.factories.world import MONDAY, MONDAY_NOON, World

LICENCES = ProductType(kind=ProductKind.SUBSCRIPTION)


@pytest.fixture
def here(world: World) -> Scope:
    """A customer of Tech Solutions, as a request opens its scope."""
    with scope(world.scope):
        lists = price_list_ids_of(world.tech.id)
    return world.tech.customer_scope().with_price_lists(lists)


@pytest.fixture
def shopper(world: World) -> Shopper:
    assert world.tech.storefront is not None
    return Shopper(world.tech.buyers[0].id, world.tech.storefront.id, world.tech.customers[0].id, world.tech.id)


@pytest.fixture
def buyer(world: World, here: Scope) -> Buyer:
    with scope(here):
        return alias_buyer(world.tech.id, world.tech.customers[0].id, MONDAY)


def items_left() -> int:
    return session.scalar(select(func.count()).select_from(BasketItem)) or 0


def seats(world: World, quantity: int = 1, name: str | None = None) -> NewItem:
    return NewItem(world.seats.id, Term.P1M, BillingCycle.MONTHLY, quantity, name)


def test_equal_items_merge_and_named_ones_stay_apart(world: World, here: Scope, shopper: Shopper, buyer: Buyer) -> None:
    with scope(here):
        for new in (seats(world, 2), seats(world, 3), seats(world, 1, "Sales"), seats(world, 1, "Sales")):
            add_item(shopper, new, buyer=buyer, at=MONDAY_NOON)
        view = view_basket(shopper, buyer, at=MONDAY_NOON)

    assert [(line.item.quantity, line.item.friendly_name) for line in view.lines] == [
        (5, None), (1, "Sales"), (1, "Sales"),
    ]  # fmt: skip
    assert view.net_total == Decimal("70.00")


def test_totals_of_mixed_cycles_are_told_apart(world: World, here: Scope, shopper: Shopper, buyer: Buyer) -> None:
    with scope(here):
        add_item(shopper, NewItem(world.tool.id, Term.NONE, BillingCycle.ONE_TIME), buyer=buyer, at=MONDAY_NOON)
        add_item(shopper, seats(world, 5), buyer=buyer, at=MONDAY_NOON)
        view = view_basket(shopper, buyer, at=MONDAY_NOON)

    assert view.cycle_totals == [
        (BillingCycle.MONTHLY, Decimal("50.00")), (BillingCycle.ONE_TIME, Decimal("50.00")),
    ]  # fmt: skip
    assert view.net_total == Decimal("100.00")


@pytest.mark.parametrize(
    ("quantity", "held", "code"),
    [
        (5, 0, None), (4, 0, "quantity_range"), (305, 0, "quantity_range"), (7, 0, "quantity_step"),
        (5, 100, None), (205, 100, "quantity_range"), (5, 300, "quantity_range"),
    ],
)  # fmt: skip
def test_limits_are_about_what_there_is_and_what_is_added(quantity: int, held: int, code: str | None) -> None:
    """SF-F43: below the minimum, above the maximum and off the step is refused; licences already held count."""
    product = Product(min_quantity=5, max_quantity=300, step_quantity=5)
    assert [error.code for error in quantity_errors(product, LICENCES, quantity, held=held)] == ([code] if code else [])


def test_a_plan_is_bought_once() -> None:
    plan = Product(min_quantity=1, max_quantity=1, step_quantity=1, plan_edition="free")
    assert [error.code for error in quantity_errors(plan, LICENCES, 2)] == ["quantity_fixed"]


def test_a_refused_change_leaves_the_item_as_it_was(world: World, here: Scope, shopper: Shopper, buyer: Buyer) -> None:
    with scope(here):
        item = add_item(shopper, seats(world, 5), buyer=buyer, at=MONDAY_NOON)
        with pytest.raises(Invalid):
            change_item(shopper, item.id, quantity=0, at=MONDAY_NOON)
        with pytest.raises(Invalid):
            change_item(shopper, item.id, quantity=5, friendly_name="<b>", at=MONDAY_NOON)
        (line,) = view_basket(shopper, buyer, at=MONDAY_NOON).lines

    assert (line.item.quantity, line.item.friendly_name) == (5, None)


def test_an_item_of_another_basket_is_out_of_reach(world: World, here: Scope, shopper: Shopper, buyer: Buyer) -> None:
    with scope(here):
        item = add_item(shopper, seats(world), buyer=buyer, at=MONDAY_NOON)
    other = Shopper(world.tech.buyers[1].id, shopper.storefront_id, world.tech.customers[1].id, world.tech.id)
    with scope(world.tech.customer_scope(1)):
        with pytest.raises(BasketItemNotFound):
            remove_item(other, item.id, at=MONDAY_NOON)
        with pytest.raises(BasketItemNotFound):
            change_item(other, item.id, quantity=9, at=MONDAY_NOON)
    with scope(here):
        assert items_left() == 1


def test_a_term_that_is_not_sold_is_not_added(world: World, here: Scope, shopper: Shopper, buyer: Buyer) -> None:
    with scope(here):
        with pytest.raises(ProductNotOffered):
            add_item(shopper, NewItem(world.seats.id, Term.P3Y, BillingCycle.TRIENNIAL), buyer=buyer, at=MONDAY_NOON)
        assert items_left() == 0


def test_a_changed_price_is_shown_with_the_one_before(
    world: World, here: Scope, shopper: Shopper, buyer: Buyer
) -> None:
    with scope(here):
        add_item(shopper, seats(world, 2), buyer=buyer, at=MONDAY_NOON)
    with scope(world.scope):
        entry = session.scalars(select(PriceListEntry).where(PriceListEntry.product_id == world.seats.id)).one()
        entry.value = entry.price = Decimal("11.00")
        session.flush()
    with scope(here):
        (line,) = view_basket(shopper, buyer, at=MONDAY_NOON, is_shown=True).lines
        (seen,) = view_basket(shopper, buyer, at=MONDAY_NOON).lines

    assert seen.changed_from is None
    assert (line.changed_from, line.unit_price, line.line_total) == (
        Decimal("10.0000"), Decimal("11.00"), Decimal("22.00"),
    )  # fmt: skip


def test_a_basket_is_kept_for_thirty_days(world: World, here: Scope, shopper: Shopper, buyer: Buyer) -> None:
    with scope(here):
        add_item(shopper, seats(world), buyer=buyer, at=MONDAY_NOON)
        kept = view_basket(shopper, buyer, at=MONDAY_NOON + KEPT).lines
        emptied = view_basket(shopper, buyer, at=MONDAY_NOON + KEPT + KEPT + timedelta(seconds=1)).lines

    assert (len(kept), len(emptied)) == (1, 0)


def test_a_basket_holds_fifty_items(world: World, here: Scope, shopper: Shopper, buyer: Buyer) -> None:
    with scope(here):
        for number in range(50):
            add_item(shopper, seats(world, 1, f"Team {number}"), buyer=buyer, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refused:
            add_item(shopper, seats(world, 1, "One more"), buyer=buyer, at=MONDAY_NOON)
        assert items_left() == 50

    assert [error.code for error in refused.value.errors] == ["too_many"]
