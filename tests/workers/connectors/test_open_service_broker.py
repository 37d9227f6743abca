"""The Open Service Broker connector in front of a real broker (openbrokerapi): what it sends, and what it makes of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.broker import PASSWORD, USER, RunningBroker, running_broker
from tests.workers.connectors.canned import answer, canned_server
from tests.workers.connectors.contract import BAKERY, a_request, later
from workers.connectors.base import (
    ConnectorRejected,
    ConnectorUnavailable,
    InvalidVendorResponse,
    RequestKind,
    ServiceManagerSettings,
)
from workers.connectors.calls import VendorCall
from workers.connectors.open_service_broker import OpenServiceBrokerConnector

KEY = "01890000-0000-7000-8000-000000000001"
REQUEST = a_request(replace(BAKERY, vendor_reference=BAKERY.code))


@pytest.fixture
def quick() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def slow() -> Iterator[RunningBroker]:
    with running_broker(is_slow=True) as running:
        yield running


def connector_of(running: RunningBroker, records: list[VendorCall] | None = None) -> OpenServiceBrokerConnector:
    return OpenServiceBrokerConnector(
        running.settings,
        allowed_private_targets=frozenset({running.target}),
        record_call=(records if records is not None else []).append,
    )


def changing(running: RunningBroker) -> list[str]:
    return [each.method for each in running.broker.seen if each.method != "GET"]


def test_call_says_version_user_instance_and_for_whom(quick: RunningBroker) -> None:
    """CB-22: OSB 2.17 headers, basic authentication, our key as the instance's id, the picture as parameters."""
    made = connector_of(quick).create(replace(REQUEST, reseller=replace(BAKERY, code="AC-9")), idempotency_key=KEY)

    assert made.reference == KEY
    (put,) = [each for each in quick.broker.seen if each.method == "PUT"]
    assert put.path == f"/v2/service_instances/{KEY}"
    assert put.arguments == {"accepts_incomplete": "true"}
    assert put.headers["X-Broker-Api-Version"] == "2.17"
    assert base64.b64decode(put.headers["Authorization"].removeprefix("Basic ")).decode() == f"{USER}:{PASSWORD}"
    platform, who = put.headers["X-Broker-Api-Originating-Identity"].split(" ")
    assert (platform, json.loads(base64.b64decode(who))) == ("galleria", {"user_id": "AC-1001", "reseller_id": "AC-9"})
    assert put.headers["X-Broker-Api-Request-Identity"] == str(REQUEST.task_id)
    assert (put.body["service_id"], put.body["plan_id"]) == ("svc-workplace", "WP-START")
    assert (put.body["organization_guid"], put.body["space_guid"]) == (str(REQUEST.distributor_id), "AC-1001")
    assert put.body["context"]["platform"] == "galleria"
    assert put.body["parameters"] == {
        "domain": "bakery.example",
        "storage_gb": "50",
        "quantity": 5,
        "add_ons": [{"product": "WP-ARCHIVE", "quantity": 1, "parameters": {}}],
    }


@pytest.mark.parametrize(
    ("code", "plan"), [("WP-START", "WP-START"), ("wp-team", "WP-TEAM"), ("workplace.start", "WP-START"),
                       ("backup.start", "BK"), ("Team", "WP-TEAM")],
)  # fmt: skip
def test_product_code_names_a_plan_of_the_catalogue(quick: RunningBroker, code: str, plan: str) -> None:
    connector_of(quick).create(replace(REQUEST, product_code=code), idempotency_key=KEY)

    assert quick.broker.instances[KEY].plan_id == plan


@pytest.mark.parametrize(
    ("code", "words"), [("start", "several plans called start"), ("gold", "no plan gold"), ("WP-ONE", "does not take")]
)
def test_product_that_fits_no_plan_is_refused_before_anything_is_changed(
    quick: RunningBroker, code: str, words: str
) -> None:
    """CB-F71 (partly): the check looks into the catalogue; no real call is made."""
    for ask in (connector_of(quick).check, lambda request: connector_of(quick).create(request, idempotency_key=KEY)):
        with pytest.raises(ConnectorRejected, match=words):
            ask(replace(REQUEST, product_code=code))

    assert changing(quick) == []


def test_one_of_a_plan_without_quantity_is_sent_without_it(quick: RunningBroker) -> None:
    single = replace(REQUEST, product_code="WP-ONE", quantity=1, add_ons=())
    connector_of(quick).create(single, idempotency_key=KEY)

    assert quick.broker.instances[KEY].parameters == {"domain": "bakery.example", "storage_gb": "50"}


