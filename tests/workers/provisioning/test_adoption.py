from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import update

from app.audit.services import Actor
from app.billing.models import Charge, Invoice
from app.catalogue.models import BillingCycle, ProductType, Term
from app.changes.renewals import bill_day
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id
from app.provisioning.account_links import at_vendor
from app.provisioning.adoption import Wanted, complete, leave, preview, queue_import
from app.provisioning.adoption_queries import AdoptionFilter, count_by_state, get_adoption, list_adoptions
from app.provisioning.errors import AdoptionNotFound
from app.provisioning.models import (
    Adoption,
    AdoptionState,
    ProvisioningTask,
    ReconciliationRun,
    RunState,
    ServiceManager,
)
from app.provisioning.reconciliation import start_run
from app.subscriptions.models import (
    Subscription,
    SubscriptionCost,
    SubscriptionEvent,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from tenants.context import scope
from tests.factories.execution import all_of, use_service_manager
from tests.factories.world import MONDAY_NOON, make_world
from tests.fakes.connector import FakeResource
from tests.workers.connectors.contract import a_request
from workers.connectors.base import AccountPicture
from workers.jobs import adoption, reconciliation

ADA = Actor(None, "Ada Operator", None, None, None)
ALL = AdoptionFilter()
TODAY = MONDAY_NOON.date()
NEXT_MONTH = date(TODAY.year + TODAY.month // 12, TODAY.month % 12 + 1, 1)


@pytest.fixture
def manager(session, world, vendor) -> ServiceManager:
    made = use_service_manager(session, world)
    with scope(world.scope):
        session.refresh(made)
        session.expunge_all()
        session.commit()
    return made


@pytest.fixture
def sell(world, vendor, manager) -> Callable:
    """Let a service run at the vendor that nobody has ordered here."""

    def run(reference: str, *, code: str, email: str, product: str | None = None, quantity: int = 5) -> None:
        account = AccountPicture(code=code, name=f"{code} Ltd", email=email, country="GR")
        known = vendor.synchronise_account(account, idempotency_key=f"account-{code}")
        picture = a_request(
            AccountPicture(code=code, name=account.name, email=email, country="GR", vendor_reference=known.reference)
        )
        picture = picture.__class__(
            **{
                **{name: getattr(picture, name) for name in picture.__slots__},
                "product_code": product or world.seats.code,
                "quantity": quantity,
                "vendor_reference": reference,
            }
        )
        vendor.resources[reference] = FakeResource(reference, "Active", picture)

    return run


@pytest.fixture
def look(session, world, manager, clock) -> Callable:
    """Read what the vendor has."""

    def run() -> None:
        with scope(world.scope), unit_of_work():
            started = start_run(manager.id, actor=ADA, at=clock.now)
        reconciliation.reconcile(str(started.id), distributor_id=str(world.id))
        with scope(world.scope):
            assert all_of(session, ReconciliationRun)[-1].state is RunState.COMPLETED
            session.commit()

    return run


@pytest.fixture
def take_over(session, world, manager, clock) -> Callable:
    """Dry run, import, and the worker's part of it; returns what the dry run said."""

    def run(only: set[str] | None = None) -> list[tuple[str, tuple[str, ...]]]:
        with scope(world.scope), unit_of_work():
            chosen = {row.id for row in all_of(session, Adoption) if only is None or row.vendor_reference in only}
            told = [
                (row.adoption.vendor_reference, row.missing) for row in preview(manager.id, ALL, chosen, today=TODAY)
            ]
        with scope(world.scope), unit_of_work():
            queue_import(manager.id, chosen, actor=ADA, at=clock.now)
        adoption.adopt(str(manager.id), distributor_id=str(world.id))
        return told

    return run


def found(session, world, model) -> list:
    with scope(world.scope):
        rows = all_of(session, model)
        session.expunge_all()
        session.commit()
        return rows


def test_services_are_matched_by_the_vendors_name_of_the_account_our_code_and_mail(
    session, world, vendor, manager, sell, look
):
    """GO-06: who owns what nobody knows: the account link first, then the code, then a mail only one account has."""
    customer = world.tech.customers[0]
    sell("svc-code", code=world.direct.code.lower(), email="someone@else.example")
    sell("svc-mail", code="THEIR-7", email=customer.email.upper())
    sell("svc-none", code="THEIR-8", email="nobody@else.example", product="NEVER-HEARD")
    look()

    rows = {row.vendor_reference: row for row in found(session, world, Adoption)}
    assert {reference: (row.account_id, row.matched_by) for reference, row in rows.items()} == {
        "svc-code": (world.direct.id, "code"),
        "svc-mail": (customer.id, "email"),
        "svc-none": (None, None),
    }
    assert {reference: row.product_id for reference, row in rows.items()} == {
        "svc-code": world.seats.id, "svc-mail": world.seats.id, "svc-none": None,
    }  # fmt: skip
    assert (rows["svc-code"].term, rows["svc-code"].cycle) == (Term.P1M, BillingCycle.MONTHLY)


def test_a_dry_run_tells_prices_and_what_is_missing_and_makes_nothing(session, world, vendor, manager, sell, look):
    """GO-06: dry run: the price list's cost, the first of next month; nothing is made."""
    sell("svc-1", code=world.direct.code, email="")
    sell("svc-2", code="THEIR-8", email="nobody@else.example")
    look()
    with scope(world.scope), unit_of_work():
        rows = preview(manager.id, ALL, None, today=TODAY)
        told = {row.adoption.vendor_reference: row for row in rows}
        assert told["svc-1"].missing == ()
        assert told["svc-1"].adoption.state is AdoptionState.READY
        assert told["svc-1"].adoption.unit_cost == Decimal("10.0000")  # of the list that is assigned to it
        assert told["svc-1"].adoption.billed_from == NEXT_MONTH
        assert "account" in told["svc-2"].missing
        assert told["svc-2"].adoption.state is AdoptionState.FOUND
    assert found(session, world, Subscription) == []


def test_an_import_makes_running_subscriptions_without_a_call_or_a_charge(
    session, world, vendor, manager, sell, look, take_over
):
    """GO-06: no vendor call, no back-charge; what the vendor calls it is kept."""
    customer = world.tech.customers[0]
    sell("svc-1", code=world.direct.code, email="")
    sell("svc-2", code=customer.code, email="", quantity=7)
    look()
    calls = vendor.calls
    take_over()

    subscriptions = found(session, world, Subscription)
    assert [(each.account_id, each.payer_id, each.quantity) for each in subscriptions] == [
        (world.direct.id, world.direct.id, 5), (customer.id, world.tech.id, 7),
    ]  # fmt: skip
    assert {(each.status, each.sync_status) for each in subscriptions} == {
        (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
    }
    assert [each.unit_price for each in subscriptions] == [Decimal("10.0000"), None]  # its reseller sets one (GO-05)
    assert {each.unit_cost for each in found(session, world, SubscriptionCost)} == {Decimal("10.0000")}
    assert {link.vendor_reference for link in found(session, world, SubscriptionVendorLink)} == {"svc-1", "svc-2"}
    assert (vendor.calls, found(session, world, ProvisioningTask)) == (calls, [])
    assert (found(session, world, Charge), found(session, world, Invoice)) == ([], [])
    with scope(world.tech.customer_scope()):
        (event,) = all_of(session, SubscriptionEvent)
        assert event.text == "Taken over from the provider: 7 x Workplace Start"
        session.expunge_all()
        session.commit()
    with scope(world.scope):
        assert at_vendor(manager.id, customer.id).status is SyncStatus.SYNCHRONISED
        session.commit()


def test_a_service_that_was_taken_over_is_billed_from_its_next_period(
    session, world, vendor, manager, sell, look, take_over
):
    """GO-06: the first invoice is for the first period here: 5 x 10.00."""
    sell("svc-1", code=world.direct.code, email="")
    look()
    take_over()
    with scope(world.scope), unit_of_work():
        bill_day(world.direct.id, NEXT_MONTH, at=MONDAY_NOON)

    (charge,) = found(session, world, Charge)
    assert found(session, world, SubscriptionCost)[0].price_list_id == world.price_list.id
    assert (charge.net_amount, charge.period_from) == (Decimal("50.0000"), NEXT_MONTH)
    (subscription,) = found(session, world, Subscription)
    assert (subscription.period_from, subscription.anchor_day) == (NEXT_MONTH, 1)


def test_taking_over_twice_makes_one_subscription(session, world, vendor, manager, sell, look, take_over, clock):
    """GO-06: safe to repeat: after an import the next look finds nothing new, and nothing differs."""
    sell("svc-1", code=world.direct.code, email="")
    look()
    take_over()
    take_over()
    look()
    take_over()

    assert len(found(session, world, Subscription)) == 1
    (row,) = found(session, world, Adoption)
    assert (row.state, row.subscription_id) == (AdoptionState.IMPORTED, found(session, world, Subscription)[0].id)
    assert found(session, world, ReconciliationRun)[-1].matching == 1


def test_each_row_stands_or_falls_alone(session, world, vendor, manager, sell, look, take_over):
    """GO-06: a row each: one that cannot be is told why, the other is taken over."""
    sell("svc-1", code=world.direct.code, email="")
    sell("svc-2", code=world.direct.code, email="")
    look()
    with scope(world.scope), unit_of_work():
        preview(manager.id, ALL, None, today=TODAY)
        session.add(
            SubscriptionVendorLink(
                subscription_id=_a_subscription(session, world), service_manager_id=manager.id, vendor_reference="svc-1"
            )
        )
    take_over()

    rows = {row.vendor_reference: row for row in found(session, world, Adoption)}
    assert (rows["svc-1"].state, rows["svc-1"].message) == (
        AdoptionState.FAILED, "A subscription for this service exists already",
    )  # fmt: skip
    assert rows["svc-2"].state is AdoptionState.IMPORTED


def _a_subscription(session, world):
    row = Subscription(
        id=new_id(), reseller_id=None, account_id=world.direct.id, payer_id=world.direct.id, code="SUB-900001",
        product_id=world.seats.id, friendly_name="Seats", quantity=1, term=Term.P1M, cycle=BillingCycle.MONTHLY,
        unit_price=None, currency="EUR", created_at=MONDAY_NOON,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def test_what_is_missing_is_told_by_hand(session, world, vendor, manager, sell, look, take_over, clock):
    """GO-06: matched by hand, with a price of its own."""
    sell("svc-1", code="THEIR-8", email="", product="NEVER-HEARD")
    look()
    (row,) = found(session, world, Adoption)
    wanted = Wanted(
        account_id=world.basic.id, product_id=world.suite.id, quantity=3, term=Term.P1Y, cycle=BillingCycle.MONTHLY,
        unit_cost=Decimal("1.5"), unit_price=Decimal("2.25"), billed_from=date(2031, 1, 31),
    )  # fmt: skip
    with scope(world.scope), unit_of_work():
        made = complete(row.id, wanted, today=TODAY, actor=ADA, at=clock.now)
        assert (made.state, made.matched_by) == (AdoptionState.READY, "hand")
    take_over()

    (subscription,) = found(session, world, Subscription)
    assert (subscription.quantity, subscription.unit_price, subscription.anchor_day) == (3, Decimal("2.2500"), 31)
    assert subscription.period_to == date(2031, 1, 30)
    with scope(world.scope), unit_of_work():
        bill_day(world.basic.id, date(2031, 1, 31), at=MONDAY_NOON)
    (charge,) = found(session, world, Charge)
    assert (charge.net_amount, charge.unit_cost) == (Decimal("4.5000"), Decimal("1.5000"))  # as agreed: 3 x 1.50


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account_id": new_id()}, "account_id"),
        ({"product_id": new_id()}, "product_id"),
        ({"quantity": 0}, "quantity"),
        ({"unit_cost": Decimal(-1)}, "unit_cost"),
        ({"unit_price": Decimal("NaN")}, "unit_price"),
        ({"billed_from": TODAY}, "billed_from"),
    ],
)
def test_wrong_details_are_refused_and_change_nothing(
    session, world, vendor, manager, sell, look, clock, changes, field
):
    sell("svc-1", code=world.direct.code, email="")
    look()
    (row,) = found(session, world, Adoption)
    good = {"account_id": world.direct.id, "product_id": world.seats.id, "quantity": 1, "term": Term.P1M,
            "cycle": BillingCycle.MONTHLY, "unit_cost": None, "unit_price": None, "billed_from": None}  # fmt: skip
    with scope(world.scope), pytest.raises(Invalid) as refused, unit_of_work():
        complete(row.id, Wanted(**{**good, **changes}), today=TODAY, actor=ADA, at=clock.now)
    assert [error.field for error in refused.value.errors] == [field]
    (after,) = found(session, world, Adoption)
    assert (after.quantity, after.billed_from, after.state) == (5, None, AdoptionState.FOUND)


def test_what_is_not_to_be_taken_over_stays_away_and_what_left_the_vendor_is_off_the_list(
    session, world, vendor, manager, sell, look, take_over, clock
):
    for number in (1, 2, 3):
        sell(f"svc-{number}", code=world.direct.code, email="")
    look()
    first = next(row for row in found(session, world, Adoption) if row.vendor_reference == "svc-1")
    with scope(world.scope), unit_of_work():
        assert leave({first.id}, manager.id, ALL, actor=ADA, at=clock.now) == 1
    vendor.resources.pop("svc-2")
    look()
    take_over()

    with scope(world.scope):
        counted = count_by_state(manager.id)
        assert (counted[AdoptionState.LEFT], counted[AdoptionState.IMPORTED]) == (1, 1)
        assert [row.adoption.vendor_reference for row in list_adoptions(manager.id, ALL)] == ["svc-1", "svc-3"]
        session.commit()


def test_another_distributor_reaches_none_of_it(session, world, vendor, manager, sell, look, clock):
    sell("svc-1", code=world.direct.code, email="")
    look()
    (row,) = found(session, world, Adoption)
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(other.scope):
        with pytest.raises(AdoptionNotFound):
            get_adoption(row.id)
        with unit_of_work():
            assert queue_import(manager.id, {row.id}, actor=ADA, at=clock.now) == 0
    assert found(session, world, Adoption)[0].state is AdoptionState.FOUND


@pytest.mark.parametrize("is_told", [True, False])
def test_a_service_is_taken_over_within_the_limits_of_its_type(session, world, manager, sell, look, take_over, is_told):
    """CB-01: as where it is bought; said by hand it is refused at once, found at the vendor it stays there."""
    with scope(world.scope):
        session.execute(update(ProductType).values(min_quantity=3, max_quantity=4))
        session.commit()
    sell("v-1", code=world.direct.code, email="x@y.example", quantity=5)
    look()
    with scope(world.scope):
        (row,) = all_of(session, Adoption)
        told = Wanted(world.direct.id, world.seats.id, 5, Term.P1M, BillingCycle.MONTHLY, Decimal(10), None, NEXT_MONTH)
        if is_told:
            with pytest.raises(Invalid) as refusal, unit_of_work():
                complete(row.id, told, today=TODAY, actor=ADA, at=MONDAY_NOON)
            assert refusal.value.codes == ("quantity_range",)
            assert all_of(session, Adoption)[0].product_id != world.seats.id or row.state is AdoptionState.FOUND
            return
        row.account_id, row.product_id, row.quantity = world.direct.id, world.seats.id, 5
        row.term, row.cycle, row.state = Term.P1M, BillingCycle.MONTHLY, AdoptionState.READY
        row.unit_cost, row.billed_from = Decimal(10), NEXT_MONTH
        session.commit()
    take_over()
    with scope(world.scope):
        (row,) = all_of(session, Adoption)
        assert (row.state, all_of(session, Subscription)) == (AdoptionState.FAILED, [])
        assert row.message == "Enter a quantity between 3 and 4"
