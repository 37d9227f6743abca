"""The example of docs/connectors.md works as it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.workers.connectors.contract import AtVendor, FullContract
from tests.workers.connectors.crate import PAGE, REFUSAL, Crate, connector_of_the_page, running_crate
from workers.connectors.base import Connector, ServiceManagerSettings
from workers.connectors.registry import CONNECTORS, connector_for


@dataclass(frozen=True, slots=True)
class CrateStage:
    crate: Crate
    connector: Connector
    refusal: str = REFUSAL
    refusal_code: str = "17"

    def services(self) -> Mapping[str, AtVendor]:
        return {
            reference: AtVendor(box.status, box.count, box.item, box.extras)
            for reference, box in self.crate.boxes.items()
        }

    def accounts(self) -> int:
        return len(self.crate.owners)

    def fail_next(self) -> None:
        self.crate.next_trouble = "fail"

    def reject_next(self) -> None:
        self.crate.next_trouble = "reject"

    def time_out_after_next(self) -> None:
        self.crate.next_trouble = "time out"

    def garble_next(self) -> None:
        self.crate.next_trouble = "garble"


class TestTheExampleOfThePage(FullContract):
    @pytest.fixture
    def stage(self) -> Iterator[CrateStage]:
        with running_crate() as crate:
            connector = connector_for(
                ServiceManagerSettings(kind="crate", base_url=crate.url, api_key="crate-key"),
                allowed_private_targets=frozenset({crate.url.removeprefix("http://")}),
                record_call=lambda _: None,
                connectors={**CONNECTORS, "crate": connector_of_the_page().CrateConnector},
            )
            yield CrateStage(crate, connector)


def test_page_names_files_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:app|tests|workers)/[\w/]+\.py)`", text))

    assert named
    assert {name for name in named if not (PAGE.parents[1] / name).is_file()} == set()
