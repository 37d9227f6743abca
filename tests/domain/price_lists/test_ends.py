"""Mails about price lists that end (CB-05, CB-43)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import select

from app.core.db import BoundSession, unit_of_work
from app.identity.models import UserKind, UserType
from app.notifications.models import OutboundMail
from app.pricing.models import PriceList, PriceListAssignment
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World, make_user
from workers.jobs.prices import look_after_prices_and_assets

LAST = date(2026, 5, 31)


@pytest.fixture
def spring(session: BoundSession, at_distributor: World) -> Iterator[PriceList]:
    """A list that ends on 31 May, by which the direct customer pays."""
    made = PriceList(name="Spring", currency="EUR", valid_from=date(2026, 1, 1), valid_to=LAST, created_at=MONDAY_NOON)
    session.add(made)
    session.flush()
    session.add(
        PriceListAssignment(
            payer_id=at_distributor.direct.id, price_list_id=made.id, priority=1, assigned_at=MONDAY_NOON
        )
    )
    session.flush()
    return made


def look(world: World, day: date) -> None:
    with scope(world.scope), unit_of_work():
        look_after_prices_and_assets(datetime.combine(day, time(12), UTC))


def mails(session: BoundSession, world: World) -> list[tuple[str, str, str]]:
    """Return kind, receiver and last day of what was told, in order."""
    with scope(world.scope):
        found = session.scalars(
            select(OutboundMail).where(OutboundMail.template.startswith("price_list_")).order_by(OutboundMail.id)
        )
        return [(mail.template, mail.to_email, mail.fields["last_day"]) for mail in found]


def test_billing_people_are_told_14_days_before_and_when_it_is_over_once_each(
    session: BoundSession, world: World, spring: PriceList
) -> None:
    """CB-05: list expiring in 14 days, expired (FIN)."""
    staff = world.bss_user.email
    look(world, date(2026, 5, 16))
    assert mails(session, world) == []
    look(world, date(2026, 5, 17))
    look(world, date(2026, 5, 17))
    look(world, LAST)
    assert mails(session, world) == [("price_list_ending", staff, "2026-05-31")]
    look(world, date(2026, 6, 1))
    look(world, date(2026, 6, 2))

    assert mails(session, world)[1:] == [("price_list_ended", staff, "2026-05-31")]
    with scope(world.scope):
        fields = session.scalars(select(OutboundMail.fields).where(OutboundMail.template == "price_list_ended")).one()
    assert (fields["price_list_name"], fields["accounts"], fields["subscriptions"]) == ("Spring", "1", "0")
    assert fields["price_list_url"].endswith(f"/bss/price-lists/{spring.id}")


def test_a_list_that_is_given_more_time_is_told_of_anew(session: BoundSession, world: World, spring: PriceList) -> None:
    look(world, date(2026, 5, 17))
    with scope(world.scope):
        spring = session.merge(spring)
        spring.valid_to = date(2026, 6, 30)
        session.flush()
    look(world, date(2026, 5, 18))
    look(world, date(2026, 6, 16))

    assert [last for _, _, last in mails(session, world)] == ["2026-05-31", "2026-06-30"]


def test_its_owner_is_told_without_that_right(session: BoundSession, world: World, spring: PriceList) -> None:
    with scope(world.scope):
        owner = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("product_manager",)
        )
        other = make_user(
            session, None, kind=UserKind.BSS, realms=(world.id,), type=UserType.USER, roles=("product_manager",)
        )
        session.merge(spring).owner_id = owner.id
        session.flush()
        receivers = {world.bss_user.email, owner.email}
        nobody = other.email
    look(world, date(2026, 5, 17))

    assert {to for _, to, _ in mails(session, world)} == receivers
    assert nobody not in receivers


@pytest.mark.parametrize("change", [{"is_active": False}, {"valid_to": None}, {"valid_to": date(2026, 4, 1)}])
def test_nobody_is_told_of_drafts_open_lists_and_what_ended_long_ago(
    session: BoundSession, world: World, spring: PriceList, change: dict[str, object]
) -> None:
    with scope(world.scope):
        listed = session.merge(spring)
        for name, value in change.items():
            setattr(listed, name, value)
        session.flush()
    look(world, date(2026, 5, 17))

    assert mails(session, world) == []
