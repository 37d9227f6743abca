"""What executing one item makes: a subscription or asset, its charge and its task (CB-20, CB-22)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.audit.services import SYSTEM
from app.billing.add_ons import charge_linked
from app.billing.purchases import Purchase, charge_more, charge_purchase
from app.catalogue.models import ProductKind
from app.catalogue.words import unit_words
from app.changes.guards import require_free
from app.changes.renewals import catch_up
from app.core.db import session
from app.core.errors import DomainError
from app.orders.agreed import keep_in_subscription
from app.orders.co_terms import align_term, first_period_of
from app.orders.deliveries import move_delivery
from app.orders.errors import OrderItemNotFound
from app.orders.execution_add_ons import BoughtAddOn, is_add_on, is_recurring, link_asset, start_add_on
from app.orders.execution_bundles import start_components
from app.orders.execution_events import FAILED, SETTING_UP, add_event
from app.orders.execution_outcomes import deliver
from app.orders.execution_prices import begin_asset_price, begin_price
from app.orders.execution_rows import Line, Parties
from app.orders.execution_trials import upgrade_trial
from app.orders.models import DeliveryStatus, Order, OrderItemCost
from app.provisioning.complete_pictures import characteristic_pictures, complete_picture
from app.provisioning.component_tasks import ask_components
from app.provisioning.models import ProvisioningTask, TaskKind
from app.provisioning.pictures import ResourcePicture, company_picture
from app.provisioning.services import NewTask, asked_quantity, nudge_tasks, request_provisioning
from app.resellers.plans import PlanRequest, claim_plan, edition_of, live_plan
from app.resellers.storefronts import SwitchedPlan, switch_plan
from app.subscriptions.add_ons import follow_quantity
from app.subscriptions.bundles import follow_quantity as follow_bundle
from app.subscriptions.machine import Action
from app.subscriptions.models import Asset, Subscription, SubscriptionRole, SubscriptionStatus, SyncStatus
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import (
    NewAsset,
    NewSubscription,
    Owner,
    change_quantity,
    create_asset_for_item,
    create_for_item,
    mark_pending,
)

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Execution:
    """One order being executed: whose it is, from which day on, and the instant."""

    order: Order
    parties: Parties
    starts_on: date  # in the distributor's zone; first day of subscriptions and charges
    at: datetime
    vendor_reference: str | None = None  # what people who delivered it call the service at its vendor
    setup_fees: Mapping[UUID, Decimal] = field(default_factory=dict)  # by item; once, with the first charge


def start_item(run: Execution, line: Line, cost: OrderItemCost) -> ProvisioningTask | None:
    """Make what the item asks for, and charge it. Returns the task to be done at the vendor, if there is one.

    A reseller plan whose alias was lost in a race fails alone and is not charged.
    """
    if line.product.plan_edition:
        return _start_plan(run, line, cost)
    if is_add_on(line.item) and is_recurring(line.product_type):
        return _start_add_on(run, line, cost)
    if line.item.subscription_id is not None:
        return _start_more_licences(run, line, cost)
    if line.product_type.kind is ProductKind.ONE_OFF:
        return _start_asset(run, line, cost)
    if line.product_type.kind is ProductKind.BUNDLE:
        return _start_bundle(run, line, cost)
    return _start_subscription(run, line, cost)


def _start_subscription(run: Execution, line: Line, cost: OrderItemCost) -> ProvisioningTask | None:
    is_automatic = _is_automatic(line)
    subscription = _make_subscription(run, line, cost, SyncStatus.PENDING if is_automatic else SyncStatus.NOT_REQUIRED)
    _charge(run, line, cost, subscription=subscription)
    if not is_automatic:
        deliver(run.order, line.item, at=run.at, vendor_reference=run.vendor_reference)
        return None
    return _ask_vendor(run, line, TaskKind.CREATE, subscription, line.item.quantity)


def _start_bundle(run: Execution, line: Line, cost: OrderItemCost) -> ProvisioningTask | None:
    """A bundle is charged as one; its components are set up each by its own vendor, and it stands when all of them do."""
    bundle = _make_subscription(run, line, cost, SyncStatus.NOT_REQUIRED)
    _charge(run, line, cost, subscription=bundle)
    tasks = start_components(line.item, bundle, starts_on=run.starts_on, at=run.at)
    if not tasks:
        deliver(run.order, line.item, at=run.at, vendor_reference=run.vendor_reference)
        return None
    move_delivery(run.order, line.item, DeliveryStatus.PROVISIONING, at=run.at)
    add_event(run.order, "provisioning", SETTING_UP, at=run.at, item=line.item)
    nudge_tasks(tasks)
    return None


def _start_add_on(run: Execution, line: Line, cost: OrderItemCost) -> ProvisioningTask | None:
    """An add-on whose subscription has ended meanwhile fails alone and is not charged."""
    bought = BoughtAddOn(
        item=line.item,
        product=line.product,
        product_type=line.product_type,
        cost=cost,
        payer=run.parties.payer,
        end_customer_id=run.parties.receiver.id if run.parties.is_for_end_customer else None,
        unit_price=_shown_price(run, line),
        setup_fee=run.setup_fees.get(line.item.id, Decimal(0)),
    )
    try:
        with session.begin_nested():
            task = start_add_on(bought, on=run.starts_on, at=run.at)
    except DomainError as refusal:
        _fail(run, line, refusal)
        return None
    if task is None:
        deliver(run.order, line.item, at=run.at)
        return None
    move_delivery(run.order, line.item, DeliveryStatus.PROVISIONING, at=run.at)
    add_event(run.order, "provisioning", SETTING_UP, at=run.at, item=line.item)
    return task


def _fail(run: Execution, line: Line, refusal: DomainError) -> None:
    """Leave an item to people: nothing of it was charged or asked for; the order's other items go on."""
    move_delivery(run.order, line.item, DeliveryStatus.FAILED, at=run.at, reason=str(refusal)[:MAX_REASON])
    add_event(run.order, "failed", FAILED, at=run.at, item=line.item)


