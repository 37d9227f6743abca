"""Orders made by the distributor's staff: created, priced, executed, canceled (CB-18, CB-19, RS-05, RS-06).

The wholesale side only: prices are what the payer pays the distributor. Needs the distributor's scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, func, select

from app.accounts.models import Account, AccountStatus
from app.accounts.queries import get_account, get_account_for_update, payer_of
from app.audit.services import Actor, record
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import nudge_after_commit, session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.money import line_amount
from app.core.queue import Nudge
from app.identity.models import User
from app.orders.baskets import quantity_errors
from app.orders.errors import AccountNotActive, OrderItemNotFound, WrongOrderState
from app.orders.execution_costs import order_cost, write_costs
from app.orders.execution_events import add_event
from app.orders.execution_rows import Line, Parties, distributors_day, lines_of, lock_order_by_number, parties_of
from app.orders.jobs import PROCESS_ORDER_WORK
from app.orders.models import (
    ORDER_NUMBERS,
    DeliveryStatus,
    Order,
    OrderChannel,
    OrderItem,
    OrderItemCost,
    OrderItemVendorCost,
    OrderStatus,
    OrderWork,
)
from app.orders.plan_items import check_plan_item, hold_for_item
from app.pricing.quotes import PriceKey, explain_prices, root_buyer
from app.resellers.aliases import release_alias
from app.resellers.plans import live_plan
from tenants.context import current_scope

MOST_ITEMS = 50
LONGEST_REASON = 500
EXECUTE = "execute"
CHANGEABLE = (OrderStatus.SUBMITTED,)
EXECUTABLE = (OrderStatus.SUBMITTED, OrderStatus.SCHEDULED)
CANCELABLE = (
    OrderStatus.SUBMITTED,
    OrderStatus.PENDING_RESELLER_APPROVAL,
    OrderStatus.SCHEDULED,
    OrderStatus.IN_PROGRESS,
)


@dataclass(frozen=True, slots=True)
class WantedItem:
    """What staff put on an order. `alias` for reseller plans; `switches_id` the live plan a plan takes the place of."""

    product_id: UUID
    term: Term
    cycle: BillingCycle
    quantity: int = 1
    friendly_name: str | None = None
    alias: str | None = None
    switches_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What can be changed on an item of an order that is not executed yet."""

    quantity: int
    friendly_name: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class PlanUpgrade:
    """The choice of the "Upgrade reseller" dialog (RS-06)."""

    product_id: UUID
    term: Term
    cycle: BillingCycle
    alias: str | None = None


def create_order(
    account_id: UUID, *, po_number: str | None = None, comment: str | None = None, actor: Actor, at: datetime
) -> Order:
    """Start an order for an account; a reseller's customer is billed to its reseller.

    It is Submitted: recorded, not executed. Raises AccountNotFound, AccountNotActive, and Invalid `ordering_disabled`.
    """
    account = get_account(account_id)
    payer = get_account(payer_of(account))
    _require_business(account, payer)
    assert actor.user_id is not None, "staff have a user"
    number = f"SO-{at.year}-{session.scalar(select(ORDER_NUMBERS.next_value())):06}"
    order = Order(
        id=new_id(),
        reseller_id=account.reseller_id,
        account_id=account.id,
        number=number,
        name=f"{account.name} {number}"[:255],
        status=OrderStatus.SUBMITTED,
        channel=OrderChannel.BSS,
        payer_id=payer.id,
        net_total=Decimal(0),
        currency=payer.currency,
        contact_email=_contact_email(account),
        placed_by_id=actor.user_id,
        placed_by_reseller=account.id != payer.id,
        placed_at=at,
        po_number=(po_number or "").strip()[:50] or None,
        comment=(comment or "").strip()[:500] or None,
    )
    session.add(order)
    session.flush()
    add_event(order, "submitted", "The order was recorded.", at=at)
    record("order.created", actor=actor, at=at, target_kind="order", target_id=order.id, after={"number": number})
    return order


