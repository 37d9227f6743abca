"""What is refused about a company's own sign-in."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound


class CompanySignInOff(Conflict):
    """The storefront's owner does not let companies, or this one, use their own sign-in."""

    code = "company_sign_in_off"

    def __init__(self) -> None:
        super().__init__("Single sign-on of companies is switched off here. Contact the owner of this storefront.")


class DomainNotFound(NotFound):
    """The company has no such domain."""

    def __init__(self) -> None:
        super().__init__("There is no such domain")


class DomainTaken(Conflict):
    """Another account has proven the domain here, and its record still stands."""

    code = "domain_taken"

    def __init__(self, domain: str) -> None:
        super().__init__(
            f"Another account here has proven {domain}, and its record still stands. Remove that record, then check again."
        )


class DomainNeeded(Conflict):
    """People have no other way in than the one this change would close."""

    code = "domain_needed"

    def __init__(self) -> None:
        super().__init__("Your people may sign in by your provider alone. Let them use passwords first.")


class KeepsTheGlass(Conflict):
    """The person's password is the company's way in when its provider fails."""

    code = "break_glass"

    def __init__(self) -> None:
        super().__init__(
            "This administrator's password is the way in when your provider fails. "
            "Choose another one under single sign-on first."
        )
