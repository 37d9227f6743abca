from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM
from app.billing.models import Charge, Invoice
from app.catalogue.models import Product
from app.changes.trials import expire_trials, extend_trial, open_trial, remind_of_trials, remove_expired_trials
from app.core.errors import Invalid
from app.notifications.models import OutboundMail
from app.provisioning.models import ProvisioningTask, TaskKind
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionStatus, SyncStatus
from app.subscriptions.price_models import Trial
from app.subscriptions.trials import (
    NoTrial,
    ProductAlreadyOwned,
    TrialAlreadyUsed,
    TrialNotOffered,
)
from tenants.context import scope
from tests.domain.trials.conftest import FIRST_OF_JUNE, find_subscription, run_tasks
from tests.factories.execution import all_of, use_service_manager

LAST_DAY = date(2026, 6, 30)
DAY = timedelta(days=1)


def test_a_trial_runs_free_until_its_last_day(session, world, running):
    """CB-12: a 30-day trial from 1 June ends on 30 June; it is active, charged nothing and stands on no invoice."""
    trial = running()
    assert (trial.status, trial.trial_ends_on, trial.quantity) == (SubscriptionStatus.ACTIVE, LAST_DAY, 4)
    assert (trial.unit_price, trial.auto_renew, trial.period_to) == (0, False, None)
    with scope(world.scope):
        assert all_of(session, SubscriptionCost)[0].unit_cost == 0
        assert all_of(session, Charge) == all_of(session, Invoice) == []


def test_opening_twice_makes_one_subscription(session, world, running):
    running()
    with scope(world.scope):
        (trial,) = all_of(session, Trial)
        assert open_trial(trial.id, at=FIRST_OF_JUNE) is None
        assert len(all_of(session, Subscription)) == 1


def test_a_trial_is_set_up_at_the_vendor_like_any_other(session, world, vendor, running):
    use_service_manager(session, world)
    trial = running()
    assert (trial.status, trial.sync_status) == (SubscriptionStatus.ACTIVE, SyncStatus.SYNCHRONISED)
    (resource,) = vendor.resources.values()
    assert (resource.status, resource.picture.quantity) == ("Active", 4)


def test_a_second_trial_is_refused_also_after_the_first_ended(session, world, ask, running):
    """CB-F30: a second trial of the same product by the same account is refused, also after the first ended."""
    running()
    with pytest.raises(TrialAlreadyUsed):
        ask(world.direct)
    with scope(world.scope):
        expire_trials(on=LAST_DAY + DAY, at=FIRST_OF_JUNE)
        session.commit()
    with pytest.raises(TrialAlreadyUsed):
        ask(world.direct)
    with scope(world.scope):
        assert len(all_of(session, Trial)) == len(all_of(session, Subscription)) == 1


def test_another_account_may_try_the_same_product(session, world, running):
    running()
    other = running(world.tech.customers[0], payer=world.tech.account)
    assert (other.payer_id, other.reseller_id, other.trial_ends_on) == (world.tech.id, world.tech.id, LAST_DAY)
    with scope(world.tech.customer_scope()):
        assert [trial.subscription_id for trial in all_of(session, Trial)] == [other.id]
        assert all_of(session, SubscriptionCost) == []


def test_who_owns_the_product_cannot_try_it(session, world, ask, running):
    bought = running()
    with scope(world.scope):
        session.execute(update(Subscription).values(trial_ends_on=None))
        session.delete(all_of(session, Trial)[0])
        session.commit()
    with pytest.raises(ProductAlreadyOwned):
        ask(world.direct)
    with scope(world.scope):
        assert all_of(session, Trial) == []
        assert [each.id for each in all_of(session, Subscription)] == [bought.id]


@pytest.mark.parametrize("quantity", [0, -1, 26, 1_000_000])
def test_a_trial_has_at_most_25_units_unless_its_product_says_so(session, world, ask, quantity):
    with pytest.raises(Invalid) as refusal:
        ask(world.direct, quantity=quantity)
    assert refusal.value.codes == ("quantity_range",)
    with scope(world.scope):
        assert all_of(session, Trial) == []
        session.execute(update(Product).where(Product.id == world.seats.id).values(trial_max_quantity=40))
        session.commit()
    assert ask(world.direct, quantity=40).quantity == 40


def test_a_product_without_trial_has_none(session, world, ask):
    with pytest.raises(TrialNotOffered):
        ask(world.direct, product_id=world.suite.id)
    with scope(world.scope):
        assert all_of(session, Trial) == []


