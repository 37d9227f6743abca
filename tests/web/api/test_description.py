"""The description of each API: all its calls are in it, and what calls answer is what it says (decisions section 5)."""

from __future__ import annotations

import re

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from app.api.blueprints import bss_bp, storefront_bp
from app.api.openapi import routes_of
from app.api.operations import operation_of
from app.api.schemas import Listed
from app.identity.api_clients.models import ApiScope
from tests.web.api.conftest import Caller, refused


@pytest.fixture
def described(shop: Caller, office: Caller):
    return {"storefront": shop.get("/openapi.json").json, "bss": office.get("/openapi.json").json}


def schema_of(described, method: str, path: str, status: int):
    """Return the schema a call's answer must have, with all others it refers to."""
    answer = described["paths"][path][method.lower()]["responses"][str(status)]
    (content,) = answer["content"].values()
    return {**content["schema"], "components": described["components"]}


def check(described, answer, path: str) -> None:
    schema = schema_of(described, answer.request.method, path, answer.status_code)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(answer.json)


@pytest.mark.parametrize("api", ["storefront", "bss"])
def test_the_description_is_openapi_3_1(described, api):
    """Decisions section 5: OpenAPI 3.1 published. A validator of others judges it."""
    assert described[api]["openapi"] == "3.1.0"
    validate(described[api])


@pytest.mark.parametrize(("api", "blueprint"), [("storefront", storefront_bp), ("bss", bss_bp)])
def test_every_route_of_the_api_is_described(app, described, api, blueprint):
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(blueprint.url_prefix)))
        for rule, method, _ in routes_of(app, blueprint)
    }
    found = {(method, path) for path, calls in described[api]["paths"].items() for method in calls}
    assert found == routes
    assert len(found) > 12


@pytest.mark.parametrize("blueprint", [storefront_bp, bss_bp])
def test_every_view_declares_what_it_answers(app, blueprint):
    undeclared = {
        rule.endpoint.partition(".")[2] for rule, _, view in routes_of(app, blueprint) if operation_of(view) is None
    }
    assert undeclared == {"token", "openapi"}
    writing = [operation_of(view) for _, method, view in routes_of(app, blueprint) if method != "GET"]
    assert all(each is None or each.takes_key for each in writing)


def test_answers_are_as_described(session, world, described, shop, office):
    """Each call is made once, also in its refusals; what it answers fits the schema of its status."""
    storefront, bss = described["storefront"], described["bss"]
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly", "quantity": 2}
    customer = world.tech.customers[0]
    made = shop.post("/orders", {"customer_id": str(customer.id)})
    check(storefront, made, "/orders")
    number = made.json["number"]
    filled = shop.post(f"/orders/{number}/items", item)
    check(storefront, filled, "/orders/{number}/items")
    check(storefront, shop.get(f"/orders/{number}"), "/orders/{number}")
    gone = shop.delete(f"/orders/{number}/items/{filled.json['items'][0]['id']}")
    check(storefront, gone, "/orders/{number}/items/{item_id}")
    check(storefront, shop.post(f"/orders/{number}/submit", {"net_total": "0"}), "/orders/{number}/submit")
    shop.post(f"/orders/{number}/items", item)
    check(storefront, shop.post(f"/orders/{number}/submit", {"net_total": "1"}), "/orders/{number}/submit")
    sent = shop.post(f"/orders/{number}/submit", {"net_total": "20.00"})
    assert sent.status_code == 200
    check(storefront, sent, "/orders/{number}/submit")
    for path in ("/orders", "/products", "/customers", "/invoices", "/subscriptions", "/me"):
        check(storefront, shop.get(path), path)
        if path != "/me":
            check(storefront, shop.get(path, size="0"), path)
    check(storefront, shop.get(f"/customers/{customer.id}"), "/customers/{customer_id}")
    check(storefront, shop.get(f"/customers/{world.direct.id}"), "/customers/{customer_id}")
    check(storefront, shop.get(f"/products/{world.seats.id}"), "/products/{product_id}")
    check(
        storefront,
        shop.post("/customers", {"name": "New Bakery", "email": "a@b.example", "country": "GR"}),
        "/customers",
    )
    check(storefront, shop.post("/customers", {"name": 7}), "/customers")
    made = office.post("/orders", {"account_id": str(world.direct.id), "items": [item]})
    check(bss, made, "/orders")
    number = made.json["number"]
    check(bss, office.get(f"/orders/{number}"), "/orders/{number}")
    check(bss, office.post(f"/orders/{number}/submit"), "/orders/{number}/submit")
    check(bss, office.post(f"/orders/{number}/submit"), "/orders/{number}/submit")
    check(bss, office.post(f"/orders/{number}/execute"), "/orders/{number}/execute")
    for path in ("/orders", "/products", "/accounts", "/invoices", "/subscriptions", "/me"):
        check(bss, office.get(path), path)
    check(bss, office.get(f"/accounts/{world.tech.id}"), "/accounts/{account_id}")
    check(bss, office.get("/invoices/none"), "/invoices/{number}")


