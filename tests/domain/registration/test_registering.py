"""Registrations below the web: VAT numbers, who may read what, and what waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.accounts.registration.models import Registration, RegistrationRequest
from app.accounts.registration.services import Door, NewRegistration, decide, register
from app.accounts.registration.settling import due, postpone, settle
from app.accounts.registration.vat import normal_vat, vat_errors
from app.audit.services import SYSTEM
from app.core.errors import Invalid
from tenants.context import alias_visitor_scope, end_customer_scope, scope
from tests.domain.identity.people import PASSWORD
from tests.factories.world import MONDAY_NOON

NEW = NewRegistration(
    first_name="Ada", last_name="Applicant", email="ada@newcomer.example", company="Newcomer GmbH", country="DE",
    city="Berlin", street="1 Linden", postcode="10117", password=PASSWORD, repeat=PASSWORD, tax_id="DE136695976",
    accepts_terms=True,
)  # fmt: skip


@pytest.fixture
def door(world) -> Door:
    return Door(world.tech.storefront.id, world.tech.id, needs_approval=True)


@pytest.fixture
def visitor(world):
    return alias_visitor_scope(world.id, world.tech.id)


def requests(session, world) -> list[RegistrationRequest]:
    session.flush()
    with scope(world.scope):
        return list(session.scalars(select(RegistrationRequest).execution_options(populate_existing=True)))


@pytest.mark.parametrize(
    ("country", "one", "other"),
    [("DE", "DE136695976", "136 695 976"), ("GR", "EL094014201", "094-014-201"), ("GR", "GR094014201", "EL094014201")],
)
def test_vat_numbers_are_the_same_however_they_are_written(country, one, other) -> None:
    assert normal_vat(country, one) == normal_vat(country, other)


@pytest.mark.parametrize(("country", "number", "is_right"), [
    ("DE", "DE136695976", True), ("DE", "DE136695977", False), ("GR", "EL094014201", True), ("AT", "DE136695976", False),
    ("US", "anything", True), ("", "DE136695976", True), ("DE", "", True),
])  # fmt: skip
def test_vat_number_has_its_countrys_form(country, number, is_right) -> None:
    assert (list(vat_errors(country, number)) == []) is is_right


def test_register_that_does_not_answer_leaves_the_number_unverified(session, world, door, visitor) -> None:
    """SF-04: register unreachable: accepted and flagged."""
    with scope(visitor):
        register(NEW, door, at=MONDAY_NOON, ask=lambda _country, _number: None)
        register(replace(NEW, email="b@b.example"), door, at=MONDAY_NOON, ask=lambda _country, _number: True)
        session.flush()

    found = {each.email: each.is_tax_id_verified for each in requests(session, world)}

    assert found == {"ada@newcomer.example": False, "b@b.example": True}


def test_number_the_register_denies_is_refused(session, world, door, visitor) -> None:
    """SF-04: invalid VAT blocks."""
    with scope(visitor), pytest.raises(Invalid) as refusal:
        register(NEW, door, at=MONDAY_NOON, ask=lambda _country, _number: False)

    assert [(error.field, error.code) for error in refusal.value.errors] == [("tax_id", "vat_unknown")]
    assert requests(session, world) == []


def test_register_is_not_asked_about_a_number_without_form(session, world, door, visitor) -> None:
    asked: list[str] = []

    def ask(_country: str, number: str) -> bool:
        asked.append(number)
        return True

    with scope(visitor), pytest.raises(Invalid):
        register(replace(NEW, tax_id="DE1"), door, at=MONDAY_NOON, ask=ask)

    assert asked == []
    assert requests(session, world) == []


def test_nobody_but_the_distributors_jobs_reads_what_a_visitor_sent(session, world, door, visitor) -> None:
    with scope(visitor):
        register(NEW, door, at=MONDAY_NOON)
        session.flush()
    count = select(func.count()).select_from(RegistrationRequest)
    buyer = end_customer_scope(world.id, world.tech.id, world.tech.customers[0].id)

    seen = []
    for reader in (visitor, buyer, world.tech.scope, world.cloudia.scope, world.scope):
        with scope(reader):
            seen.append(session.scalar(count))

    assert seen == [0, 0, 0, 0, 1]


def test_customers_and_other_resellers_do_not_read_who_waits(session, world, door, visitor) -> None:
    with scope(visitor):
        register(NEW, door, at=MONDAY_NOON)
        session.flush()
    (request,) = requests(session, world)
    with scope(world.scope):
        settle(request.id, at=MONDAY_NOON)
        session.flush()
    buyer = end_customer_scope(world.id, world.tech.id, world.tech.customers[0].id)

    seen = []
    for reader in (visitor, buyer, world.cloudia.scope, world.tech.scope):
        with scope(reader):
            seen.append(session.scalar(select(func.count()).select_from(Registration)))

    assert seen == [0, 0, 0, 1]


def test_what_cannot_be_done_now_is_looked_at_again_in_an_hour(session, world, door, visitor) -> None:
    with scope(visitor):
        register(NEW, door, at=MONDAY_NOON)
        session.flush()
    (request,) = requests(session, world)
    with scope(world.scope):
        postpone(request.id, at=MONDAY_NOON)
        session.flush()
        early = list(due(MONDAY_NOON + timedelta(minutes=59), limit=10))
        late = list(due(MONDAY_NOON + timedelta(minutes=60), limit=10))

    assert (early, late) == ([], [request.id])


def test_lost_decision_is_found_again(session, world, door, visitor) -> None:
    """A decision whose nudge was lost is carried out all the same."""
    with scope(visitor):
        register(NEW, door, at=MONDAY_NOON)
        session.flush()
    (request,) = requests(session, world)
    with scope(world.scope):
        settle(request.id, at=MONDAY_NOON)
        session.flush()
        before = list(due(MONDAY_NOON, limit=10))
        decide(request.id, reseller_id=world.tech.id, approve=False, actor=SYSTEM, at=MONDAY_NOON)
        session.flush()
        after = list(due(MONDAY_NOON + timedelta(minutes=1), limit=10))
        settle(after[0], at=MONDAY_NOON)

    assert (before, after) == ([], [request.id])
    assert requests(session, world) == []