def test_same_instance_from_other_details_is_a_conflict(quick: RunningBroker) -> None:
    connector_of(quick).create(REQUEST, idempotency_key=KEY)
    with pytest.raises(ConnectorRejected) as refused:
        connector_of(quick).create(replace(REQUEST, quantity=6), idempotency_key=KEY)

    assert refused.value.code == "conflict"
    assert quick.broker.instances[KEY].parameters["quantity"] == 5


def test_answer_that_came_twice_makes_one_instance(quick: RunningBroker) -> None:
    quick.trouble = "twice"
    for _ in range(2):
        assert connector_of(quick).create(REQUEST, idempotency_key=KEY).reference == KEY

    assert list(quick.broker.instances) == [KEY]


def test_plan_that_may_not_change_is_refused_before_the_broker_is_asked_to(quick: RunningBroker) -> None:
    team = replace(REQUEST, product_code="WP-TEAM")
    connector_of(quick).create(team, idempotency_key=KEY)
    with pytest.raises(ConnectorRejected, match="does not let team change"):
        connector_of(quick).update(
            replace(later(team, RequestKind.UPDATE, KEY), product_code="WP-START"), idempotency_key="task-2"
        )

    assert changing(quick) == ["PUT"]


def test_update_says_what_was_before(quick: RunningBroker) -> None:
    connector_of(quick).create(REQUEST, idempotency_key=KEY)
    grown = replace(later(REQUEST, RequestKind.UPDATE, KEY), product_code="WP-TEAM", quantity=7)
    connector_of(quick).update(grown, idempotency_key="task-2")

    patch = quick.broker.seen[-1]
    assert (patch.method, patch.body["plan_id"], patch.body["parameters"]["quantity"]) == ("PATCH", "WP-TEAM", 7)
    assert patch.body["previous_values"]["plan_id"] == "WP-START"


def test_accepted_work_is_looked_at_until_it_is_done(slow: RunningBroker) -> None:
    """CB-22: 202 is no end and nobody waits; the operation comes back to the broker as it was."""
    accepted = connector_of(slow).create(REQUEST, idempotency_key=KEY)
    assert accepted.progress is not None
    assert (accepted.reference, accepted.progress.operation) == (KEY, "operation 1/ä")
    assert accepted.progress.for_at_most == timedelta(days=1)  # the plan's maximum_polling_duration

    still = connector_of(slow).look(REQUEST, KEY, accepted.progress.operation)
    assert still.progress is not None
    assert still.progress.operation == "operation 1/ä"
    assert slow.broker.instances == {}

    slow.broker.finish()
    done = connector_of(slow).look(REQUEST, KEY, accepted.progress.operation)
    assert (done.reference, done.progress) == (KEY, None)
    assert list(slow.broker.instances) == [KEY]


def test_creation_asked_for_again_while_it_runs_is_the_same_one(slow: RunningBroker) -> None:
    """CB-F72 (partly): a lost 202 is answered again with the same operation."""
    slow.trouble = "lose"
    with pytest.raises(ConnectorUnavailable):
        connector_of(slow).create(REQUEST, idempotency_key=KEY)

    assert connector_of(slow).find(KEY) is None  # not there yet
    again = connector_of(slow).create(REQUEST, idempotency_key=KEY)
    assert again.progress is not None
    assert (again.progress.operation, slow.broker.operations) == ("operation 1/ä", 1)


def test_failed_creation_is_taken_back(slow: RunningBroker) -> None:
    """CB-22: orphan mitigation: what a failed creation may have left is removed."""
    accepted = connector_of(slow).create(REQUEST, idempotency_key=KEY)
    assert accepted.progress is not None
    slow.broker.finish(well=False)
    with pytest.raises(ConnectorRejected, match="No room in the data centre"):
        connector_of(slow).look(REQUEST, KEY, accepted.progress.operation)

    assert changing(slow) == ["PUT", "DELETE"]
    assert slow.broker.seen[-1].arguments == {
        "accepts_incomplete": "true", "service_id": "svc-workplace", "plan_id": "WP-START",
    }  # fmt: skip


def test_creation_with_an_answer_nobody_understands_is_taken_back(quick: RunningBroker) -> None:
    quick.trouble = "garble"
    with pytest.raises(InvalidVendorResponse):
        connector_of(quick).create(REQUEST, idempotency_key=KEY)

    assert changing(quick) == ["PUT", "DELETE"]
    assert quick.broker.instances == {}


