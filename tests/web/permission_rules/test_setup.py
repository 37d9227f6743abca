"""Setup, Permission rules: making, changing, deleting; what is pre-selected for new records (BC-04)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.audit.models import AuditEvent
from app.core.ids import new_id
from app.identity.permission_rules.models import PermissionRule, PermissionRuleKind, RecordAccess, RuledKind
from app.identity.permission_rules.queries import default_rule
from app.identity.permission_rules.services import Holder, details_of
from app.identity.permissions import Permission
from app.orders.models import Order
from tenants.context import scope
from tests.web.leaks.test_foreign_ids import state_of
from tests.web.permission_rules.conftest import ALL_BUT_RECORDS, grant, keep, make_rule
from tests.web.roles.conftest import make_role

URL = "/bss/permission-rules"


def rule_named(session, name):
    return session.scalars(select(PermissionRule).where(PermissionRule.name == name)).one()


def sent(clerk, **changes):
    """A rule as the form sends it."""
    return {
        "name": "Key accounts", "is_active": "1", "kinds": ["account", "order"], "defaults": ["account"],
        f"grant-user:{clerk.id}": "edit", f"share-user:{clerk.id}": "use",
    } | changes  # fmt: skip


def test_a_rule_is_made_on_its_page_and_told_of_in_the_audit_trail(client, session, world, sign_in, clerk):
    sign_in(world.bss_user)
    made = client.post(f"{URL}/new", data=sent(clerk))
    listed = client.get(URL).text

    assert (made.status_code, made.headers["Location"], "Key accounts" in listed) == (303, URL, True)
    with scope(world.scope):
        rule = rule_named(session, "Key accounts")
        found = details_of(rule.id)
        told = session.scalars(select(AuditEvent).where(AuditEvent.target_id == rule.id)).one()
    assert (found.kinds, found.defaults) == ({RuledKind.ACCOUNT, RuledKind.ORDER}, {RuledKind.ACCOUNT})
    assert found.grants == ((Holder(user_id=clerk.id), RecordAccess.EDIT),)
    assert (told.action, told.after["access"]) == ("permission_rule.created", f"user:{clerk.id}=edit")


def test_a_second_default_rule_unticks_the_first(client, session, world, sign_in, clerk):
    """BC-F13: Marking a second default rule for accounts unticks the first one."""
    sign_in(world.bss_user)
    client.post(f"{URL}/new", data=sent(clerk, name="First", defaults=["account", "order"]))
    client.post(f"{URL}/new", data=sent(clerk, name="Second", defaults=["account"]))

    with scope(world.scope):
        first, second = rule_named(session, "First"), rule_named(session, "Second")
        assert details_of(first.id).defaults == {RuledKind.ORDER}
        assert details_of(second.id).defaults == {RuledKind.ACCOUNT}
    shown = client.get(f"{URL}/{first.id}").text
    assert 'value="account" checked' in shown.partition('name="defaults"')[0]
    assert 'id="defaults-account" value="account">' in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "Enter a name"),
        ({"name": "x" * 81}, "Field cannot be longer than 80 characters"),
        ({"name": "KEY PEOPLE"}, "A rule with this name exists"),
        ({"kinds": [], "defaults": []}, "Choose what the rule may be picked for"),
        ({"kinds": ["invoice"]}, "The rule does not apply to accounts"),
        ({"kinds": ["house"]}, "is not a valid choice"),
        ({"grant": None}, "Let at least one user or team in"),
        ({"stranger": "grant-user"}, "Choose among your users and teams"),
        ({"stranger": "share-team"}, "Choose among your users and teams"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_its_field(client, session, world, sign_in, clerk, changes, words):
    make_rule(world, "Key people")
    sign_in(world.bss_user)
    before = state_of(session, world)
    data = sent(clerk, **{name: value for name, value in changes.items() if name not in ("grant", "stranger")})
    if "grant" in changes:
        del data[f"grant-user:{clerk.id}"]
    if "stranger" in changes:
        data[f"{changes['stranger']}:{new_id()}"] = "edit" if "grant" in changes["stranger"] else "use"

    answer = client.post(f"{URL}/new", data=data)

    assert (answer.status_code, words in answer.text) == (HTTPStatus.UNPROCESSABLE_ENTITY, True)
    assert state_of(session, world) == before


def test_the_default_is_pre_selected_for_new_records_and_another_may_be_picked(client, session, world, sign_in, clerk):
    preset = make_rule(world, "Preset", grant(clerk), kinds=frozenset({RuledKind.ACCOUNT, RuledKind.ORDER}))
    other = make_rule(world, "Other", grant(clerk))
    with scope(world.scope):
        for row in session.scalars(select(PermissionRuleKind).where(PermissionRuleKind.rule_id == preset)):
            row.is_default = True
        session.commit()
        assert default_rule(RuledKind.ACCOUNT) == preset
    sign_in(world.bss_user)
    forms = [client.get(path).text for path in ("/bss/accounts/new", f"/bss/orders/new/{world.direct.id}")]
    assert all(f'<option selected value="{preset}">' in form for form in forms)

    account = {
        "name": "Ruled Ltd", "email": "a@ruled.example", "country": "GR", "currency": "EUR", "payment_method": "cash",
        "payment_days": "30", "billing_day_rule": "first_day", "partial_charges": "order_day", "ordering_enabled": "1",
        "credit_limit": "0", "permission_rule_id": str(other),
    }  # fmt: skip
    made = client.post("/bss/accounts/new", data=account)
    ordered = client.post(
        f"/bss/orders/new/{world.direct.id}", data={"permission_rule_id": str(preset), "request_key": str(new_id())}
    )
    assert (made.status_code, ordered.status_code) == (HTTPStatus.SEE_OTHER, HTTPStatus.SEE_OTHER)
    with scope(world.scope):
        found = session.scalars(select(Account).where(Account.name == "Ruled Ltd")).one()
        order = session.scalars(select(Order).order_by(Order.placed_at.desc())).first()
        assert (found.permission_rule_id, found.owner_id) == (other, world.bss_user.id)
        assert order.permission_rule_id == preset


def test_a_forged_rule_of_a_new_record_is_refused(client, session, world, sign_in, clerk):
    board = make_rule(world, "Board only")
    mine = make_rule(world, "Mine")
    with scope(world.scope):
        from app.identity.permission_rules.models import PermissionRuleShare, ShareRight  # noqa: PLC0415

        session.add(PermissionRuleShare(rule_id=mine, user_id=clerk.id, right=ShareRight.USE))
        session.commit()
    sign_in(clerk)
    before = state_of(session, world)

    answer = client.post(
        f"/bss/orders/new/{world.direct.id}", data={"permission_rule_id": str(board), "request_key": str(new_id())}
    )

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert state_of(session, world) == before


def test_a_rule_in_use_is_deleted_only_for_another_one(client, session, world, sign_in, hidden):
    old, new = make_rule(world, "Old"), make_rule(world, "New")
    for kind in (RuledKind.ACCOUNT, RuledKind.INVOICE):
        keep(world, kind, hidden.ids[kind], old)
    sign_in(world.bss_user)
    asked = client.get(f"{URL}/{old}/delete").text
    refused = [
        client.post(f"{URL}/{old}/delete", data={"replacement": value}) for value in ("", str(old), str(new_id()))
    ]
    done = client.post(f"{URL}/{old}/delete", data={"replacement": str(new)})

    assert ("Accounts: 1" in asked, "Invoices: 1" in asked) == (True, True)
    assert {each.status_code for each in refused} == {HTTPStatus.UNPROCESSABLE_ENTITY}
    assert "Choose the rule that records with this one get instead" in refused[0].text
    assert done.status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        session.expire_all()
        assert session.get_one(Account, (world.id, hidden.account.id)).permission_rule_id == new
        assert session.scalars(select(PermissionRule.name)).all() == ["New"]


def test_a_rule_without_records_goes_at_once(client, session, world, sign_in):
    rule = make_rule(world, "Idle")
    sign_in(world.bss_user)

    assert client.post(f"{URL}/{rule}/delete").status_code == HTTPStatus.SEE_OTHER
    with scope(world.scope):
        assert session.scalars(select(PermissionRule)).all() == []


def test_only_those_it_is_shared_with_look_after_a_rule(client, session, world, sign_in, hire):
    """Who does not see every record would let themselves in."""
    manager = hire(make_role(world, "Rules", *ALL_BUT_RECORDS), first_name="Rob")
    foreign = make_rule(world, "Board only")
    sign_in(manager)
    own = client.post(f"{URL}/new", data=sent(manager, name="Rob's"))
    attempts = [client.get(f"{URL}/{foreign}"), client.post(f"{URL}/{foreign}", data=sent(manager, name="Mine now")),
                client.post(f"{URL}/{foreign}/delete")]  # fmt: skip
    listed = client.get(URL).text

    assert own.status_code == HTTPStatus.SEE_OTHER
    assert {each.status_code for each in attempts} == {HTTPStatus.NOT_FOUND}
    assert ("Rob&#39;s" in listed, "Board only" in listed) == (True, False)
    with scope(world.scope):
        assert rule_named(session, "Board only").id == foreign
        shares = details_of(rule_named(session, "Rob's").id).shares
    assert [(holder.user_id, right.value) for holder, right in shares] == [(manager.id, "manage")]


def test_without_the_right_there_are_no_permission_rules(client, sign_in, hire):
    sign_in(hire("sales"))

    assert client.get(URL).status_code == HTTPStatus.FORBIDDEN
    assert f'href="{URL}"' not in client.get("/bss/accounts").text
    assert Permission.BSS_RULES_MANAGE.value == "bss.permission_rules.manage"
