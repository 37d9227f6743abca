"""The distributor's list of reasons for cancellations (CB-29)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.audit.services import Actor, record
from app.core.errors import Invalid
from tenants.context import current_scope
from tenants.settings import distributor_settings_for_change, save_distributor_settings

LONGEST, MOST = 40, 30


def save_reasons(text: str, *, actor: Actor, at: datetime) -> tuple[str, ...]:
    """Store reasons, one a line; requests keep the words they were made with. Raises Invalid `required`, `length`, `many`."""
    found = tuple(dict.fromkeys(line for line in (" ".join(each.split()) for each in text.splitlines()) if line))
    if not found:
        raise Invalid.field("reasons", "required", "Enter at least one reason")
    if len(found) > MOST:
        raise Invalid.field("reasons", "many", f"Enter at most {MOST} reasons")
    if any(len(each) > LONGEST for each in found):
        raise Invalid.field("reasons", "length", f"Use at most {LONGEST} characters for each reason")
    before = distributor_settings_for_change()
    save_distributor_settings(replace(before, cancellation_reasons=found))
    record(
        "settings.cancellation_reasons", actor=actor, at=at, target_kind="distributor",
        target_id=current_scope().distributor_id,
        before={"reasons": "; ".join(before.cancellation_reasons)}, after={"reasons": "; ".join(found)},
    )  # fmt: skip
    return found
