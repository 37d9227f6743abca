"""Opening and changing accounts (RS-02, BC-16, BC-18)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.accounts.errors import AccountNotFound, ResellerHasCustomers
from app.accounts.models import Account, AccountStatus, PaymentMethod
from app.accounts.queries import AccountFilter, AccountKind, count_accounts, get_account, list_accounts
from app.accounts.services import (
    AccountDetails,
    NewAccount,
    create_account,
    deactivate_account,
    enable_reselling,
    update_account,
)
from app.audit.models import AuditEvent
from app.audit.services import SYSTEM
from app.core.db import BoundSession
from app.core.errors import Invalid
from app.identity.models import SignInName, User, UserKind
from app.orders.models import Order, OrderChannel, OrderStatus
from tenants.context import direct_customer_scope, reseller_scope, scope
from tests.factories.world import MONDAY_NOON, World, make_world

DETAILS = NewAccount(name="Helios Trading", email="Office@Helios.example", country="GR", currency="EUR")


def accounts(session: BoundSession) -> int:
    return session.scalar(select(func.count()).select_from(Account)) or 0


def test_new_account_is_a_direct_customer_with_a_code_of_its_own(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        first = create_account(DETAILS, actor=SYSTEM, at=MONDAY_NOON)
        second = create_account(replace(DETAILS, name="Selene Trading"), actor=SYSTEM, at=MONDAY_NOON)
        recorded = session.scalars(select(AuditEvent.target_id).where(AuditEvent.action == "account.created")).all()

    assert (first.reseller_id, first.edition, first.email) == (None, "none", "office@helios.example")
    assert first.code.startswith("AC-")
    assert first.code != second.code
    assert set(recorded) == {first.id, second.id}


def test_everything_wrong_with_an_account_is_told_at_once(world: World, session: BoundSession) -> None:
    wrong = replace(
        DETAILS,
        name=" x ",
        email="nobody",
        country="XX",
        currency="ABC",
        website="javascript:alert(1)",
        phone="1" * 31,
        credit_limit=Decimal(-1),
        billing_day=32,
    )
    with scope(world.scope):
        before = accounts(session)
        with pytest.raises(Invalid) as refusal:
            create_account(wrong, actor=SYSTEM, at=MONDAY_NOON)
        after = accounts(session)

    assert {(error.field, error.code) for error in refusal.value.errors} == {
        ("name", "too_short"),
        ("email", "email"),
        ("country", "country"),
        ("currency", "currency"),
        ("website", "url"),
        ("phone", "too_long"),
        ("credit_limit", "min_0"),
        ("billing_day", "range"),
    }
    assert after == before


def test_a_reseller_must_be_allowed_to_order(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        before = accounts(session)
        with pytest.raises(Invalid) as refusal:
            create_account(replace(DETAILS, is_reseller=True, ordering_enabled=False), actor=SYSTEM, at=MONDAY_NOON)
        after = accounts(session)

    assert [(error.field, error.code) for error in refusal.value.errors] == [("ordering_enabled", "ordering_required")]
    assert after == before


def test_a_new_reseller_is_basic_and_buys_from_its_price_lists_only(world: World) -> None:
    with scope(world.scope):
        account = create_account(replace(DETAILS, is_reseller=True), actor=SYSTEM, at=MONDAY_NOON)

    assert (account.edition, account.reseller_id, account.restrict_to_price_lists) == ("basic", account.id, True)


def test_enabling_reselling_gives_the_accounts_rows_and_people_to_the_reseller(
    world: World, session: BoundSession
) -> None:
    with scope(world.scope):
        session.add(
            Order(
                account_id=world.direct.id,
                number="SO-T",
                status=OrderStatus.EXECUTED,
                channel=OrderChannel.ROOT,
                payer_id=world.direct.id,
                net_total=Decimal(10),
                currency="EUR",
                contact_email="a@b.example",
                placed_by_id=world.direct_buyer.id,
                placed_at=MONDAY_NOON,
            )
        )
        session.flush()
        enable_reselling(world.direct.id, actor=SYSTEM, at=MONDAY_NOON)
    session.expunge_all()

    with scope(reseller_scope(world.id, world.direct.id)):
        assert session.scalars(select(Order.number)).all() == ["SO-T"]
        assert session.scalars(select(User.kind)).all() == [UserKind.RESELLER]
    with scope(direct_customer_scope(world.id, world.direct.id)):
        assert session.scalars(select(Order.number)).all() == []
    with scope(world.scope.in_realm(world.root.id)):
        name = session.scalars(select(SignInName).where(SignInName.user_id == world.direct_buyer.id)).one()
        assert (name.kind, name.reseller_id) == (UserKind.RESELLER, world.direct.id)


def test_enabling_reselling_twice_changes_nothing_more(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        enable_reselling(world.direct.id, actor=SYSTEM, at=MONDAY_NOON)
        enable_reselling(world.direct.id, actor=SYSTEM, at=MONDAY_NOON)
        recorded = session.scalar(
            select(func.count()).where(
                AuditEvent.action == "account.reselling_enabled", AuditEvent.target_id == world.direct.id
            )
        )

    assert recorded == 1


def test_a_resellers_customer_cannot_become_a_reseller(world: World) -> None:
    customer = world.tech.customers[0]
    with scope(world.scope), pytest.raises(Invalid) as refusal:
        enable_reselling(customer.id, actor=SYSTEM, at=MONDAY_NOON)

    assert refusal.value.codes == ("customer_of_reseller",)
    assert not customer.is_reseller


def test_currency_is_frozen_after_the_first_order(world: World, session: BoundSession) -> None:
    changed = AccountDetails(name="Direct Trading", email="d@direct.example", country="GR", currency="USD")
    with scope(world.scope):
        with pytest.raises(Invalid) as refusal:
            update_account(world.direct.id, changed, has_orders=True, actor=SYSTEM, at=MONDAY_NOON)
        assert session.scalar(select(Account.currency).where(Account.id == world.direct.id)) == "EUR"
        update_account(world.direct.id, changed, has_orders=False, actor=SYSTEM, at=MONDAY_NOON)

    assert refusal.value.codes == ("currency_frozen",)
    assert world.direct.currency == "USD"


def test_reselling_stays_on_while_customers_belong_to_the_reseller(world: World, session: BoundSession) -> None:
    details = AccountDetails(name="Basic Resale", email="b@basic.example", country="GR", currency="EUR")
    with scope(world.scope), pytest.raises(ResellerHasCustomers):
        update_account(world.basic.id, details, has_orders=False, actor=SYSTEM, at=MONDAY_NOON)

    session.rollback()
    with scope(world.scope):
        assert session.scalar(select(Account.is_reseller).where(Account.id == world.basic.id)) is True


def test_paying_by_card_switches_approval_on_for_all_customers(world: World, session: BoundSession) -> None:
    details = AccountDetails(
        name="Tech Solutions",
        email="t@tech.example",
        country="GR",
        currency="EUR",
        is_reseller=True,
        payment_method=PaymentMethod.CARD,
        payment_days=0,
    )
    with scope(world.scope):
        for customer in world.tech.customers:
            session.get_one(Account, (world.id, customer.id)).approval_required = False
        session.flush()
        update_account(world.tech.id, details, has_orders=False, actor=SYSTEM, at=MONDAY_NOON)
        required = session.scalars(
            select(Account.approval_required).where(Account.reseller_id == world.tech.id, Account.id != world.tech.id)
        ).all()

    assert set(required) == {True}


def test_a_deactivated_account_is_inactive_and_recorded(world: World, session: BoundSession) -> None:
    with scope(world.scope):
        deactivate_account(world.direct.id, actor=SYSTEM, at=MONDAY_NOON)
        recorded = session.scalars(select(AuditEvent.after).where(AuditEvent.action == "account.status")).all()

    assert world.direct.status is AccountStatus.INACTIVE
    assert recorded == [{"status": "inactive"}]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (AccountFilter(kind=AccountKind.RESELLER), ["Basic Resale", "Cloudia Services", "Tech Solutions"]),
        (AccountFilter(kind=AccountKind.DIRECT), ["Direct Trading"]),
        (AccountFilter(edition="free"), ["Cloudia Services"]),
        (AccountFilter(search="tech cust"), ["Tech Customer 1", "Tech Customer 2"]),
        (AccountFilter(search="100%"), []),
    ],
)
def test_accounts_are_found_by_kind_edition_and_text(world: World, wanted: AccountFilter, expected: list[str]) -> None:
    with scope(world.scope):
        found = list_accounts(wanted, limit=25)
        total = count_accounts(wanted)

    assert [account.name for account in found] == expected
    assert total == len(expected)


def test_another_distributors_account_does_not_exist_for_us(world: World, session: BoundSession) -> None:
    other = make_world(session, name="Ostwind", host="cloud.ostwind.example")
    session.expunge_all()

    with scope(world.scope), pytest.raises(AccountNotFound):
        get_account(other.direct.id)
