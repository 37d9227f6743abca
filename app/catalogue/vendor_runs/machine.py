"""The states of a run as a table (CB-15): what is not in it does not happen."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from app.catalogue.vendor_runs.models import VendorRunState as State


class RunEvent(enum.Enum):
    """What happens to a run."""

    CLAIMED = "claimed"
    ENDED_WELL = "ended_well"
    ENDED_WITH_ERRORS = "ended_with_errors"
    BROKE_OFF = "broke_off"  # the transport, the vendor's answer, or ten minutes of silence
    CANCELED = "canceled"


MOVES: Mapping[tuple[State, RunEvent], State] = {
    (State.QUEUED, RunEvent.CLAIMED): State.RUNNING,
    (State.QUEUED, RunEvent.CANCELED): State.CANCELED,
    (State.QUEUED, RunEvent.BROKE_OFF): State.FAILED,
    (State.RUNNING, RunEvent.ENDED_WELL): State.COMPLETED,
    (State.RUNNING, RunEvent.ENDED_WITH_ERRORS): State.COMPLETED_WITH_ERRORS,
    (State.RUNNING, RunEvent.BROKE_OFF): State.FAILED,
    (State.RUNNING, RunEvent.CANCELED): State.CANCELED,
}
AT_WORK = frozenset({State.QUEUED, State.RUNNING})


def after(state: State, event: RunEvent) -> State | None:
    """Return the next state; None where the event cannot happen to such a run."""
    return MOVES.get((state, event))
