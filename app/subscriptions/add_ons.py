"""Add-ons of a subscription: one live record per add-on product, with the period and the payer of its parent (CB-27)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from app.core.db import session
from app.core.errors import Conflict
from app.core.ids import new_id
from app.subscriptions.models import (
    SUBSCRIPTION_NUMBERS,
    Subscription,
    SubscriptionCost,
    SubscriptionRole,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.problems import clear_problem, note_problem
from app.subscriptions.services import DECREASE, INCREASE, MAX_NAME, add_event
from tenants.context import current_scope

ENDED = (SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)
MAX_EVENT = 300


class ParentNotActive(Conflict):
    """An add-on is bought for a subscription that is not active, or is a trial."""

    code = "parent_not_active"

    def __init__(self, subscription: Subscription) -> None:
        state = (
            "a trial"
            if subscription.trial_ends_on is not None and subscription.status is SubscriptionStatus.ACTIVE
            else subscription.status.value.replace("_", " ")
        )
        super().__init__(
            f"“{subscription.friendly_name}” is {state}; add-ons are for active subscriptions that are paid for"
        )


@dataclass(frozen=True, slots=True)
class NewAddOn:
    """What is bought with a subscription. `unit_price` None: the customer sees "-"."""

    product_id: UUID
    name: str
    quantity: int
    quantity_per_parent: int | None  # as many as its parent has; None: as many as somebody wants
    unit_price: Decimal | None
    unit_cost: Decimal
    price_list_id: UUID | None
    rule: str
    markup_percent: Decimal | None
    order_item_id: UUID | None
    payer_reseller_id: UUID | None
    starts_on: date


def list_add_ons(parent_id: UUID) -> Sequence[Subscription]:
    """Return a subscription's live add-ons, the oldest first."""
    return _list(Subscription.parent_id == parent_id)


