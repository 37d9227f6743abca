"""The verbs of subscriptions and assets: made by an order's execution, activated when the vendor has delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import BillingCycle, Term
from app.core.db import session
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.machine import Step, SyncStep, move, move_sync
from app.subscriptions.models import (
    ASSET_NUMBERS,
    SUBSCRIPTION_NUMBERS,
    Asset,
    Subscription,
    SubscriptionCost,
    SubscriptionEvent,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.periods import add_months
from app.subscriptions.problems import clear_problem, note_problem
from app.subscriptions.queries import find_asset_by_item, find_by_item, find_subscription_for_update
from app.subscriptions.vendor_links import link_vendor

MAX_NAME = 100
INCREASE, DECREASE, MOVED_AWAY = "increase", "decrease", "moved_away"  # kinds of events that count in quantity-days


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the new thing is, and who pays the distributor for it."""

    account_id: UUID
    reseller_id: UUID | None
    payer_id: UUID
    payer_reseller_id: UUID | None
    bought_by_reseller: bool


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What an order item makes. `unit_price` None: the customer sees "-"."""

    owner: Owner
    order_item_id: UUID
    product_id: UUID
    name: str
    quantity: int
    term: Term
    cycle: BillingCycle
    unit_price: Decimal | None
    currency: str
    starts_on: date
    sync_status: SyncStatus
    plan_edition: str | None
    unit_cost: Decimal
    price_list_id: UUID | None
    rule: str
    markup_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class NewAsset:
    """What a one-off order item makes. `unit_price` None: the customer sees "-"."""

    owner: Owner
    order_item_id: UUID
    product_id: UUID
    name: str
    quantity: int
    unit_price: Decimal | None
    currency: str


def create_for_item(new: NewSubscription, *, at: datetime) -> Subscription:
    """Make the subscription of an order item, with what its payer pays; one item makes one, however often it is asked."""
    found = find_by_item(new.order_item_id)
    if found is not None:
        return found
    subscription = Subscription(
        reseller_id=new.owner.reseller_id,
        account_id=new.owner.account_id,
        code=f"SUB-{_next(SUBSCRIPTION_NUMBERS):06d}",
        order_item_id=new.order_item_id,
        payer_id=new.owner.payer_id,
        product_id=new.product_id,
        friendly_name=new.name[:MAX_NAME],
        quantity=new.quantity,
        term=new.term,
        cycle=new.cycle,
        unit_price=new.unit_price,
        currency=new.currency,
        bought_by_reseller=new.owner.bought_by_reseller,
        sync_status=new.sync_status,
        starts_on=new.starts_on,
        renews_on=add_months(new.starts_on, new.term.months) if new.term.months else None,
        plan_edition=new.plan_edition,
        created_at=at,
    )
    session.add(subscription)
    session.flush()
    session.add(
        SubscriptionCost(
            reseller_id=new.owner.payer_reseller_id,
            account_id=new.owner.payer_id,
            subscription_id=subscription.id,
            unit_cost=new.unit_cost,
            currency=new.currency,
            price_list_id=new.price_list_id,
            rule=new.rule,
            markup_percent=new.markup_percent,
        )
    )
    add_event(
        subscription,
        "purchase",
        f"Bought: {new.quantity} x {new.name}"[:300],
        at=at,
        quantity_change=new.quantity,
        quantity_after=new.quantity,
    )
    return subscription


def create_asset_for_item(new: NewAsset, *, at: datetime) -> Asset:
    """Make the asset of a one-off order item; one item makes one, however often it is asked."""
    found = find_asset_by_item(new.order_item_id)
    if found is not None:
        return found
    asset = Asset(
        reseller_id=new.owner.reseller_id,
        account_id=new.owner.account_id,
        code=f"AST-{_next(ASSET_NUMBERS):06d}",
        order_item_id=new.order_item_id,
        payer_id=new.owner.payer_id,
        product_id=new.product_id,
        name=new.name,
        quantity=new.quantity,
        unit_price=new.unit_price,
        currency=new.currency,
        bought_by_reseller=new.owner.bought_by_reseller,
        created_at=at,
    )
    session.add(asset)
    session.flush()
    return asset


def activate(
    subscription_id: UUID,
    *,
    at: datetime,
    service_manager_id: UUID | None = None,
    vendor_reference: str | None = None,
) -> Subscription:
    """Record that the service stands at its vendor (or needs none): Active, and what it is called there.

    A second call changes nothing. Raises SubscriptionNotFound.
    """
    subscription = _locked(subscription_id)
    if vendor_reference:
        link_vendor(subscription, service_manager_id, vendor_reference)
    if subscription.status is SubscriptionStatus.PENDING_ACTIVATION:
        move(subscription, Step.ACTIVATED)
        subscription.activated_at = at
        add_event(subscription, "activated", "Activated", at=at, quantity_after=subscription.quantity)
    if subscription.sync_status is not SyncStatus.NOT_REQUIRED:
        _take_sync(subscription, SyncStep.CONFIRMED)
    return subscription


def change_quantity(
    subscription_id: UUID, quantity: int, *, at: datetime, is_moved_away: bool = False, counts_from: date | None = None
) -> Subscription:
    """Take over a quantity that the vendor has confirmed. Raises SubscriptionNotFound.

    `is_moved_away`: what is missing is another product's from this day on (CB-25); else its last day is this one.
    `counts_from`: the first day of the new quantity, where that is another one: of a new period.
    """
    subscription = _locked(subscription_id)
    change = quantity - subscription.quantity
    if change:
        subscription.quantity = quantity
        words = "increased" if change > 0 else "decreased"
        less = MOVED_AWAY if is_moved_away else DECREASE
        add_event(
            subscription, INCREASE if change > 0 else less, f"Quantity {words} to {quantity}", at=at,
            quantity_change=change, quantity_after=quantity, counts_from=counts_from,
        )  # fmt: skip
    if subscription.sync_status is not SyncStatus.NOT_REQUIRED:
        _take_sync(subscription, SyncStep.CONFIRMED)
    return subscription


def mark_pending(subscription_id: UUID) -> None:
    """Record that a change is on its way to the vendor."""
    _take_sync(_locked(subscription_id), SyncStep.ASKED)


def mark_failed(subscription_id: UUID, message: str) -> None:
    """Record that the vendor refused, or could not be reached in time; `message` is kept out of customers' reach."""
    move_sync(_locked(subscription_id), SyncStep.REFUSED)
    note_problem(subscription_id, message)


def _take_sync(subscription: Subscription, step: SyncStep) -> None:
    if subscription.sync_status is SyncStatus.FAILED:
        clear_problem(subscription.id)
    move_sync(subscription, step)


def add_event(
    subscription: Subscription,
    kind: str,
    text: str,
    *,
    at: datetime,
    quantity_change: int | None = None,
    quantity_after: int | None = None,
    counts_from: date | None = None,
    actor_name: str | None = None,
) -> None:
    """Add a line to a subscription's history; its customer may read it."""
    session.add(
        SubscriptionEvent(
            reseller_id=subscription.reseller_id,
            account_id=subscription.account_id,
            subscription_id=subscription.id,
            at=at,
            kind=kind,
            text=text,
            quantity_change=quantity_change,
            quantity_after=quantity_after,
            counts_from=counts_from,
            actor_name=actor_name,
        )
    )


def _locked(subscription_id: UUID) -> Subscription:
    found = find_subscription_for_update(subscription_id)
    if found is None:
        raise SubscriptionNotFound(subscription_id)
    return found


def _next(sequence: object) -> int:
    return session.scalar(select(sequence.next_value())) or 0  # type: ignore[attr-defined]
