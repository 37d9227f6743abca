"""Who asked for a change and who decided it, by name: for the distributor's own people alone.

The change itself is shared with its customer and says “Your provider” there (audit.shown).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from app.audit.shown import PROVIDER
from app.identity.queries import names_of
from app.subscriptions.models import SubscriptionChange

BACK_OFFICE = "Back office"  # a program of it, or somebody who is not known by name any more


@dataclass(frozen=True, slots=True)
class People:
    """Names of one change; None: it happened by itself, or nobody has decided."""

    requested_by: str | None
    decided_by: str | None


def people_of(changes: Collection[SubscriptionChange]) -> Mapping[UUID, People]:
    """Return the names by change: one statement for all of them."""
    ids = {each for change in changes for each in (change.requested_by_id, change.decided_by_id) if each is not None}
    names = names_of(ids)
    return {
        change.id: People(
            _name(names, change.requested_by_id, change.requested_by_name),
            _name(names, change.decided_by_id, change.decided_by_name),
        )
        for change in changes
    }


def _name(names: Mapping[UUID, str], user_id: UUID | None, shown: str | None) -> str | None:
    found = names.get(user_id) if user_id is not None else None
    return found or (BACK_OFFICE if shown == PROVIDER else shown or None)
