"""The demo vendor by itself: its control, its page, its manners towards malformed calls."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.demo_vendor import API_KEY, DemoVendor, demo_vendor_process
from tests.workers.connectors.contract import BAKERY, a_request, later
from workers.connectors.base import (
    AddOnAction,
    AddOnPicture,
    Characteristic,
    Connector,
    ConnectorRejected,
    ConnectorUnavailable,
    ProvisioningRequest,
    RequestKind,
)
from workers.connectors.registry import connector_for

TIMEOUT = 10
HEADERS = {"X-Api-Key": API_KEY, "X-Application-Id": "galleria-tests"}


def connector_of(vendor: DemoVendor) -> Connector:
    return connector_for(
        vendor.settings, allowed_private_targets=frozenset({vendor.target}), record_call=lambda _: None
    )


def request_at(vendor: DemoVendor) -> ProvisioningRequest:
    known = connector_of(vendor).synchronise_account(BAKERY, idempotency_key="account-1")
    return a_request(replace(BAKERY, vendor_reference=known.reference))


def a_body(**changes: object) -> dict[str, Any]:
    account = {"code": "A", "name": "A", "email": "a@a.example", "country": "DE", "externalId": "acc-000001"}
    body = {
        "name": "Workplace Start",
        "serviceType": "workplace",
        "productId": "WP-START",
        "actionType": "Provision",
        "quantity": 1,
        "term": "P1M",
        "billingCycle": "monthly",
        "currency": "EUR",
        "account": account,
        "attributes": [],
        "addOns": [],
        "checkonly": False,
    }
    return body | changes


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with demo_vendor_process(tmp_path) as vendor:
        request = request_at(vendor)
        made = connector_of(vendor).create(request, idempotency_key="task-1")
    with demo_vendor_process(tmp_path) as vendor:
        again = connector_of(vendor).create(request, idempotency_key="task-1")
        state = vendor.state()

    assert again == made
    assert state["counts"]["by_idempotency_key"]["task-1"] == {"calls": 2, "performed": 1}
    assert state["behaviour"] == {"mode": "ok", "seconds": 0, "count": None, "match": ""}


def test_behaviour_holds_for_as_many_calls_as_told(vendor: DemoVendor) -> None:
    request = request_at(vendor)
    vendor.behave("fail", count=2)
    for _ in range(2):
        with pytest.raises(ConnectorUnavailable):
            connector_of(vendor).create(request, idempotency_key="task-1")

    connector_of(vendor).create(request, idempotency_key="task-1")
    assert vendor.state()["behaviour"]["mode"] == "ok"


@pytest.mark.parametrize("match", ["wp-start", "Workplace", "bakery"])
def test_behaviour_holds_for_what_it_names_only(vendor: DemoVendor, match: str) -> None:
    request = request_at(vendor)
    other = replace(request, product_code="BK", product_name="Backup", account=replace(request.account, name="Mill"))
    vendor.behave("reject", count=None, match=match)

    connector_of(vendor).create(other, idempotency_key="task-1")
    with pytest.raises(ConnectorRejected):
        connector_of(vendor).create(request, idempotency_key="task-2")
    assert [service["product_id"] for service in vendor.state()["services"]] == ["BK"]


def test_vendor_that_is_down_answers_no_questions_either(vendor: DemoVendor) -> None:
    vendor.behave("fail", count=None)
    with pytest.raises(ConnectorUnavailable):
        connector_of(vendor).find("task-1")

    vendor.behave("ok")
    assert connector_of(vendor).find("task-1") is None


def test_second_answer_on_the_wire_is_the_first_one_again(vendor: DemoVendor) -> None:
    vendor.behave("twice")
    body = b'{"code": "A", "name": "A", "email": "a@a.example", "country": "DE"}'
    head = (
        f"POST /api/account/synchronise HTTP/1.1\r\nHost: {vendor.target}\r\nX-Api-Key: {API_KEY}\r\n"
        f"Idempotency-Key: k-1\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = vendor.target.split(":")
    received = b""
    with socket.create_connection((host, int(port)), TIMEOUT) as line:
        line.sendall(head.encode() + body)
        while piece := line.recv(65_536):
            received += piece

    answers = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK")[1:]]
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert vendor.state()["counts"]["accounts"] == 1


def test_totals_are_the_vendors_to_compute(vendor: DemoVendor) -> None:
    """CB-22: numbers add up, linked ones per unit; a feature is on if any part says 1."""
    storage = Characteristic(id="storage_gb", name="Storage", value="50", is_quantity_linked=True)
    archive = Characteristic(id="archiving", name="Archiving", value="0")
    extra = AddOnPicture(
        product_code="WP-EXTRA",
        product_name="Extra",
        quantity=2,
        characteristics=(replace(storage, value="100"), replace(archive, value="1")),
    )
    domain = Characteristic(id="domain", name="Domain", value="bakery.example")
    request = replace(request_at(vendor), characteristics=(storage, archive, domain), add_ons=(extra,))

    made = connector_of(vendor).create(request, idempotency_key="task-1")
    with_add_on = vendor.state()["services"][0]["totals"]
    canceled = replace(extra, action=AddOnAction.CANCEL)
    update = replace(later(request, RequestKind.UPDATE, made.reference), add_ons=(canceled,), quantity=6)
    connector_of(vendor).update(update, idempotency_key="task-2")

    assert with_add_on == {"storage_gb": "450", "archiving": "on", "domain": "bakery.example"}
    without = {"storage_gb": "300", "archiving": "off", "domain": "bakery.example"}
    assert vendor.state()["services"][0]["totals"] == without


def test_service_definition_has_types_with_attributes(vendor: DemoVendor) -> None:
    """CB-15, contract: at least one product type with fields and attributes, products and add-ons if any."""
    answer = requests.get(f"{vendor.url}/api/service-definition", headers=HEADERS, timeout=TIMEOUT).json()
    options = requests.get(f"{vendor.url}/api/account/options", headers=HEADERS, timeout=TIMEOUT).json()

    definition = answer["Result"]
    types = {each["id"] for each in definition["types"] if each["attributes"]}
    sold = definition["products"] + definition["addOns"]
    assert answer["Code"] == 0
    assert types == {"workplace", "backup", "compute"}
    assert {each["typeId"] for each in sold} <= types
    assert {option["id"] for option in options["Result"]} == {"email", "country"}


@pytest.mark.parametrize("key", [None, "", "wrong", "ключ".encode()])
def test_caller_without_the_key_is_refused(vendor: DemoVendor, key: str | None) -> None:
    headers = {} if key is None else {"X-Api-Key": key}
    answer = requests.get(f"{vendor.url}/api/service-definition", headers=headers, timeout=TIMEOUT)

    assert (answer.status_code, answer.json()["Code"]) == (401, 401)
    assert vendor.state()["calls"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"productId": None},
        {"quantity": 0},
        {"quantity": True},
        {"quantity": "3"},
        {"account": "A"},
        {"attributes": {}},
        {"attributes": [{"id": "x"}]},
        {"addOns": [{"name": "x"}]},
        {"externalId": 7},
    ],
)
def test_malformed_call_is_refused_and_changes_nothing(vendor: DemoVendor, changes: dict[str, object]) -> None:
    request_at(vendor)
    answer = requests.post(
        f"{vendor.url}/api/subscription/create",
        json=a_body(**changes),
        headers=HEADERS | {"Idempotency-Key": "k-1"},
        timeout=TIMEOUT,
    )

    assert (answer.status_code, answer.json()["Code"]) == (400, 10)
    assert vendor.state()["counts"]["services"] == 0


def test_changing_call_without_a_key_is_refused(vendor: DemoVendor) -> None:
    request_at(vendor)
    answer = requests.post(f"{vendor.url}/api/subscription/create", json=a_body(), headers=HEADERS, timeout=TIMEOUT)

    assert (answer.status_code, answer.json()["Code"]) == (400, 11)
    assert vendor.state()["counts"]["services"] == 0


def test_another_application_sees_nothing_of_ours(vendor: DemoVendor) -> None:
    request = request_at(vendor)
    made = connector_of(vendor).create(request, idempotency_key="task-1")
    stranger = connector_for(
        replace(vendor.settings, application_id="stranger"),
        allowed_private_targets=frozenset({vendor.target}),
        record_call=lambda _: None,
    )

    assert stranger.find("task-1") is None
    with pytest.raises(ConnectorRejected):
        stranger.cancel(later(request, RequestKind.CANCEL, made.reference), idempotency_key="task-2")
    assert vendor.state()["services"][0]["status"] == "Active"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"mode": "angry"}, "mode"),
        ({"mode": "slow", "seconds": -1}, "seconds"),
        ({"mode": "slow", "seconds": 601}, "seconds"),
        ({"mode": "slow", "seconds": "nan"}, "seconds"),
        ({"mode": "fail", "count": 0}, "count"),
        ({"mode": "fail", "count": 1.5}, "count"),
        ({"mode": "fail", "count": True}, "count"),
        ([], ""),
    ],
)
def test_unknown_behaviour_is_refused_and_changes_nothing(vendor: DemoVendor, sent: object, field: str) -> None:
    answer = requests.post(f"{vendor.url}/control", json=sent, timeout=TIMEOUT)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert vendor.state()["behaviour"]["mode"] == "ok"


def test_page_shows_what_there_is_and_escapes_it(vendor: DemoVendor) -> None:
    request = request_at(vendor)
    named = replace(request, product_name="<b>Start</b> & more")
    made = connector_of(vendor).create(named, idempotency_key="task-1")
    page = requests.get(vendor.url, timeout=TIMEOUT)

    assert made.reference in page.text
    assert "Bakery Nord" in page.text
    assert "&lt;b&gt;Start&lt;/b&gt; &amp; more" in page.text
    assert "<b>Start" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "style=" not in page.text


def test_form_changes_the_behaviour_and_returns_to_the_page(vendor: DemoVendor) -> None:
    typed = {"mode": "slow", "count": "2", "seconds": "0.5", "match": " Team "}
    answer = requests.post(
        f"{vendor.url}/control", data=typed, headers={"Accept": "text/html"}, allow_redirects=False, timeout=TIMEOUT
    )

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert vendor.state()["behaviour"] == {"mode": "slow", "seconds": 0.5, "count": 2, "match": "Team"}


def test_form_with_a_mistake_comes_back_with_what_was_typed(vendor: DemoVendor) -> None:
    typed = {"mode": "slow", "count": "many", "seconds": "", "match": "Team"}
    answer = requests.post(
        f"{vendor.url}/control", data=typed, headers={"Accept": "text/html"}, allow_redirects=False, timeout=TIMEOUT
    )

    assert answer.status_code == 422
    assert "Enter a whole number from 1 to 1000" in answer.text
    assert 'value="many"' in answer.text
    assert vendor.state()["behaviour"]["mode"] == "ok"


def test_another_site_cannot_steer_it(vendor: DemoVendor) -> None:
    request_at(vendor)
    for path in ("control", "control/reset"):
        answer = requests.post(
            f"{vendor.url}/{path}", data={"mode": "fail"}, headers={"Origin": "https://evil.example"}, timeout=TIMEOUT
        )
        assert answer.status_code == 403

    state = vendor.state()
    assert (state["behaviour"]["mode"], state["counts"]["accounts"]) == ("ok", 1)


def test_reset_forgets_everything(vendor: DemoVendor) -> None:
    connector_of(vendor).create(request_at(vendor), idempotency_key="task-1")
    vendor.behave("fail", count=None)
    vendor.reset()

    state = vendor.state()
    assert state["counts"] == {"calls": 0, "services": 0, "accounts": 0, "by_idempotency_key": {}}
    assert state["behaviour"]["mode"] == "ok"
