"""Bundles: one commercial subscription, and one technical record per component with its own sync status (CB-11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from app.core.db import session
from app.core.errors import Conflict
from app.core.ids import new_id
from app.subscriptions.models import (
    SUBSCRIPTION_NUMBERS,
    Subscription,
    SubscriptionRole,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.problems import clear_problem, find_problem, note_problem
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import MAX_NAME, change_quantity
from tenants.context import current_scope

STANDING = (SyncStatus.SYNCHRONISED, SyncStatus.NOT_REQUIRED)
WORST_FIRST = (SyncStatus.FAILED, SyncStatus.PENDING, SyncStatus.UNSYNCHRONISED, SyncStatus.SYNCHRONISED)


class PartOfBundle(Conflict):
    """A component was to be changed or canceled alone."""

    code = "part_of_bundle"

    def __init__(self, component: Subscription, bundle: Subscription | None) -> None:
        of = f"“{bundle.friendly_name}” ({bundle.code})" if bundle is not None else "a bundle"
        super().__init__(f"“{component.friendly_name}” is part of {of} and changes only with it")


@dataclass(frozen=True, slots=True)
class NewComponent:
    """A product of a bundle that was bought: how many per bundle, and whether a vendor sets it up."""

    product_id: UUID
    name: str
    quantity_per_parent: int
    characteristics: dict[str, object]
    is_provisioned: bool


def create_component(bundle: Subscription, new: NewComponent, *, starts_on: date, at: datetime) -> Subscription:
    """Make the technical record of a component; it is never charged. A bundle has one per product, however often asked."""
    found = next((each for each in list_components(bundle.id) if each.product_id == new.product_id), None)
    if found is not None:
        return found
    component = Subscription(
        id=new_id(),
        reseller_id=bundle.reseller_id,
        account_id=bundle.account_id,
        code=f"SUB-{session.scalar(select(SUBSCRIPTION_NUMBERS.next_value())) or 0:06d}",
        payer_id=bundle.payer_id,
        product_id=new.product_id,
        friendly_name=new.name[:MAX_NAME],
        quantity=bundle.quantity * new.quantity_per_parent,
        quantity_per_parent=new.quantity_per_parent,
        term=bundle.term,
        cycle=bundle.cycle,
        unit_price=None,
        currency=bundle.currency,
        bought_by_reseller=bundle.bought_by_reseller,
        sync_status=SyncStatus.PENDING if new.is_provisioned else SyncStatus.NOT_REQUIRED,
        role=SubscriptionRole.COMPONENT,
        parent_id=bundle.id,
        characteristics=new.characteristics,
        starts_on=starts_on,
        created_at=at,
    )
    session.add(component)
    session.flush()
    return component


def list_components(bundle_id: UUID) -> Sequence[Subscription]:
    """Return the technical records of a bundle, the oldest first."""
    return session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.parent_id == bundle_id,
            Subscription.role == SubscriptionRole.COMPONENT,
        )
        .order_by(Subscription.created_at, Subscription.id)
        .execution_options(populate_existing=True)
    ).all()


def require_not_component(subscription: Subscription) -> None:
    """Refuse to change a component by itself: PartOfBundle (CB-F28). Its characteristics may be edited."""
    if subscription.role is SubscriptionRole.COMPONENT:
        parent = find_subscription_for_update(subscription.parent_id) if subscription.parent_id else None
        raise PartOfBundle(subscription, parent)


def sync_with_components(bundle: Subscription) -> SyncStatus:
    """Give a bundle the worst sync status of its components, and what the vendors said; returns it."""
    components = list_components(bundle.id)
    found = {each.sync_status for each in components}
    bundle.sync_status = next((each for each in WORST_FIRST if each in found), SyncStatus.NOT_REQUIRED)
    failed = [each for each in components if each.sync_status is SyncStatus.FAILED]
    if not failed:
        clear_problem(bundle.id)
        return bundle.sync_status
    words = [f"{each.friendly_name}: {find_problem(each.id) or 'failed'}" for each in failed]
    gone = [each.friendly_name for each in components if each.status is SubscriptionStatus.CANCELED]
    if gone:
        words.insert(0, f"Already canceled: {', '.join(gone)}")
    note_problem(bundle.id, "; ".join(words))
    return bundle.sync_status


def take_over_component(
    component: Subscription, *, is_canceled: bool, quantity: int, raises_bundle: bool, at: datetime
) -> Subscription:
    """Record that a component stands, or is gone, at its vendor; returns the bundle, locked, with its sync status.

    `raises_bundle`: an order asked all components for more, and the bundle counts as many once all have confirmed.
    """
    bundle = find_subscription_for_update(component.parent_id) if component.parent_id else None
    if bundle is None:
        raise PartOfBundle(component, None)
    if is_canceled:
        component.status, component.canceled_at = SubscriptionStatus.CANCELED, at
    else:
        component.quantity = quantity
        if component.status is SubscriptionStatus.PENDING_ACTIVATION:
            component.status, component.activated_at = SubscriptionStatus.ACTIVE, at
    if component.sync_status is not SyncStatus.NOT_REQUIRED:
        component.sync_status = SyncStatus.SYNCHRONISED
        clear_problem(component.id)
    session.flush()
    is_whole = sync_with_components(bundle) in STANDING
    if raises_bundle and is_whole and component.quantity_per_parent:
        total = component.quantity // component.quantity_per_parent
        if total != bundle.quantity:
            change_quantity(bundle.id, total, at=at)
            follow_quantity(bundle)
    return bundle


def follow_quantity(bundle: Subscription) -> None:
    """Give components that nothing is asked of a vendor for the quantity of their bundle."""
    for each in list_components(bundle.id):
        if each.sync_status is SyncStatus.NOT_REQUIRED and each.quantity_per_parent:
            each.quantity = bundle.quantity * each.quantity_per_parent