def test_a_trial_past_its_last_day_expires_and_is_removed_at_the_vendor(session, world, vendor, running):
    """CB-F32: it becomes Expired and a deprovision call is made; no invoice exists for it."""
    use_service_manager(session, world)
    running()
    with scope(world.scope):
        assert expire_trials(on=LAST_DAY, at=FIRST_OF_JUNE) == 0  # its last day is its own
        assert expire_trials(on=LAST_DAY + DAY, at=FIRST_OF_JUNE) == 1
        assert expire_trials(on=LAST_DAY + DAY, at=FIRST_OF_JUNE) == 0
        session.commit()
    run_tasks(session, world)
    assert find_subscription(session, world).status is SubscriptionStatus.EXPIRED
    with scope(world.scope):
        assert remove_expired_trials(on=LAST_DAY + 14 * DAY, at=FIRST_OF_JUNE) == 0
        assert remove_expired_trials(on=LAST_DAY + 15 * DAY, at=FIRST_OF_JUNE) == 1
        assert remove_expired_trials(on=LAST_DAY + 16 * DAY, at=FIRST_OF_JUNE) == 0
        session.commit()
    run_tasks(session, world)
    with scope(world.scope):
        kinds = [task.kind for task in all_of(session, ProvisioningTask)]
        assert kinds == [TaskKind.CREATE, TaskKind.SUSPEND, TaskKind.CANCEL]
        assert [resource.status for resource in vendor.resources.values()] == ["Canceled"]
        assert all(task.status.value == "succeeded" for task in all_of(session, ProvisioningTask))
        assert all_of(session, Invoice) == all_of(session, Charge) == []


def test_extending_moves_the_last_day_twice_and_90_days_at_most(session, world, running):
    """CB-F33: extending moves the end; beyond the limit a normal user is refused, an administrator is not."""
    trial = running()

    def more(days: int, *, by_administrator: bool = False) -> date:
        with scope(world.scope):
            found = extend_trial(trial.id, days, by_administrator=by_administrator, actor=SYSTEM, at=FIRST_OF_JUNE)
            session.commit()
            return found.trial_ends_on

    assert more(60) == date(2026, 8, 29)
    with pytest.raises(Invalid) as refusal:
        more(31)
    assert refusal.value.codes == ("extension_limit",)
    assert more(30) == date(2026, 9, 28)
    with pytest.raises(Invalid) as refusal:
        more(1)
    assert refusal.value.codes == ("extensions_used",)
    assert find_subscription(session, world).trial_ends_on == date(2026, 9, 28)
    assert more(10, by_administrator=True) == date(2026, 10, 8)


@pytest.mark.parametrize("days", [0, -5, 366])
def test_an_extension_is_1_to_365_days(session, world, running, days):
    trial = running()
    with scope(world.scope), pytest.raises(Invalid):
        extend_trial(trial.id, days, by_administrator=True, actor=SYSTEM, at=FIRST_OF_JUNE)
    assert find_subscription(session, world).trial_ends_on == LAST_DAY


def test_what_has_ended_is_not_extended(session, world, running):
    trial = running()
    with scope(world.scope):
        expire_trials(on=LAST_DAY + DAY, at=FIRST_OF_JUNE)
        with pytest.raises(NoTrial):
            extend_trial(trial.id, 30, by_administrator=True, actor=SYSTEM, at=FIRST_OF_JUNE)


def test_reminders_go_out_7_days_and_1_day_before_once_each(session, world, running):
    """CB-12: reminders 7 and 1 days before the end, whoever sweeps and however often."""
    running()

    def told(on: date) -> list[str]:
        with scope(world.scope):
            remind_of_trials(on=on, at=FIRST_OF_JUNE)
            remind_of_trials(on=on, at=FIRST_OF_JUNE)
            session.commit()
            return [mail.to_email for mail in all_of(session, OutboundMail) if mail.template == "trial_ending"]

    receivers = sorted({world.direct_buyer.email, "asker@people.example"})
    assert told(date(2026, 6, 22)) == []
    assert sorted(told(date(2026, 6, 23))) == receivers
    assert sorted(told(date(2026, 6, 28))) == receivers
    assert sorted(told(date(2026, 6, 29))) == sorted(receivers * 2)
    assert sorted(told(date(2026, 6, 30))) == sorted(receivers * 2)
