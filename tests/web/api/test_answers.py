"""What a call answers: whose rows, which amounts, how much of a list, how often."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import event, update

from app.api import callers, limits
from app.api.callers import CALLS
from app.catalogue.models import BillingCycle, Term
from app.core.db import engine
from app.core.ids import new_id
from app.core.queue import redis_connection
from app.identity.api_clients.models import ApiClientKind
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionStatus
from app.web.surfaces import Surface
from tenants.context import scope
from tests.factories.world import MONDAY_NOON
from tests.web.api.conftest import ask_token, bearer, make_program, stored

SELL, COST = Decimal("13.5700"), Decimal("7.7731")


@pytest.fixture
def owned(session, world) -> dict[str, str]:
    """One subscription each of a customer of Tech Solutions, of Cloudia's, and of a direct customer: code by owner."""
    owners = {"tech": world.tech.customers[0], "cloudia": world.cloudia.customers[0], "direct": world.direct}
    codes = {}
    with scope(world.scope):
        for name, account in owners.items():
            made = Subscription(
                id=new_id(), reseller_id=account.reseller_id, account_id=account.id, code=f"SUB-API-{name}",
                payer_id=account.reseller_id or account.id, product_id=world.seats.id, friendly_name=f"Mail of {name}",
                quantity=3, term=Term.P1M, cycle=BillingCycle.MONTHLY, unit_price=SELL, currency="EUR",
                status=SubscriptionStatus.ACTIVE, created_at=MONDAY_NOON,
            )  # fmt: skip
            session.add(made)
            session.flush()
            session.add(
                SubscriptionCost(
                    reseller_id=made.reseller_id, account_id=made.payer_id, subscription_id=made.id, unit_cost=COST,
                    currency="EUR", rule="cost",
                )
            )  # fmt: skip
            codes[name] = made.code
    session.commit()
    return codes


def listed(client, program, **query):
    answer = client.get(f"{program.base}/subscriptions", headers=bearer(client, program), query_string=query)
    assert answer.status_code == 200, answer.text
    return answer


def test_token_is_given_for_an_hour_and_never_kept(client, session, world, program):
    """BC-32, decisions section 8: 60 minutes, opaque, no refresh token."""
    answer = ask_token(client, program, scope="subscriptions.read")
    assert {**answer.json, "access_token": ""} == {
        "access_token": "", "token_type": "Bearer", "expires_in": 3600, "scope": "subscriptions.read"
    }  # fmt: skip
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert "Set-Cookie" not in answer.headers
    assert stored(session, world, program).last_used_at is not None


def test_me_tells_a_program_who_it_is(client, world, program, keyed, bss_program):
    found = client.get(f"{program.base}/me", headers=bearer(client, program, scope="subscriptions.read")).json
    assert found == {
        "client": {"id": program.public_id, "name": "Back-office sync", "expires_at": None},
        "storefront": {"id": str(world.tech.storefront.id), "alias": "techsolutions", "edition": "standard"},
        "scopes": ["subscriptions.read"],
    }
    assert client.get(f"{keyed.base}/me", headers={"X-ApiKey": keyed.secret}).json["client"]["id"] == keyed.public_id
    assert client.get(f"{bss_program.base}/me", headers=bearer(client, bss_program)).json["storefront"] is None


def test_a_resellers_program_reads_its_own_customers_at_what_they_pay(client, world, program, owned):
    """RS-30, BC-33: own scope, no other reseller's, nothing of what it costs, nor the distributor's name."""
    answer = listed(client, program)
    assert [each["code"] for each in answer.json["items"]] == [owned["tech"]]
    assert answer.json["items"][0]["unit_price"] == "13.5700"
    assert "7.7731" not in answer.text
    assert world.distributor.name not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_roots_program_reads_direct_business_alone(client, session, world, owned):
    program = make_program(session, world, world.root.id, "/api/v1")
    answer = listed(client, program)
    assert [each["code"] for each in answer.json["items"]] == [owned["direct"]]
    assert "7.7731" not in answer.text


def test_the_back_offices_program_reads_all_of_it_at_wholesale(client, bss_program, owned):
    """Decisions section 8: the BSS API shows the wholesale side only; no statement reads a sell price."""
    seen = []

    def note(_conn, _cursor, statement, *_rest):
        seen.append(statement)

    headers = bearer(client, bss_program)
    event.listen(engine(), "before_cursor_execute", note)
    try:
        answer = client.get(f"{bss_program.base}/subscriptions", headers=headers)
    finally:
        event.remove(engine(), "before_cursor_execute", note)
    assert {each["code"] for each in answer.json["items"]} == set(owned.values())
    assert {each["unit_cost"] for each in answer.json["items"]} == {"7.7731"}
    assert "13.57" not in answer.text
    assert any("FROM subscriptions" in each for each in seen)
    assert [each for each in seen if "unit_price" in each] == []


