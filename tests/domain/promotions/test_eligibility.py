"""Promotions by themselves: who they are for, which is best, what is refused when they are made (CB-16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.audit.services import SYSTEM
from app.catalogue.models import BillingCycle, Term
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.versions import StaleVersion
from app.pricing.models import Promotion, PromotionAmount, PromotionDuration
from app.pricing.promotions.eligibility import PromotionBuyer, best_of, covers, refusal
from app.pricing.promotions.errors import PromotionUsed
from app.pricing.promotions.queries import PromotionFilter, PromotionState, list_promotions
from app.pricing.promotions.services import (
    PromotionDetails,
    count_redemptions,
    create_promotion,
    delete_promotion,
    update_promotion,
)
from app.pricing.quotes import PriceKey
from tenants.context import scope
from tests.factories.world import MONDAY, MONDAY_NOON, World

SPRING = PromotionDetails(
    name="Spring",
    starts_on=MONDAY,
    amount_kind=PromotionAmount.PERCENT,
    value=Decimal(20),
    duration=PromotionDuration.LIMITED,
    cycles=3,
    code="spring-20",
)
ANYBODY = PromotionBuyer("EUR", MONDAY)


@pytest.fixture
def inside(world: World):
    with scope(world.scope):
        yield world


def make(**changes: object) -> Promotion:
    return create_promotion(replace(SPRING, **changes), actor=SYSTEM, at=MONDAY_NOON)


def test_codes_are_kept_in_capitals_and_unique_in_any_case(inside):
    assert make().code == "SPRING-20"
    with pytest.raises(Invalid) as refused:
        make(name="Another", code="Spring-20")
    assert refused.value.codes == ("code_taken",)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": " "}, "name_length"),
        ({"code": "abc"}, "code_invalid"),
        ({"code": "WITH SPACE"}, "code_invalid"),
        ({"ends_on": MONDAY - timedelta(days=1)}, "date_order"),
        ({"value": Decimal(0)}, "percent_range"),
        ({"value": Decimal("100.01")}, "percent_range"),
        ({"value": Decimal("0.00001")}, "decimals"),
        ({"amount_kind": PromotionAmount.AMOUNT}, "currency_unknown"),
        ({"cycles": None}, "cycles_range"),
        ({"cycles": 0}, "cycles_range"),
        ({"max_redemptions": 0}, "limit_range"),
        ({"max_per_account": 0}, "limit_range"),
        ({"product_ids": (new_id(),)}, "product_unknown"),
    ],
)
def test_a_promotion_that_makes_no_sense_is_not_made(inside, changes, code):
    with pytest.raises(Invalid) as refused:
        make(**changes)

    assert code in refused.value.codes
    assert session.scalar(select(func.count()).select_from(Promotion)) == 0


@pytest.mark.parametrize(
    ("changes", "buyer", "code"),
    [
        ({}, ANYBODY, None),
        ({"is_active": False}, ANYBODY, "promotion_unknown"),
        ({"starts_on": MONDAY + timedelta(days=1)}, ANYBODY, "promotion_unknown"),
        ({"starts_on": date(2026, 1, 1), "ends_on": MONDAY}, ANYBODY, None),
        ({"starts_on": date(2026, 1, 1), "ends_on": MONDAY - timedelta(days=1)}, ANYBODY, "promotion_expired"),
        ({"new_customers_only": True}, replace(ANYBODY, has_ordered=True), "promotion_new_customers_only"),
        ({"new_customers_only": True}, ANYBODY, None),
        ({}, replace(ANYBODY, is_reseller=True), "promotion_not_eligible"),
        ({"includes_resellers": True}, replace(ANYBODY, is_reseller=True), None),
        ({"amount_kind": PromotionAmount.AMOUNT, "currency": "USD"}, ANYBODY, "promotion_not_eligible"),
    ],
)
def test_a_code_is_refused_with_its_reason(inside, changes, buyer, code):
    """CB-F47 (partly): each reason has a stable code; the first and the last day count."""
    error = refusal(make(**changes), buyer)

    assert (error.code if error else None) == code


def test_limits_count_all_orders_and_those_of_the_account(inside):
    promotion = make(max_redemptions=2, max_per_account=1)
    used = replace(ANYBODY, used={promotion.id: 1})
    error = refusal(promotion, used)
    assert error is not None
    assert error.code == "promotion_exhausted"

    for _ in range(2):
        count_redemptions([promotion.id])
    session.refresh(promotion)
    error = refusal(promotion, ANYBODY)
    assert error is not None
    assert error.code == "promotion_exhausted"
    assert refusal(None, ANYBODY) is not None


def test_the_best_one_is_chosen_among_those_that_cover_the_product(inside):
    key = PriceKey(inside.seats.id, Term.P1M, BillingCycle.MONTHLY)
    twenty = make()
    elsewhere = make(name="Elsewhere", code="ELSE", value=Decimal(90), product_ids=(inside.suite.id,))
    yearly = make(name="Yearly", code="YEAR", value=Decimal(80), billing_cycles=(BillingCycle.ANNUAL,))
    five = make(
        name="Five", code="FIVE", amount_kind=PromotionAmount.AMOUNT, value=Decimal(5), currency="EUR",
        duration=PromotionDuration.LIFETIME, cycles=None,
    )  # fmt: skip
    all_of_them = [twenty, elsewhere, yearly, five]

    assert best_of(all_of_them, key, Decimal(20), ANYBODY) is five
    assert best_of(all_of_them, key, Decimal(40), ANYBODY) is twenty
    assert best_of(all_of_them, key, Decimal(0), ANYBODY) is None
    assert not covers(twenty, PriceKey(inside.tool.id, Term.NONE, BillingCycle.ONE_TIME))


def test_a_used_promotion_is_changed_but_not_deleted(inside):
    promotion = make()
    changed = update_promotion(
        promotion.id, replace(SPRING, value=Decimal(25)), version=1, actor=SYSTEM, at=MONDAY_NOON
    )
    assert (changed.value, changed.version) == (Decimal(25), 2)
    with pytest.raises(StaleVersion):
        update_promotion(promotion.id, SPRING, version=1, actor=SYSTEM, at=MONDAY_NOON)

    count_redemptions([promotion.id])
    session.refresh(promotion)
    with pytest.raises(PromotionUsed):
        delete_promotion(promotion.id, actor=SYSTEM, at=MONDAY_NOON)
    unused = make(name="Unused", code="UNUSED")
    delete_promotion(unused.id, actor=SYSTEM, at=MONDAY_NOON)
    assert [each.name for each in list_promotions(PromotionFilter(MONDAY))] == ["Spring"]


def test_the_list_is_narrowed_by_state_and_words(inside):
    make()
    make(name="Past", code="PAST", starts_on=date(2025, 1, 1), ends_on=date(2025, 2, 1))
    make(name="Next", code="NEXT", starts_on=MONDAY + timedelta(days=9))
    make(name="Off", code="SWITCHED-OFF", is_active=False)

    def names(**wanted: object) -> list[str]:
        return [each.name for each in list_promotions(PromotionFilter(MONDAY, **wanted))]

    assert names(state=PromotionState.RUNNING) == ["Spring"]
    assert names(state=PromotionState.OVER) == ["Past"]
    assert names(state=PromotionState.PLANNED) == ["Next"]
    assert names(state=PromotionState.INACTIVE) == ["Off"]
    assert names(search="switched") == ["Off"]
