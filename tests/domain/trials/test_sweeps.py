"""What the clock does to trials, and two people who want the same one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.audit.services import SYSTEM, Actor
from app.catalogue.models import Product
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.core import db
from app.core.db import unit_of_work
from app.core.errors import DomainError, Invalid
from app.core.ids import new_id
from app.notifications.models import OutboundMail
from app.pricing.quotes import root_buyer
from app.subscriptions.models import ChangeKind, Subscription, SubscriptionStatus
from app.subscriptions.price_models import Trial
from app.subscriptions.trials import NewTrial, request_trial
from tenants.context import direct_customer_scope, scope
from tests.committed import committed_database
from tests.domain.trials.conftest import FIRST_OF_JUNE, find_subscription
from tests.factories.execution import all_of
from tests.factories.world import World, make_world
from workers.jobs import trials


@pytest.fixture
def committed_world(database: None) -> Iterator[World]:
    with committed_database():
        made = make_world(db.session())
        with scope(made.scope):
            db.session.execute(update(Product).where(Product.id == made.seats.id).values(trial_days=30))
            db.session.commit()
        db.session.expunge_all()
        yield made


def test_of_two_requests_at_once_one_starts_the_trial(committed_world):
    """CB-F30: one trial per product and account, also when two colleagues ask at the same moment."""
    world = committed_world
    with scope(world.scope):
        buyer = root_buyer(world.direct, FIRST_OF_JUNE.date())
    own = direct_customer_scope(world.id, world.direct.id).with_price_lists((world.price_list.id,))
    together = threading.Barrier(2)

    def ask(name: str) -> str:
        new = NewTrial(
            world.direct, world.direct.id, world.seats.id, 1, name, None, "a@people.example", Actor(None, name)
        )
        try:
            with scope(own), unit_of_work():
                together.wait(timeout=10)
                request_trial(new, buyer=buyer, at=FIRST_OF_JUNE)
        except DomainError as refusal:
            return refusal.code
        finally:
            db.session.remove()
        return "done"

    db.session.remove()
    with ThreadPoolExecutor(2) as pool:
        ends = sorted(pool.map(ask, ("first", "second")))
    assert ends == ["done", "trial_already_used"]
    with scope(world.scope):
        assert len(all_of(db.session, Trial)) == 1


def test_the_job_opens_a_trial_once(session, world, ask, monkeypatch):
    monkeypatch.setattr(trials, "utc_now", lambda: FIRST_OF_JUNE)
    trial_id = ask(world.direct).id
    for _ in range(2):
        trials.open_trial(str(trial_id), distributor_id=str(world.id))
    assert find_subscription(session, world).status is SubscriptionStatus.ACTIVE


def test_the_sweep_reminds_ends_and_forgets_nothing(session, world, running):
    """CB-F32, CB-12: the hourly sweep, by the distributor's days, however often it runs."""
    running()
    for days in (23, 23, 29, 30, 30, 45):
        with scope(world.scope):
            trials.look_after_trials(FIRST_OF_JUNE + timedelta(days=days))
            session.commit()
    assert find_subscription(session, world).status is SubscriptionStatus.EXPIRED
    with scope(world.scope):
        mails = [mail.template for mail in all_of(session, OutboundMail) if mail.to_email == "asker@people.example"]
        assert mails == ["trial_ending", "trial_ending", "trial_ended"]
        (trial,) = all_of(session, Trial)
        assert trial.deprovisioned_at == FIRST_OF_JUNE + timedelta(days=45)


def test_a_trial_stays_small(session, world, running):
    """CB-12: at most 25 unless the product says so, also by a change of quantity."""
    trial = running()
    with scope(world.scope), pytest.raises(Invalid) as refusal:
        submit_change(
            NewChange(subscription_id=trial.id, kind=ChangeKind.QUANTITY, request_key=new_id(), quantity_to=26),
            actor=SYSTEM,
            at=FIRST_OF_JUNE,
        )
    assert refusal.value.codes == ("max",)
    session.rollback()
    with scope(world.scope):
        assert [each.quantity for each in all_of(session, Subscription)] == [4]
