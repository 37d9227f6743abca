"""What can go wrong with registrations."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound


class RegistrationNotFound(NotFound):
    """There is no such registration for this owner, or no longer."""

    def __init__(self) -> None:
        super().__init__("There is no such registration. It may have been decided.")


class RegistrationDecided(Conflict):
    """Somebody else was faster."""

    code = "registration_decided"

    def __init__(self) -> None:
        super().__init__("This registration has been decided already")
