from __future__ import annotations

from dataclasses import replace

import pytest

from app.provisioning.kinds import KINDS, Capability
from tests.workers.connectors.contract import BAKERY, a_request, later
from workers.connectors import base
from workers.connectors.base import RequestKind, ServiceManagerSettings, VendorResource, carry_out
from workers.connectors.calls import VendorCall
from workers.connectors.manual import NEEDS_PERSON
from workers.connectors.registry import CONNECTORS, UnknownConnectorKind, connector_for
from workers.connectors.service_manager import ServiceManagerConnector


def connector_of_kind(kind: str, records: list[VendorCall] | None = None):
    return connector_for(
        ServiceManagerSettings(kind=kind, base_url="https://vendor.example"),
        allowed_private_targets=frozenset(),
        record_call=(records if records is not None else []).append,
    )


def test_kind_chooses_the_connector() -> None:
    assert isinstance(connector_of_kind("service_manager"), ServiceManagerConnector)
    assert set(CONNECTORS) == {"manual", "open_service_broker", "service_manager"}


def test_unknown_kind_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownConnectorKind, match="'fax'; there are manual, open_service_broker, service_manager"
    ) as unknown:
        connector_of_kind("fax")

    assert (unknown.value.kind, unknown.value.known) == ("fax", ("manual", "open_service_broker", "service_manager"))


@pytest.mark.parametrize(
    "kind", [kind for kind in RequestKind if kind not in (RequestKind.SCHEDULE, RequestKind.WITHDRAW)]
)
def test_manual_work_is_left_to_a_person(kind: RequestKind) -> None:
    records: list[VendorCall] = []
    manual = connector_of_kind("manual", records)
    request = a_request(BAKERY) if kind is RequestKind.CREATE else later(a_request(BAKERY), kind, "by-hand-7")

    manual.check(request)
    left = carry_out(manual, request, idempotency_key="task-1")

    reference = "" if kind is RequestKind.CREATE else "by-hand-7"
    assert left == VendorResource(reference, "Workplace Start", NEEDS_PERSON, needs_person=True)
    assert manual.find("task-1") is None
    assert records == []


def test_manual_account_is_left_to_a_person() -> None:
    manual = connector_of_kind("manual")
    unknown = manual.synchronise_account(BAKERY, idempotency_key="account-1")
    known = manual.synchronise_account(replace(BAKERY, vendor_reference="A-9"), idempotency_key="account-2")

    assert (unknown.reference, unknown.needs_person) == ("", True)
    assert (known.reference, known.needs_person) == ("A-9", True)


@pytest.mark.parametrize("kind", list(CONNECTORS))
def test_every_kind_is_offered_with_what_its_connector_can_do(kind: str) -> None:
    """CB-22: what a kind of vendor cannot do is not offered on any page."""
    connector = connector_of_kind(kind)
    found = {each for each in Capability if isinstance(connector, getattr(base, each.value))}

    assert set(KINDS) == set(CONNECTORS)
    assert KINDS[kind].capabilities == found
