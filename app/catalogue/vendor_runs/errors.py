"""What can go wrong with a vendor's definition."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, DomainError, NotFound


class VendorRunNotFound(NotFound):
    """There is no such run."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__("There is no such run")
        self.run_id = run_id


class VendorRunAtWork(Conflict):
    """The service manager's definition is being read already; `run_id` says by which run."""

    code = "run_at_work"

    def __init__(self, run_id: UUID, started_by: str) -> None:
        by = f", started by {started_by}" if started_by else ""
        super().__init__(f"The services definition is being read already{by}. It goes on in the background.")
        self.run_id = run_id


class VendorRunIsOver(Conflict):
    """The run has ended; there is nothing to cancel."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__("The run has ended already")
        self.run_id = run_id


class DefinitionRefused(DomainError):
    """The vendor's answer is no services definition; the message is for people."""

    code = "definition_refused"


class ItemRefused(DomainError):
    """One item cannot be merged, and why; the others go on."""

    code = "item_refused"


class RunLost(RuntimeError):
    """The run was canceled, or given up for silence: whoever works on it stops without a trace."""
