"""Trials in the back office: started, extended and upgraded by those who may."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.billing.models import Charge
from app.core.ids import new_id
from app.identity.models import UserKind, UserType
from app.subscriptions.models import Subscription
from app.subscriptions.price_models import Trial
from tenants.context import scope
from tests.factories.world import make_user


@pytest.fixture
def staff(session, world):
    """Make a colleague of a role."""

    def made(role: str):
        with scope(world.scope):
            return make_user(
                session, None, kind=UserKind.BSS, realms=(world.id,), first_name="Sam", type=UserType.USER,
                roles=(role,),
            )  # fmt: skip

    return made


@pytest.fixture
def trial(client, world, sign_in, staff, open_all) -> Subscription:
    """A trial of the direct customer, started by sales."""
    sign_in(staff("sales"))
    answer = client.post(
        f"/bss/trials/new/{world.direct.id}",
        data={"product": str(world.seats.id), "quantity": "4", "friendly_name": "Sales team"},
    )
    assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
    (made,) = open_all()
    return made


def as_it_is(session, world) -> Subscription:
    with scope(world.scope):
        return session.scalars(select(Subscription).execution_options(populate_existing=True)).one()


def test_sales_starts_a_trial_for_an_account(client, world, trial):
    """CB-12: a "start trial" shortcut in BSS, from account and product."""
    listed = client.get("/bss/trials").text
    assert all(words in listed for words in ("Sales team", trial.code, "Running", world.direct.name))
    assert trial.code in client.get("/bss/trials?q=sales+team&state=running").text
    assert trial.code not in client.get("/bss/trials?q=nobody").text
    assert "Fabrikam" not in client.get(f"/bss/trials/new/{world.direct.id}").text
    assert world.direct.name in client.get("/bss/trials/new?q=direct").text
    assert "Start trial" in client.get(f"/bss/products/{world.seats.id}").text
    assert "Start trial" not in client.get(f"/bss/products/{world.suite.id}").text
    assert f"/bss/trials/new/{world.direct.id}" in client.get(f"/bss/accounts/{world.direct.id}").text
    chosen = client.get(f"/bss/trials/new?q=direct&product={world.seats.id}").text
    assert f"/bss/trials/new/{world.direct.id}?product={world.seats.id}" in chosen
    assert f"/bss/subscription-prices/{trial.code}" in client.get(f"/bss/subscriptions/{trial.code}").text
    assert "30 days" in client.get(f"/bss/trials/new/{world.direct.id}?product={world.seats.id}").text


def test_a_second_trial_is_refused(client, session, world, trial):
    """CB-F30: 409 "already used" for staff, too."""
    answer = client.post(f"/bss/trials/new/{world.direct.id}", data={"product": str(world.seats.id), "quantity": "1"})
    assert answer.status_code == HTTPStatus.CONFLICT
    with scope(world.scope):
        assert len(session.scalars(select(Trial)).all()) == 1


def test_extending_is_limited_but_for_administrators(client, session, world, sign_in, trial):
    """CB-F33: beyond 90 days a normal user is refused; an administrator is not."""
    last = trial.trial_ends_on
    page = f"/bss/trials/{trial.code}"
    assert "Extend trial" in client.get(page).text
    refused = client.post(f"{page}/extend", data={"days": "91"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "only an administrator" in refused.text
    assert as_it_is(session, world).trial_ends_on == last
    assert client.post(f"{page}/extend", data={"days": "30"}).status_code == HTTPStatus.SEE_OTHER
    assert as_it_is(session, world).trial_ends_on == last + timedelta(days=30)
    sign_in(world.bss_user)
    assert client.post(f"{page}/extend", data={"days": "91"}).status_code == HTTPStatus.SEE_OTHER
    assert as_it_is(session, world).trial_ends_on == last + timedelta(days=121)


def test_staff_upgrades_a_trial_to_paid_once(client, session, world, trial):
    """CB-F34 (partly): billed from the day of the upgrade, however often it is sent."""
    page, key = f"/bss/trials/{trial.code}", str(new_id())
    assert "Upgrade to paid" in client.get(page).text
    data = {"offer": "P1M.monthly", "quantity": "4", "friendly_name": "Sales team", "request_key": key}
    for _ in range(2):
        assert client.post(f"{page}/convert", data=data).status_code == HTTPStatus.SEE_OTHER
    paid = as_it_is(session, world)
    assert (paid.id, paid.trial_ends_on, paid.unit_price) == (trial.id, None, 10)
    with scope(world.scope):
        (charge,) = session.scalars(select(Charge)).all()
        assert charge.net_amount == 40
    shown = client.get(page).text
    assert "Upgraded" in shown
    assert "Extend trial" not in shown


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("extend", {}), ("extend", {"days": "0"}), ("extend", {"days": "x"}),
        ("convert", {}), ("convert", {"offer": "P1M.monthly", "quantity": "0"}),
        ("convert", {"offer": "x", "quantity": "1"}), ("convert", {"offer": "P3Y.annual", "quantity": "1"}),
    ],
)  # fmt: skip
def test_bad_input_comes_back_and_changes_nothing(client, session, world, trial, path, data):
    answer = client.post(f"/bss/trials/{trial.code}/{path}", data=data)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    kept = as_it_is(session, world)
    assert (kept.trial_ends_on, kept.trial_extensions) == (trial.trial_ends_on, 0)


@pytest.mark.parametrize("data", [{}, {"product": "x", "quantity": "1"}, {"quantity": "26"}, {"quantity": "x"}])
def test_a_wrong_start_starts_nothing(client, session, world, sign_in, data):
    sign_in(world.bss_user)
    answer = client.post(f"/bss/trials/new/{world.direct.id}", data={"product": str(world.seats.id), **data})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(world.scope):
        assert session.scalars(select(Trial)).all() == []


def test_who_may_only_look_changes_nothing(client, session, world, sign_in, staff, trial):
    sign_in(staff("read_only"))
    shown = client.get(f"/bss/trials/{trial.code}").text
    assert trial.code in shown
    assert "Extend trial" not in shown
    assert "Upgrade to paid" not in shown
    for path, data in (("extend", {"days": "5"}), ("convert", {"offer": "P1M.monthly", "quantity": "1"})):
        assert client.post(f"/bss/trials/{trial.code}/{path}", data=data).status_code == HTTPStatus.FORBIDDEN
    assert as_it_is(session, world).trial_ends_on == trial.trial_ends_on


def test_an_unknown_trial_or_account_does_not_exist(client, world, sign_in):
    sign_in(world.bss_user)
    for path in ("/bss/trials/SUB-999999", f"/bss/trials/new/{new_id()}"):
        assert client.get(path).status_code == HTTPStatus.NOT_FOUND
    assert client.post("/bss/trials/SUB-999999/extend", data={"days": "1"}).status_code == HTTPStatus.NOT_FOUND