def test_what_a_reseller_bought_before_has_no_sell_price(client, session, world, program, owned):
    with scope(world.scope):
        session.execute(update(Subscription).where(Subscription.code == owned["tech"]).values(bought_by_reseller=True))
    assert listed(client, program).json["items"][0]["unit_price"] is None


def test_pages_of_a_list(client, program, owned):
    assert {**listed(client, program).json, "items": []} == {"items": [], "page": 1, "size": 25, "total": 1}
    beyond = listed(client, program, page="2", size="100").json
    assert (beyond["items"], beyond["total"]) == ([], 1)


@pytest.mark.parametrize("field", ["page", "size"])
@pytest.mark.parametrize("value", ["0", "-1", "101000", "1.5", "abc", "", "1e2", "\u0663", "9" * 40])
def test_a_size_or_page_out_of_range_is_422(client, program, field, value):
    answer = client.get(f"{program.base}/subscriptions", headers=bearer(client, program), query_string={field: value})
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], error["code"]) == (field, "out_of_range")


def test_a_hundred_is_the_largest_page(client, program):
    headers = bearer(client, program)
    assert client.get(f"{program.base}/subscriptions?size=100", headers=headers).status_code == 200
    assert client.get(f"{program.base}/subscriptions?size=101", headers=headers).status_code == 422


def test_both_credentials_at_once_are_400(client, program, keyed):
    headers = {**bearer(client, program), "X-ApiKey": keyed.secret}
    assert client.get(f"{program.base}/me", headers=headers).json["errors"][0]["code"] == "invalid_request"


def test_unknown_paths_and_methods_answer_in_json(app, client, program, monkeypatch):
    """400 only for what cannot be parsed, so not for a form token that no program has."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    headers = bearer(client, program)
    assert client.get(f"{program.base}/nothing", headers=headers).json["errors"][0]["code"] == "not_found"
    assert client.post(f"{program.base}/nothing", headers=headers).status_code == 404
    assert client.post(f"{program.base}/me", headers=headers).status_code == 405
    assert client.get(f"{program.base}/oauth/token").status_code == 405


def test_a_reseller_client_has_120_calls_a_minute_and_the_back_office_600(client, session, world, keyed):
    """Decisions section 8: 120 a minute per reseller key, 600 per BSS key; then 429 with Retry-After."""
    assert (CALLS[Surface.STOREFRONT].tries, CALLS[Surface.BSS].tries) == (120, 600)
    redis_connection().set(f"limit:api_storefront:{keyed.id}", 119, ex=60)
    headers = {"X-ApiKey": keyed.secret}
    assert client.get(f"{keyed.base}/me", headers=headers).status_code == 200
    stopped = client.get(f"{keyed.base}/me", headers=headers)
    assert (stopped.status_code, stopped.json["errors"][0]["code"]) == (429, "too_many_requests")
    assert 0 < int(stopped.headers["Retry-After"]) <= 60
    other = make_program(session, world, keyed.realm_id, keyed.base, kind=ApiClientKind.API_KEY)
    assert client.get(f"{keyed.base}/me", headers={"X-ApiKey": other.secret}).status_code == 200


def test_without_redis_the_api_answers(client, keyed, monkeypatch):
    import redis  # noqa: PLC0415 - only here

    dead = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(limits, "redis_connection", lambda: dead)
    assert client.get(f"{keyed.base}/me", headers={"X-ApiKey": keyed.secret}).status_code == 200
    assert callers.count(CALLS[Surface.BSS], "nobody") is None


def test_every_route_of_the_api_says_what_it_needs(app):
    """A view that declares nothing does not answer; only the token endpoint reads credentials itself."""
    found = {
        rule.endpoint: app.view_functions[rule.endpoint].api_scopes
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(("storefront_api.", "bss_api."))
    }
    open_ones = {"storefront_api.token", "bss_api.token", "storefront_api.openapi"}
    assert {name for name, scopes in found.items() if scopes is None} == open_ones
    writing = {name.partition(".")[2] for name, scopes in found.items() if any(each.is_write for each in scopes or ())}
    assert writing >= {"create_order", "add_item", "remove_item", "submit", "execute", "create_customer"}


def test_tokens_work_at_an_address_with_form_tokens_on(app, client, program, monkeypatch):
    """Programs have no form token; people's forms still need theirs."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    assert ask_token(client, program).status_code == 200