def add_item(number: str, wanted: WantedItem, *, actor: Actor, at: datetime) -> OrderItem:
    """Put a product on an order at the payer's price of today; a plan's alias is checked and held (RS-05, RS-08).

    Raises OrderNotFound, WrongOrderState, what `check_plan` refuses, and Invalid `not_priced`, quantity and alias codes.
    """
    order = _changeable(number)
    parties = parties_of(order)
    product = _sellable(wanted.product_id)
    lines = lines_of(order)
    if len(lines) >= MOST_ITEMS:
        raise Invalid.field("product", "too_many", f"An order holds at most {MOST_ITEMS} items")
    _check_quantity(product, wanted.quantity)
    key = PriceKey(product.id, wanted.term, wanted.cycle)
    price = explain_prices([key], root_buyer(parties.payer, distributors_day(at))).get(key)
    if price is None:
        raise _not_priced(product, parties.payer)
    item = OrderItem(
        id=new_id(),
        reseller_id=order.reseller_id,
        account_id=order.account_id,
        order_id=order.id,
        position=1 + max((line.item.position for line in lines), default=0),
        product_id=product.id,
        product_name=product.name,
        term=wanted.term,
        cycle=wanted.cycle,
        quantity=wanted.quantity,
        unit_price=price.unit_price,
        line_total=line_amount(price.unit_price, wanted.quantity, price.currency),
        currency=order.currency,
        friendly_name=_name(wanted.friendly_name),
        subscription_id=wanted.switches_id,
    )
    if product.plan_edition is not None:
        if any(line.product.plan_edition is not None for line in lines):
            raise Invalid.field("product", "plan_already_active", "This order already holds a plan")
        item.alias = hold_for_item(item, wanted.alias, parties.receiver, at)
    session.add(item)
    session.flush()
    _price(order, parties, at)
    _changed(order, actor, at, {"added": f"{wanted.quantity} x {product.name}"})
    return item


def change_item(number: str, item_id: UUID, change: ItemChange, *, actor: Actor, at: datetime) -> OrderItem:
    """Change quantity, name or alias of an item. Raises as `add_item`, and OrderItemNotFound."""
    order = _changeable(number)
    parties = parties_of(order)
    line = _line(order, item_id)
    _check_quantity(line.product, change.quantity)
    line.item.quantity, line.item.friendly_name = change.quantity, _name(change.friendly_name)
    if line.product.plan_edition is not None:
        line.item.alias = hold_for_item(line.item, change.alias, parties.receiver, at)
    session.flush()
    _price(order, parties, at)
    _changed(order, actor, at, {"changed": f"{change.quantity} x {line.product.name}"})
    return line.item


