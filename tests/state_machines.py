"""`python -m tests.state_machines`: draw the state tables of the product into docs/state-machines.md.

A test keeps the file true. A new table is one more line of `MACHINES`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.catalogue.vendor_runs import machine as vendor_runs
from app.changes import machine as changes
from app.orders import machine as orders
from app.orders.offers import machine as offers
from app.resellers import storefronts
from app.subscriptions import assets
from app.subscriptions import machine as subscriptions

FILE = Path(__file__).resolve().parent.parent / "docs" / "state-machines.md"
HEAD = """# State machines

Drawn from the tables in the code by `python -m tests.state_machines`; a test fails when this file is not up to date.
What is not in a table is refused, naming the state.
"""


@dataclass(frozen=True)
class Machine:
    """A table of (state, event) to state, and what it is about."""

    title: str
    text: str
    table: Mapping[tuple[Any, Any], Any]
    first: enum.Enum | None = None  # where it begins


MACHINES = (
    Machine(
        "Order",
        "`app.orders.machine` (CB-19)",
        orders.TABLE,
    ),
    Machine(
        "Subscription",
        "`app.subscriptions.machine.MOVES` (CB-23)",
        subscriptions.MOVES,
        subscriptions.SubscriptionStatus.PENDING_ACTIVATION,
    ),
    Machine(
        "A subscription at its vendor",
        "`app.subscriptions.machine.SYNC_MOVES` (CB-22); *not required* stays so",
        subscriptions.SYNC_MOVES,
        subscriptions.SyncStatus.UNSYNCHRONISED,
    ),
    Machine(
        "Request for a change of a subscription",
        "`app.changes.machine` (CB-24, CB-29)",
        changes.MOVES,
        changes.ChangeStatus.SUBMITTED,
    ),
    Machine("Asset", "`app.subscriptions.assets` (CB-31)", assets.MOVES),
    Machine("Offer", "`app.orders.offers.machine` (CB-17)", offers.TABLE),
    Machine("Run that reads a vendor's catalogue", "`app.catalogue.vendor_runs.machine` (CB-15)", vendor_runs.MOVES),
    Machine(
        "Storefront of a reseller",
        "`app.resellers.storefronts.FOLLOWS` (RS-11)",
        {
            (state, None): sorted(following, key=lambda each: each.value)
            for state, following in storefronts.FOLLOWS.items()
        },
    ),
)


def drawn() -> str:
    """Return the file as it should be."""
    return "\n".join([HEAD, *(_section(machine) for machine in MACHINES)])


def _section(machine: Machine) -> str:
    lines = [f"## {machine.title}", "", machine.text, "", "```mermaid", "stateDiagram-v2"]
    if machine.first is not None:
        lines.append(f"    [*] --> {_name(machine.first)}")
    for (state, event), after in machine.table.items():
        for each in after if isinstance(after, list) else (after,):
            words = event.value.replace("_", " ") if isinstance(event, enum.Enum) else ""
            lines.append(f"    {_name(state)} --> {_name(each)}{f': {words}' if words else ''}")
    return "\n".join([*lines, "```", ""])


def _name(state: enum.Enum) -> str:
    return str(state.value).replace(" ", "_").replace("-", "_")


if __name__ == "__main__":
    FILE.write_text(drawn(), encoding="utf-8")
