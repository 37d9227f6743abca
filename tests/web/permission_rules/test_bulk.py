"""One rule for many accounts, from their list (BC-04)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.identity.permission_rules.models import RecordAccess, RuledKind
from tenants.context import scope
from tests.web.permission_rules.conftest import grant, keep, make_rule

URL = "/bss/records/accounts"


@pytest.fixture
def rules_now(session, world):
    """Which of some accounts have which rule."""

    def read(*accounts):
        with scope(world.scope):
            session.expire_all()
            rows = session.execute(select(Account.id, Account.permission_rule_id)).all()
        found = {row.id: row.permission_rule_id for row in rows}
        return [found[each] for each in accounts]

    return read


def test_accounts_chosen_on_their_list_get_one_rule(client, world, sign_in, rules_now):
    rule, chosen = make_rule(world, "Board only"), [str(world.direct.id), str(world.basic.id)]
    sign_in(world.bss_user)
    assert f'action="{URL}"' in client.get("/bss/accounts").text
    asked = client.post(URL, data={"selected": chosen, "action": "rule"})
    assert (asked.status_code, "Board only" in asked.text) == (HTTPStatus.OK, True)
    assert rules_now(world.direct.id, world.basic.id) == [None, None]

    done = client.post(URL, data={"selected": chosen, "apply": "1", "permission_rule_id": str(rule)})
    assert done.status_code == HTTPStatus.SEE_OTHER
    assert rules_now(world.direct.id, world.basic.id, world.tech.id) == [rule, rule, None]


@pytest.mark.parametrize("access", [None, RecordAccess.READ, RecordAccess.EDIT])
def test_all_of_them_or_none_where_one_is_not_the_viewers_to_give_away(
    client, world, sign_in, clerk, rules_now, access
):
    given = make_rule(world, "Given", *([grant(clerk, access)] if access else []))
    keep(world, RuledKind.ACCOUNT, world.direct.id, given)
    sign_in(clerk)

    sent = {"selected": [str(world.basic.id), str(world.direct.id)], "apply": "1", "permission_rule_id": ""}
    answer = client.post(URL, data=sent)

    assert answer.status_code == (HTTPStatus.FORBIDDEN if access else HTTPStatus.NOT_FOUND)
    assert rules_now(world.direct.id, world.basic.id) == [given, None]


@pytest.mark.parametrize("rule", ["no-rule", "01a20000-0000-7000-8000-000000000000"])
def test_a_rule_that_is_none_is_refused(client, world, sign_in, rules_now, rule):
    make_rule(world, "Board only")
    sign_in(world.bss_user)

    answer = client.post(URL, data={"selected": str(world.direct.id), "apply": "1", "permission_rule_id": rule})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert rules_now(world.direct.id) == [None]


def test_nothing_chosen_leads_back_to_the_list(client, world, sign_in):
    sign_in(world.bss_user)
    answer = client.post(URL, data={"action": "rule"})
    assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/bss/accounts")
