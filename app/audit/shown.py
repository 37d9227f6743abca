"""Who stands in a history that customers and resellers read: never one of the distributor's people by name.

The person's name belongs to the audit's row, which is the distributor's own.
"""

from __future__ import annotations

from app.audit.services import SYSTEM, Actor
from tenants.context import Reach, current_scope

PROVIDER = "Your provider"


def shown_name(actor: Actor) -> str | None:
    """Return the name for a shared row: a customer's or reseller's own, “Your provider” for the distributor's people.

    Who acts in the distributor's scope is one of them. Nobody for what happens by itself.
    """
    if actor.user_id is None and actor.name == SYSTEM.name:
        return None
    return PROVIDER if current_scope().reseller is Reach.ALL else actor.name