def _start_asset(run: Execution, line: Line, cost: OrderItemCost) -> ProvisioningTask | None:
    asset = create_asset_for_item(
        NewAsset(
            owner=_owner(run),
            order_item_id=line.item.id,
            product_id=line.product.id,
            name=line.item.product_name,
            quantity=line.item.quantity,
            unit_price=_shown_price(run, line),
            currency=line.item.currency,
        ),
        at=run.at,
    )
    link_asset(line.item, asset)
    begin_asset_price(asset, run.parties.payer, line.item, cost)
    _charge(run, line, cost, subscription=None)
    if not _is_automatic(line):
        deliver(run.order, line.item, at=run.at)
        return None
    asset.sync_status = SyncStatus.PENDING
    return _ask_vendor(run, line, TaskKind.CREATE, asset, line.item.quantity)


def _start_more_licences(run: Execution, line: Line, cost: OrderItemCost) -> ProvisioningTask | None:
    """Added seats count once the vendor has confirmed them (CB-22); they are charged with the order.

    Days may lie between order and execution: what has ended, failed or waits for a request meanwhile takes no more; what
    is being set up does.
    """
    item = line.item
    subscription = find_subscription_for_update(item.subscription_id) if item.subscription_id else None
    if subscription is None:
        raise OrderItemNotFound(item.id)
    if subscription.role is not SubscriptionRole.MAIN:  # more of an add-on is bought for its subscription
        item.parent_subscription_id = subscription.parent_id
        return _start_add_on(run, line, cost)
    if subscription.trial_ends_on is not None:
        return _start_paid(run, line, cost, subscription)
    is_on_its_way = (
        subscription.status is SubscriptionStatus.PENDING_ACTIVATION
        and subscription.sync_status is not SyncStatus.FAILED
    )
    try:
        if not is_on_its_way:
            require_free(subscription, Action.BUY)
    except DomainError as refusal:
        _fail(run, line, refusal)
        return None
    asked = asked_quantity(subscription.id, subscription.quantity)
    charge_more(run.parties.payer, _purchase(run, line, cost), subscription, old=asked, at=run.at)
    wanted = asked + item.quantity
    charge_linked(
        run.parties.payer, subscription, wanted,
        source_key=f"order-item:{item.id}", order_item_id=item.id, on=run.starts_on, at=run.at,
    )  # fmt: skip
    if line.product_type.kind is ProductKind.BUNDLE:
        return _start_more_bundles(run, line, subscription, wanted)
    if subscription.sync_status is SyncStatus.NOT_REQUIRED:
        change_quantity(subscription.id, wanted, at=run.at)
        follow_quantity(subscription, at=run.at)
        deliver(run.order, item, at=run.at)
        return None
    mark_pending(subscription.id)
    return _ask_vendor(run, line, TaskKind.UPDATE, subscription, wanted)


