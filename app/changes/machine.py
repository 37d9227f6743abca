"""How a wanted change moves from asked for to done (CB-29). What is not in the table is refused."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from app.changes.errors import WrongChangeState
from app.subscriptions.models import ChangeStatus, SubscriptionChange

C = ChangeStatus


class ChangeStep(enum.Enum):
    """What happens to a change."""

    ACCEPT = "accept"  # by somebody, or by the product type's switch: the vendor is asked
    SCHEDULE = "schedule"  # for the end of the period
    DUE = "due"  # that day has come
    REJECT = "reject"
    WITHDRAW = "withdraw"
    VOID = "void"  # the subscription ended otherwise
    CONFIRM = "confirm"  # by the vendor, or there was nothing to ask
    REFUSE = "refuse"
    RETRY = "retry"
    BOOK = "book"  # the vendor has it scheduled for its day
    TAKE_BACK = "take_back"  # the vendor is asked to forget it


MOVES: Mapping[tuple[ChangeStatus, ChangeStep], ChangeStatus] = {
    (C.SUBMITTED, ChangeStep.ACCEPT): C.PROCESSING,
    (C.SUBMITTED, ChangeStep.SCHEDULE): C.SCHEDULED,
    (C.SUBMITTED, ChangeStep.REJECT): C.REJECTED,
    (C.SUBMITTED, ChangeStep.WITHDRAW): C.WITHDRAWN,
    (C.SUBMITTED, ChangeStep.VOID): C.VOID,
    (C.SCHEDULED, ChangeStep.DUE): C.PROCESSING,
    (C.SCHEDULED, ChangeStep.WITHDRAW): C.WITHDRAWN,
    (C.SCHEDULED, ChangeStep.VOID): C.VOID,
    (C.SCHEDULED, ChangeStep.REJECT): C.REJECTED,  # on its day it was not possible any more
    (C.PROCESSING, ChangeStep.CONFIRM): C.COMPLETED,
    (C.PROCESSING, ChangeStep.REFUSE): C.FAILED,
    (C.PROCESSING, ChangeStep.BOOK): C.SCHEDULED,
    (C.SCHEDULED, ChangeStep.TAKE_BACK): C.WITHDRAWING,
    (C.WITHDRAWING, ChangeStep.CONFIRM): C.WITHDRAWN,
    (C.WITHDRAWING, ChangeStep.REFUSE): C.SCHEDULED,  # it stands, there and here
    (C.FAILED, ChangeStep.RETRY): C.PROCESSING,
    (C.FAILED, ChangeStep.CONFIRM): C.COMPLETED,  # a person did what the machine could not
    (C.FAILED, ChangeStep.BOOK): C.SCHEDULED,
    (C.FAILED, ChangeStep.REJECT): C.REJECTED,
    (C.FAILED, ChangeStep.VOID): C.VOID,
}
OPEN = (C.SUBMITTED, C.SCHEDULED, C.PROCESSING, C.WITHDRAWING, C.FAILED)  # at most one of a subscription


def advance(change: SubscriptionChange, step: ChangeStep) -> None:
    """Take a step; raises WrongChangeState, naming the state, where the table knows no such step."""
    require_step(change, step)
    change.status = MOVES[(change.status, step)]


def require_step(change: SubscriptionChange, step: ChangeStep) -> None:
    """Raise WrongChangeState, naming the state, where a change cannot take a step."""
    if (change.status, step) not in MOVES:
        raise WrongChangeState(change.status, step.value)


def may(change: SubscriptionChange, step: ChangeStep) -> bool:
    """Whether a change can take a step."""
    return (change.status, step) in MOVES
