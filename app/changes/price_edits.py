"""Editing the price of a subscription by hand, for its current or its next cycle (CB-26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.accounts.models import Account
from app.accounts.queries import get_account
from app.audit.services import Actor, record
from app.changes.effects import NewChange
from app.changes.kinds.price import EDIT_ID
from app.changes.price_quotes import NewUnitCost, WantedPrice, new_unit_cost, vendor_cost_of
from app.changes.queries import cost_of, find_by_key, open_change
from app.changes.renewals import catch_up
from app.changes.requests import lock_payer, submit_change, withdraw_change
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
)
from app.subscriptions.price_models import PriceEdit
from app.subscriptions.queries import find_subscription_for_update
from tenants.days import distributors_day


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPriceEdit:
    """What is wanted of which subscription, and from when. `request_key` is drawn with the form."""

    subscription_id: UUID
    wanted: WantedPrice
    timing: ChangeTiming
    request_key: UUID
    comment: str | None = None
    may_go_below_cost: bool = False  # an administrator's right (CB-04)


def edit_price(new: NewPriceEdit, *, actor: Actor, at: datetime) -> SubscriptionChange:
    """Edit a price now, with a credit and a new charge, or have it stored for the next cycle.

    An edit of the current cycle takes the place of one that waits for the next. Raises SubscriptionNotFound, Invalid
    (`unchanged`, `below_cost`, `shorter_cycle`, `not_priced`, …), and what `submit_change` raises.
    """
    lock_payer(new.subscription_id)
    catch_up([new.subscription_id], at=at)
    subscription = find_subscription_for_update(new.subscription_id)
    if subscription is None:
        raise SubscriptionNotFound(new.subscription_id)
    found = find_by_key(new.request_key)
    if found is not None and found.subscription_id == subscription.id:
        return found
    cost = cost_of(subscription.id)
    if cost is None:
        raise Invalid.field("user_price", "no_price", "This subscription has no price of its own")
    payer = get_account(subscription.payer_id)
    _require_possible(subscription, cost, payer, new, on=distributors_day(at))
    waiting = open_change(subscription.id)
    if (
        new.timing is ChangeTiming.NOW
        and waiting is not None
        and waiting.kind is ChangeKind.PRICE
        and waiting.status is ChangeStatus.SCHEDULED
        and not waiting.is_at_vendor  # the vendor has to forget that one first: withdraw it
    ):
        withdraw_change(waiting.id, actor=actor, at=at)
    edit = PriceEdit(
        id=new_id(),
        reseller_id=payer.reseller_id,
        account_id=payer.id,
        subscription_id=subscription.id,
        price_list_id=new.wanted.price_list_id,
        user_price=new.wanted.user_price,
        discount_percent=new.wanted.discount_percent,
        cycle=new.wanted.cycle,
        unit_cost_before=cost.unit_cost,
        created_at=at,
    )
    session.add(edit)
    session.flush()
    record(
        "subscription.price_edited", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        before={"unit_cost": cost.unit_cost},
        after={"user_price": new.wanted.user_price, "discount_percent": new.wanted.discount_percent},
    )  # fmt: skip
    return submit_change(
        NewChange(
            subscription_id=subscription.id,
            kind=ChangeKind.PRICE,
            request_key=new.request_key,
            timing=new.timing,
            details={EDIT_ID: str(edit.id)},
            comment=new.comment,
        ),
        actor=actor,
        at=at,
    )


def preview(subscription: Subscription, wanted: WantedPrice, *, on: date) -> NewUnitCost | None:
    """Return what an edit would come to; None where the subscription has no price of its own."""
    cost = cost_of(subscription.id)
    if cost is None:
        return None
    return new_unit_cost(subscription, cost, get_account(subscription.payer_id), wanted, on=on)


def _require_possible(
    subscription: Subscription, cost: SubscriptionCost, payer: Account, new: NewPriceEdit, *, on: date
) -> None:
    if subscription.trial_ends_on is not None:
        raise Invalid.field("user_price", "trial", "A trial is free; upgrade it to paid first")
    found = new_unit_cost(subscription, cost, payer, new.wanted, on=on)
    as_it_is = (cost.price_list_id, cost.user_price, cost.discount_percent, subscription.cycle, cost.unit_cost)
    wanted = (found.price_list_id, new.wanted.user_price, new.wanted.discount_percent, found.cycle, found.unit_cost)
    if wanted == as_it_is:
        raise Invalid.field("user_price", "unchanged", "This is the price already")
    floor = vendor_cost_of(subscription, found.cycle)
    if floor is not None and found.unit_cost < floor and not new.may_go_below_cost:
        field = "user_price" if new.wanted.user_price is not None else "discount_percent"
        raise Invalid.field(field, "below_cost", "Below what the vendor charges: only an administrator may set it")


def is_below_cost(subscription: Subscription, unit_cost: Decimal) -> bool:
    """Whether a price is lower than what the vendor charges: flagged on its page."""
    floor = vendor_cost_of(subscription, subscription.cycle)
    return floor is not None and unit_cost < floor
