"""How far an open request of a subscription is, and who must act: for staff with the vendor's words, for customers without (GO-10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.changes.people import people_of
from app.changes.words import TIMING_WORDS, actor_of, day_of, words_of
from app.core.days import write_day
from app.provisioning.models import OF_A_LATER_DAY, ProvisioningTask, TaskKind, TaskStatus
from app.subscriptions.models import ChangeStatus, ChangeTiming, SubscriptionChange

TITLES = {TaskKind.SCHEDULE: "Told to the vendor", TaskKind.WITHDRAW: "Withdrawn at the vendor"}
DONE, RUNNING, WAITING, FAILED, PENDING = "done", "running", "waiting", "failed", "pending"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way: its state as `ui/timeline.html` knows it."""

    title: str
    state: str
    at: datetime | None = None
    cause: str | None = None
    actor: str | None = None
    next_retry_at: datetime | None = None
    acts_next: str | None = None
    task_id: UUID | None = None


def stages_for_staff(change: SubscriptionChange, task: ProvisioningTask | None, problem: str | None) -> list[Stage]:
    """Return the way of a request as operators need to see it, who by name."""
    people = people_of((change,))[change.id]
    stages = [replace(_asked(change), actor=people.requested_by)]
    if change.is_from_storefront:
        decision = _decision(change, "Accept or reject it")
        stages.append(decision if decision.actor is None else replace(decision, actor=people.decided_by))
    at_vendor = [_at_vendor(change, task, problem)] if _is_at_vendor(change) or task is not None else []
    waits = [_day(change)] if change.timing is ChangeTiming.PERIOD_END else []
    is_ahead = change.is_at_vendor or (task is not None and task.kind in OF_A_LATER_DAY)
    stages += [*at_vendor, *waits] if is_ahead else [*waits, *at_vendor]
    end = _taken_over(change)
    stages.append(end if end.actor is None else replace(end, actor=people.decided_by))
    return stages


def stages_for_customer(change: SubscriptionChange) -> list[Stage]:
    """Return the way of a request as its customer may see it: of the distributor's people none by name."""
    stages = [_asked(change)]
    if change.status in (ChangeStatus.SUBMITTED, ChangeStatus.REJECTED):
        stages.append(_decision(change, "We look at your request"))
    if change.timing is ChangeTiming.PERIOD_END:
        stages.append(_day(change))
    if _is_at_vendor(change):
        stages.append(Stage("At the provider", RUNNING, acts_next="There is nothing for you to do"))
    if change.status is ChangeStatus.FAILED:
        stages.append(Stage("At the provider", WAITING, acts_next="We look after it; there is nothing for you to do"))
    stages.append(_taken_over(change))
    return stages


def _asked(change: SubscriptionChange) -> Stage:
    return Stage(words_of(change), DONE, change.created_at, TIMING_WORDS[change.timing], actor_of(change))


def _decision(change: SubscriptionChange, who: str) -> Stage:
    if change.status is ChangeStatus.SUBMITTED:
        return Stage("Decision", WAITING, acts_next=who)
    if change.status is ChangeStatus.REJECTED:
        return Stage("Rejected", FAILED, change.decided_at, change.decision_reason, change.decided_by_name)
    return Stage("Accepted", DONE, change.decided_at or change.examined_at, actor=change.decided_by_name)


def _is_at_vendor(change: SubscriptionChange) -> bool:
    return change.status in (ChangeStatus.PROCESSING, ChangeStatus.WITHDRAWING)


def _day(change: SubscriptionChange) -> Stage:
    waits = (ChangeStatus.SCHEDULED, ChangeStatus.WITHDRAWING)
    state = WAITING if change.status in waits else PENDING if change.status is ChangeStatus.SUBMITTED else DONE
    return Stage(f"Waits for {write_day(day_of(change))}", state)


def _at_vendor(change: SubscriptionChange, task: ProvisioningTask | None, problem: str | None) -> Stage:
    title = "At the vendor" if task is None else TITLES.get(task.kind, "At the vendor")
    if task is None:
        return Stage(title, RUNNING if _is_at_vendor(change) else PENDING)
    match task.status:
        case TaskStatus.SUCCEEDED:
            return Stage(title, DONE, task.finished_at, task_id=task.id)
        case TaskStatus.CANCELED:
            return Stage(title, PENDING, task.finished_at, "Given up", task_id=task.id)
        case TaskStatus.FAILED:
            who = "Operations: try it again, or reject the request"
            return Stage(title, FAILED, task.finished_at, problem or task.message, acts_next=who, task_id=task.id)
        case TaskStatus.WAITING:
            who = "Operations: do it at the vendor and record it"
            return Stage(title, WAITING, cause=task.message, acts_next=who, task_id=task.id)
        case _:
            again = task.next_attempt_at if task.attempts and task.status is TaskStatus.PENDING else None
            return Stage(
                title, WAITING if again else RUNNING, cause=task.message, next_retry_at=again,
                acts_next=None if again else "The vendor", task_id=task.id,
            )  # fmt: skip


def _taken_over(change: SubscriptionChange) -> Stage:
    if change.status is ChangeStatus.COMPLETED:
        return Stage("Done", DONE, change.completed_at)
    if change.status in (ChangeStatus.WITHDRAWN, ChangeStatus.VOID):
        return Stage(change.status.value.capitalize(), PENDING, change.completed_at, actor=change.decided_by_name)
    return Stage("Done", PENDING)