def remove_item(number: str, item_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Take an item off an order and let its alias go."""
    order = _changeable(number)
    line = _line(order, item_id)
    release_alias(line.item.id)
    for model in (OrderItemCost, OrderItemVendorCost):
        session.execute(
            delete(model).where(model.distributor_id == order.distributor_id, model.item_id == line.item.id),
            execution_options={"synchronize_session": "fetch"},
        )
    session.delete(line.item)
    session.flush()
    _price(order, parties_of(order), at)
    _changed(order, actor, at, {"removed": line.product.name})


def execute(number: str, *, actor: Actor, at: datetime) -> Order:
    """Ask for an order's execution, once; the work is a job's, in seconds.

    What is known beforehand refuses it and creates nothing: Invalid `order_empty`, `alias_required`, `not_priced` and
    alias codes (422), WrongOrderState for a second time (409), AccountNotActive, what `check_plan` refuses.
    """
    order = lock_order_by_number(number)
    if order.status not in EXECUTABLE:
        raise WrongOrderState(order.number, order.status)
    parties = parties_of(order)
    _require_business(parties.receiver, parties.payer)
    lines = lines_of(order)
    if not lines:
        raise Invalid.field("items", "order_empty", "Add at least one item before you execute the order")
    cost = order_cost(lines, parties.payer, on=distributors_day(at))
    if cost.missing:
        names = ", ".join(item.product_name for item in cost.missing)
        raise Invalid.field("items", "not_priced", f"There is no price for {parties.payer.name} any more: {names}")
    for line in lines:
        if line.product.plan_edition is not None:
            check_plan_item(line, parties.receiver, at)
    order.status = OrderStatus.EXECUTING
    work = OrderWork(id=new_id(), order_id=order.id, kind=EXECUTE, next_attempt_at=at, created_at=at)
    session.add(work)
    session.flush()
    nudge_after_commit(Nudge(PROCESS_ORDER_WORK, work.id, order.distributor_id))
    record("order.execution_requested", actor=actor, at=at, target_kind="order", target_id=order.id)
    return order


def cancel(number: str, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Cancel an order that was not executed; aliases it held are free again. The reason is for staff.

    Raises OrderNotFound, WrongOrderState, Invalid `required`.
    """
    words = reason.strip()
    if not words:
        raise Invalid.field("reason", "required", "Say why the order is canceled")
    order = lock_order_by_number(number)
    if order.status not in CANCELABLE:
        raise WrongOrderState(order.number, order.status)
    order.status = OrderStatus.CANCELED
    order.decided_by_id, order.decided_at = actor.user_id, at
    for line in lines_of(order):
        release_alias(line.item.id)
        if line.item.delivery_status is DeliveryStatus.PENDING:
            line.item.delivery_status = DeliveryStatus.CANCELED
    add_event(order, "canceled", "The order was canceled.", at=at)
    record(
        "order.canceled", actor=actor, at=at, target_kind="order", target_id=order.id,
        after={"reason": words[:LONGEST_REASON]},
    )  # fmt: skip
    return order


def upgrade_reseller(account_id: UUID, upgrade: PlanUpgrade, *, actor: Actor, at: datetime) -> Order:
    """Create and execute the order of a plan in one step: one code path, and always a plan subscription (RS-06).

    A reseller with a live plan is switched to the other one and keeps its alias. Raises as `add_item` and `execute`.
    """
    get_account_for_update(account_id)  # a double click waits here and meets the first one's order
    current = live_plan(account_id)
    order = create_order(account_id, actor=actor, at=at)
    add_item(
        order.number,
        WantedItem(
            upgrade.product_id,
            upgrade.term,
            upgrade.cycle,
            alias=upgrade.alias,
            switches_id=current.id if current is not None else None,
        ),
        actor=actor,
        at=at,
    )
    return execute(order.number, actor=actor, at=at)


def has_orders(account_id: UUID) -> bool:
    """Whether an account has ever ordered or paid for an order: its currency is fixed then (RS-02)."""
    found = session.scalar(
        select(func.count())
        .select_from(Order)
        .where(
            Order.distributor_id == current_scope().distributor_id,
            (Order.payer_id == account_id) | (Order.account_id == account_id),
        )
    )
    return bool(found)


def _changeable(number: str) -> Order:
    order = lock_order_by_number(number)
    if order.status not in CHANGEABLE or order.channel is not OrderChannel.BSS:
        raise WrongOrderState(order.number, order.status)
    return order


def _require_business(account: Account, payer: Account) -> None:
    for each in (account, payer):
        if each.status is not AccountStatus.ACTIVE:
            raise AccountNotActive(each.name)
    if not payer.ordering_enabled:
        raise Invalid.field("account", "ordering_disabled", f"Ordering is switched off for {payer.name}")


def _contact_email(account: Account) -> str:
    found = session.scalar(
        select(User.email).where(
            User.distributor_id == account.distributor_id, User.account_id == account.id, User.is_primary_contact
        )
    )
    return found or account.email


def _sellable(product_id: UUID) -> Product:
    product = session.scalar(
        select(Product).where(Product.distributor_id == current_scope().distributor_id, Product.id == product_id)
    )
    if product is None or not product.is_active:
        raise Invalid.field("product", "not_available", "Choose a product that is on sale")
    return product


def _check_quantity(product: Product, quantity: int) -> None:
    if errors := list(quantity_errors(product, quantity)):
        raise Invalid(*errors)


def _not_priced(product: Product, payer: Account) -> Invalid:
    return Invalid.field(
        "product",
        "not_priced",
        f"{product.name} has no such price for {payer.name}: add it to a price list of the account first",
    )


def _line(order: Order, item_id: UUID) -> Line:
    found = next((line for line in lines_of(order) if line.item.id == item_id), None)
    if found is None:
        raise OrderItemNotFound(item_id)
    return found


def _price(order: Order, parties: Parties, at: datetime) -> None:
    """Bring all items to the payer's prices of today: a change of quantity may not leave an old price beside a new one."""
    lines = lines_of(order)
    cost = order_cost(lines, parties.payer, on=distributors_day(at))
    for line in lines:
        found = cost.by_item.get(line.item.id)
        if found is None:
            raise _not_priced(line.product, parties.payer)
        line.item.unit_price, line.item.line_total = found.unit_cost, found.line_cost
    order.net_total = cost.net_total
    write_costs(lines, parties, cost, {})


def _changed(order: Order, actor: Actor, at: datetime, after: dict[str, object]) -> None:
    record("order.changed", actor=actor, at=at, target_kind="order", target_id=order.id, after=after)


def _name(text: str | None) -> str | None:
    return (text or "").strip()[:100] or None
