"""The connectors of this house, each against the same contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from tests.fakes.broker import REFUSAL, RunningBroker, running_broker
from tests.fakes.connector import FakeConnector
from tests.fakes.demo_vendor import DemoVendor
from tests.workers.connectors.contract import (
    AnyContract,
    AtVendor,
    ConnectorContract,
    FullContract,
    FutureRequestsContract,
    ListsContract,
    ReadsContract,
)
from workers.connectors.base import Connector, ConnectorUnavailable, ServiceManagerSettings
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

    @property
    def refusal_code(self) -> str:
        return "17"

    def services(self) -> Mapping[str, AtVendor]:
        return {
            service["reference"]: AtVendor(
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

    @property
    def refusal_code(self) -> str:
        return "17"

    def services(self) -> Mapping[str, AtVendor]:
        return {
            reference: AtVendor(
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


@dataclass(frozen=True, slots=True)
class BrokerStage:
    """The Open Service Broker connector in front of a real broker."""

    running: RunningBroker
    records: list[VendorCall] = field(default_factory=list)

    @property
    def connector(self) -> Connector:
        return connector_for(
            self.running.settings,
            allowed_private_targets=frozenset({self.running.target}),
            record_call=self.records.append,
        )

    @property
    def refusal(self) -> str:
        return REFUSAL

    @property
    def refusal_code(self) -> str:
        return "InvalidParameters"

    def services(self) -> Mapping[str, AtVendor]:
        broker = self.running.broker
        return {
            reference: AtVendor(
                instance.status,
                instance.parameters["quantity"],
                instance.plan_id,
                len(instance.parameters.get("add_ons", [])),
            )
            for reference, instance in {**broker.instances, **broker.canceled}.items()
        }

    def accounts(self) -> int:
        return 0  # a broker knows none

    def fail_next(self) -> None:
        self.running.trouble = "fail"

    def reject_next(self) -> None:
        self.running.broker.refusing = 1

    def time_out_after_next(self) -> None:
        self.running.trouble = "lose"

    def garble_next(self) -> None:
        self.running.trouble = "garble"


@dataclass(frozen=True, slots=True)
class ByHandStage:
    """Nobody is called, so there is nothing to see."""

    connector: Connector


class TestServiceManagerAgainstTheVendorsProcess(FullContract, FutureRequestsContract, ReadsContract):
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


class TestFake(FullContract, FutureRequestsContract, ReadsContract, ListsContract):
    @pytest.fixture
    def stage(self) -> FakeStage:
        return FakeStage()


class TestServiceManagerAgainstAThread(ListsContract):
    """Many services: in a thread, as it is faster."""

    @pytest.fixture
    def stage(self, vendor: DemoVendor) -> DemoVendorStage:
        return DemoVendorStage(vendor)

    connector, request_ = FullContract.connector, FullContract.request_


class TestOpenServiceBroker(ConnectorContract, ReadsContract):
    @pytest.fixture
    def stage(self) -> Iterator[BrokerStage]:
        with running_broker() as running:
            yield BrokerStage(running)


class TestByHand(AnyContract):
    @pytest.fixture
    def stage(self) -> ByHandStage:
        by_hand = connector_for(
            ServiceManagerSettings(kind="manual"), allowed_private_targets=frozenset(), record_call=lambda _: None
        )
        return ByHandStage(by_hand)
