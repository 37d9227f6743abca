"""What a permission rule hides from a person it hides from the programs that act for that person (BC-04, BC-F14)."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from app.audit.services import Actor
from app.catalogue.models import ProductType
from app.core.clock import utc_now
from app.identity.api_clients.models import ApiClientKind
from app.identity.api_clients.services import NewApiClient, create_client
from app.identity.permission_rules.models import RecordAccess, RuledKind
from app.orders.models import Order
from tenants.context import scope
from tests.web.api.conftest import EVERYTHING, Caller, Program, refused
from tests.web.leaks.test_foreign_ids import state_of
from tests.web.permission_rules.conftest import clerk, grant, hidden, keep, make_rule
from tests.web.roles.conftest import hire

__all__ = ["clerk", "hidden", "hire"]

LISTS = ("/accounts", "/orders", "/subscriptions", "/assets", "/invoices")


@pytest.fixture
def desk(client, session, world, clerk) -> Caller:
    """A program of the back office that acts for the clerk."""
    with scope(world.scope):
        new = NewApiClient("Desk", ApiClientKind.API_KEY, EVERYTHING)
        made = create_client(world.id, new, actor=Actor(clerk.id, clerk.full_name), at=utc_now())
        session.commit()
    return Caller(client, Program(made.client.id, made.client.public_id, made.secret, world.id, "/bss/api/v1"))


def places(hidden) -> dict[str, str]:
    return {
        "/accounts": f"/accounts/{hidden.account.id}",
        "/orders": f"/orders/{hidden.quoted[RuledKind.ORDER]}",
        "/subscriptions": f"/subscriptions/{hidden.quoted[RuledKind.SUBSCRIPTION]}",
        "/assets": f"/assets/{hidden.quoted[RuledKind.ASSET]}",
        "/invoices": f"/invoices/{hidden.quoted[RuledKind.INVOICE]}",
    }


def test_a_hidden_record_is_404_and_in_no_list_or_count(world, desk, office, hidden):
    """BC-F14 (partly): a record hidden by a rule answers 404 by API and is missing from lists and counts."""
    assert {desk.get(path).status_code for path in places(hidden).values()} == {200}
    before = {path: desk.get(path).json["total"] for path in LISTS}
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Others"))
    for path, record in places(hidden).items():
        refused(desk.get(record), 404)
        answer = desk.get(path, size="100")
        assert answer.json["total"] == before[path] - 1
        assert [word for word in hidden.words if word in answer.text] == []
        assert office.get(record).status_code == 200  # a program that acts for nobody sees all


def test_filters_do_not_betray_a_hidden_record(world, desk, hidden):
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Others"))
    for path, words in (
        ("/accounts", f"id eq '{hidden.account.id}'"),
        ("/orders", f"account_id eq '{hidden.account.id}'"),
        ("/invoices", "contains(number,'VERBORGEN')"),
        ("/subscriptions", "startswith(code,'SUB-VERBORGEN')"),
    ):
        assert desk.get(path, **{"$filter": words}).json["total"] == 0


@pytest.mark.parametrize("access", [None, RecordAccess.READ])
def test_what_may_not_be_changed_is_not_changed_by_api(session, world, desk, clerk, hidden, access):
    """BC-F12 (partly): hidden, or open to be read alone: no order is drafted, filled or executed; nothing is changed."""
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly"}
    drafted = desk.post("/orders", {"account_id": str(hidden.account.id), "items": [item]}).json["number"]
    with scope(world.scope):
        session.scalars(select(Order).where(Order.number == "SO-2026-VERBORGEN")).one().status = "submitted"
        session.execute(update(ProductType).values(return_days=30))
        session.commit()
    grants = () if access is None else (grant(clerk, access),)
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Little", *grants))
    before = state_of(session, world)
    for path, body in (
        ("/orders", {"account_id": str(hidden.account.id)}),
        (f"/orders/{drafted}/items", item),
        (f"/orders/{drafted}/submit", None),
        ("/orders/SO-2026-VERBORGEN/execute", None),
        ("/orders/SO-2026-VERBORGEN/cancel", {"reason": "x"}),
        ("/subscriptions/SUB-VERBORGEN/quantity", {"quantity": 1}),
        ("/subscriptions/SUB-VERBORGEN/cancel", {"reason": "Unused"}),
        ("/subscriptions/SUB-VERBORGEN/suspend", None),
        ("/assets/AST-VERBORGEN/return", {"quantity": 1}),
    ):
        answer = desk.post(path, body)
        assert answer.status_code in (403, 404), (path, answer.text)
    for path, body in (
        (f"/accounts/{hidden.account.id}", {"name": "Stolen"}),
        ("/subscriptions/SUB-VERBORGEN", {"name": "Stolen"}),
        ("/assets/AST-VERBORGEN", {"expires_on": "2031-01-01"}),
    ):
        answer = desk.patch(path, body)
        assert answer.status_code in (403, 404), (path, answer.text)
    assert state_of(session, world) == before


def test_no_call_of_the_api_names_a_hidden_customer(app, world, desk, hidden):
    """BC-F14 (partly): every list there is, and every call whose address names something else."""
    keep(world, RuledKind.ACCOUNT, hidden.account.id, make_rule(world, "Others"))
    lists = [
        rule.rule.removeprefix("/bss/api/v1")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("bss_api.") and not rule.arguments and "GET" in rule.methods
    ]
    assert {*LISTS, "/requests", "/products", "/me"} <= set(lists)
    for path in lists:
        answer = desk.get(path)
        assert answer.status_code == 200, path
        assert [word for word in hidden.words if word in answer.text] == [], path
