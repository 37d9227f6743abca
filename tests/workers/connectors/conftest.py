from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.demo_vendor import DemoVendor, demo_vendor_process, demo_vendor_thread


@pytest.fixture(scope="session", autouse=True)
def database() -> None:
    """Connectors know no database, so none is made for them."""


@pytest.fixture(scope="session")
def running_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoVendor]:
    with demo_vendor_process(tmp_path_factory.mktemp("vendor")) as vendor:
        yield vendor


@pytest.fixture
def vendor_process(running_vendor: DemoVendor) -> DemoVendor:
    """The demo vendor in its own process, empty and well-behaved."""
    running_vendor.reset()
    return running_vendor


@pytest.fixture(scope="session")
def threaded_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoVendor]:
    with demo_vendor_thread(tmp_path_factory.mktemp("vendor")) as vendor:
        yield vendor


@pytest.fixture
def vendor(threaded_vendor: DemoVendor) -> DemoVendor:
    """The demo vendor in a thread, empty and well-behaved."""
    threaded_vendor.reset()
    return threaded_vendor
