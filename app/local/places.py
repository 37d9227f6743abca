"""Where everything lies. Nothing outside the checkout's `var/` is written unless a server cannot reach it there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one installation on this machine."""

    var: Path

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def postgres(self) -> Path:
        return self.var / "postgres"

    @property
    def valkey(self) -> Path:
        return self.var / "valkey"

    @property
    def mail(self) -> Path:
        return self.var / "mail"

    @property
    def vendor(self) -> Path:
        return self.var / "vendor"

    @property
    def media(self) -> Path:
        return self.var / "media"

    @property
    def txt_records(self) -> Path:
        """Stands in for DNS: write a line here to prove a domain in the demo."""
        return self.var / "txt-records.txt"

    @property
    def state(self) -> Path:
        """Generated passwords and chosen ports, readable by its owner only."""
        return self.var / "local.json"

    @property
    def demo(self) -> Path:
        """Addresses, users and passwords of the demo: written by the seed, completed by the supervisor."""
        return self.var / "demo.json"

    @property
    def running(self) -> Path:
        """Which processes `make up` started."""
        return self.var / "running.json"

    @property
    def test_services(self) -> Path:
        """The environment of test services that keep running between test runs."""
        return self.var / "test-services.json"

    @property
    def elsewhere(self) -> Path:
        """For a server whose system user cannot enter the checkout: one place per checkout."""
        name = hashlib.sha256(str(self.var.resolve()).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"galleria-{name}"  # noqa: S108  the name is ours, the mode 0700


def places(environment: Mapping[str, str] = os.environ) -> Places:
    """Return this checkout's places; `GALLERIA_VAR` moves them, so that two installations can run side by side."""
    return Places(Path(environment.get("GALLERIA_VAR") or CHECKOUT / "var"))
