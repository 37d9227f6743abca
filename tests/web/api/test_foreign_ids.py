"""Every call with an id in its address, made with the ids of somebody else: 404, and nothing changed (RS-F95)."""

from __future__ import annotations

import pytest

from app.identity.api_clients.models import ApiClientKind
from tenants.context import scope
from tests.factories.world import make_world
from tests.web.api.conftest import EVERYTHING, Caller, make_program
from tests.web.leaks.conftest import Bought, bought
from tests.web.leaks.test_foreign_ids import addresses, rules_of, state_of, victims_of

__all__ = ["bought"]


@pytest.fixture
def prey(session, world, shop, office, bought: Bought):
    """What must not be found: an order that is executed, one that waits, and a draft of each kind of program."""
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly"}
    made = shop.post("/orders", {"customer_id": str(world.tech.customers[0].id), "items": [item]})
    assert made.status_code == 201
    made = office.post("/orders", {"account_id": str(world.direct.id), "items": [item]})
    assert made.status_code == 201
    found = victims_of(session, world)
    assert {type(each) for each in found.uuids}
    return found


# Calls whose body says nothing that is needed.
EMPTY = (
    "cancel_subscription", "cancel_order", "approve", "accept_request", "patch_order", "patch_subscription",
    "patch_asset", "patch_account", "patch_customer",
)  # fmt: skip


def bodies(item) -> dict[str, object]:
    """Return what each call would take, so that it is the id it is refused for."""
    return {
        "add_item": item,
        "submit": {"net_total": "10.00"},
        "change_quantity": {"quantity": 1},
        "decline": {"reason": "No thanks"},
        "reject_request": {"reason": "No thanks"},
        "give_back": {"quantity": 1},
        **{name: {} for name in EMPTY},
    }


def found_by(app, caller: Caller, surface: str, victim, item) -> dict[str, int]:
    """Return the calls that did not answer 404."""
    wrong, asked = {}, 0
    rules = [
        rule for rule in app.url_map.iter_rules() if rule.arguments and rule.endpoint.startswith(f"{surface}_api.")
    ]
    for rule in rules:
        name = rule.endpoint.partition(".")[2]
        for path in addresses(rule, victim):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                below = path.removeprefix("/bss/api/v1" if surface == "bss" else "/api/v1")
                body = {} if surface == "bss" and name == "submit" else bodies(item).get(name)
                status = caller.ask(
                    method, below, **({} if body is None or method == "GET" else {"json": body})
                ).status_code
                caller.browser.environ_base["REMOTE_ADDR"] = f"198.51.100.{asked % 250}"
                asked += 1
                if status != 404:
                    wrong[f"{method} {path}"] = status
    assert asked > 20
    return wrong


@pytest.fixture(autouse=True)
def without_limits(monkeypatch):
    """A sweep makes more calls than a program may in a minute."""
    monkeypatch.setattr("app.api.callers.count", lambda *_args: None)


def test_another_distributors_programs_find_nothing(app, client, session, world, prey):
    """RS-F97, CB-F126 (partly): foreign ids are 404 in both APIs across distributors."""
    other = make_world(session, name="Disti Iberia", host="cloud.disti.example")
    item = {"product_id": str(other.seats.id), "term": "P1M", "cycle": "monthly"}
    before = state_of(session, world)
    browser = app.test_client()
    browser.host = other.host
    kind = {"kind": ApiClientKind.API_KEY, "scopes": EVERYTHING}
    for realm_id, base, surface in (
        (other.id, "/bss/api/v1", "bss"),
        (other.root.id, "/api/v1", "storefront"),
        (other.tech.storefront.id, "/techsolutions/api/v1", "storefront"),
    ):
        with scope(other.scope):
            program = make_program(session, other, realm_id, base, **kind)
        assert found_by(app, Caller(browser, program), surface, prey, item) == {}
    assert state_of(session, world) == before


def test_another_storefronts_programs_find_nothing(app, client, session, world, prey):
    """RS-F95: API of reseller A never returns data of reseller B (404); nor does the root's return a reseller's."""
    with scope(world.scope):
        session.get_one(type(world.cloudia.storefront), (world.id, world.cloudia.storefront.id)).edition = "standard"
        session.commit()
    item = {"product_id": str(world.seats.id), "term": "P1M", "cycle": "monthly"}
    cloudia = make_program(
        session, world, world.cloudia.storefront.id, "/cloudia/api/v1", kind=ApiClientKind.API_KEY, scopes=EVERYTHING
    )
    before = state_of(session, world)
    prey.uuids = [each for each in prey.uuids if each != world.seats.id]
    assert found_by(app, Caller(client, cloudia), "storefront", prey, item) == {}
    assert state_of(session, world) == before


def test_the_sweep_asks_every_call_with_an_id(app):
    asked = {rule.endpoint for rule in app.url_map.iter_rules() if rule.arguments and "_api." in rule.endpoint}
    assert asked >= {"storefront_api.order", "storefront_api.submit", "bss_api.execute", "storefront_api.change"}
    assert not {rule.endpoint for rule in rules_of(app, "storefront_", "bss_")} & asked
