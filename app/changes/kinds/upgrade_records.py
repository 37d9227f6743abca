"""The records of an upgrade: the target that takes the source's place, and the source that ends (CB-25)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.catalogue.models import Product
from app.changes.queries import cost_of
from app.changes.targets import TargetPrice
from app.core.db import session
from app.core.ids import new_id
from app.subscriptions.machine import Step, move
from app.subscriptions.models import (
    SUBSCRIPTION_NUMBERS,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.periods import add_months, period_of
from app.subscriptions.protection import lock_price
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import MAX_NAME, add_event
from tenants.context import current_scope


def find_target(change: SubscriptionChange) -> Subscription | None:
    """Return the subscription an upgrade goes into: an existing one, or the new one that waits for its vendor."""
    return find_subscription_for_update(change.target_subscription_id) if change.target_subscription_id else None


def made_target(source: Subscription, change: SubscriptionChange, price: TargetPrice, quantity: int) -> Subscription:
    """Make the target in the source's place; it waits. Its price is protected anew (CB-06)."""
    product = session.get_one(Product, (source.distributor_id, change.target_product_id))
    former = session.get_one(Product, (source.distributor_id, source.product_id))
    is_named = source.friendly_name != former.name
    is_same_unit = (price.term, price.cycle) == (source.term, source.cycle)
    on = change.effective_on
    target = Subscription(
        id=new_id(),
        reseller_id=source.reseller_id,
        account_id=source.account_id,
        code=f"SUB-{session.scalar(select(SUBSCRIPTION_NUMBERS.next_value())) or 0:06d}",
        payer_id=source.payer_id,
        product_id=product.id,
        friendly_name=(source.friendly_name if is_named else product.name)[:MAX_NAME],
        quantity=quantity,
        term=price.term,
        cycle=price.cycle,
        unit_price=price.unit_price,
        currency=source.currency,
        bought_by_reseller=source.bought_by_reseller,
        sync_status=SyncStatus.NOT_REQUIRED
        if source.sync_status is SyncStatus.NOT_REQUIRED
        else SyncStatus.UNSYNCHRONISED,
        characteristics=dict(source.characteristics),
        starts_on=on,
        anchor_day=source.anchor_day if is_same_unit else on.day,
        renews_on=source.renews_on
        if is_same_unit and source.renews_on and source.renews_on > on
        else (add_months(on, price.term.months) if price.term.months else None),
        billing_type=source.billing_type,
        auto_renew=source.auto_renew,
        created_at=change.created_at,
    )
    session.add(target)
    session.flush()
    payers_cost = cost_of(source.id)
    cost = SubscriptionCost(
        reseller_id=payers_cost.reseller_id if payers_cost is not None else source.reseller_id,
        account_id=source.payer_id,
        subscription_id=target.id,
        unit_cost=price.unit_cost,
        currency=source.currency,
        price_list_id=price.price_list_id,
        rule=price.rule,
        markup_percent=price.markup_percent,
    )
    session.add(cost)
    session.flush()
    lock_price(target, cost, on=on)
    if source.id == change.subscription_id:
        change.target_subscription_id = target.id
    session.flush()
    return target


def open_target(
    source: Subscription, target: Subscription, change: SubscriptionChange, *, takes_vendor_link: bool, at: datetime
) -> None:
    """Let the target run: to the source's period end, or by its own cycle where the unit differs or the period is new."""
    on = change.effective_on
    keeps_end = (target.term, target.cycle) == (
        source.term,
        source.cycle,
    ) and change.timing is not ChangeTiming.PERIOD_END
    if keeps_end and source.period_to is not None and on <= source.period_to:
        target.period_from, target.period_to = on, source.period_to
    else:
        period = period_of(on, target.cycle.months, target.anchor_day)
        target.period_from, target.period_to = (period.first, period.last) if period is not None else (None, None)
    move(target, Step.ACTIVATED)
    target.activated_at = at
    if target.sync_status is not SyncStatus.NOT_REQUIRED:
        target.sync_status = SyncStatus.SYNCHRONISED
    if takes_vendor_link:
        link = session.scalar(
            select(SubscriptionVendorLink).where(
                SubscriptionVendorLink.distributor_id == current_scope().distributor_id,
                SubscriptionVendorLink.subscription_id == source.id,
            )
        )
        if link is not None:
            link.subscription_id = target.id
    session.flush()


def end_source(source: Subscription, words: str, *, at: datetime) -> None:
    """Close the record of what has become something else."""
    move(source, Step.CANCELED)
    source.canceled_at = at
    add_event(source, "upgraded", words[:300], at=at, quantity_change=-source.quantity, quantity_after=0)
    session.flush()
