"""What read-only, edit and full access leave of a record (BC-04)."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest
from sqlalchemy import func, select

from app.accounts.models import Account
from app.audit.models import AuditEvent
from app.identity.models import User
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.orders.models import Order
from app.orders.offers.models import Offer
from tenants.context import scope
from tests.web.leaks.test_foreign_ids import state_of
from tests.web.permission_rules.conftest import grant, keep, make_rule
from tests.web.permission_rules.test_hidden_records import places_of, status_of

PAGES = (
    "/bss/accounts/{id}", "/bss/accounts/{id}/users", "/bss/accounts/{id}/orders", "/bss/accounts/{id}/billing",
    "/bss/accounts/{id}/price-lists", "/bss/orders/SO-2026-VERBORGEN", "/bss/offers/OF-VERBORGEN",
    "/bss/subscriptions/SUB-VERBORGEN", "/bss/assets/AST-VERBORGEN", "/bss/invoices/INV-VERBORGEN",
    "/bss/subscription-prices/SUB-VERBORGEN",
)  # fmt: skip
# Forms on every page of the back office: leaving, searching.
EVERYWHERE = re.compile(r'action="/bss/(logout|search)"')
CHANGES = re.compile(
    r'<form[^>]*method="post"[^>]*>|href="[^"]*(?:/edit|/new/[^"]*|/quantity|/cancel|/upgrade|/access)"'
)


@pytest.fixture
def levels(world, clerk, hidden):
    """`levels(access)` puts the customer under a rule that gives the clerk so much."""

    def give(access):
        keep(
            world,
            RuledKind.ACCOUNT,
            hidden.account.id,
            make_rule(world, f"Clara: {access.value}", grant(clerk, access)),
        )

    return give


def pictures(session, world, hidden):
    """The customer's records, as they stand in the database."""
    with scope(world.scope):
        session.expire_all()
        found = {}
        for model in (Account, Order, Offer, User):
            column = model.id if model is Account else model.account_id
            rows = session.scalars(select(model).where(column == hidden.account.id).order_by(model.id)).all()
            found[model.__name__] = [{c.key: getattr(row, c.key) for c in model.__table__.columns} for row in rows]
        return found


def looked_at(client, hidden):
    """The pages of the customer's records, and on each what changes something."""
    opened = {path: client.get(path.format(id=hidden.account.id)) for path in PAGES}
    controls = {
        path: [found for found in CHANGES.findall(answer.text.partition("<main")[2]) if not EVERYWHERE.search(found)]
        for path, answer in opened.items()
    }
    return opened, controls


def test_read_only_access_opens_every_page_of_a_record_without_a_control(client, world, sign_in, clerk, hidden, levels):
    """BC-F12 (partly): the pages open, and show nothing to change the record by."""
    levels(RecordAccess.READ)
    sign_in(clerk)
    opened, controls = looked_at(client, hidden)

    assert {answer.status_code for answer in opened.values()} == {HTTPStatus.OK}
    assert {path: found for path, found in controls.items() if found} == {}


def test_edit_access_shows_the_controls_that_read_only_access_hides(client, world, sign_in, clerk, hidden, levels):
    levels(RecordAccess.EDIT)
    sign_in(clerk)
    _, controls = looked_at(client, hidden)

    assert {path for path, found in controls.items() if found} >= {*PAGES[:2], *PAGES[5:9]}


def test_read_only_access_saves_nothing_whatever_is_sent(app, client, session, world, sign_in, clerk, hidden, levels):
    """BC-F12: A permission rule with read-only access lets its user open but not save the record."""
    levels(RecordAccess.READ)
    sign_in(clerk)
    before, rows = pictures(session, world, hidden), state_of(session, world)
    sent = {"name": "Stolen", "status": "suspended", "quantity": "9", "reason": "x", "email": "a@b.example"}

    answers = {path: client.post(path, data=sent) for method, path in places_of(app, hidden) if method == "POST"}

    assert set(status_of(client, hidden)) == {HTTPStatus.OK}
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 403} == {}
    refusal = answers[f"/bss/accounts/{hidden.account.id}/edit"].text
    assert "lets you see this record, not change it" in refusal
    assert (pictures(session, world, hidden), state_of(session, world)) == (before, rows)