def _start_paid(run: Execution, line: Line, cost: OrderItemCost, trial: Subscription) -> ProvisioningTask | None:
    """A trial goes on as something paid, at the same vendor's reference, charged like a new purchase (CB-12)."""
    item = line.item
    upgrade_trial(trial, item, cost, _shown_price(run, line), on=run.starts_on, at=run.at)
    _charge(run, line, cost, subscription=trial)
    begin_price(trial, item, cost, on=run.starts_on)
    if trial.sync_status is SyncStatus.NOT_REQUIRED:
        change_quantity(trial.id, item.quantity, at=run.at)
        deliver(run.order, item, at=run.at)
        return None
    mark_pending(trial.id)
    return _ask_vendor(run, line, TaskKind.UPDATE, trial, item.quantity)


def _start_more_bundles(run: Execution, line: Line, bundle: Subscription, wanted: int) -> ProvisioningTask | None:
    """More of a bundle is more of each component; it counts once all vendors have confirmed (CB-11)."""
    tasks = ask_components(
        bundle, TaskKind.UPDATE, quantity=wanted, order_id=run.order.id, order_item_id=line.item.id, at=run.at
    )
    if not tasks:
        change_quantity(bundle.id, wanted, at=run.at)
        follow_bundle(bundle)
        deliver(run.order, line.item, at=run.at)
        return None
    move_delivery(run.order, line.item, DeliveryStatus.PROVISIONING, at=run.at)
    add_event(run.order, "provisioning", SETTING_UP, at=run.at, item=line.item)
    nudge_tasks(tasks)
    return None


def _start_plan(run: Execution, line: Line, cost: OrderItemCost) -> ProvisioningTask | None:
    item, receiver = line.item, run.parties.receiver
    current = live_plan(receiver.id)
    switches_id = current.id if current is not None else None
    request = PlanRequest(receiver.id, line.product.id, item.quantity, item.alias, switches_id)
    try:
        with session.begin_nested():  # a refusal leaves no hold behind
            claim_plan(item.id, request, at=run.at)
            if current is not None:
                catch_up([current.id], at=run.at)
                switch_plan(current.id, _switched(run, line, cost), actor=SYSTEM, at=run.at)
    except DomainError as refusal:  # the alias is lost, or another plan came first: the other items go on
        move_delivery(run.order, item, DeliveryStatus.FAILED, at=run.at, reason=str(refusal)[:MAX_REASON])
        add_event(run.order, "failed", FAILED, at=run.at, item=item)
        return None
    if current is not None:
        item.subscription_id = current.id
        _charge(run, line, cost, subscription=current)
        deliver(run.order, item, at=run.at)
        return None
    subscription = _make_subscription(run, line, cost, SyncStatus.PENDING)
    _charge(run, line, cost, subscription=subscription)
    return _ask_vendor(run, line, TaskKind.OPEN_STOREFRONT, subscription, 1)


def _is_automatic(line: Line) -> bool:
    """Whether a service manager does the work; else it is done by people, or there is nothing to do."""
    return line.product_type.service_manager_id is not None and not line.product_type.non_automatic


def _make_subscription(run: Execution, line: Line, cost: OrderItemCost, sync_status: SyncStatus) -> Subscription:
    subscription = create_for_item(
        NewSubscription(
            owner=_owner(run),
            order_item_id=line.item.id,
            product_id=line.product.id,
            name=line.item.friendly_name or line.item.product_name,
            quantity=line.item.quantity,
            term=line.item.term,
            cycle=line.item.cycle,
            unit_price=_shown_price(run, line),
            currency=line.item.currency,
            starts_on=run.starts_on,
            sync_status=sync_status,
            plan_edition=line.product.plan_edition,
            unit_cost=cost.unit_cost,
            price_list_id=cost.price_list_id,
            rule=cost.rule,
            markup_percent=cost.markup_percent,
        ),
        at=run.at,
    )
    line.item.subscription_id = subscription.id
    subscription.characteristics = dict(line.item.characteristics)
    subscription.price_options = list(line.item.price_options)
    if line.item.is_price_agreed:
        keep_in_subscription(subscription.id, cost)
    begin_price(subscription, line.item, cost, on=run.starts_on)
    return subscription


