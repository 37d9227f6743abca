"""Who may have a plan, and what it takes (RS-04, RS-05, RS-10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Product, ProductPrice, Term
from app.core.db import BoundSession
from app.core.errors import Invalid
from app.pricing.models import PriceList, PriceListEntry
from app.resellers.errors import PlanAlreadyActive, PlanNotOffered, PlanPendingCancellation, ResellerRequired, SamePlan
from app.resellers.plans import (
    PlanPrices,
    PlanRequest,
    activate_reseller_plans,
    check_plan,
    deactivate_reseller_plans,
    needs_alias,
    offered_plans,
    plans_for_back_office,
)
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import scope
from tests.domain.resellers.conftest import live_plan_of
from tests.factories.world import MONDAY_NOON, World


def request_of(world: World, plan: Product) -> PlanRequest:
    return PlanRequest(world.basic.id, plan.id, alias="sunrise")


def test_activating_puts_two_unpublished_plans_on_record(world: World, plans: Sequence[Product], session: BoundSession):
    with scope(world.scope):
        prices = session.execute(
            select(
                Product.plan_edition,
                ProductPrice.term,
                ProductPrice.cycle,
                ProductPrice.list_price,
                ProductPrice.currency,
            )
            .join(ProductPrice, ProductPrice.product_id == Product.id)
            .where(Product.plan_edition.is_not(None))
        ).all()

    assert [(plan.plan_edition, plan.is_published, plan.max_quantity) for plan in plans] == [
        ("free", False, 1),
        ("standard", False, 1),
    ]
    assert {tuple(row) for row in prices} == {
        ("free", Term.P1M, BillingCycle.MONTHLY, Decimal(0), "EUR"),
        ("standard", Term.P1M, BillingCycle.MONTHLY, Decimal("49.00"), "EUR"),
        ("standard", Term.P1Y, BillingCycle.ANNUAL, Decimal("490.00"), "EUR"),
    }


def test_activating_again_keeps_what_the_distributor_renamed(world: World, plans: Sequence[Product], session) -> None:
    with scope(world.scope):
        plans[0].name = "Partner shop"
        session.flush()
        again = activate_reseller_plans(PlanPrices(Decimal(1), Decimal(2)), actor=SYSTEM, at=MONDAY_NOON)
        standard = session.scalars(select(ProductPrice.list_price).where(ProductPrice.product_id == plans[1].id)).all()

    assert [plan.id for plan in again] == [plan.id for plan in plans]
    assert again[0].name == "Partner shop"
    assert set(standard) == {Decimal("49.00"), Decimal("490.00")}


def test_new_plans_stand_in_the_default_list_at_their_list_price(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        default = PriceList(
            name="Everybody", currency="EUR", valid_from=date(2026, 1, 1), is_default=True, created_at=MONDAY_NOON
        )
        session.add(default)
        session.flush()
        for _ in range(2):
            activate_reseller_plans(PlanPrices(Decimal(49), Decimal(490)), actor=SYSTEM, at=MONDAY_NOON)
        prices = session.scalars(select(PriceListEntry.price).where(PriceListEntry.price_list_id == default.id)).all()

    assert sorted(prices) == [Decimal(0), Decimal(49), Decimal(490)]


def test_with_the_service_manager_off_plans_are_neither_shown_nor_orderable(
    world: World, plans: Sequence[Product], session: BoundSession
) -> None:
    """RS-F8: with the service manager off, plan products are neither shown nor orderable."""
    with scope(world.scope):
        for plan in plans:
            plan.is_published = True
        session.flush()
        assert len(offered_plans()) == 2
        deactivate_reseller_plans(actor=SYSTEM, at=MONDAY_NOON)
        assert (list(offered_plans()), list(plans_for_back_office())) == ([], [])
        with pytest.raises(PlanNotOffered):
            check_plan(request_of(world, plans[0]), at=MONDAY_NOON)
        assert session.scalars(select(Product.is_active).where(Product.plan_edition.is_not(None))).all() == [False] * 2


@pytest.mark.parametrize("quantity", [0, 2, 100])
def test_a_plan_is_sold_once(world: World, plans: Sequence[Product], quantity: int) -> None:
    """RS-F10: plan quantity cannot be other than 1."""
    with scope(world.scope), pytest.raises(Invalid) as refusal:
        check_plan(replace(request_of(world, plans[0]), quantity=quantity), at=MONDAY_NOON)

    assert [(error.field, error.code) for error in refusal.value.errors] == [("quantity", "quantity_fixed")]


def test_a_plan_is_for_resellers_only(world: World, plans: Sequence[Product]) -> None:
    with scope(world.scope), pytest.raises(ResellerRequired) as refusal:
        check_plan(replace(request_of(world, plans[0]), account_id=world.direct.id), at=MONDAY_NOON)

    assert refusal.value.code == "reseller_required"


def test_an_ordinary_product_is_no_plan(world: World, plans: Sequence[Product]) -> None:
    with scope(world.scope), pytest.raises(PlanNotOffered):
        check_plan(replace(request_of(world, plans[0]), product_id=world.seats.id), at=MONDAY_NOON)


def test_a_first_plan_needs_an_alias(world: World, plans: Sequence[Product]) -> None:
    with scope(world.scope):
        assert needs_alias(world.basic.id)
        with pytest.raises(Invalid) as refusal:
            check_plan(replace(request_of(world, plans[0]), alias="  "), at=MONDAY_NOON)

    assert refusal.value.codes == ("alias_required",)


def test_a_second_plan_is_refused_while_one_is_live(world: World, plans: Sequence[Product]) -> None:
    """RS-F11: a second plan while one is live is `plan_already_active`."""
    with scope(world.scope):
        live_plan_of(world.cloudia, plans[0])
        with pytest.raises(PlanAlreadyActive) as refusal:
            check_plan(PlanRequest(world.cloudia.id, plans[1].id, alias="sunrise"), at=MONDAY_NOON)

    assert refusal.value.code == "plan_already_active"
    assert "switch" in str(refusal.value)


def test_switching_needs_no_alias_and_not_to_the_current_plan(world: World, plans: Sequence[Product]) -> None:
    free, standard = plans
    with scope(world.scope):
        current = live_plan_of(world.cloudia, free)
        switch = PlanRequest(world.cloudia.id, standard.id, switches_id=current.id)
        assert check_plan(switch, at=MONDAY_NOON).id == standard.id
        with pytest.raises(SamePlan):
            check_plan(replace(switch, product_id=free.id), at=MONDAY_NOON)


def test_a_plan_about_to_end_cannot_be_switched(world: World, plans: Sequence[Product], session: BoundSession) -> None:
    with scope(world.scope):
        current: Subscription = live_plan_of(world.cloudia, plans[0])
        current.status = SubscriptionStatus.PENDING_CANCELLATION
        session.flush()
        with pytest.raises(PlanPendingCancellation):
            check_plan(PlanRequest(world.cloudia.id, plans[1].id, switches_id=current.id), at=MONDAY_NOON)
