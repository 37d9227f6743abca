"""What the service-manager connector sends, and what it makes of answers that no decent vendor gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tests.fakes.demo_vendor import DemoVendor
from tests.workers.connectors.canned import STALL, CannedServer, answer, canned_server
from tests.workers.connectors.contract import BAKERY, a_request, later
from workers.connectors.base import (
    Characteristic,
    ConnectorRejected,
    ConnectorUnavailable,
    InvalidVendorResponse,
    RequestKind,
    ServiceManagerSettings,
)
from workers.connectors.calls import CallOutcome, VendorCall
from workers.connectors.service_manager import ServiceManagerConnector

API_KEY = "s3cr3t/key+with=signs"
KNOWN = replace(BAKERY, vendor_reference="acc-1")
OK = answer(b'{"Code": 0, "Message": "Service created", "Result": "svc-1"}')
SOON = timedelta(milliseconds=150)


def settings_of(server: CannedServer, **changes) -> ServiceManagerSettings:
    settings = ServiceManagerSettings(
        kind="service_manager", base_url=f"{server.url}/manager/", application_id="app-7", api_key=API_KEY
    )
    return replace(settings, **changes)


def connector_of(
    server: CannedServer, records: list[VendorCall], *, timeout=None, **changes
) -> ServiceManagerConnector:
    return ServiceManagerConnector(
        settings_of(server, **changes),
        allowed_private_targets=frozenset({server.target}),
        record_call=records.append,
        timeout=timeout,
    )


def created_from(pieces: Sequence[bytes], **changes):
    """Create one service at a vendor that answers these bytes."""
    with canned_server(pieces) as server:
        return connector_of(server, [], **changes).create(a_request(KNOWN), idempotency_key="task-1")


def test_complete_picture_is_sent() -> None:
    """CB-22: name, service type, product, action, quantity, account, attributes, add-ons, cycle, currency, checkonly."""
    with canned_server(OK) as server:
        connector_of(server, []).create(a_request(KNOWN), idempotency_key="task-1")

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /manager/subscription/create HTTP/1.1"
    assert {f"X-Api-Key: {API_KEY}", "X-Application-Id: app-7", "Idempotency-Key: task-1"} <= set(lines)
    assert json.loads(body) == {
        "name": "Workplace Start",
        "serviceType": "workplace",
        "productId": "WP-START",
        "actionType": "Provision",
        "externalId": None,
        "quantity": 5,
        "term": "P1M",
        "billingCycle": "monthly",
        "currency": "EUR",
        "account": {
            "code": "AC-1001",
            "name": "Bakery Nord",
            "email": "it@bakery.example",
            "country": "DE",
            "externalId": "acc-1",
        },
        "reseller": None,
        "attributes": [
            {"id": "domain", "name": "Domain name", "value": "bakery.example", "code": "", "quantityLinked": False},
            {"id": "storage_gb", "name": "Storage (GB)", "value": "50", "code": "", "quantityLinked": True},
        ],
        "addOns": [
            {
                "name": "Mail Archive",
                "productId": "WP-ARCHIVE",
                "actionType": "Provision",
                "externalId": None,
                "quantity": 1,
                "attributes": [],
            }
        ],
        "checkonly": False,
    }


def test_check_sends_the_same_picture_to_the_same_address_without_a_key() -> None:
    with canned_server(OK) as server:
        connector = connector_of(server, [])
        connector.create(a_request(KNOWN), idempotency_key="task-1")
        connector.check(a_request(KNOWN))

    (real_head, _, real), (check_head, _, check) = (request.partition(b"\r\n\r\n") for request in server.requests)
    assert check_head.split(b"\r\n")[0] == real_head.split(b"\r\n")[0]
    assert b"Idempotency-Key" not in check_head
    assert json.loads(check) == json.loads(real) | {"checkonly": True}


def test_unchanged_add_on_stays_in_the_picture() -> None:
    with canned_server(OK) as server:
        update = later(a_request(KNOWN), RequestKind.UPDATE, "svc-1")
        connector_of(server, []).update(update, idempotency_key="task-2")

    body = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert (body["actionType"], body["externalId"]) == ("Update", "svc-1")
    assert [add_on["actionType"] for add_on in body["addOns"]] == ["None"]


def test_sandbox_is_said() -> None:
    with canned_server(OK) as server:
        connector_of(server, [], is_sandbox=True).create(a_request(KNOWN), idempotency_key="task-1")

    assert b"\r\nX-Sandbox: 1\r\n" in server.requests[0]


def test_what_the_vendor_does_not_offer_is_not_asked() -> None:
    with canned_server(OK) as server:
        connector = connector_of(server, [], has_precheck=False, reads_state=False, synchronises_accounts=False)
        connector.check(a_request(KNOWN))
        found = connector.find("task-1")
        account = connector.synchronise_account(BAKERY, idempotency_key="account-1")

    assert server.requests == []
    assert (found, account.reference) == (None, "AC-1001")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'"ok"',
        b"{}",
        b'{"Code": "0", "Message": "", "Result": "svc-1"}',
        b'{"Code": true, "Message": "", "Result": "svc-1"}',
        b'{"Code": 0.0, "Message": "", "Result": "svc-1"}',
        b'{"Code": 0, "Message": ["x"], "Result": "svc-1"}',
        b'{"Code": 0, "Message": "", "Result": {"id": "svc-1"}}',
        b'{"Code": 0, "Message": "", "Result": true}',
        b'{"Code": 0, "Message": "", "Result": "two\\nlines"}',
        b'{"Code": 0, "Message": "", "Result": "' + b"x" * 201 + b'"}',
        b'{"Code": 0, "Message": "", "Result": ""}',
        b'{"Code": 0, "Message": ""}',
        b'{"Code": 0, "Message": "", "Result": "svc-1", "Name": 7.5}',
        b"[" * 100_000,
        b'{"Code": ' + b"1" * 5_000 + b"}",
    ],
)
def test_answer_of_another_shape_is_invalid(body: bytes) -> None:
    """CB-22, bad input: a wrong reply shape is "invalid response"."""
    with pytest.raises(InvalidVendorResponse, match=r"^Invalid response: "):
        created_from(answer(body))


def test_reference_may_be_a_number_and_a_name_may_come_along() -> None:
    made = created_from(answer(b'{"Code": 0, "Message": null, "Result": 4711, "Name": "bakery-start"}'))

    assert (made.reference, made.name, made.message) == ("4711", "bakery-start", "")


def test_change_may_be_answered_without_a_reference() -> None:
    with canned_server(answer(b'{"Code": 0, "Message": "ok"}')) as server:
        suspend = later(a_request(KNOWN), RequestKind.SUSPEND, "svc-9")
        made = connector_of(server, []).suspend(suspend, idempotency_key="task-2")

    assert made.reference == "svc-9"


@pytest.mark.parametrize(
    "pieces",
    [
        answer(b'{"Code": 0, "Message": "' + b"x" * 1_048_576 + b'", "Result": "svc-1"}'),
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", *[b"x" * 65_536] * 17],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b"x" * 65_536 + b"\r\n"] * 17],
    ],
    ids=["announced", "until closed", "chunked"],
)
def test_answer_above_a_megabyte_is_refused(pieces: list[bytes]) -> None:
    """CB-22, bad input: a reply above 1 MB is refused."""
    with pytest.raises(InvalidVendorResponse, match="larger than 1 MB"):
        created_from(pieces)


def test_answer_of_a_megabyte_is_read() -> None:
    start, end = b'{"Code": 0, "Result": "svc-1", "Message": "', b'"}'
    body = start + b"x" * (1_048_576 - len(start) - len(end)) + end

    assert created_from(answer(body)).message == "x" * 500


def test_compressed_answer_is_refused() -> None:
    with pytest.raises(InvalidVendorResponse, match="encoded as gzip"):
        created_from(answer(b"\x1f\x8b", headers=["Content-Encoding: gzip"]))


def test_redirect_is_not_followed() -> None:
    with canned_server(OK) as other:
        redirect = answer(b"", status="307 Temporary Redirect", headers=[f"Location: {other.url}/elsewhere"])
        with pytest.raises(InvalidVendorResponse, match="redirects are not followed"):
            created_from(redirect)

    assert other.requests == []


@pytest.mark.parametrize(
    "status", ["408 Request Timeout", "429 Too Many Requests", "500 Oops", "502 Bad Gateway", "503 Down"]
)
def test_passing_trouble_is_unavailable(status: str) -> None:
    """CB-22, retries: timeouts, 429 and 5xx are tried again."""
    with pytest.raises(ConnectorUnavailable, match=f"HTTP {status[:3]}") as raised:
        created_from(answer(b'{"Code": 5, "Message": "later"}', status=status))

    assert raised.value.retry_after is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(0)),
        ("999999999999", timedelta(days=1)),
        ("-5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("soon", None),
    ],
)
def test_wish_to_be_asked_later_is_passed_on(header: str, expected: timedelta | None) -> None:
    with pytest.raises(ConnectorUnavailable) as raised:
        created_from(answer(b"", status="429 Too Many Requests", headers=[f"Retry-After: {header}"]))

    assert raised.value.retry_after == expected


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b'{"Code": 12, "Message": "Unknown product"}', "12", "Unknown product"),
        (b'{"Code": 12, "Message": "two\\nlines\\u0000"}', "12", "two lines"),
        (b"<h1>Forbidden</h1>", "http_403", "The service manager refused the call with HTTP 403"),
        (b"", "http_403", "The service manager refused the call with HTTP 403"),
    ],
)
def test_refusal_by_status_is_a_rejection(body: bytes, code: str, reason: str) -> None:
    """CB-22, retries: 4xx is no reason to try again."""
    with pytest.raises(ConnectorRejected) as refused:
        created_from(answer(body, status="403 Forbidden"))

    assert (refused.value.code, refused.value.reason) == (code, reason)
    assert not isinstance(refused.value, InvalidVendorResponse)


def test_refusal_without_a_message_still_says_something() -> None:
    with pytest.raises(ConnectorRejected, match="code 99"):
        created_from(answer(b'{"Code": 99}'))


@pytest.mark.parametrize(
    "pieces",
    [
        [STALL],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", b'{"Code": 0', STALL],
    ],
    ids=["no answer", "half an answer"],
)
def test_slow_vendor_is_unavailable(pieces: list[bytes]) -> None:
    with pytest.raises(ConnectorUnavailable, match=r"within 0\.15 seconds"):
        created_from(pieces, timeout=SOON)


def test_vendor_that_dribbles_is_cut_off() -> None:
    """Bytes that never end must not hold a worker: the whole answer has one deadline."""
    ticks = iter([0.0])  # the start; the first bytes come far too late, and without an end
    with canned_server([b"HTTP/1.1 200 OK\r\n\r\n", b" "]) as server:
        connector = connector_of(server, [], timeout=SOON)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("workers.connectors.transport.time", SimpleNamespace(monotonic=lambda: next(ticks, 9.0)))
            with pytest.raises(ConnectorUnavailable, match="did not answer within"):
                connector.create(a_request(KNOWN), idempotency_key="task-1")


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"not http at all\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", b'{"Code": 0'],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ff\r\n", b'{"Code": 0'],
    ],
    ids=["closed at once", "no http", "cut short", "chunk cut short"],
)
def test_lost_answer_is_unavailable(pieces: list[bytes]) -> None:
    with pytest.raises(ConnectorUnavailable, match="No answer from the service manager"):
        created_from(pieces)


def test_nobody_listening_is_unavailable() -> None:
    with canned_server(OK) as server:
        connector = connector_of(server, [])
    with pytest.raises(ConnectorUnavailable):
        connector.create(a_request(KNOWN), idempotency_key="task-1")


def test_slow_service_that_came_in_the_end_is_not_made_twice(vendor: DemoVendor) -> None:
    """CB-F72 (partly): the first call is still at work when the second one comes with the same key."""
    connector = ServiceManagerConnector(
        vendor.settings, allowed_private_targets=frozenset({vendor.target}), record_call=lambda _: None
    )
    account = connector.synchronise_account(BAKERY, idempotency_key="account-1")
    request = a_request(replace(BAKERY, vendor_reference=account.reference))
    vendor.behave("slow", seconds=600)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(connector.create, request, idempotency_key="task-1")
        assert any(vendor.state()["waiting"] for _ in range(1000))
        made = connector.create(request, idempotency_key="task-1")
        vendor.behave("ok")  # wakes the call that waits

    counts = vendor.state()["counts"]
    assert slow.result() == made
    assert (counts["services"], counts["by_idempotency_key"]["task-1"]) == (1, {"calls": 2, "performed": 1})


def test_calls_at_once_with_one_key_make_one_service(vendor: DemoVendor) -> None:
    """CB-F72 (partly): two workers with the same task, at the same moment."""
    connector = ServiceManagerConnector(
        vendor.settings, allowed_private_targets=frozenset({vendor.target}), record_call=lambda _: None
    )
    account = connector.synchronise_account(BAKERY, idempotency_key="account-1")
    request = a_request(replace(BAKERY, vendor_reference=account.reference))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: connector.create(request, idempotency_key="task-1"), range(24)))

    counts = vendor.state()["counts"]
    assert len(set(made)) == 1
    assert (counts["services"], counts["by_idempotency_key"]["task-1"]) == (1, {"calls": 24, "performed": 1})


def test_every_outcome_is_recorded(vendor: DemoVendor) -> None:
    records: list[VendorCall] = []
    connector = ServiceManagerConnector(
        vendor.settings, allowed_private_targets=frozenset({vendor.target}), record_call=records.append
    )
    account = connector.synchronise_account(BAKERY, idempotency_key="account-1")
    request = a_request(replace(BAKERY, vendor_reference=account.reference))
    connector.check(request)
    for mode, error in (
        ("fail", ConnectorUnavailable),
        ("reject", ConnectorRejected),
        ("timeout_after", ConnectorUnavailable),
        ("garbage", InvalidVendorResponse),
    ):
        vendor.behave(mode)
        with pytest.raises(error):
            connector.create(request, idempotency_key="task-1")
    connector.find("task-1")

    told = [(call.path, call.is_check_only, call.idempotency_key, call.status, call.outcome) for call in records]
    create = "subscription/create"
    assert told == [
        ("account/synchronise", False, "account-1", 200, CallOutcome.OK),
        (create, True, None, 200, CallOutcome.OK),
        (create, False, "task-1", 503, CallOutcome.UNAVAILABLE),
        (create, False, "task-1", 200, CallOutcome.REJECTED),
        (create, False, "task-1", None, CallOutcome.UNAVAILABLE),
        (create, False, "task-1", 200, CallOutcome.INVALID),
        ("operations/task-1", False, None, 200, CallOutcome.OK),
    ]
    assert all(call.reason for call in records if call.outcome is not CallOutcome.OK)
    assert all(call.duration >= timedelta(0) for call in records)
    assert json.loads(records[0].request_body)["name"] == "Bakery Nord"


def test_secrets_are_never_recorded() -> None:
    """CB-22, retries: the log masks secrets, also those that a vendor sends back and those inside attributes."""
    echo = json.dumps({"Code": 8, "Message": f"Bad key {API_KEY}", "debug": {"password": "hunter2", "k": API_KEY}})
    secret = Characteristic(id="auth_code", name="Auth code", value="transfer-me-9")
    records: list[VendorCall] = []
    request = replace(a_request(KNOWN), characteristics=(secret,))
    with canned_server(answer(echo.encode())) as server, pytest.raises(ConnectorRejected) as refused:
        connector_of(server, records).create(request, idempotency_key="task-1")

    assert b"transfer-me-9" in server.requests[0]
    told = repr(records) + repr(refused.value) + refused.value.reason
    for hidden in (API_KEY, "hunter2", "transfer-me-9"):
        assert hidden not in told
    assert refused.value.reason == "Bad key ***"
    assert '"value": "***"' in records[0].request_body


def test_answer_without_a_reference_is_recorded_as_what_it_is() -> None:
    records: list[VendorCall] = []
    with canned_server(answer(b'{"Code": 0, "Message": "ok"}')) as server, pytest.raises(InvalidVendorResponse):
        connector_of(server, records).create(a_request(KNOWN), idempotency_key="task-1")

    assert [call.outcome for call in records] == [CallOutcome.INVALID]


def test_secret_in_an_answer_that_is_no_json_is_not_recorded() -> None:
    records: list[VendorCall] = []
    with canned_server(answer(f"<p>{API_KEY}</p>".encode())) as server, pytest.raises(InvalidVendorResponse):
        connector_of(server, records).create(a_request(KNOWN), idempotency_key="task-1")

    assert records[0].response_body == "<p>***</p>"


def test_key_is_not_shown_with_the_settings() -> None:
    with canned_server(OK) as server:
        assert API_KEY not in repr(settings_of(server))


@pytest.mark.parametrize(
    "changes", [{"timeout_seconds": 4}, {"timeout_seconds": 121}, {"api_key": "a\r\nX: b"}, {"application_id": "ключ"}]
)
def test_settings_out_of_bounds_are_refused(changes: dict[str, object]) -> None:
    with canned_server(OK) as server, pytest.raises(ValueError, match=r"timeout|visible ASCII"):
        settings_of(server, **changes)


@pytest.mark.parametrize("changes", [{"quantity": 0}, {"kind": RequestKind.CANCEL}])
def test_mistaken_request_is_refused_before_it_is_one(changes) -> None:
    with pytest.raises(ValueError, match=r"quantity of at least 1|needs the vendor's reference"):
        replace(a_request(KNOWN), **changes)


def test_several_slow_calls_share_the_time_there_is(vendor: DemoVendor) -> None:
    """CB-22: four calls that each use their timeout must not outlast the job: together they have an end."""
    records: list[VendorCall] = []
    with canned_server([STALL]) as server:
        connector = connector_of(server, records, timeout=SOON, seconds_for_all=0)
        with pytest.raises(ConnectorUnavailable, match="took all the time"):
            connector.find("task-1")
        assert server.requests == []
    assert [record.outcome for record in records] == [CallOutcome.UNAVAILABLE]


def test_call_that_was_broken_off_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[VendorCall] = []

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("the job's time is over")

    with canned_server(OK) as server:
        connector = connector_of(server, records)
        monkeypatch.setattr("workers.connectors.transport.VendorTransport.send", broken)
        with pytest.raises(RuntimeError):
            connector.create(a_request(KNOWN), idempotency_key="task-1")

    (record,) = records
    assert (record.path, record.status, record.reason) == ("subscription/create", None, "Broken off: RuntimeError")
    assert "WP-START" in record.request_body