def test_forms_of_a_read_only_record_do_not_open(client, sign_in, clerk, hidden, levels):
    levels(RecordAccess.READ)
    sign_in(clerk)
    forms = (
        f"/bss/accounts/{hidden.account.id}/edit",
        "/bss/orders/SO-2026-VERBORGEN/edit",
        "/bss/offers/OF-VERBORGEN/edit",
    )

    assert {client.get(path).status_code for path in forms} == {HTTPStatus.FORBIDDEN}


def test_the_database_refuses_a_change_that_no_page_refused(client, session, world, sign_in, clerk, hidden, levels):
    """An order for an account that is only to be read, named in the body of the request or by a view without a guard."""
    levels(RecordAccess.READ)
    sign_in(clerk)
    rows = state_of(session, world)

    answer = client.post("/bss/records/accounts", data={"selected": str(hidden.account.id), "apply": "1"})

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert state_of(session, world) == rows


def test_edit_access_saves_but_decides_not_who_sees_the_record_and_deletes_nothing(
    client, session, world, sign_in, clerk, hidden, levels
):
    levels(RecordAccess.EDIT)
    sign_in(clerk)
    page = client.get(f"/bss/accounts/{hidden.account.id}").text
    suspended = client.post(f"/bss/accounts/{hidden.account.id}/status", data={"status": "suspended"})
    access = client.get(f"/bss/records/account/{hidden.account.id}/access")
    freed = client.post(f"/bss/records/account/{hidden.account.id}/access", data={"permission_rule_id": ""})
    deleted = client.post("/bss/offers/OF-VERBORGEN/delete")

    assert (suspended.status_code, "/access" in page) == (HTTPStatus.SEE_OTHER, False)
    assert [each.status_code for each in (access, freed, deleted)] == [HTTPStatus.FORBIDDEN] * 3
    with scope(world.scope):
        session.expire_all()
        account = session.get_one(Account, (world.id, hidden.account.id))
        offers = session.scalar(select(func.count()).select_from(Offer))
        assert (account.status.value, account.permission_rule_id is not None, offers) == ("suspended", True, 1)


def test_full_access_gives_a_record_away_and_says_so_in_its_history(
    client, session, world, sign_in, clerk, hidden, levels
):
    levels(RecordAccess.FULL)
    board = make_rule(world, "Board only")
    with scope(world.scope):
        from app.identity.permission_rules.models import PermissionRuleShare, ShareRight  # noqa: PLC0415

        session.add(PermissionRuleShare(rule_id=board, user_id=clerk.id, right=ShareRight.USE))
        session.commit()
    sign_in(clerk)
    given = client.post(
        f"/bss/records/account/{hidden.account.id}/access",
        data={"permission_rule_id": str(board), "owner_id": str(world.bss_user.id)},
    )

    assert (given.status_code, given.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/bss/accounts")
    assert set(status_of(client, hidden)) == {HTTPStatus.NOT_FOUND}
    with scope(world.scope):
        told = session.scalars(
            select(AuditEvent.action).where(AuditEvent.target_id == hidden.account.id, AuditEvent.actor_id == clerk.id)
        ).all()
    assert set(told) == {"account.owner_set", "account.rule_set"}


def test_a_rule_that_is_not_shared_cannot_be_picked(client, session, world, sign_in, clerk, hidden):
    board = make_rule(world, "Board only")
    sign_in(clerk)
    shown = client.get(f"/bss/records/account/{hidden.account.id}/access").text
    refused = client.post(
        f"/bss/records/account/{hidden.account.id}/access", data={"permission_rule_id": str(board), "owner_id": ""}
    )

    assert ("Board only" in shown, refused.status_code) == (False, HTTPStatus.UNPROCESSABLE_ENTITY)
    with scope(world.scope):
        session.expire_all()
        assert session.get_one(Account, (world.id, hidden.account.id)).permission_rule_id is None


def test_whoever_may_not_change_accounts_decides_not_who_sees_them(client, sign_in, hire, hidden):
    sign_in(hire("read_only"))
    page = client.get(f"/bss/accounts/{hidden.account.id}")

    assert (page.status_code, "/access" in page.text) == (HTTPStatus.OK, False)
    assert client.get(f"/bss/records/account/{hidden.account.id}/access").status_code == HTTPStatus.FORBIDDEN