def test_a_wrong_answer_would_be_noticed(described, shop):
    answer = shop.get("/orders")
    schema = schema_of(described["storefront"], "GET", "/orders", 200)
    assert Draft202012Validator(schema).is_valid(answer.json)
    assert not Draft202012Validator(schema).is_valid({**answer.json, "total": "1"})
    assert not Draft202012Validator(schema).is_valid({**answer.json, "cost": 1})


def test_scopes_and_addresses_are_told(world, described):
    flows = described["storefront"]["components"]["securitySchemes"]["oauth"]["flows"]["clientCredentials"]
    assert flows["tokenUrl"] == f"http://{world.host}/techsolutions/api/v1/oauth/token"
    assert set(flows["scopes"]) == {each.value for each in ApiScope}
    orders = described["storefront"]["paths"]["/orders"]
    assert orders["post"]["security"] == [{"oauth": ["orders.write"]}, {"key": []}]
    assert "Idempotency-Key" in {each["name"] for each in orders["post"]["parameters"]}
    assert {"page", "size", "$filter", "$orderby"} <= {each["name"] for each in orders["get"]["parameters"]}
    submit = described["storefront"]["paths"]["/orders/{number}/submit"]["post"]
    assert {"401", "403", "404", "409", "410", "422", "429"} <= set(submit["responses"])  # fmt: skip


@pytest.mark.parametrize(("api", "blueprint"), [("storefront", storefront_bp), ("bss", bss_bp)])
def test_every_list_is_described_with_its_pages(app, described, api, blueprint):
    """Also those that take neither `$filter` nor `$orderby`."""
    lists = [
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(blueprint.url_prefix))
        for rule, method, view in routes_of(app, blueprint)
        if method == "GET" and (found := operation_of(view)) is not None and issubclass(found.answer, Listed)
    ]
    assert {"/orders", "/subscriptions/{code}/requests"} <= set(lists)
    for path in lists:
        call = described[api]["paths"][path]["get"]
        assert {"page", "size"} <= {each["name"] for each in call["parameters"]}, path
        assert "422" in call["responses"], path


def test_a_storefront_publishes_its_description_and_the_back_office_does_not(client, session, world, sign_in):
    for base in ("", "/techsolutions"):
        assert client.get(f"{base}/api/v1/openapi.json").json["openapi"] == "3.1.0"
        shown = client.get(f"{base}/api/v1/docs")
        assert shown.status_code == 200
        assert "POST /orders/{number}/submit" in shown.text.replace("\u200b", "")
    assert world.distributor.name not in client.get("/techsolutions/api/v1/docs").text
    refused(client.get("/bss/api/v1/openapi.json"), 401)
    assert client.get("/bss/api-credentials/docs").status_code in (302, 303)
    sign_in(world.bss_user)
    assert "POST /orders/{number}/execute" in client.get("/bss/api-credentials/docs").text.replace("\u200b", "")


def test_the_page_needs_nothing_of_others(client):
    """Plain: no script, style or picture from elsewhere, none inline."""
    page = client.get("/techsolutions/api/v1/docs").text
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert re.findall(r"<script(?![^>]*src=)[^>]*>\s*\S|<style|\sstyle=|\son[a-z]+=", page) == []


def test_credentials_pages_lead_to_the_description(client, world, sign_in):
    sign_in(world.tech.admin)
    assert "/techsolutions/api/v1/docs" in client.get("/techsolutions/manage/api-credentials").text
    sign_in(world.bss_user)
    listed = client.get("/bss/api-credentials").text
    assert "/bss/api-credentials/docs" in listed
    assert "/api/v1/docs" in listed


@pytest.mark.parametrize("api", ["storefront", "bss"])
def test_no_schema_is_called_by_where_it_stands_in_our_code(described, api):
    assert [name for name in described[api]["components"]["schemas"] if "__" in name] == []
