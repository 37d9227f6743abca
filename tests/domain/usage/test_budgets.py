"""Budgets of pay-per-use subscriptions: told at 80 and 100 %, once for each cycle (CB-13)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.audit.services import SYSTEM
from app.billing.usage.budgets import find_budget, reached_percent, set_budget
from app.billing.usage.rating import spent_in_cycle
from app.core.db import BoundSession, unit_of_work
from app.core.errors import Invalid
from app.notifications.models import OutboundMail
from app.subscriptions.models import Subscription
from tests.domain.usage.conftest import Metered, Upload, set_rate
from tests.factories.world import World

AT = datetime(2026, 6, 20, 12, tzinfo=UTC)


def budgeted(metered: Metered, amount: str | None) -> None:
    """Set what a cycle of the subscription may cost, as the page does."""
    with unit_of_work() as session:
        found = session.scalars(select(Subscription).where(Subscription.id == metered.running.id)).one()
        spent, payer = spent_in_cycle(found)
        set_budget(found, Decimal(amount) if amount else None, spent, payer, actor=SYSTEM, at=AT)


def told(session: BoundSession, to: str | None = None) -> list[tuple[str, str]]:
    """Return percentage and amount of each mail, of one receiver or of the distributor's person."""
    session.expire_all()
    mails = session.scalars(select(OutboundMail).where(OutboundMail.template == "budget_reached"))
    return sorted((mail.fields["percent"], mail.fields["spent"]) for mail in mails if to is None or mail.to_email == to)


def test_people_are_told_at_80_and_at_100_percent_once_each(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    """CB-13: spend passes 80/100 % of a set budget; what is used afterwards in that cycle tells nobody anew."""
    set_rate(metered, "Hours", "1.00")
    budgeted(metered, "100.00")
    staff = world.bss_user.email
    upload(metered.row("hours", "79.99", "2026-06-01", "2026-06-10"))
    assert told(session) == []
    upload(metered.row("hours", "0.01", "2026-06-11", "2026-06-11"))
    assert told(session, staff) == [("80", "€80.00")]
    upload(metered.row("hours", "1", "2026-06-12", "2026-06-12"))
    upload(metered.row("hours", "40", "2026-06-13", "2026-06-13"))
    upload(metered.row("hours", "40", "2026-06-14", "2026-06-14"))

    assert told(session, staff) == [("100", "€121.00"), ("80", "€80.00")]


def test_the_payers_admins_are_told_with_a_page_of_theirs(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    set_rate(metered, "Hours", "1.00")
    budgeted(metered, "10.00")
    upload(metered.row("hours", "12"))

    urls = [
        mail.fields["subscription_url"]
        for mail in session.scalars(select(OutboundMail).where(OutboundMail.template == "budget_reached"))
    ]
    assert told(session) == [("100", "€12.00")] * len(urls)
    assert {"/bss/usage/of/" in url for url in urls} == {True, False}


def test_another_budget_is_judged_anew_and_at_once(
    session: BoundSession, world: World, metered: Metered, upload: Upload
) -> None:
    set_rate(metered, "Hours", "1.00")
    upload(metered.row("hours", "50"))
    staff = world.bss_user.email
    budgeted(metered, "50.00")
    assert told(session, staff) == [("100", "€50.00")]
    budgeted(metered, "50.00")
    assert told(session, staff) == [("100", "€50.00")]
    budgeted(metered, "60.00")
    assert told(session, staff) == [("100", "€50.00"), ("80", "€50.00")]
    budgeted(metered, None)

    assert find_budget(metered.running.id) is None


def test_without_a_budget_nobody_is_told(session: BoundSession, metered: Metered, upload: Upload) -> None:
    set_rate(metered, "Hours", "1.00")
    upload(metered.row("hours", "5000"))

    assert told(session) == []


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "10000000001", "1.001"])
def test_a_budget_that_is_none_is_refused_and_the_old_one_stays(metered: Metered, amount: str) -> None:
    budgeted(metered, "100.00")
    with pytest.raises(Invalid) as refused:
        budgeted(metered, amount)

    assert refused.value.errors[0].field == "amount"
    kept = find_budget(metered.running.id)
    assert kept is not None
    assert kept.amount == Decimal(100)


@given(st.decimals(min_value=0, max_value=10**6, places=2), st.decimals(min_value="0.01", max_value=10**6, places=2))
def test_what_is_reached_is_reached_exactly(spent: Decimal, budget: Decimal) -> None:
    reached = reached_percent(spent, budget)

    assert (reached >= 80) == (spent >= budget * 80 / 100)
    assert (reached == 100) == (spent >= budget)
