"""Several browsers at the same moment, on connections of their own and committed data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from app.core.db import session as thread_session
from app.core.db import unit_of_work
from app.core.errors import DomainError
from app.identity.errors import EmailInUse
from app.identity.hops import land_hop, start_hop
from app.identity.models import Credential, SignInName, User, UserKind, UserSession
from app.identity.queries import person_of
from app.identity.realms import open_realm
from app.identity.recovery import reset_password
from app.identity.services import NewUser, create_user, reset_access
from app.identity.sign_in import sign_in
from tenants.context import scope
from tests.committed import committed_database
from tests.domain.identity.conftest import OPERATOR
from tests.domain.identity.people import give_password, mailed, secret_of, visit
from tests.factories.world import MONDAY_NOON, World, make_world

AT_ONCE = 8


@pytest.fixture
def crowd(database: None) -> Iterator[World]:
    with committed_database():
        world = make_world(thread_session())
        thread_session().expunge_all()
        give_password(world, world.tech.admin, world.root.id)
        yield world


def all_at_once(world: World, act: Callable[[int], object]) -> list[object]:
    """Run `act` in as many threads, each in a transaction of its own; a refusal is its result."""
    together = threading.Barrier(AT_ONCE)

    def one(number: int) -> object:
        together.wait(timeout=10)
        try:
            with scope(world.scope), unit_of_work():
                return act(number)
        except DomainError as refusal:
            return refusal
        finally:
            thread_session.remove()

    thread_session.remove()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result(timeout=60) for future in [pool.submit(one, number) for number in range(AT_ONCE)]]


def test_wrong_passwords_at_once_are_all_counted_and_lock_once(crowd: World) -> None:
    """RS-F71 (partly): guessing in parallel gains nobody a fifth try."""
    email = crowd.tech.admin.email

    found = all_at_once(
        crowd,
        lambda number: sign_in(crowd.root.id, email, f"Wrong-Harbour-{number}", visit()),
    )

    with scope(crowd.scope), open_realm(crowd.root.id):
        credential = thread_session.scalars(select(Credential)).one()
    assert found == [None] * AT_ONCE
    assert (credential.failed_tries, credential.locked_until is not None) == (4, True)
    assert len(mailed(crowd, "user_locked")) == 1


def test_one_reset_link_sets_one_password(crowd: World) -> None:
    """SF-F26 (partly): a reset link works once, also for two browsers at the same moment."""
    with scope(crowd.scope), unit_of_work():
        token = secret_of(reset_access(crowd.tech.admin.id, realm_id=crowd.root.id, actor=OPERATOR, at=MONDAY_NOON))

    found = all_at_once(
        crowd, lambda number: reset_password(crowd.root.id, token, f"Green-Harbour-{number}x", at=MONDAY_NOON)
    )

    assert sorted(getattr(each, "code", "set") for each in found) == ["link_no_longer_valid"] * 7 + ["set"]
    assert len(mailed(crowd, "password_changed")) == 1


def test_one_hop_lands_once(crowd: World) -> None:
    realm_id = crowd.tech.storefront.id
    with scope(crowd.scope), unit_of_work():
        token = start_hop(crowd.tech.admin.id, person_of(crowd.tech.admin), realm_id, at=MONDAY_NOON)

    found = all_at_once(crowd, lambda _number: land_hop(realm_id, token, visit(MONDAY_NOON)).user_id)

    assert found.count(crowd.tech.admin.id) == 1
    with scope(crowd.scope), open_realm(realm_id):
        assert thread_session.scalar(select(func.count()).select_from(UserSession)) == 1


def test_one_address_becomes_one_user(crowd: World) -> None:
    new = NewUser(
        UserKind.END_CUSTOMER,
        "Carla",
        "Clerk",
        "carla@customer.example",
        account_id=crowd.tech.customers[0].id,
        reseller_id=crowd.tech.id,
    )
    realm_id = crowd.tech.storefront.id

    found = all_at_once(
        crowd,
        lambda number: (
            create_user(
                replace(new, first_name=f"Carla{number}"),
                realms=(realm_id,),
                invite_from=realm_id,
                actor=OPERATOR,
                at=MONDAY_NOON,
            ).id
        ),
    )

    refused = [each for each in found if isinstance(each, EmailInUse)]
    with scope(crowd.scope):
        made = thread_session.scalars(select(User.id).where(User.email == new.email)).all()
        with open_realm(realm_id):
            named = thread_session.scalars(select(SignInName.user_id).where(SignInName.email == new.email)).all()
    assert (len(refused), made, named) == (AT_ONCE - 1, [each for each in found if each not in refused], made)
    assert len(mailed(crowd, "user_activation")) == 1
