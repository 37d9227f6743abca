"""What can go wrong with people and their ways in."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound


class UserNotFound(NotFound):
    """There is no such user for this caller."""

    def __init__(self, user_id: UUID) -> None:
        super().__init__("There is no such user")
        self.user_id = user_id


class EmailInUse(Invalid):
    """Somebody may already sign in to this realm with the address, or the reseller's own staff uses it (RS-13)."""

    code = "email_in_use"

    def __init__(self, email: str) -> None:
        super().__init__(FieldError("email", "email_in_use", "A user with this e-mail exists"))
        self.email = email


class RoleRequired(Invalid):
    """A simple user has at least one role."""

    code = "role_required"

    def __init__(self) -> None:
        super().__init__(FieldError("roles", "role_required", "Choose at least one role"))


class RoleNotAvailable(Invalid):
    """The role does not exist for this kind of user: My Storefront Manager needs a reseller with a storefront."""

    code = "role_not_available"

    def __init__(self, role: str) -> None:
        super().__init__(FieldError("roles", "role_not_available", "This role is not available for this user"))
        self.role = role


class BssRoleNotFound(NotFound):
    """The distributor has no role of its own with this id."""

    def __init__(self, role_id: UUID) -> None:
        super().__init__("There is no such role")
        self.role_id = role_id


class RoleInUse(Conflict):
    """Somebody has the role: it goes when its people have others."""

    code = "role_in_use"

    def __init__(self, people: int) -> None:
        who = "1 person has" if people == 1 else f"{people} people have"
        super().__init__(f"{who} this role; give them another one first")
        self.people = people


class RightsNotHeld(Conflict):
    """Somebody is looked after only by people who have all of their rights, or a link would give what nobody granted."""

    code = "rights_not_held"

    def __init__(self) -> None:
        super().__init__("This person has rights that you do not have yourself")


class TeamNotFound(NotFound):
    """The distributor has no team with this id."""

    def __init__(self, team_id: UUID) -> None:
        super().__init__("There is no such team")
        self.team_id = team_id


class PasswordRefused(Invalid):
    """The password breaks rules of its realm; one message per unmet rule."""

    code = "password_refused"

    def __init__(self, unmet: list[FieldError]) -> None:
        super().__init__(*unmet)


class SignInRefused(Invalid):
    """Wrong e-mail, wrong password, wrong realm, locked or not active: always the same words."""

    code = "sign_in_refused"

    def __init__(self) -> None:
        super().__init__(FieldError("", "sign_in_refused", "The e-mail or the password is not right"))


class CodeRefused(Invalid):
    """The code is wrong, was used, or is too old: always the same words."""

    code = "code_refused"

    def __init__(self) -> None:
        super().__init__(FieldError("code", "code_refused", "This code is not right, or no longer valid"))


class ChallengeEnded(Conflict):
    """Too many wrong codes, or too much time: sign in again."""

    code = "challenge_ended"

    def __init__(self) -> None:
        super().__init__("Sign in again: the code was wrong too often, or it took too long")


class TooSoon(Conflict):
    """Another code is mailed after a minute at the earliest, and three times at most."""

    code = "too_soon"

    def __init__(self) -> None:
        super().__init__("Wait a minute before asking for another code")


class LastAdmin(Conflict):
    """The account, or the distributor, would be left without an Admin who can sign in."""

    code = "last_admin"

    def __init__(self) -> None:
        super().__init__("This is the last administrator; make somebody else administrator first")


class OwnAccess(Conflict):
    """Nobody takes away their own access or type."""

    code = "own_access"

    def __init__(self) -> None:
        super().__init__("You cannot deactivate yourself or change your own type and roles")


class UserNotPending(Conflict):
    """There is nothing to activate: the person already has access, or is only a contact."""

    code = "user_not_pending"

    def __init__(self) -> None:
        super().__init__("This user is not waiting for activation")


class LinkNoLongerValid(Conflict):
    """The link was used, is too old, or was replaced by a newer one."""

    code = "link_no_longer_valid"

    def __init__(self) -> None:
        super().__init__("This link is no longer valid")


class NoOwnStorefront(Conflict):
    """The person cannot hop: it is no reseller's staff, or the reseller has no open storefront."""

    code = "no_own_storefront"

    def __init__(self) -> None:
        super().__init__("There is no storefront of yours to go to")


class PermissionRuleNotFound(NotFound):
    """The distributor has no such rule, or it is not shared with who asks."""

    def __init__(self, rule_id: UUID) -> None:
        super().__init__("There is no such permission rule")
        self.rule_id = rule_id


class FullAccessNeeded(Forbidden):
    """A permission rule lets the person change the record, not delete it or decide who sees it (BC-04)."""

    code = "full_access_needed"

    def __init__(self) -> None:
        super().__init__("Your access to this record does not let you delete it or decide who sees it")