def test_accepted_cancellation_ends_when_the_instance_is_gone(slow: RunningBroker) -> None:
    connector_of(slow).create(REQUEST, idempotency_key=KEY)
    slow.broker.finish()
    connector_of(slow).look(REQUEST, KEY, "operation 1/ä")
    cancel = later(REQUEST, RequestKind.CANCEL, KEY)
    accepted = connector_of(slow).cancel(cancel, idempotency_key="task-2")
    assert accepted.progress is not None
    slow.broker.finish()
    del slow.broker.works[KEY]  # a broker may forget it at once: 410 Gone

    done = connector_of(slow).look(cancel, KEY, accepted.progress.operation)
    assert (done.reference, done.progress) == (KEY, None)
    assert connector_of(slow).cancel(cancel, idempotency_key="task-2").progress is None


def test_instance_that_is_being_changed_is_a_reason_to_come_back(slow: RunningBroker) -> None:
    """CB-F68 (partly): ConcurrencyError is tried again; it is no refusal."""
    connector_of(slow).create(REQUEST, idempotency_key=KEY)
    slow.broker.finish()
    connector_of(slow).look(REQUEST, KEY, "operation 1/ä")
    update = later(REQUEST, RequestKind.UPDATE, KEY)
    connector_of(slow).update(update, idempotency_key="task-2")
    with pytest.raises(ConnectorUnavailable):
        connector_of(slow).update(replace(update, quantity=9), idempotency_key="task-3")

    slow.broker.finish()
    assert slow.broker.instances[KEY].parameters["quantity"] == 5


def test_broker_whose_instances_cannot_be_read_is_not_asked_for_them() -> None:
    with running_broker(is_retrievable=False) as running:
        connector_of(running).create(REQUEST, idempotency_key=KEY)
        assert connector_of(running).find(KEY) is None
        connector_of(running).update(
            replace(later(REQUEST, RequestKind.UPDATE, KEY), quantity=8), idempotency_key="task-2"
        )
        connector_of(running).cancel(later(REQUEST, RequestKind.CANCEL, KEY), idempotency_key="task-3")

        assert running.broker.canceled[KEY].parameters["quantity"] == 8
        assert set(running.calls) == {"GET catalog", f"PUT {KEY}", f"PATCH {KEY}", f"DELETE {KEY}"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("422 Unprocessable", b'{"error": "AsyncRequired", "description": "This plan is slow"}', "AsyncRequired"),
        ("400 Bad Request", b'{"description": "No"}', "http_400"),
        ("401 Unauthorized", b"", "http_401"),
        ("412 Precondition Failed", b"{}", "http_412"),
    ],
)
def test_refusal_of_every_kind_says_something(status: str, body: bytes, code: str) -> None:
    with canned_server(answer(body, status=status)) as server:
        connector = OpenServiceBrokerConnector(
            ServiceManagerSettings(kind="open_service_broker", base_url=server.url),
            allowed_private_targets=frozenset({server.target}),
            record_call=lambda _: None,
        )
        with pytest.raises(ConnectorRejected) as refused:
            connector.test()

    assert refused.value.code == code
    assert refused.value.reason


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"services": [1]}', b'{"services": [{"id": "a", "name": "b"}]}',
             b'{"services": [{"id": "a", "name": "b", "plans": [{"id": "", "name": "c"}]}]}'],
)  # fmt: skip
def test_catalogue_of_another_shape_is_invalid(body: bytes) -> None:
    with canned_server(answer(body)) as server:
        connector = OpenServiceBrokerConnector(
            ServiceManagerSettings(kind="open_service_broker", base_url=server.url),
            allowed_private_targets=frozenset({server.target}),
            record_call=lambda _: None,
        )
        with pytest.raises(InvalidVendorResponse):
            connector.check(REQUEST)


def test_password_is_never_recorded_in_any_spelling(quick: RunningBroker) -> None:
    records: list[VendorCall] = []
    spelt = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    tell_tale = replace(REQUEST, product_name=f"{PASSWORD} {spelt}")
    connector_of(quick, records).create(tell_tale, idempotency_key=KEY)

    text = "".join(f"{each.request_body}{each.response_body}{each.path}" for each in records)
    assert "***" in text
    assert PASSWORD not in text
    assert spelt not in text


def test_test_call_says_what_is_sold(quick: RunningBroker) -> None:
    assert connector_of(quick).test() == "The broker answers; it sells 4 plans of 2 services"
    with pytest.raises(ConnectorRejected):
        OpenServiceBrokerConnector(
            replace(quick.settings, api_key="wrong"),
            allowed_private_targets=frozenset({quick.target}),
            record_call=lambda _: None,
        ).test()
