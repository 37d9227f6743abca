"""What can go wrong in provisioning, as its staff see it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app.core.errors import Conflict, NotFound

if TYPE_CHECKING:  # models may import errors, not the other way
    from app.provisioning.models import TaskStatus


class TaskNotFound(NotFound):
    """There is no such task for this caller."""

    def __init__(self, task_id: UUID) -> None:
        super().__init__("There is no such task")
        self.task_id = task_id


class ServiceManagerNotFound(NotFound):
    """There is no such service manager for this caller."""

    def __init__(self, manager_id: UUID) -> None:
        super().__init__("There is no such service manager")
        self.manager_id = manager_id


class WrongTaskState(Conflict):
    """The task's status does not allow what was asked."""

    code = "wrong_state"

    def __init__(self, task_id: UUID, status: TaskStatus) -> None:
        super().__init__(f"This task is {status.value}")
        self.task_id, self.status = task_id, status


class RunUnderWay(Conflict):
    """The service manager is being compared already; one run at a time."""

    code = "run_under_way"

    def __init__(self, run_id: UUID) -> None:
        super().__init__("This service manager is being compared already")
        self.run_id = run_id


class RunNotFound(NotFound):
    """There is no such run for this caller."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__("There is no such run")
        self.run_id = run_id


class CannotBeCompared(Conflict):
    """This kind of service manager does not tell what it has."""

    code = "not_offered"

    def __init__(self) -> None:
        super().__init__("This service manager does not tell which services it has")


class AdoptionNotFound(NotFound):
    """There is no such service for this caller."""

    def __init__(self, adoption_id: UUID) -> None:
        super().__init__("There is no such service")
        self.adoption_id = adoption_id