def _ask_vendor(
    run: Execution, line: Line, kind: TaskKind, subject: Subscription | Asset, quantity: int
) -> ProvisioningTask:
    move_delivery(run.order, line.item, DeliveryStatus.PROVISIONING, at=run.at)
    add_event(run.order, "provisioning", SETTING_UP, at=run.at, item=line.item)
    return request_provisioning(
        NewTask(
            kind=kind,
            subject_id=subject.id,
            picture=(
                _picture(run, line, quantity)
                if kind is not TaskKind.UPDATE or isinstance(subject, Asset)
                else complete_picture(subject, quantity=quantity)
            ),
            service_manager_id=line.product_type.service_manager_id,
            order_id=run.order.id,
            order_item_id=line.item.id,
        ),
        at=run.at,
    )


def _picture(run: Execution, line: Line, quantity: int) -> ResourcePicture:
    receiver, payer = run.parties.receiver, run.parties.payer
    picture = ResourcePicture(
        service_type=line.product_type.external_id or line.product_type.name,
        product_code=line.product.vendor_code,
        product_name=line.item.product_name,
        quantity=quantity,
        term=line.item.term.value,
        billing_cycle=line.item.cycle.value,
        currency=line.item.currency,
        account=company_picture(receiver),
        alias=line.item.alias,
        edition=line.product.plan_edition,
        characteristics=characteristic_pictures(
            line.product_type, {**line.product.characteristics, **line.item.characteristics}
        ),
    )
    return replace(picture, reseller=company_picture(payer)) if run.parties.is_for_end_customer else picture


def _charge(run: Execution, line: Line, cost: OrderItemCost, *, subscription: Subscription | None) -> None:
    charge_purchase(run.parties.payer, _purchase(run, line, cost), subscription, at=run.at)
    if subscription is not None:
        align_term(subscription, line.item)


def _purchase(run: Execution, line: Line, cost: OrderItemCost) -> Purchase:
    item = line.item
    words = f"{item.product_name}, {unit_words(item.term, item.cycle)}" if item.term.months else item.product_name
    return Purchase(
        item_id=item.id,
        description=words,
        product=line.product,
        kind=line.product_type.kind,
        months=item.cycle.months,
        quantity=item.quantity,
        unit_cost=cost.unit_cost,
        line_cost=cost.line_cost,
        setup_fee=run.setup_fees.get(item.id, Decimal(0)),
        currency=cost.currency,
        on=run.starts_on,
        end_customer_id=run.parties.receiver.id if run.parties.is_for_end_customer else None,
        first=first_period_of(line, on=run.starts_on),
    )


def _owner(run: Execution) -> Owner:
    order, parties = run.order, run.parties
    return Owner(
        account_id=parties.receiver.id,
        reseller_id=order.reseller_id,
        payer_id=parties.payer.id,
        payer_reseller_id=parties.payer.reseller_id,
        bought_by_reseller=order.placed_by_reseller and parties.is_for_end_customer,
    )


def _shown_price(run: Execution, line: Line) -> Decimal | None:
    """What a reseller bought for its customer was bought at cost: the customer sees "-" (RS-27)."""
    if run.order.placed_by_reseller and run.parties.is_for_end_customer:
        return None
    return line.item.unit_price


def _switched(run: Execution, line: Line, cost: OrderItemCost) -> SwitchedPlan:
    return SwitchedPlan(
        edition=edition_of(line.product),
        product_id=line.product.id,
        plan_name=line.item.product_name,
        term=line.item.term,
        cycle=line.item.cycle,
        unit_cost=cost.unit_cost,
        price_list_id=cost.price_list_id,
        rule=cost.rule,
        starts_on=run.starts_on,
    )
