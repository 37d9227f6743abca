"""The History tab of records: who changed which field from what to what (BC-30)."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.audit.models import AuditEvent
from app.audit.queries import history_of
from app.audit.services import Actor, record
from app.core.db import Base
from app.core.ids import new_id
from app.frames.records import BY_ENDPOINT, BY_KIND, PLACES, RECORD_PAGES
from app.identity.permission_rules.models import RuledKind
from app.identity.permissions import BSS, Permission
from tenants.context import scope
from tests.counting import statements_of
from tests.factories.world import MONDAY_NOON, make_world
from tests.web.permission_rules.conftest import clerk, hidden, keep, make_rule  # noqa: F401 - fixtures
from tests.web.providers.conftest import add_provider
from tests.web.roles.conftest import hire, make_role  # noqa: F401 - a fixture

# Pages that show one thing which is no record with a history of its own: a part of a record, a file, a mail's text.
NO_RECORDS = frozenset(
    {
        "bss_accounts.customers",
        "bss_accounts.alias_check",
        "bss_adoption.index",
        "bss_enquiries.detail",
        "bss_reconciliation.run",
    }
)


def told(world, record_id, kind):
    """Somebody has changed a record's name."""
    record(
        f"{kind}.changed", actor=Actor(world.bss_user.id, "Ada", address="192.0.2.7"), at=MONDAY_NOON,
        target_kind=kind, target_id=record_id, before={"name": "Old name", "city": "Athens"},
        after={"name": "New name", "city": "Athens"},
    )  # fmt: skip


def test_a_history_says_who_changed_which_field_from_what_to_what(client, world, sign_in):
    """BC-F78 (partly): of an account, on its own tab."""
    with scope(world.scope):
        told(world, world.direct.id, "account")
    sign_in(world.bss_user)
    page = client.get(f"/bss/accounts/{world.direct.id}/history")

    row = page.text.partition("<tbody")[2].partition("</tr>")[0]
    assert [
        words in row for words in ("Account: changed", "Name", "Old name", "New name", world.bss_user.full_name)
    ] == [True] * 5
    assert "Athens" not in row


@pytest.mark.parametrize("kind", [kind for kind in RuledKind if kind is not RuledKind.ACCOUNT])
def test_each_business_records_page_leads_to_its_history(client, world, sign_in, hidden, kind):  # noqa: F811
    """BC-F78 (partly): orders, offers, subscriptions, assets and invoices."""
    with scope(world.scope):
        told(world, hidden.ids[kind], kind.value)
    sign_in(world.bss_user)
    place = BY_KIND[kind.value]
    shown = client.get(f"/bss/{kind.value}s/{hidden.quoted[kind]}").text
    history = f"/bss/records/{kind.value}/{hidden.quoted[kind]}/history"

    assert f'href="{history}"' in shown
    answer = client.get(history)
    assert (answer.status_code, "Old name" in answer.text, "New name" in answer.text) == (HTTPStatus.OK, True, True)
    assert place.sees in BSS


def test_every_page_of_a_record_has_a_history_tab(app, client, world, session, sign_in, clerk):  # noqa: F811
    """BC-F78: Each record's History tab shows who changed which field from what to what; nobody can edit it."""
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("bss_") and rule.endpoint.endswith((".detail", ".edit", ".task", ".manager"))
        and len(rule.arguments) == 1 and "GET" in (rule.methods or ())
    }  # fmt: skip
    known = set(BY_ENDPOINT) | NO_RECORDS
    edits_of_known = {f"{endpoint.partition('.')[0]}.edit" for endpoint in known}
    assert pages - known - edits_of_known == set()
    assert {*BY_ENDPOINT, *(place.endpoint for place in PLACES)} <= set(app.view_functions)

    histories = [rule for rule in app.url_map.iter_rules() if rule.endpoint.endswith(".history")]
    assert {method for rule in histories if rule.endpoint.startswith("bss_") for method in rule.methods} <= {
        "GET", "HEAD", "OPTIONS",
    }  # fmt: skip
    sign_in(world.bss_user)
    for place in RECORD_PAGES:
        table = Base.metadata.tables[place.stored_in]
        answer = client.get(f"/bss/records/{place.kind}/{new_id()}/history")
        assert (place.kind, answer.status_code) == (place.kind, HTTPStatus.NOT_FOUND)
        assert "distributor_id" in table.c


@pytest.mark.parametrize("kind", ["product", "price_list", "category", "user", "account"])
def test_the_tab_stands_on_the_page_itself(client, session, world, sign_in, kind):
    records = {
        "product": world.seats.id, "price_list": world.price_list.id, "category": world.category.id,
        "user": world.bss_user.id, "account": world.direct.id,
    }  # fmt: skip
    with scope(world.scope):
        told(world, records[kind], kind)
    sign_in(world.bss_user)
    place = BY_KIND[kind]
    paths = {
        "product": "products",
        "price_list": "price-lists",
        "category": "categories",
        "user": "users",
        "account": "accounts",
    }
    shown = client.get(f"/bss/{paths[kind]}/{records[kind]}").text
    history = (
        f"/bss/records/{kind}/{records[kind]}/history"
        if kind != "account"
        else f"/bss/accounts/{records[kind]}/history"
    )

    assert f'href="{history}"' in shown
    assert "Old name" in client.get(history).text
    assert place.kind == kind


