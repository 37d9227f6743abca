"""What becomes of add-ons when all of their subscription becomes another product (CB-25, CB-27)."""

from __future__ import annotations

from datetime import datetime

from app.catalogue.models import BillingType
from app.changes.add_on_units import lost_add_ons, take_unit
from app.changes.kinds.upgrade_money import credit_source
from app.changes.parts import charge_more_of_add_on, settle_end_of_add_on
from app.changes.queries import cost_of
from app.core.db import session
from app.subscriptions.add_ons import end_add_on, find_add_on, list_add_ons
from app.subscriptions.models import Subscription, SubscriptionChange, SubscriptionStatus
from app.subscriptions.services import INCREASE, add_event

ELSEWHERE = "another subscription"


def move_add_ons(
    source: Subscription, target: Subscription, change: SubscriptionChange, *, cancels_unsold: bool, at: datetime
) -> None:
    """Take the add-ons along that the target's product has; the others end, and what is not used of them comes back.

    Each has the target's term, cycle and period from now on, and is billed by them. `cancels_unsold`: also those end
    that are not sold for the target's term and cycle.
    """
    unit = (target.term, target.cycle) if cancels_unsold else None
    lost = {each.id for each in lost_add_ons(source, target.product_id, unit, on=change.effective_on)}
    for add_on in list_add_ons(source.id):
        if add_on.id in lost:
            settle_end_of_add_on(add_on, change, at=at)
            end_add_on(source, add_on, at=at)
            continue
        merged = find_add_on(target.id, add_on.product_id)
        if merged is None:
            _move(add_on, target, change, at=at)
        else:
            _merge(add_on, merged, source, target, change, at=at)
    session.flush()


def _move(add_on: Subscription, target: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
    is_paid_until_then = _ends_with(add_on, target)
    if not is_paid_until_then:
        credit_source(add_on, change, add_on.quantity, is_upgrade=True, becomes=ELSEWHERE, at=at)
        take_unit(add_on, target, on=change.effective_on)
        add_on.period_from, add_on.period_to = change.effective_on, target.period_to
        add_on.renews_on, add_on.anchor_day = target.renews_on, target.anchor_day
        add_on.billing_type = target.billing_type
        cost = cost_of(add_on.id)
        if cost is not None:
            charge_more_of_add_on(target, add_on, cost, change, before=0, after=add_on.quantity, at=at)
    add_on.parent_id = target.id
    add_event(add_on, "moved", f"Now with {target.friendly_name} ({target.code})", at=at)


def _merge(
    add_on: Subscription,
    merged: Subscription,
    source: Subscription,
    target: Subscription,
    change: SubscriptionChange,
    *,
    at: datetime,
) -> None:
    """Let the target's own record grow; one that follows its licences has grown with them already."""
    cost, is_linked = cost_of(merged.id), merged.quantity_per_parent is not None
    is_paid_until_then = _ends_with(add_on, target) and add_on.billing_type is BillingType.ON_START
    if is_linked or not is_paid_until_then:
        credit_source(add_on, change, add_on.quantity, is_upgrade=True, becomes=ELSEWHERE, at=at)
    if not is_linked:
        before, after = merged.quantity, merged.quantity + add_on.quantity
        if cost is not None and not is_paid_until_then:
            charge_more_of_add_on(target, merged, cost, change, before=before, after=after, at=at)
        merged.quantity = after
        add_event(
            merged, INCREASE, f"{add_on.quantity} moved from {source.code}", at=at,
            quantity_change=add_on.quantity, quantity_after=after,
        )  # fmt: skip
    add_on.status, add_on.canceled_at = SubscriptionStatus.CANCELED, at


def _ends_with(add_on: Subscription, target: Subscription) -> bool:
    """Whether what was charged for an add-on lasts as long as the target's period, at its unit."""
    return (add_on.term, add_on.cycle, add_on.period_to) == (target.term, target.cycle, target.period_to)
