"""The database holds permission rules where a query or a view forgets them, and costs nobody else anything (ADR 25)."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, event, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError

from app.accounts.models import Account
from app.billing.credit import available_credit
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.identity.models import User
from app.identity.permission_rules.held import changeable_by
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.orders.models import Order, OrderItem
from app.orders.offers.models import Offer
from app.subscriptions.models import SubscriptionEvent
from tenants.context import HeldRules, all_records, current_scope, distributor_scope, reseller_scope, scope
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON
from tests.web.permission_rules.conftest import grant, keep, make_rule


@pytest.fixture
def rule(world, hidden):
    found = make_rule(world, "Board only")
    keep(world, RuledKind.ACCOUNT, hidden.account.id, found)
    return found


def seen(session):
    return session.scalars(select(Account.name).where(Account.name.startswith("Verborgen"))).all()


def test_a_query_without_any_filter_sees_no_hidden_record(session, world, clerk, hidden, rule):
    with scope(world.scope.under_rules(HeldRules(clerk.id))):
        assert seen(session) == []
        for model in (Order, OrderItem, Offer):
            assert session.scalar(select(func.count()).select_from(model)) == 0
        assert session.scalar(text("SELECT count(*) FROM orders")) == 0
        assert session.scalar(text("SELECT current_user")) == "galleria_narrow"
    with scope(world.scope):
        assert (len(seen(session)), session.scalar(text("SELECT current_user"))) == (1, "galleria_app")


def test_a_scope_entered_from_a_narrow_one_stays_narrow(session, world, clerk, hidden, rule):
    with scope(world.scope.under_rules(HeldRules(clerk.id))):
        with scope(distributor_scope(world.id)):
            assert (seen(session), current_scope().rules) == ([], HeldRules(clerk.id))
        with scope(reseller_scope(world.id, world.tech.id)):
            assert current_scope().rules == HeldRules(clerk.id)
        with all_records():
            assert len(seen(session)) == 1
        assert seen(session) == []


def test_nothing_of_a_narrow_scope_stays_on_the_connection(session, world, clerk, hidden, rule):
    with scope(world.scope.under_rules(HeldRules(clerk.id))):
        assert seen(session) == []
        session.commit()
    with scope(world.scope):
        assert len(seen(session)) == 1


@pytest.mark.parametrize("level", [RecordAccess.READ, RecordAccess.EDIT])
def test_a_read_only_record_cannot_be_written_by_any_statement(session, world, clerk, hidden, rule, level):
    held = HeldRules(clerk.id, read=(rule,), edit=(rule,) if level is RecordAccess.EDIT else ())
    here = hidden.account.distributor_id
    statements = [
        update(Account).where(Account.id == hidden.account.id).values(name="Changed"),
        update(Order).where(Order.account_id == hidden.account.id).values(comment="Changed"),
        update(User).where(User.account_id == hidden.account.id).values(phone="1"),
        insert(SubscriptionEvent).values(
            distributor_id=here, id=new_id(), account_id=hidden.account.id, kind="x", text="Changed", at=MONDAY_NOON,
            subscription_id=hidden.ids[RuledKind.SUBSCRIPTION],
        ),
    ]  # fmt: skip
    for statement in statements:
        with scope(world.scope.under_rules(held)):
            if level is RecordAccess.EDIT:
                session.execute(statement.execution_options(synchronize_session=False))
                continue
            with pytest.raises(ProgrammingError, match="_rules_"), unit_of_work():
                session.execute(statement.execution_options(synchronize_session=False))


def test_without_full_access_nothing_is_deleted(session, world, clerk, hidden, rule):
    with scope(world.scope.under_rules(HeldRules(clerk.id, read=(rule,), edit=(rule,)))):
        session.execute(delete(Offer))
    with scope(world.scope):
        assert session.scalar(select(func.count()).select_from(Offer)) == 1


def test_what_an_account_owes_is_the_same_whoever_asks(session, world, clerk, hidden):
    keep(world, RuledKind.INVOICE, hidden.ids[RuledKind.INVOICE], make_rule(world, "Board only"))
    with scope(world.scope):
        owed = available_credit(hidden.account.id)
    with scope(world.scope.under_rules(HeldRules(clerk.id))):
        assert available_credit(hidden.account.id) == owed


def test_a_job_that_somebody_started_changes_what_they_may_change(session, world, clerk, hidden, rule):
    keep(world, RuledKind.ACCOUNT, world.cloudia.id, make_rule(world, "To read", grant(clerk)))
    keep(world, RuledKind.ACCOUNT, world.tech.id, make_rule(world, "To edit", grant(clerk, RecordAccess.EDIT)))
    with scope(world.scope):
        for starter, found in (
            (clerk.id, {world.basic.id, world.tech.id}),
            (world.bss_user.id, {world.direct.id, world.basic.id, world.tech.id, world.cloudia.id}),
            (None, {world.direct.id, world.basic.id, world.tech.id, world.cloudia.id}),
        ):
            with scope(changeable_by(starter)):
                ids = {world.direct.id, world.basic.id, world.tech.id, world.cloudia.id}
                assert set(session.scalars(select(Account.id).where(Account.id.in_(ids)))) == found
        with scope(changeable_by(new_id())):
            assert session.scalars(select(Account.id).where(Account.id == hidden.account.id)).all() == []


def test_who_sees_every_record_and_every_customer_never_takes_the_narrow_role(
    client, connection, world, sign_in, hidden, rule
):
    """Their statements are those of an installation without rules, in number and in plan."""

    def asked(person, path):
        sign_in(person)
        client.get(path)
        told = []
        event.listen(connection, "before_cursor_execute", lambda _c, _cursor, sql, *_rest: told.append(sql))
        assert client.get(path).status_code == 200
        return list(told)

    staff = asked(world.bss_user, "/bss/accounts")
    customer = asked(world.direct_buyer, "/billing/orders")

    assert not [each for each in (*staff, *customer) if "galleria_narrow" in each]
    assert not [each for each in (*staff, *customer) if "permission_rule" in each and "FROM permission_rule" in each]


def test_who_is_bound_by_rules_costs_no_statement_more_on_a_list(
    client, connection, world, sign_in, clerk, hidden, rule
):
    def asked(person):
        sign_in(person)
        client.get("/bss/accounts")
        with statements_of(connection) as statements:
            client.get("/bss/accounts")
        return len(statements)

    assert asked(clerk) == asked(world.bss_user)