def test_without_the_right_to_the_audit_trail_there_is_no_history(client, world, sign_in, hire):  # noqa: F811
    sign_in(hire("sales"))
    page = client.get(f"/bss/accounts/{world.direct.id}").text

    assert "/history" not in page
    for path in (f"/bss/accounts/{world.direct.id}/history", f"/bss/records/account/{world.direct.id}/history"):
        assert client.get(path).status_code == HTTPStatus.FORBIDDEN


def test_without_the_right_to_a_kind_of_record_there_is_no_history_of_it(client, world, sign_in, hire, hidden):  # noqa: F811
    rights = BSS - {Permission.BSS_OPEN, Permission.BSS_BILLING_VIEW, Permission.BSS_BILLING_EDIT}
    sign_in(hire(make_role(world, "No papers", *rights)))

    assert client.get("/bss/records/invoice/INV-VERBORGEN/history").status_code == HTTPStatus.FORBIDDEN


def test_another_distributors_record_has_no_history_here(client, session, world, sign_in):
    other = make_world(session, name="Other", host="cloud.other.example")
    with scope(other.scope):
        told(other, other.direct.id, "account")
        told(other, other.seats.id, "product")
        session.commit()
    sign_in(world.bss_user)

    for kind, key in (
        ("account", other.direct.id), ("product", other.seats.id), ("house", other.seats.id),
        ("account", world.direct.code), ("product", "no-id"), ("order", world.direct.id),
    ):  # fmt: skip
        for tab in ("history", "access"):
            assert client.get(f"/bss/records/{kind}/{key}/{tab}").status_code == HTTPStatus.NOT_FOUND


def test_a_hidden_record_has_no_history(client, world, sign_in, clerk, hidden):  # noqa: F811
    with scope(world.scope):
        told(world, hidden.account.id, "account")
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Board only"))
    sign_in(clerk)

    assert client.get(f"/bss/accounts/{hidden.account.id}/history").status_code == HTTPStatus.NOT_FOUND
    assert client.get("/bss/records/order/SO-2026-VERBORGEN/history").status_code == HTTPStatus.NOT_FOUND


def test_a_history_is_one_statement_and_leaves_out_what_did_not_change(session, connection, world):
    with scope(world.scope):
        for _ in range(30):
            told(world, world.direct.id, "account")
        session.flush()
        with statements_of(connection) as statements:
            found = history_of(world.direct.id)
        assert (len(statements), len(found)) == (1, 25)
        assert [(each.name, each.before, each.after) for each in found[0].changes] == [("name", "Old name", "New name")]
        assert session.scalar(select(AuditEvent.actor_id).limit(1)) == world.bss_user.id
        assert session.get_one(Account, (world.id, world.direct.id)).name


@pytest.mark.parametrize(
    ("kind", "path", "key"),
    [
        ("currency", "/bss/currencies/EUR", "EUR"),
        ("order_status", "/bss/order-statuses/submitted", "submitted"),
        ("offer_status", "/bss/offer-statuses/in_progress", "in_progress"),
    ],
)
def test_what_was_never_stored_has_a_history_too(client, world, sign_in, kind, path, key):
    """BC-F78 (partly): the home currency and built-in statuses have no row before somebody changes them."""
    sign_in(world.bss_user)
    shown = client.get(path)
    answer = client.get(f"/bss/records/{kind}/{key}/history")

    assert (shown.status_code, answer.status_code) == (HTTPStatus.OK, HTTPStatus.OK)
    assert f'href="/bss/records/{kind}/{key}/history"' in shown.text
    assert "Nothing happened yet" in answer.text
    assert client.get(f"/bss/records/{kind}/nothing/history").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(("door", "kind"), [("providers", "provider"), ("storefront-providers", "storefront_provider")])
def test_a_sign_in_provider_has_a_history(client, session, world, sign_in, door, kind):
    """BC-F78 (partly): those of the staff and those of the own storefront; each on its own pages alone."""
    realm_id = world.id if kind == "provider" else world.root.id
    provider = add_provider(world, realm_id, name="Corporate directory")
    with scope(world.scope):
        told(world, provider.id, "provider")
        session.commit()
    sign_in(world.bss_user)
    shown = client.get(f"/bss/{door}/{provider.id}").text
    history = f"/bss/records/{kind}/{provider.id}/history"
    other = {"provider": "storefront_provider", "storefront_provider": "provider"}[kind]

    assert f'href="{history}"' in shown
    answer = client.get(history).text
    assert ("Old name" in answer, "History of Corporate directory" in answer) == (True, True)
    assert f'href="/bss/{door}/{provider.id}"' in answer
    assert client.get(f"/bss/records/{other}/{provider.id}/history").status_code == HTTPStatus.NOT_FOUND
    assert f'href="/bss/{door}/{provider.id}"' in client.get("/bss/audit?kind=provider").text
