"""A reseller's customers in figures: what counts, for whom, and at what price in statements (RS-23)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Term
from app.core.db import BoundSession
from app.core.errors import Invalid
from app.resellers.customers import (
    CustomerFilter,
    CustomerOrder,
    count_found,
    customer_totals,
    list_customers,
)
from app.subscriptions.models import Subscription, SubscriptionStatus
from tenants.context import distributor_scope, scope
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON, Shop, World

ALL = CustomerFilter()


def add(
    session: BoundSession,
    world: World,
    customer: Account,
    price: str,
    quantity: int,
    cycle: BillingCycle,
    status: SubscriptionStatus,
) -> None:
    with scope(distributor_scope(world.id)):
        number = len(session.query(Subscription).all()) + 1
        session.add(
            Subscription(
                reseller_id=customer.reseller_id,
                account_id=customer.id,
                code=f"SUB-F{number:05}",
                payer_id=customer.reseller_id,
                product_id=world.seats.id,
                friendly_name="Contoso Mail",
                quantity=quantity,
                term=Term.P3Y if cycle is BillingCycle.TRIENNIAL else Term.P1Y,
                cycle=cycle,
                unit_price=Decimal(price),
                currency="EUR",
                status=status,
                starts_on=date(2026, 3, 2),
                created_at=MONDAY_NOON,
            )
        )


def rates(world: World, shop: Shop, wanted: CustomerFilter = ALL) -> dict[str, Decimal]:
    with scope(shop.scope):
        return {row.name: row.mrr for row in list_customers(shop.id, wanted, currency="EUR", limit=100)}


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        (SubscriptionStatus.ACTIVE, True),
        (SubscriptionStatus.PENDING_CANCELLATION, True),
        (SubscriptionStatus.PENDING_ACTIVATION, False),
        (SubscriptionStatus.SUSPENDED, False),
        (SubscriptionStatus.CANCELED, False),
        (SubscriptionStatus.EXPIRED, False),
    ],
)
def test_what_counts_for_the_run_rate(
    world: World, session: BoundSession, status: SubscriptionStatus, *, counts: bool
) -> None:
    """RS-F64 (partly): active services count, and those to be canceled until their day; others do not."""
    add(session, world, world.tech.customers[0], "10.00", 3, BillingCycle.MONTHLY, status)
    assert rates(world, world.tech)["Tech Customer 1"] == (Decimal("30.00") if counts else Decimal("0.00"))


def test_cycles_are_brought_to_a_month_and_rounded_once(world: World, session: BoundSession) -> None:
    """RS-F64: 10 x 12.50 monthly + 3 x 120.00 annual = 155.00; thirds of a cent are added before rounding."""
    first, second = world.tech.customers
    add(session, world, first, "12.50", 10, BillingCycle.MONTHLY, SubscriptionStatus.ACTIVE)
    add(session, world, first, "120.00", 3, BillingCycle.ANNUAL, SubscriptionStatus.ACTIVE)
    for _ in range(3):
        add(session, world, second, "0.16", 1, BillingCycle.TRIENNIAL, SubscriptionStatus.ACTIVE)

    assert rates(world, world.tech) == {"Tech Customer 1": Decimal("155.00"), "Tech Customer 2": Decimal("0.01")}
    with scope(world.tech.scope):
        totals = customer_totals(world.tech.id, currency="EUR")
    assert (totals.customers, totals.transacting, totals.mrr) == (2, 2, Decimal("155.01"))


def test_a_page_with_all_its_figures_is_one_statement(
    world: World, session: BoundSession, connection: Connection
) -> None:
    """RS-23: the list answers in one statement, whatever the number of customers and services."""
    for customer in world.tech.customers:
        for _ in range(5):
            add(session, world, customer, "1.00", 1, BillingCycle.MONTHLY, SubscriptionStatus.ACTIVE)
    session.flush()
    with scope(world.tech.scope), statements_of(connection) as seen:
        rows = list_customers(world.tech.id, CustomerFilter(), currency="EUR", limit=25)
    assert len(rows) == 2
    assert len(seen) == 1


def test_customers_of_others_are_out_of_reach(world: World) -> None:
    """RS-32: neither another reseller nor another reseller's id opens a list."""
    with scope(world.cloudia.scope):
        assert list_customers(world.tech.id, CustomerFilter(), currency="EUR", limit=25) == []
        assert customer_totals(world.tech.id, currency="EUR").customers == 0


def test_run_rates_are_filtered_and_sorted(world: World, session: BoundSession) -> None:
    """RS-23: a range of run rates narrows the list; from above to is refused as `range`."""
    add(session, world, world.tech.customers[1], "50.00", 1, BillingCycle.MONTHLY, SubscriptionStatus.ACTIVE)

    assert list(rates(world, world.tech, CustomerFilter(mrr_from=Decimal(50)))) == ["Tech Customer 2"]
    assert list(rates(world, world.tech, CustomerFilter(mrr_to=Decimal("49.99")))) == ["Tech Customer 1"]
    assert next(iter(rates(world, world.tech, CustomerFilter(order=CustomerOrder.MRR_DOWN)))) == "Tech Customer 2"
    with scope(world.tech.scope), pytest.raises(Invalid) as refusal:
        count_found(world.tech.id, CustomerFilter(mrr_from=Decimal(2), mrr_to=Decimal(1)))
    assert refusal.value.codes == ("range",)
