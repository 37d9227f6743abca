from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from app.accounts.models import Account
from app.audit.services import SYSTEM
from app.billing.models import Charge, ChargeKind, Invoice
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.changes.trials import expire_trials
from app.core.errors import Invalid
from app.core.ids import new_id
from app.orders.models import Order, OrderStatus
from app.provisioning.models import ProvisioningTask, TaskKind
from app.subscriptions.errors import WrongSubscriptionState
from app.subscriptions.models import (
    ChangeKind,
    ChangeTiming,
    Subscription,
    SubscriptionRole,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.price_models import Trial
from app.subscriptions.trials import NoTrial
from tenants.context import scope
from tests.domain.trials.conftest import FIRST_OF_JUNE, find_subscription, run_tasks
from tests.factories.execution import Wanted, all_of, make_order, use_service_manager
from workers.jobs import orders, provisioning

TWENTIETH = datetime(2026, 6, 20, 9, 0, tzinfo=UTC)
LAST_DAY = date(2026, 6, 30)


@pytest.fixture
def first_of_month(session, world) -> None:
    """The direct customer is billed on the first of the month."""
    with scope(world.scope):
        session.execute(update(Account).where(Account.id == world.direct.id).values(prorated_billing=True))
        session.commit()


def convert(session, world, subscription_id, *, quantity: int = 4, at: datetime = TWENTIETH, **columns):
    with scope(world.scope):
        change = submit_change(
            NewChange(
                subscription_id=subscription_id,
                kind=ChangeKind.TRIAL_CONVERSION,
                request_key=new_id(),
                quantity_to=quantity,
                **columns,
            ),
            actor=SYSTEM,
            at=at,
        )
        session.commit()
        return change.id


def charged(session, world) -> list[tuple[ChargeKind, Decimal, date, date]]:
    with scope(world.scope):
        return [(row.kind, row.net_amount, row.period_from, row.period_to) for row in all_of(session, Charge)]


def test_a_trial_upgraded_on_20_june_pays_until_the_billing_day(session, world, first_of_month, running):
    """CB-F34, CB-F31 (partly): 4 x 10.00 upgraded on 20 June, billing day 1, is 14.67 for 20 to 30 June."""
    trial = running()
    convert(session, world, trial.id)
    assert charged(session, world) == [(ChargeKind.STUB, Decimal("14.67"), date(2026, 6, 20), LAST_DAY)]
    paid = find_subscription(session, world)
    assert (paid.id, paid.status, paid.trial_ends_on) == (trial.id, SubscriptionStatus.ACTIVE, None)
    assert (paid.unit_price, paid.quantity, paid.auto_renew) == (Decimal("10.00"), 4, True)
    assert (paid.period_from, paid.period_to, paid.anchor_day) == (date(2026, 6, 20), LAST_DAY, 1)
    with scope(world.scope):
        (invoice,) = all_of(session, Invoice)
        assert (invoice.net_total, invoice.account_id) == (Decimal("14.67"), world.direct.id)
        assert all_of(session, Trial)[0].converted_at == TWENTIETH


def test_the_same_request_sent_twice_charges_once(session, world, running):
    trial, key = running(), new_id()
    for _ in range(2):
        with scope(world.scope):
            submit_change(
                NewChange(subscription_id=trial.id, kind=ChangeKind.TRIAL_CONVERSION, request_key=key, quantity_to=4),
                actor=SYSTEM,
                at=TWENTIETH,
            )
            session.commit()
    assert len(charged(session, world)) == 1


def test_conversion_keeps_the_vendors_reference(session, world, vendor, running):
    use_service_manager(session, world)
    trial = running()
    convert(session, world, trial.id, quantity=6)
    assert charged(session, world) == []  # the vendor first, then the money
    run_tasks(session, world)
    paid = find_subscription(session, world)
    assert (paid.quantity, paid.trial_ends_on, len(charged(session, world))) == (6, None, 1)
    (resource,) = vendor.resources.values()
    assert (resource.status, resource.picture.quantity) == ("Active", 6)
    with scope(world.scope):
        assert [link.vendor_reference for link in all_of(session, SubscriptionVendorLink)] == [resource.reference]


def test_an_ended_trial_is_upgraded_within_14_days_and_switched_on_again(session, world, vendor, running):
    """CB-12: Expired (14 days of grace) is converted with the same reference; later it is refused."""
    use_service_manager(session, world)
    trial = running()
    with scope(world.scope):
        expire_trials(on=LAST_DAY + timedelta(days=1), at=FIRST_OF_JUNE)
        session.commit()
    run_tasks(session, world)
    late = datetime(2026, 7, 15, 9, tzinfo=UTC)
    with pytest.raises(NoTrial):
        convert(session, world, trial.id, at=late)
    session.rollback()
    assert find_subscription(session, world).status is SubscriptionStatus.EXPIRED
    convert(session, world, trial.id, at=late - timedelta(days=1))
    run_tasks(session, world)
    paid = find_subscription(session, world)
    assert (paid.status, paid.trial_ends_on) == (SubscriptionStatus.ACTIVE, None)
    (resource,) = vendor.resources.values()
    assert resource.status == "Active"
    with scope(world.scope):
        kinds = [task.kind for task in all_of(session, ProvisioningTask)]
        assert kinds == [TaskKind.CREATE, TaskKind.SUSPEND, TaskKind.UPDATE, TaskKind.ACTIVATE]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"quantity": 0}, "quantity_range"),
        ({"quantity": -4}, "quantity_range"),
        ({"details": {"term": "P3Y", "cycle": "monthly"}}, "not_priced"),
        ({"details": {"term": "soon"}}, "choice"),
        ({"timing": ChangeTiming.PERIOD_END}, "no_period"),
    ],
)
def test_a_bad_conversion_is_refused_and_the_trial_runs_on(session, world, running, changed, code):
    trial = running()
    with pytest.raises(Invalid) as refusal:
        convert(session, world, trial.id, **changed)
    assert refusal.value.codes == (code,)
    session.rollback()
    kept = find_subscription(session, world)
    assert (kept.trial_ends_on, kept.quantity, charged(session, world)) == (LAST_DAY, 4, [])


