"""Upgrades of what is charged on the end of its period: each licence-day once (CB-24, CB-25)."""

from __future__ import annotations

from datetime import date

import pytest

from app.billing.models import Charge
from app.catalogue.models import BillingType
from app.changes.renewals import bill_day
from app.subscriptions.models import ChangeKind, ChangeTiming
from tests.domain.changes.conftest import on
from tests.domain.upgrades.test_upgrades import target_of

JUNE_1, JUNE_15, JUNE_16, JUNE_30 = (date(2026, 6, day) for day in (1, 15, 16, 30))
JULY_1 = date(2026, 7, 1)


@pytest.fixture
def source(desk):
    """Ten seats at 10.00, charged on the end of June."""
    return desk.running(quantity=10, unit_cost="10.00", is_charged=False, billing_type=BillingType.ON_END)


def charges(desk, subscription) -> list[tuple[str, date | None, date | None]]:
    return [
        (f"{each.net_amount:.2f}", each.period_from, each.period_to)
        for each in desk.rows(Charge)
        if each.subscription_id == subscription.id
    ]


def test_a_part_that_moves_is_charged_once_on_either_side(desk, premium, source):
    """CB-25: ten to the 15th and four from the 16th are 70.00; six of premium from the 16th are 45.00."""
    change = desk.submit(source, ChangeKind.UPGRADE, quantity_to=4, target_product_id=premium.id, at=on(16))
    desk.do(bill_day, desk.world.direct.id, JULY_1, at=on(1, 7))
    assert charges(desk, source) == [("70.00", JUNE_1, JUNE_30)]
    assert charges(desk, target_of(desk, change)) == [("45.00", JUNE_16, JUNE_30)]


def test_all_of_it_that_moves_counts_the_licences_each_day_had(desk, premium, source):
    """CB-24, CB-25: ten, twenty from 6 June, all moved on the 16th: 10.00 x (5 x 10 + 10 x 20) / 30 = 83.33."""
    desk.submit(source, ChangeKind.QUANTITY, quantity_to=20, at=on(6))
    desk.submit(source, ChangeKind.UPGRADE, quantity_to=0, target_product_id=premium.id, at=on(16))
    assert charges(desk, source) == [("83.33", JUNE_1, JUNE_15)]


def test_at_the_periods_end_the_whole_period_is_charged_at_the_source(desk, premium, source):
    """CB-25: what moves with the next period has used all of the last one."""
    change = desk.submit(
        source, ChangeKind.UPGRADE, quantity_to=0, target_product_id=premium.id, timing=ChangeTiming.PERIOD_END,
        at=on(16),
    )  # fmt: skip
    for month in (7, 8):
        desk.do(bill_day, desk.world.direct.id, date(2026, month, 1), at=on(1, month))
    assert charges(desk, source) == [("100.00", JUNE_1, JUNE_30)]
    assert charges(desk, target_of(desk, change)) == [("150.00", JULY_1, date(2026, 7, 31))]
