"""A record that a rule hides is nowhere: not by address, list, count, search, export or dashboard (BC-04)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.access.records import BY_ARGUMENT, BY_BLUEPRINT, TASK, kind_named_by
from app.core.db import unit_of_work
from app.core.ids import new_id
from app.identity.permission_rules.models import PermissionRule, RecordAccess, RuledKind
from app.identity.permission_rules.services import Holder
from app.identity.teams import TeamDetails, create_team, delete_team
from app.reporting.back_office import overview
from tenants.context import HeldRules, scope
from tests.factories.world import MONDAY, MONDAY_NOON
from tests.web.leaks.test_foreign_ids import state_of
from tests.web.permission_rules.conftest import CANARY, OPERATOR, grant, keep, make_rule

QUERIES = ("", f"?q={CANARY}", f"?q={CANARY}&format=csv", "?format=csv")
ECHOES = (f"q={CANARY}", f'value="{CANARY}"', f"“{CANARY}”")
# What stands in addresses of the back office beside the six kinds of records.
NOT_RULED = frozenset(
    {
        "adoption_id", "alias", "category_id", "change_id", "charge_id", "client_id", "currency", "cycle", "decision", "domain_id",
        "action", "field_id", "file_id", "group_id", "image_id", "import_id", "industry_id", "item_id", "kind", "manager_id", "name",
        "price_group_id", "price_list_id", "product_id", "promotion_id", "provider_id", "realm_key", "record_id", "ref",
        "registration_id", "request_id", "role_id", "rule_id", "run_id", "session_id", "team_id", "term", "token", "type_id",
        "document_id", "enquiry_id", "language", "user_id", "line_id", "version_id", "key", "what", "tier", "picture_id",
    }
)  # fmt: skip


def lists_of(app):
    """Every page of the back office whose address names nothing: lists, the dashboard, search, the calendar."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("bss_")
        and not rule.arguments
        and "GET" in (rule.methods or ())
        and "_sessions." not in rule.endpoint
        and not rule.rule.startswith("/bss/api/")
    )


def betrayals(client, app, hidden):
    """The pages that name the customer or anything of it, in each way a list is asked for."""
    wrong = []
    for path in lists_of(app):
        for query in QUERIES:
            text = client.get(path + query).text
            for echo in ECHOES:
                text = text.replace(echo, "")
            wrong += [f"{path}{query}: {word}" for word in hidden.words if word in text]
    return wrong


def places_of(app, hidden):
    """Every address of the back office that names one of the customer's records, with its methods."""
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("bss_") or rule.endpoint.startswith("bss_api."):
            continue
        blueprint = rule.endpoint.partition(".")[0]
        values, is_about_it = {}, False
        for name in rule.arguments:
            kind = kind_named_by(blueprint, name)
            if kind is not None:
                values[name] = hidden.ids[kind] if name == "account_id" else hidden.quoted[kind]
            elif (blueprint, name) == TASK:
                values[name] = hidden.task_id
            else:
                values[name] = "x" if name in ("name", "term", "cycle", "currency", "code") else new_id()
            is_about_it |= kind is not None or (blueprint, name) == TASK
        if not is_about_it:
            continue
        for converter_name, converter in rule._converters.items():
            if hasattr(converter, "items"):
                values[converter_name] = min(converter.items)
        built = rule.build(values, append_unknown=False)
        assert built is not None, rule.rule
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            yield method, built[1]


def test_every_argument_of_an_address_is_known_to_name_a_record_or_not(app):
    """A new page that names a record is guarded by itself, or this test says that it is not."""
    unknown = {
        (rule.endpoint, name)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("bss_") and not rule.endpoint.startswith(("bss_sessions.", "bss_api."))
        for name in rule.arguments
        if kind_named_by(rule.endpoint.partition(".")[0], name) is None
        and (rule.endpoint.partition(".")[0], name) != TASK
        and name not in NOT_RULED
        and not rule.endpoint.startswith(("bss_currencies.", "bss_look."))
    }
    assert unknown == set()
    assert set(BY_ARGUMENT.values()) | set(BY_BLUEPRINT.values()) == set(RuledKind)


def test_a_hidden_customer_and_all_of_its_records_are_on_no_page(app, client, world, sign_in, clerk, hidden):
    """BC-F14: every list, search, export and the dashboard of the back office, whichever pages there are."""
    sign_in(clerk)
    seen_before = betrayals(client, app, hidden)
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))

    assert betrayals(client, app, hidden) == []
    assert {found.partition(":")[0].partition("?")[0] for found in seen_before} >= {
        "/bss/accounts", "/bss/orders", "/bss/offers", "/bss/subscriptions", "/bss/assets", "/bss/invoices", "/bss/search",
    }  # fmt: skip


def test_a_hidden_record_answers_as_if_it_were_not_there(app, client, session, world, sign_in, clerk, hidden):
    """BC-F14: each address of each of its records is 404, however it is asked for, and nothing changes."""
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    sign_in(clerk)
    before = state_of(session, world)

    answers = {place: client.open(place[1], method=place[0], data={}).status_code for place in places_of(app, hidden)}

    assert {place: status for place, status in answers.items() if status != HTTPStatus.NOT_FOUND} == {}
    assert len(answers) > 100
    assert state_of(session, world) == before


