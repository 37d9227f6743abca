"""What can go wrong with reseller plans and storefronts."""

from __future__ import annotations

from uuid import UUID

from app.core.errors import Conflict, Forbidden, Invalid, NotFound


class ResellerRequired(Forbidden):
    """Only an account with reselling enabled may have a plan (RS-04)."""

    code = "reseller_required"

    def __init__(self) -> None:
        super().__init__("Reseller plans are for accounts with reselling enabled")


class PlanNotOffered(NotFound):
    """The service manager is off, or the product is no reseller plan on sale (RS-04)."""

    code = "plan_not_offered"

    def __init__(self) -> None:
        super().__init__("This plan is not offered")


class PlanAlreadyActive(Conflict):
    """A reseller has at most one live plan; another one is reached by switching (RS-04)."""

    code = "plan_already_active"

    def __init__(self, edition: str) -> None:
        super().__init__(f"The {edition.capitalize()} plan is already active; switch to another plan instead")
        self.edition = edition


class SamePlan(Conflict):
    """The reseller already has the plan it asks for (RS-10)."""

    code = "same_plan"

    def __init__(self, edition: str) -> None:
        super().__init__(f"{edition.capitalize()} is the current plan")
        self.edition = edition


class PlanPendingCancellation(Conflict):
    """A plan that is about to end cannot be switched: undo the cancellation first (RS-10)."""

    code = "pending_cancellation"

    def __init__(self) -> None:
        super().__init__("The plan is about to end; undo the cancellation before you switch")


class PlanNotLive(Conflict):
    """The plan subscription to switch or to open a storefront for is not live."""

    code = "plan_not_live"

    def __init__(self, subscription_id: UUID) -> None:
        super().__init__("The plan is not active any more")
        self.subscription_id = subscription_id


class AliasLost(Conflict):
    """The alias of a plan is no longer held for it: somebody else has it, or the hold ran out."""

    code = "alias_taken"

    def __init__(self, subscription_id: UUID) -> None:
        super().__init__("The storefront alias is not held for this plan any more; choose another")
        self.subscription_id = subscription_id


def quantity_fixed() -> Invalid:
    """The refusal of a plan in any other quantity than one (RS-04)."""
    return Invalid.field("quantity", "quantity_fixed", "A plan is sold once: leave the quantity at 1")


def alias_required() -> Invalid:
    """The refusal of a plan without alias (RS-05)."""
    return Invalid.field("alias", "alias_required", "Enter the storefront alias")
