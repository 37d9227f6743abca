"""Add-ons bought with an order: one record per product and subscription, charged to the parent's period end (CB-27)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.billing.add_ons import AddOnPurchase, charge_add_on
from app.catalogue.models import Product, ProductKind, ProductType
from app.catalogue.paths import allowed_add_ons
from app.core.db import session
from app.core.errors import Invalid
from app.orders.errors import OrderItemNotFound
from app.orders.execution_prices import begin_price
from app.orders.models import OrderItem, OrderItemCost
from app.provisioning.complete_pictures import asked_add_on, complete_picture, service_manager_of
from app.provisioning.models import ProvisioningTask, TaskKind
from app.provisioning.services import NewTask, request_provisioning
from app.subscriptions.add_ons import NewAddOn, create_add_on, find_add_on, require_active_parent, set_sync, take_over
from app.subscriptions.models import Asset, Subscription, SyncStatus
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import mark_pending
from tenants.context import current_scope


@dataclass(frozen=True, slots=True)
class BoughtAddOn:
    """An order's item that extends a subscription, with what it costs and what its buyer sees."""

    item: OrderItem
    product: Product
    product_type: ProductType
    cost: OrderItemCost
    payer: Account
    end_customer_id: UUID | None
    unit_price: Decimal | None
    setup_fee: Decimal


def is_add_on(item: OrderItem) -> bool:
    """Whether an item extends a subscription that runs, or that another item of its order makes."""
    return item.parent_subscription_id is not None or item.parent_item_id is not None


def start_add_on(bought: BoughtAddOn, *, on: date, at: datetime) -> ProvisioningTask | None:
    """Make or raise the one record of an add-on, charge it, and ask the vendor with the complete picture.

    Returns the task, or None where the service is nobody's to set up: then it stands at once.
    Raises Invalid `add_on_not_allowed`, ParentNotActive.
    """
    item = bought.item
    parent = _parent(item)
    allowed = next((each for each in allowed_add_ons(parent.product_id) if each.product.id == bought.product.id), None)
    if allowed is None:
        raise Invalid.field("product", "add_on_not_allowed", f"{bought.product.name} is no add-on of this subscription")
    if item.parent_item_id is None:
        require_active_parent(parent)
    found = find_add_on(parent.id, bought.product.id)
    stands = asked_add_on(parent.id, bought.product.id, found.quantity if found is not None else 0)
    total = parent.quantity if allowed.is_quantity_linked else stands + item.quantity
    add_on = found or create_add_on(
        parent,
        NewAddOn(
            product_id=bought.product.id,
            name=item.product_name,
            quantity=total,
            quantity_per_parent=1 if allowed.is_quantity_linked else None,
            unit_price=bought.unit_price,
            unit_cost=bought.cost.unit_cost,
            price_list_id=bought.cost.price_list_id,
            rule=bought.cost.rule,
            markup_percent=bought.cost.markup_percent,
            order_item_id=item.id,
            payer_reseller_id=bought.payer.reseller_id,
            starts_on=on,
        ),
        at=at,
    )
    if found is None:
        begin_price(add_on, item, bought.cost, on=on)
    item.subscription_id = add_on.id
    charge_add_on(
        bought.payer,
        AddOnPurchase(
            source_key=f"order-item:{item.id}",
            description=f"{item.product_name}, add-on of {parent.code}",
            parent=parent,
            add_on_id=add_on.id,
            product_id=bought.product.id,
            old_quantity=stands,
            new_quantity=total,
            unit_cost=bought.cost.unit_cost,
            setup_fee=bought.setup_fee if found is None else Decimal(0),
            currency=bought.cost.currency,
            on=on,
            order_item_id=item.id,
            end_customer_id=bought.end_customer_id,
        ),
        at=at,
    )
    manager_id = service_manager_of(parent.product_id)
    if parent.sync_status is SyncStatus.NOT_REQUIRED or manager_id is None:
        take_over(parent, {bought.product.id: total}, at=at)
        return None
    mark_pending(parent.id)
    set_sync(parent.id, {bought.product.id}, SyncStatus.PENDING)
    return request_provisioning(
        NewTask(
            kind=TaskKind.UPDATE,
            subject_id=parent.id,
            picture=complete_picture(parent, add_ons={bought.product.id: total}),
            service_manager_id=manager_id,
            order_id=item.order_id,
            order_item_id=item.id,
        ),
        at=at,
    )


def link_asset(item: OrderItem, asset: Asset) -> None:
    """Keep which subscription a one-time add-on was bought for (CB-27)."""
    if is_add_on(item):
        asset.subscription_id = _parent(item).id


def is_recurring(product_type: ProductType) -> bool:
    """Whether an add-on of this type has a record of its own; a one-time one is an asset."""
    return product_type.kind is not ProductKind.ONE_OFF


def _parent(item: OrderItem) -> Subscription:
    parent_id = item.parent_subscription_id
    if parent_id is None:
        parent_id = session.scalar(
            select(OrderItem.subscription_id).where(
                OrderItem.distributor_id == current_scope().distributor_id, OrderItem.id == item.parent_item_id
            )
        )
    parent = find_subscription_for_update(parent_id) if parent_id is not None else None
    if parent is None:
        raise OrderItemNotFound(item.id)
    return parent
