"""How runs are told on screen, also on the page of a service manager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.catalogue.vendor_runs.machine import AT_WORK
from app.catalogue.vendor_runs.models import EntryAction, EntryLevel, VendorRun, VendorRunState

DESCRIBING_KINDS = frozenset({"service_manager"})  # kinds of service managers that have a services definition

STATE_WORDS: Mapping[VendorRunState, str] = {
    VendorRunState.QUEUED: "Queued",
    VendorRunState.RUNNING: "Running",
    VendorRunState.COMPLETED: "Completed",
    VendorRunState.COMPLETED_WITH_ERRORS: "Completed with errors",
    VendorRunState.FAILED: "Failed",
    VendorRunState.CANCELED: "Canceled",
}
TONES: Mapping[VendorRunState, str] = {
    VendorRunState.COMPLETED: "success",
    VendorRunState.COMPLETED_WITH_ERRORS: "warning",
    VendorRunState.FAILED: "danger",
    VendorRunState.CANCELED: "neutral",
}
LEVEL_TONES: Mapping[EntryLevel, str] = {
    EntryLevel.INFO: "neutral",
    EntryLevel.WARNING: "warning",
    EntryLevel.ERROR: "danger",
}
ENTITY_WORDS: Mapping[str, str] = {
    "type": "Product type",
    "product": "Product",
    "add_on": "Add-on",
    "upgrade path": "Upgrade path",
    "add-on": "Sold with",
}
ACTION_WORDS: Mapping[EntryAction, str] = {
    EntryAction.CREATED: "Created",
    EntryAction.UPDATED: "Updated",
    EntryAction.UNCHANGED: "Unchanged",
    EntryAction.RETIRED: "Retired",
    EntryAction.ERROR: "Error",
}


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run as ribbons show it."""

    run: VendorRun
    words: str
    tone: str
    is_at_work: bool
    percent: int
    elapsed: str

    @property
    def phase(self) -> str:
        """What it is doing."""
        return self.run.phase or ("Waiting for a worker" if self.is_at_work else "")


def shown(run: VendorRun | None, at: datetime) -> ShownRun | None:
    """Return a run with what people read of it; `at` is the present."""
    if run is None:
        return None
    percent = 100 * run.items_done // run.items_total if run.items_total else 0
    seconds = max(0, int(((run.finished_at or at) - run.created_at).total_seconds()))
    elapsed = f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004 - a minute
    return ShownRun(
        run, STATE_WORDS[run.state], TONES.get(run.state, "warning"), run.state in AT_WORK, percent, elapsed
    )