def test_what_is_paid_is_no_trial_any_more(session, world, running):
    trial = running()
    convert(session, world, trial.id)
    with pytest.raises((NoTrial, WrongSubscriptionState)):
        convert(session, world, trial.id)
    session.rollback()
    assert len(charged(session, world)) == 1


def run(session, world, placed) -> OrderStatus:
    orders.process_order_work(str(placed.work.id), distributor_id=str(world.id))
    with scope(world.scope):
        return session.get_one(Order, (world.id, placed.order.id)).status


@pytest.fixture
def at_twenty(monkeypatch) -> None:
    for module in (orders, provisioning):
        monkeypatch.setattr(module, "utc_now", lambda: TWENTIETH)


def test_an_order_upgrades_the_trial_it_is_bound_to(session, world, first_of_month, at_twenty, vendor, running):
    """CB-F31, CB-F34: "upgrade to paid" is an order of the storefront; it pays 14.67 and keeps the vendor's reference."""
    use_service_manager(session, world)
    trial = running()
    placed = make_order(
        session, world, world.direct, world.direct_buyer,
        [Wanted(world.seats, 4, "10.00", columns={"subscription_id": trial.id})], at=TWENTIETH,
    )  # fmt: skip
    assert run(session, world, placed) is OrderStatus.EXECUTED
    run_tasks(session, world)
    assert charged(session, world) == [(ChargeKind.STUB, Decimal("14.67"), date(2026, 6, 20), LAST_DAY)]
    paid = find_subscription(session, world)
    assert (paid.id, paid.quantity, paid.trial_ends_on) == (trial.id, 4, None)
    assert len(vendor.resources) == 1


def test_beside_a_running_trial_its_product_is_not_bought_separately(session, world, at_twenty, running):
    """CB-F31: during a trial the product cannot be bought separately: the order makes no second subscription."""
    trial = running()
    placed = make_order(session, world, world.direct, world.direct_buyer, [Wanted(world.seats, 4)], at=TWENTIETH)
    assert run(session, world, placed) is OrderStatus.SUBMITTED
    assert charged(session, world) == []
    with scope(world.scope):
        assert [each.id for each in all_of(session, Subscription)] == [trial.id]


def test_add_ons_fall_with_a_trial_and_come_back_with_its_upgrade(session, world, running):
    """CB-27: parts follow their subscription; one that was canceled before does not come back."""
    trial = running()
    with scope(world.scope):
        parts = [
            Subscription(
                id=new_id(), account_id=trial.account_id, payer_id=trial.payer_id, code=f"SUB-9{number}",
                product_id=product.id, friendly_name=product.name, quantity=1, term=trial.term, cycle=trial.cycle,
                currency="EUR", status=status, sync_status=SyncStatus.NOT_REQUIRED, role=SubscriptionRole.ADD_ON,
                parent_id=trial.id, created_at=FIRST_OF_JUNE,
            )
            for number, (product, status) in enumerate(
                [(world.suite, SubscriptionStatus.ACTIVE), (world.seats, SubscriptionStatus.CANCELED)]
            )
        ]  # fmt: skip
        session.add_all(parts)
        session.commit()
        ids = [part.id for part in parts]

        def statuses() -> list[SubscriptionStatus]:
            return [session.get_one(Subscription, (world.id, each), populate_existing=True).status for each in ids]

        expire_trials(on=LAST_DAY + timedelta(days=1), at=FIRST_OF_JUNE)
        session.commit()
        assert statuses() == [SubscriptionStatus.EXPIRED, SubscriptionStatus.CANCELED]
    convert(session, world, trial.id, at=datetime(2026, 7, 2, 9, tzinfo=UTC))
    with scope(world.scope):
        assert statuses() == [SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELED]
