"""The audit log names each record, leads to it where the viewer may see it, and says through what it was done (BC-30)."""

from __future__ import annotations

import re
from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.audit.origin import NOWHERE, Channel, Origin, came_from
from app.audit.queries import AuditFilter, list_audit
from app.audit.services import SYSTEM, Actor, record
from app.bss.records.names import names_of_events
from app.core.ids import new_id
from app.identity.permission_rules.models import RuledKind
from app.identity.permissions import Permission
from tenants.context import end_customer_scope, reseller_scope, scope
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON
from tests.web.permission_rules.conftest import CANARY, clerk, hidden, keep, make_rule
from tests.web.providers.conftest import add_provider
from tests.web.roles.conftest import hire, make_role

__all__ = ["clerk", "hidden", "hire"]

ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)


def told(kind, record_id, **more):
    record(f"{kind}.changed", actor=SYSTEM, at=MONDAY_NOON, target_kind=kind, target_id=record_id, **more)


def rows(client, query=""):
    """The lines of the log, newest first."""
    page = client.get(f"/bss/audit?{query}")
    assert page.status_code == HTTPStatus.OK
    return ROW.findall(page.text.partition("<tbody")[2])


@pytest.fixture
def records(world, hidden):
    """One event of each kind of record that people know by a name, a number or a code, by what leads to it."""
    with scope(world.scope):
        for kind, record_id in hidden.ids.items():
            told(kind.value, record_id)
        for kind, record_id in (
            ("product", world.seats.id), ("price_list", world.price_list.id), ("category", world.category.id),
            ("user", world.bss_user.id), ("user", world.direct_buyer.id), ("provisioning_task", hidden.task_id),
            ("storefront", world.tech.storefront.id), ("reseller", world.tech.account.id),
        ):  # fmt: skip
            told(kind, record_id)
    return {
        **{f"/bss/{kind.value}s/{hidden.quoted[kind]}": hidden.quoted[kind] for kind in RuledKind if kind is not RuledKind.ACCOUNT},
        f"/bss/accounts/{hidden.account.id}": hidden.account.name,
        f"/bss/products/{world.seats.id}": world.seats.name,
        f"/bss/price-lists/{world.price_list.id}": world.price_list.name,
        f"/bss/categories/{world.category.id}": world.category.name,
        f"/bss/users/{world.bss_user.id}": world.bss_user.full_name,
        f"/bss/accounts/{world.direct.id}/users": world.direct_buyer.full_name,
        f"/bss/provisioning/tasks/{hidden.task_id}": "create failed",
        f"/bss/accounts/{world.tech.account.id}": world.tech.account.name,
    }  # fmt: skip


def test_each_event_names_its_record_and_leads_to_it(client, world, sign_in, records):
    sign_in(world.bss_user)
    shown = "".join(rows(client, "size=100"))
    links = dict(re.findall(r'<a href="([^"?]+)">([^<]+)</a>', shown))

    assert {path: links.get(path) for path in records} == records
    opened = [path for path in records if "/tasks/" not in path]  # the fixture's task asks its vendor for nothing
    assert {client.get(path).status_code for path in opened} == {HTTPStatus.OK}


def test_all_names_of_a_page_are_one_statement(session, connection, world, records):
    class Everything:
        def holds(self, _right):
            return False

    with scope(world.scope):
        events = list_audit(AuditFilter(), limit=None)
        with statements_of(connection) as statements:
            names = names_of_events(events, Everything())
    assert len(statements) == 1
    assert len({event.target_kind for event in events}) > 10
    assert len(names) > 10


def test_who_may_not_open_a_record_reads_its_name_without_a_link(client, world, sign_in, hire, records):
    sign_in(hire(make_role(world, "Auditor", Permission.BSS_AUDIT_VIEW)))
    shown = "".join(rows(client, "size=100&kind=product"))

    assert world.seats.name in shown
    assert f"/bss/products/{world.seats.id}" not in shown


def test_a_record_that_is_gone_is_called_as_the_event_calls_it(client, world, sign_in):
    with scope(world.scope):
        told("team", new_id(), before={"name": "Night shift"})
    sign_in(world.bss_user)
    (row,) = rows(client, "kind=team")

    assert '<td role="cell" class="fact" data-label="Record"><span>Night shift' in row


def test_what_a_permission_rule_hides_is_neither_told_nor_named(client, world, sign_in, clerk, hidden, records):
    """BC-F14 (partly): nor is what was done by, or for, somebody who is hidden."""
    with scope(world.scope):
        told("provider", new_id(), account_id=hidden.account.id, after={"name": f"{CANARY} sign-in"})
        keep(world, RuledKind.ACCOUNT, world.tech.account.id, make_rule(world, "Others"))
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    with scope(reseller_scope(world.id, world.tech.account.id)):
        told("markup_rule", new_id(), after={"percent": "77.7"})
    sign_in(clerk)
    shown = client.get("/bss/audit?size=100").text
    file = client.get("/bss/audit?format=csv").text

    for text in (shown, file):
        assert [word for word in (*hidden.words, world.tech.account.name, "77.7") if word in text] == []
    assert world.seats.name in shown


def test_an_event_says_through_what_and_with_which_browser(client, world, sign_in):
    """BC-30: channel, IP address and user agent of who acted."""
    here = {"REMOTE_ADDR": "192.0.2.9"}
    sign_in(world.bss_user)
    client.post(
        "/bss/teams/new", data={"name": "Night shift"}, headers={"User-Agent": "Netscape/4.7"}, environ_base=here
    )
    (row,) = rows(client, "kind=team")
    file = client.get("/bss/audit?kind=team&format=csv").text

    assert "Back office · 192.0.2.9" in row
    assert "192.0.2.9,Back office,Netscape/4.7,team,Night shift" in file


def test_a_program_is_named_with_whom_it_acts_for(client, world, sign_in):
    came_from(Origin(Channel.API))
    with scope(world.scope):
        told_by = Actor(world.bss_user.id, "Nightly sync")
        record("team.changed", actor=told_by, at=MONDAY_NOON, target_kind="team", target_id=new_id())
    came_from(NOWHERE)
    sign_in(world.bss_user)

    assert f"Nightly sync (program) for {world.bss_user.full_name}" in rows(client, "kind=team")[0]


def test_what_a_customer_does_concerns_its_account(session, world):
    customer = world.tech.customers[0]
    with scope(end_customer_scope(world.id, world.tech.account.id, customer.id)):
        record("settings.changed", actor=Actor(None, "Ada"), at=MONDAY_NOON)
        session.flush()
    with scope(world.scope):
        assert session.scalars(select(AuditEvent.account_id)).one() == customer.id


def test_a_companys_provider_leads_to_the_company_and_not_to_a_page_that_is_not_there(client, world, sign_in):
    """GO-14, BC-30: the distributor's people have no page of a customer company's provider."""
    provider = add_provider(world, world.root.id, name="Agora directory", account_id=world.direct.id)
    with scope(world.scope):
        told("provider", provider.id)
    sign_in(world.bss_user)
    shown = "".join(rows(client))
    assert f'<a href="/bss/accounts/{world.direct.id}">Agora directory</a>' in shown
    assert f"/providers/{provider.id}" not in shown
