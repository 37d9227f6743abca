"""A payer's renewals are read and written together: the statements of a day do not grow with its subscriptions."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from app.changes.renewals import bill_day
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionRole, SyncStatus
from tenants.context import scope
from tests.counting import statements_of
from tests.domain.renewals.conftest import noon
from tests.factories.execution import all_of

JUNE_1, JULY_1 = date(2026, 6, 1), date(2026, 7, 1)
PRICE = 20  # what it renews at: nobody is told of another one


def with_add_on(session, world, number: int) -> None:
    """Give the newest subscription an add-on."""
    with scope(world.scope):
        parent = all_of(session, Subscription)[-1]
        add_on = Subscription(
            account_id=parent.account_id, payer_id=parent.payer_id, code=f"SUB-8{number:05}", product_id=world.suite.id,
            friendly_name="Backup", quantity=1, term=parent.term, cycle=parent.cycle, currency="EUR", unit_price=PRICE,
            status=parent.status, sync_status=SyncStatus.NOT_REQUIRED, role=SubscriptionRole.ADD_ON,
            parent_id=parent.id, period_from=parent.period_from, period_to=parent.period_to,
            renews_on=parent.renews_on, anchor_day=parent.anchor_day, created_at=noon(JUNE_1),
        )  # fmt: skip
        session.add(add_on)
        session.flush()
        session.add(
            SubscriptionCost(
                account_id=parent.payer_id, subscription_id=add_on.id, unit_cost=PRICE, currency="EUR", rule="list"
            )
        )
        session.commit()


def statements(session, world, connection: Connection, day: date) -> int:
    with scope(world.scope), statements_of(connection) as seen:
        bill_day(world.direct.id, day, at=noon(day))
        session.commit()
    return len(seen)


def test_a_day_of_many_renewals_takes_as_many_statements_as_one_of_two(billing, world, session, connection):
    """Goal 11 (partly): with add-ons, at a new term: 12 subscriptions as 2; each is charged once."""
    counts = []
    for number, day in ((2, JULY_1), (12, date(2026, 8, 1))):
        while len(billing.subscriptions()) < number:
            billing.buy(JUNE_1 if number == 2 else JULY_1, world.seats, 5)
            with_add_on(session, world, len(billing.subscriptions()))
        before = len(billing.charges())
        counts.append(statements(session, world, connection, day))
        assert len(billing.charges()) - before == 2 * number
    few, many = counts
    assert many <= few <= 30
