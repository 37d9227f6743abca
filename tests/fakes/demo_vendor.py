"""The demo vendor for tests: as a process of its own, or in a thread of this one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from app.local.demo_vendor.server import DemoVendorServer
from workers.connectors.base import ServiceManagerSettings

API_KEY = "demo-vendor-key-1f7a"
ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class DemoVendor:
    """A running demo vendor, seen from its control side."""

    url: str

    @property
    def target(self) -> str:
        """For the list of allowed private targets."""
        return self.url.removeprefix("http://")

    @property
    def settings(self) -> ServiceManagerSettings:
        return ServiceManagerSettings(
            kind="service_manager", base_url=f"{self.url}/api", application_id="galleria-tests", api_key=API_KEY
        )

    def behave(self, mode: str, *, count: int | None = 1, seconds: float = 0, match: str = "") -> None:
        """Behave so for the next calls; `count=None` until told otherwise."""
        wanted = {"mode": mode, "count": count, "seconds": seconds, "match": match}
        requests.post(f"{self.url}/control", json=wanted, timeout=_PATIENCE_SECONDS).raise_for_status()

    def reset(self) -> None:
        requests.post(f"{self.url}/control/reset", timeout=_PATIENCE_SECONDS).raise_for_status()

    def state(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/control/state", timeout=_PATIENCE_SECONDS)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def demo_vendor_process(data: Path) -> Iterator[DemoVendor]:
    """Start the demo vendor as its own process on a free port; end it afterwards."""
    command = [sys.executable, "-m", "app.local.demo_vendor", "--port", "0", "--data", str(data), "--api-key", API_KEY]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first_line = process.stdout.readline()
            assert first_line.startswith("Demo vendor on http://"), "the demo vendor did not start"
            yield DemoVendor(first_line.split()[-1])
        finally:
            process.terminate()
            process.wait(_PATIENCE_SECONDS)


@contextmanager
def demo_vendor_thread(data: Path) -> Iterator[DemoVendor]:
    """Serve the demo vendor from a thread: faster, and a debugger can step into it."""
    with DemoVendorServer(data, api_key=API_KEY) as server:
        yield DemoVendor(server.url)