def find_add_on(parent_id: UUID, product_id: UUID) -> Subscription | None:
    """Return the one live record of an add-on, locked until the transaction ends; None: not bought yet."""
    return session.scalar(
        select(Subscription)
        .where(*_live(), Subscription.parent_id == parent_id, Subscription.product_id == product_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def add_ons_of(parent_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Subscription]]:
    """Return the live add-ons of some subscriptions; one statement, none for no ids."""
    found: dict[UUID, list[Subscription]] = {each: [] for each in parent_ids}
    if found:
        for add_on in _list(Subscription.parent_id.in_(found)):
            if add_on.parent_id is not None:
                found[add_on.parent_id].append(add_on)
    return found


def takes_add_ons(parent: Subscription) -> bool:
    """Whether add-ons can be bought for it: it is active (CB-27), no part of something, and has a period to bill them by.

    A trial takes them with its upgrade to paid (CB-12).
    """
    is_open = parent.status is SubscriptionStatus.ACTIVE and parent.role is SubscriptionRole.MAIN
    return is_open and parent.trial_ends_on is None


def require_active_parent(parent: Subscription) -> None:
    """Refuse add-ons for what takes none; raises ParentNotActive."""
    if not takes_add_ons(parent):
        raise ParentNotActive(parent)


def create_add_on(parent: Subscription, new: NewAddOn, *, at: datetime) -> Subscription:
    """Make the record of an add-on, with its parent's owner, payer, cycle and period; it waits for the vendor.

    The caller holds the parent's lock and has found no live record.
    """
    is_sent = parent.sync_status is not SyncStatus.NOT_REQUIRED
    add_on = Subscription(
        id=new_id(),
        reseller_id=parent.reseller_id,
        account_id=parent.account_id,
        code=f"SUB-{session.scalar(select(SUBSCRIPTION_NUMBERS.next_value())) or 0:06d}",
        order_item_id=new.order_item_id,
        payer_id=parent.payer_id,
        product_id=new.product_id,
        friendly_name=new.name[:MAX_NAME],
        quantity=new.quantity,
        quantity_per_parent=new.quantity_per_parent,
        term=parent.term,
        cycle=parent.cycle,
        unit_price=new.unit_price,
        currency=parent.currency,
        bought_by_reseller=parent.bought_by_reseller,
        sync_status=SyncStatus.PENDING if is_sent else SyncStatus.NOT_REQUIRED,
        role=SubscriptionRole.ADD_ON,
        parent_id=parent.id,
        starts_on=new.starts_on,
        anchor_day=parent.anchor_day,
        period_from=new.starts_on,
        period_to=parent.period_to,
        renews_on=parent.renews_on,
        billing_type=parent.billing_type,
        auto_renew=parent.auto_renew,
        created_at=at,
    )
    session.add(add_on)
    session.flush()
    session.add(
        SubscriptionCost(
            reseller_id=new.payer_reseller_id,
            account_id=parent.payer_id,
            subscription_id=add_on.id,
            unit_cost=new.unit_cost,
            currency=parent.currency,
            price_list_id=new.price_list_id,
            rule=new.rule,
            markup_percent=new.markup_percent,
        )
    )
    session.flush()
    words = f"Add-on bought: {new.quantity} x {new.name}"[:MAX_EVENT]
    for each in (add_on, parent):
        add_event(each, "add_on_bought", words, at=at, quantity_change=new.quantity, quantity_after=new.quantity)
    return add_on


def take_over(
    parent: Subscription, quantities: Mapping[UUID, int], *, at: datetime, counts_from: date | None = None
) -> None:
    """Take over how many of each add-on the vendor has confirmed, by product; 0 ends the record.

    `counts_from`: the first day of the new quantity, where that is not today.
    """
    for add_on in list_add_ons(parent.id):
        wanted = quantities.get(add_on.product_id)
        if wanted is None:
            continue
        if add_on.sync_status is not SyncStatus.NOT_REQUIRED:
            add_on.sync_status = SyncStatus.SYNCHRONISED
            clear_problem(add_on.id)
        if wanted == 0:
            end_add_on(parent, add_on, at=at)
            continue
        if add_on.status is SubscriptionStatus.PENDING_ACTIVATION:
            add_on.status, add_on.activated_at = SubscriptionStatus.ACTIVE, at
            add_event(add_on, "activated", "Activated", at=at, quantity_after=add_on.quantity)
        change = wanted - add_on.quantity
        if change:
            add_on.quantity = wanted
            words = f"{add_on.friendly_name}: quantity {'increased' if change > 0 else 'decreased'} to {wanted}"
            own = INCREASE if change > 0 else DECREASE
            for each, kind in ((add_on, own), (parent, "add_on_changed")):  # its parent has as many as before
                add_event(
                    each, kind, words[:MAX_EVENT], at=at,
                    quantity_change=change, quantity_after=wanted, counts_from=counts_from,
                )  # fmt: skip


def follow_quantity(parent: Subscription, *, at: datetime, counts_from: date | None = None) -> None:
    """Give linked add-ons the quantity their parent has come to, where no vendor has to be asked; like `take_over`."""
    linked = {
        each.product_id: parent.quantity * each.quantity_per_parent
        for each in list_add_ons(parent.id)
        if each.quantity_per_parent
    }
    if linked:
        take_over(parent, linked, at=at, counts_from=counts_from)


def end_add_on(parent: Subscription, add_on: Subscription, *, at: datetime) -> None:
    """Record that an add-on is gone; its record stays, buying it again makes a new one."""
    change, add_on.status, add_on.canceled_at = -add_on.quantity, SubscriptionStatus.CANCELED, at
    words = f"Add-on canceled: {add_on.friendly_name}"[:MAX_EVENT]
    for each in (add_on, parent):
        add_event(each, "add_on_canceled", words, at=at, quantity_change=change, quantity_after=0)
    session.flush()


def set_sync(parent_id: UUID, product_ids: Collection[UUID], status: SyncStatus, *, reason: str = "") -> None:
    """Record how the vendor's side of these add-ons stands; `reason` is the vendor's, for staff."""
    for add_on in list_add_ons(parent_id):
        if add_on.product_id in product_ids and add_on.sync_status is not SyncStatus.NOT_REQUIRED:
            add_on.sync_status = status
            if status is SyncStatus.FAILED:
                note_problem(add_on.id, reason)
            else:
                clear_problem(add_on.id)


def follow_parent(parent: Subscription, *, at: datetime) -> None:
    """Bring the parts of a subscription, add-ons and components, to the state it has come to.

    Suspended, active again, canceled and expired are followed; call it after each such move (CB-11, CB-27, CB-30).
    """
    for part in session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.parent_id == parent.id,
            Subscription.status.not_in(ENDED),
        )
        .order_by(Subscription.created_at, Subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ):
        if part.status is parent.status or parent.status is SubscriptionStatus.PENDING_ACTIVATION:
            continue
        if part.status is SubscriptionStatus.PENDING_ACTIVATION and parent.status not in ENDED:
            continue  # its own task activates it
        part.status = parent.status
        part.auto_renew = parent.auto_renew
        if parent.status in ENDED:
            part.canceled_at = at
        add_event(part, parent.status.value, f"{_word(parent.status)} with “{parent.friendly_name}”", at=at)
    session.flush()


def fallen_with(parent: Subscription) -> Sequence[Subscription]:
    """Return the parts that expired together with a subscription that has expired, locked: they come back with it.

    An add-on that was canceled before stays so; one that expired with an earlier term, and did not come back, too.
    """
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.parent_id == parent.id,
            Subscription.status == SubscriptionStatus.EXPIRED,
            or_(
                Subscription.role == SubscriptionRole.COMPONENT,
                Subscription.period_to.is_not_distinct_from(parent.period_to),
            ),
        )
        .order_by(Subscription.created_at, Subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def revive(part: Subscription, parent: Subscription) -> None:
    """Let a part that fell with its subscription run again, with its period; the caller charges it and says so."""
    part.status, part.canceled_at, part.auto_renew = SubscriptionStatus.ACTIVE, None, parent.auto_renew
    if part.role is SubscriptionRole.ADD_ON:
        part.period_from, part.period_to = parent.period_from, parent.period_to
        part.renews_on, part.anchor_day = parent.renews_on, parent.anchor_day


def _word(status: SubscriptionStatus) -> str:
    return status.value.replace("_", " ").capitalize()


def _live() -> tuple[ColumnElement[bool], ...]:
    return (
        Subscription.distributor_id == current_scope().distributor_id,
        Subscription.role == SubscriptionRole.ADD_ON,
        Subscription.status.not_in(ENDED),
    )


def _list(which: ColumnElement[bool]) -> Sequence[Subscription]:
    return session.scalars(
        select(Subscription).where(*_live(), which).order_by(Subscription.created_at, Subscription.id)
    ).all()
