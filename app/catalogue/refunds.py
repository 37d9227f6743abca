"""Refund policies of product types and products (CB-29): what a cancellation gives back, as a person words it.

The JSON is read by the engine of changes; its keys are fixed: allowed, within_hours, full_hours, then, per_batch,
includes_setup, whole_only, immediate_only.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.core.errors import FieldError

MOST_HOURS = 24 * 366


class Allowed(enum.Enum):
    """Whether money goes back at all."""

    ALWAYS = "always"
    WITHIN = "within"  # so many hours after the purchase
    NEVER = "never"


class Then(enum.Enum):
    """How the rest of a period is given back once the full refund is over."""

    DAY = "day"
    HOUR = "hour"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RefundPolicy:
    """A policy. Hours count from the purchase, or from each batch of licences where `per_batch`."""

    allowed: Allowed = Allowed.ALWAYS
    within_hours: int = 0
    full_hours: int = 0  # everything goes back within these
    then: Then = Then.DAY
    per_batch: bool = False
    includes_setup: bool = False  # a full refund gives the setup fee back too
    whole_only: bool = False  # the subscription as a whole, no single licences
    immediate_only: bool = False  # now, not at the end of the period

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "allowed": self.allowed.value,
            "within_hours": self.within_hours,
            "full_hours": self.full_hours,
            "then": self.then.value,
            "per_batch": self.per_batch,
            "includes_setup": self.includes_setup,
            "whole_only": self.whole_only,
            "immediate_only": self.immediate_only,
        }

    def errors(self) -> Iterator[FieldError]:
        """Say what is wrong with it."""
        if self.allowed is Allowed.WITHIN and not 1 <= self.within_hours <= MOST_HOURS:
            yield FieldError("refund_within_hours", "hours_range", f"Enter 1 to {MOST_HOURS:,} hours")
        if not 0 <= self.full_hours <= MOST_HOURS:
            yield FieldError("refund_full_hours", "hours_range", f"Enter 0 to {MOST_HOURS:,} hours")
        elif self.allowed is Allowed.WITHIN and self.full_hours > self.within_hours:
            yield FieldError(
                "refund_full_hours", "hours_order", "The full refund cannot last longer than refunds are given"
            )


PRESETS: Mapping[str, RefundPolicy] = {
    "default": RefundPolicy(),
    "nce": RefundPolicy(Allowed.WITHIN, within_hours=168, full_hours=24, then=Then.HOUR, per_batch=True),
    "software": RefundPolicy(
        Allowed.WITHIN, within_hours=168, full_hours=24, then=Then.HOUR, per_batch=True, whole_only=True,
        immediate_only=True,
    ),
}  # fmt: skip
PRESET_WORDS = {"default": "Default", "nce": "NCE", "software": "Software subscription"}


def policy_of(stored: Mapping[str, Any] | None) -> RefundPolicy:
    """Read a stored policy; nothing stored is the default."""
    if not stored:
        return PRESETS["default"]
    return RefundPolicy(
        allowed=Allowed(stored.get("allowed", "always")),
        within_hours=int(stored.get("within_hours") or 0),
        full_hours=int(stored.get("full_hours") or 0),
        then=Then(stored.get("then", "day")),
        per_batch=bool(stored.get("per_batch")),
        includes_setup=bool(stored.get("includes_setup")),
        whole_only=bool(stored.get("whole_only")),
        immediate_only=bool(stored.get("immediate_only")),
    )


def preset_of(policy: RefundPolicy) -> str:
    """Return the preset a policy is, or "custom"."""
    return next((name for name, preset in PRESETS.items() if preset == policy), "custom")
