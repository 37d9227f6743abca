"""The connectors of this house, each against the same contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.fakes.connector import FakeConnector
from tests.fakes.demo_vendor import DemoVendor
from tests.workers.connectors.contract import ConnectorContract, ServiceSeen
from workers.connectors.base import Connector, ConnectorUnavailable
from workers.connectors.calls import VendorCall
from workers.connectors.registry import connector_for


@dataclass(frozen=True, slots=True)
class DemoVendorStage:
    """The service-manager connector in front of a demo vendor."""

    vendor: DemoVendor
    records: list[VendorCall] = field(default_factory=list)

    @property
    def connector(self) -> Connector:
        return connector_for(
            self.vendor.settings,
            allowed_private_targets=frozenset({self.vendor.target}),
            record_call=self.records.append,
        )

    @property
    def refusal(self) -> str:
        return "The vendor refuses this: told to by its control page"

    def services(self) -> Mapping[str, ServiceSeen]:
        return {
            service["reference"]: ServiceSeen(
                service["status"], service["quantity"], service["product_id"], len(service["add_ons"])
            )
            for service in self.vendor.state()["services"]
        }

    def accounts(self) -> int:
        found: int = self.vendor.state()["counts"]["accounts"]
        return found

    def fail_next(self) -> None:
        self.vendor.behave("fail")

    def reject_next(self) -> None:
        self.vendor.behave("reject")

    def time_out_after_next(self) -> None:
        self.vendor.behave("timeout_after")

    def garble_next(self) -> None:
        self.vendor.behave("garbage")


@dataclass(frozen=True, slots=True)
class FakeStage:
    connector: FakeConnector = field(default_factory=FakeConnector)

    @property
    def refusal(self) -> str:
        return "The vendor refuses this"

    def services(self) -> Mapping[str, ServiceSeen]:
        return {
            reference: ServiceSeen(
                resource.status,
                resource.picture.quantity,
                resource.picture.product_code,
                len(resource.picture.standing_add_ons),
            )
            for reference, resource in self.connector.resources.items()
        }

    def accounts(self) -> int:
        return len(self.connector.accounts)

    def fail_next(self) -> None:
        self.connector.fail_next()

    def reject_next(self) -> None:
        self.connector.reject_next()

    def time_out_after_next(self) -> None:
        self.connector.time_out_after_next()

    def garble_next(self) -> None:
        self.connector.garble_next()


class TestServiceManagerAgainstTheVendorsProcess(ConnectorContract):
    @pytest.fixture
    def stage(self, vendor_process: DemoVendor) -> DemoVendorStage:
        return DemoVendorStage(vendor_process)

    def test_work_is_counted_once_per_key(self, stage: DemoVendorStage, request_) -> None:
        """CB-F69 (partly): the vendor counts the calls and the work of each key."""
        stage.fail_next()
        with pytest.raises(ConnectorUnavailable):
            stage.connector.create(request_, idempotency_key="task-1")
        stage.time_out_after_next()
        with pytest.raises(ConnectorUnavailable):
            stage.connector.create(request_, idempotency_key="task-1")
        stage.vendor.behave("twice")
        made = stage.connector.create(request_, idempotency_key="task-1")

        counts = stage.vendor.state()["counts"]
        assert counts["by_idempotency_key"]["task-1"] == {"calls": 3, "performed": 1}
        assert set(stage.services()) == {made.reference}


class TestFake(ConnectorContract):
    @pytest.fixture
    def stage(self) -> FakeStage:
        return FakeStage()
