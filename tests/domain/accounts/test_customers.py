"""A reseller's end customers and the approval of their orders (RS-24, RS-25)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from app.accounts.errors import AccountNotFound, ApprovalLocked
from app.accounts.models import Account, PaymentMethod
from app.accounts.queries import list_customers
from app.accounts.services import NewEndCustomer, create_end_customer, set_approval, update_end_customer
from app.audit.services import SYSTEM
from app.core.db import BoundSession
from app.core.errors import Invalid
from tenants.context import scope
from tests.factories.world import MONDAY_NOON, World

BAKERY = NewEndCustomer(name="Corner Bakery", email="hi@bakery.example", country="GR", customer_code="B-1")


def test_a_new_customer_trades_in_the_resellers_currency_and_needs_approval(world: World) -> None:
    with scope(world.tech.scope):
        customer = create_end_customer(world.tech.id, BAKERY, actor=SYSTEM, at=MONDAY_NOON)
        names = [found.name for found in list_customers(world.tech.id)]

    assert (customer.reseller_id, customer.currency, customer.approval_required) == (world.tech.id, "EUR", True)
    assert "Corner Bakery" in names


def test_a_customer_code_is_unique_among_the_resellers_customers(world: World, session: BoundSession) -> None:
    with scope(world.tech.scope):
        create_end_customer(world.tech.id, BAKERY, actor=SYSTEM, at=MONDAY_NOON)
        with pytest.raises(Invalid) as refusal:
            create_end_customer(
                world.tech.id, replace(BAKERY, name="Other", customer_code="b-1"), actor=SYSTEM, at=MONDAY_NOON
            )
        found = session.scalar(select(func.count()).select_from(Account).where(Account.name == "Other"))
    with scope(world.cloudia.scope):
        create_end_customer(world.cloudia.id, BAKERY, actor=SYSTEM, at=MONDAY_NOON)

    assert refusal.value.codes == ("code_in_use",)
    assert found == 0


def test_a_forced_billing_address_must_be_complete(world: World) -> None:
    with scope(world.tech.scope), pytest.raises(Invalid) as refusal:
        create_end_customer(world.tech.id, replace(BAKERY, needs_address=True), actor=SYSTEM, at=MONDAY_NOON)

    assert refusal.value.codes == ("billing_address_required",)


def test_another_resellers_customer_cannot_be_changed(world: World, session: BoundSession) -> None:
    theirs = world.tech.customers[0].id
    session.expunge_all()
    with scope(world.cloudia.scope):
        with pytest.raises(AccountNotFound):
            update_end_customer(world.cloudia.id, theirs, BAKERY, actor=SYSTEM, at=MONDAY_NOON)
        with pytest.raises(AccountNotFound):
            set_approval(theirs, reseller_id=world.cloudia.id, required=False, actor=SYSTEM, at=MONDAY_NOON)

    with scope(world.scope):
        kept = session.get_one(Account, (world.id, theirs))
        assert (kept.name, kept.approval_required) == ("Tech Customer 1", True)


def test_approval_is_switched_for_one_customer_or_for_all(world: World, session: BoundSession) -> None:
    first, second = world.tech.customers
    with scope(world.tech.scope):
        one = set_approval(first.id, reseller_id=world.tech.id, required=False, actor=SYSTEM, at=MONDAY_NOON)
        after_one = (first.approval_required, second.approval_required)
        rest = set_approval(None, reseller_id=world.tech.id, required=False, actor=SYSTEM, at=MONDAY_NOON)

    assert (one, after_one) == (1, (False, True))
    assert (rest, second.approval_required) == (1, False)
    assert world.cloudia.customers[0].approval_required


def test_a_card_payer_cannot_switch_approval_off(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        session.get_one(Account, (world.id, world.tech.id)).payment_method = PaymentMethod.CARD
        session.flush()
    with scope(world.tech.scope), pytest.raises(ApprovalLocked):
        set_approval(None, reseller_id=world.tech.id, required=False, actor=SYSTEM, at=MONDAY_NOON)

    assert all(customer.approval_required for customer in world.tech.customers)