def test_counts_leave_hidden_records_out(world, session, clerk, hidden):
    """BC-F14 (partly): the figures of the first page."""
    own = world.scope.under_rules(HeldRules(clerk.id))
    with scope(own):
        before = overview(today=MONDAY, zone="UTC")
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    with scope(own):
        after = overview(today=MONDAY, zone="UTC")
    with scope(world.scope):
        everything = overview(today=MONDAY, zone="UTC")

    assert (before.accounts - after.accounts, before.subscriptions - after.subscriptions) == (1, 1)
    assert before.tasks_failed - after.tasks_failed == 1
    assert everything.accounts == before.accounts


def status_of(client, hidden, *kinds):
    pages = {
        RuledKind.ACCOUNT: f"/bss/accounts/{hidden.account.id}",
        RuledKind.ORDER: "/bss/orders/SO-2026-VERBORGEN",
        RuledKind.OFFER: "/bss/offers/OF-VERBORGEN",
        RuledKind.SUBSCRIPTION: "/bss/subscriptions/SUB-VERBORGEN",
        RuledKind.ASSET: "/bss/assets/AST-VERBORGEN",
        RuledKind.INVOICE: "/bss/invoices/INV-VERBORGEN",
    }
    return [client.get(pages[kind]).status_code for kind in kinds or RuledKind]


@pytest.mark.parametrize("kind", [kind for kind in RuledKind if kind is not RuledKind.ACCOUNT])
def test_a_record_with_a_rule_of_its_own_does_not_follow_its_account(client, world, sign_in, clerk, hidden, kind):
    others = [each for each in RuledKind if each is not kind]
    sign_in(clerk)
    keep(world, kind, hidden.ids[kind], make_rule(world, "Board only"))

    assert status_of(client, hidden, kind) == [HTTPStatus.NOT_FOUND]
    assert set(status_of(client, hidden, *others)) == {HTTPStatus.OK}


@pytest.mark.parametrize("kind", [kind for kind in RuledKind if kind is not RuledKind.ACCOUNT])
def test_no_rule_of_a_record_opens_it_where_its_account_is_hidden(client, world, sign_in, clerk, hidden, kind):
    """Its pages name the account."""
    keep(world, kind, hidden.ids[kind], make_rule(world, "Clara too", grant(clerk)))
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board alone"))
    sign_in(clerk)

    assert set(status_of(client, hidden)) == {HTTPStatus.NOT_FOUND}


def test_a_resellers_customers_follow_its_rule_unless_they_have_their_own(client, world, sign_in, clerk):
    first, second = world.tech.customers[:2]
    sign_in(clerk)

    def seen():
        return [client.get(f"/bss/accounts/{each}").status_code == 200 for each in (world.tech.id, first.id, second.id)]

    keep(world, RuledKind.ACCOUNT, second.id, make_rule(world, "Nobody"))
    alone = seen()
    keep(world, RuledKind.ACCOUNT, world.tech.id, make_rule(world, "Clara too", grant(clerk)))
    with_reseller = seen()
    keep(world, RuledKind.ACCOUNT, world.tech.id, make_rule(world, "Board only"))
    keep(world, RuledKind.ACCOUNT, second.id, make_rule(world, "Clara again", grant(clerk)))

    assert (alone, with_reseller, seen()) == ([True, True, False], [True, True, False], [False, False, False])


def test_a_team_lets_its_members_in_until_they_leave(client, world, sign_in, clerk, hidden):
    with scope(world.scope), unit_of_work():
        team = create_team(TeamDetails("Key accounts", member_ids=(clerk.id,)), actor=OPERATOR, at=MONDAY_NOON).id
    rule = make_rule(world, "Key accounts", (Holder(team_id=team), RecordAccess.READ))
    keep(world, RuledKind.ACCOUNT, hidden.account.id, rule)
    sign_in(clerk)
    as_member = status_of(client, hidden)
    with scope(world.scope), unit_of_work():
        delete_team(team, actor=OPERATOR, at=MONDAY_NOON)

    assert (set(as_member), set(status_of(client, hidden))) == ({HTTPStatus.OK}, {HTTPStatus.NOT_FOUND})


def test_who_sees_all_records_is_bound_by_no_rule(client, world, sign_in, hidden, hire):
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only", grant(hire("sales"))))
    sign_in(world.bss_user)

    assert set(status_of(client, hidden)) == {HTTPStatus.OK}


def test_the_owner_of_an_account_sees_it_whatever_its_rule(client, session, world, sign_in, clerk, hidden):
    with scope(world.scope):
        hidden.account.owner_id = clerk.id
        session.commit()
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    sign_in(clerk)

    assert set(status_of(client, hidden)) == {HTTPStatus.OK}
    assert client.get(f"/bss/records/account/{hidden.account.id}/access").status_code == HTTPStatus.OK


def test_customers_see_what_is_theirs_whatever_rules_say(client, session, world, sign_in, hidden):
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    sign_in(world.direct_buyer)

    assert "SO-2026-VERBORGEN" in client.get("/billing/orders").text


def test_an_inactive_rule_still_hides_and_is_picked_no_more(client, session, world, sign_in, clerk, hidden):
    rule = make_rule(world, "Board only")
    keep(world, RuledKind.ACCOUNT, hidden.account.id, rule)
    with scope(world.scope):
        session.scalars(select(PermissionRule).where(PermissionRule.id == rule)).one().is_active = False
        session.commit()
    sign_in(world.bss_user)
    offered = client.get(f"/bss/records/account/{world.tech.id}/access").text
    sign_in(clerk)

    assert set(status_of(client, hidden)) == {HTTPStatus.NOT_FOUND}
    assert "Board only" not in offered
