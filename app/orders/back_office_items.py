"""Items of orders made by the distributor's staff: put on, changed, priced, taken off (CB-18, RS-05).

Prices are what the payer pays the distributor. Needs the distributor's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from app.accounts.models import Account
from app.audit.services import Actor
from app.catalogue.characteristics import DOMAIN
from app.catalogue.charging import chosen_options
from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.catalogue.quantities import require_quantity
from app.catalogue.queries import products_with_types
from app.core.db import session
from app.core.errors import Invalid
from app.core.ids import new_id
from app.core.money import line_amount
from app.core.versions import lock_at_version
from app.orders.agreed import (
    NOTHING,
    AgreedPrice,
    PricingRights,
    agree,
    agreed_of,
    require_above_cost,
    require_agreeable,
)
from app.orders.back_office import changeable_order, note_change
from app.orders.back_office_add_ons import below, follow_quantity, put_below, require_below
from app.orders.back_office_licences import add_to, is_more_licences, require_addable
from app.orders.domain_items import domain_said
from app.orders.errors import OrderItemNotFound
from app.orders.execution_costs import order_cost, write_costs
from app.orders.execution_rows import Line, Parties, lines_of, parties_of
from app.orders.models import Order, OrderItem, OrderItemCost, OrderItemVendorCost
from app.orders.plan_items import hold_for_item
from app.orders.programs import Program, open_draft
from app.pricing.quotes import PriceKey, explain_prices, root_buyer
from app.resellers.aliases import release_alias
from app.subscriptions.domains.services import drop_names
from tenants.days import distributors_day

MOST_ITEMS = 50
NO_RIGHTS = PricingRights(may_agree=False, may_go_below_cost=False)
DOMAIN_FIELD = f"characteristic-{DOMAIN}"


@dataclass(frozen=True, slots=True)
class WantedItem:
    """What staff put on an order. `alias` for reseller plans; `switches_id` the live plan a plan takes the place of.

    `adds_to_id` is a subscription of the receiver that gets more licences, or a trial of it that goes on as paid (CB-18).
    """

    product_id: UUID
    term: Term
    cycle: BillingCycle
    quantity: int = 1
    friendly_name: str | None = None
    alias: str | None = None
    switches_id: UUID | None = None
    agreed: AgreedPrice = NOTHING
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()  # codes of chosen ones (CB-04)
    parent_id: UUID | None = None  # of an add-on: an item of the order, or a subscription of its receiver (CB-27)
    adds_to_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What can be changed on an item of an order that is not executed yet."""

    quantity: int
    friendly_name: str | None = None
    alias: str | None = None
    agreed: AgreedPrice | None = None  # None: as it was
    characteristics: Mapping[str, Any] | None = None  # None: as they were
    options: tuple[str, ...] | None = None  # None: as they were


def add_item(
    number: str,
    wanted: WantedItem,
    *,
    rights: PricingRights = NO_RIGHTS,
    actor: Actor,
    at: datetime,
    program: Program | None = None,
) -> OrderItem:
    """Put a product on an order at the payer's price of today, or one agreed on; a plan's alias is held (RS-05, RS-08).

    A program fills its own draft, as `open_draft` says.

    Raises OrderNotFound, WrongOrderState, Forbidden, what `check_plan` refuses, and Invalid `not_priced`, `below_cost`,
    quantity and alias codes.
    """
    order = changeable_order(number) if program is None else open_draft(number, program, at=at)
    require_agreeable(wanted.agreed, NOTHING, rights)
    parties = parties_of(order)
    product, product_type = _sellable(wanted.product_id)
    lines = lines_of(order)
    if len(lines) >= MOST_ITEMS:
        raise Invalid.field("product", "too_many", f"An order holds at most {MOST_ITEMS} items")
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
        characteristics=dict(wanted.characteristics),
        price_options=[each.code for each in chosen_options(product, wanted.options, order.currency)],
    )
    if product.plan_edition is not None:
        if any(line.product.plan_edition is not None for line in lines):
            raise Invalid.field("product", "plan_already_active", "This order already holds a plan")
        item.alias = hold_for_item(item, wanted.alias, parties.receiver, at)
    if wanted.adds_to_id is not None:
        held = add_to(item, product, wanted.adds_to_id, [line.item for line in lines], agreed=wanted.agreed)
    else:
        held = put_below(item, product, wanted.parent_id, [line.item for line in lines], parties.receiver.id)
    require_quantity(product, product_type, wanted.quantity, held=held)
    session.add(item)
    session.flush()
    domain_said(item, product_type, receiver_id=parties.receiver.id, field=DOMAIN_FIELD, at=at)
    price_order(order, parties, at)
    if wanted.agreed.is_anything:
        _agree(order, item, wanted.agreed, parties, rights, at)
    note_change(order, actor, at, {"added": f"{wanted.quantity} x {product.name}", **_words(wanted.agreed)})
    return item


def change_item(
    number: str,
    item_id: UUID,
    change: ItemChange,
    *,
    version: int,
    rights: PricingRights = NO_RIGHTS,
    actor: Actor,
    at: datetime,
) -> OrderItem:
    """Change quantity, name, alias or price of an item; `version` is what its form was opened at (CB-00).

    Raises as `add_item`, and OrderItemNotFound, StaleVersion.
    """
    order = changeable_order(number)
    parties = parties_of(order)
    line = _line(order, item_id)
    lock_at_version(line.item, version, name=line.item.product_name)
    line.item.version += 1
    before = agreed_of(item_id)
    agreed = before if change.agreed is None else change.agreed
    require_agreeable(agreed, before, rights)
    items = [each.item for each in lines_of(order)]
    held = require_below(line.item, line.product, change.quantity, items)
    if is_more_licences(line.item, line.product):
        held = require_addable(line.item, agreed)
    require_quantity(line.product, line.product_type, change.quantity, held=held)
    line.item.quantity, line.item.friendly_name = change.quantity, _name(change.friendly_name)
    follow_quantity(line.item, items)
    if line.product.plan_edition is not None:
        line.item.alias = hold_for_item(line.item, change.alias, parties.receiver, at)
    if change.characteristics is not None:
        line.item.characteristics = dict(change.characteristics)
    if change.options is not None:
        line.item.price_options = [each.code for each in chosen_options(line.product, change.options, order.currency)]
    session.flush()
    domain_said(line.item, line.product_type, receiver_id=parties.receiver.id, field=DOMAIN_FIELD, at=at)
    price_order(order, parties, at)
    if agreed != before:
        _agree(order, line.item, agreed, parties, rights, at)
    note_change(order, actor, at, {"changed": f"{change.quantity} x {line.product.name}", **_words(agreed)})
    return line.item


def remove_item(number: str, item_id: UUID, *, actor: Actor, at: datetime, program: Program | None = None) -> None:
    """Take an item off an order, with its add-ons, and let its alias go; a program takes it off its own draft."""
    order = changeable_order(number) if program is None else open_draft(number, program, at=at)
    line = _line(order, item_id)
    for each in (*below(item_id, [other.item for other in lines_of(order)]), line.item):
        _delete(each)
    price_order(order, parties_of(order), at)
    note_change(order, actor, at, {"removed": line.product.name})


def _delete(item: OrderItem) -> None:
    release_alias(item.id)
    drop_names(item.id)
    for model in (OrderItemCost, OrderItemVendorCost):
        session.execute(
            delete(model).where(model.distributor_id == item.distributor_id, model.item_id == item.id),
            execution_options={"synchronize_session": "fetch"},
        )
    session.delete(item)
    session.flush()


def changeable_item(number: str, item_id: UUID) -> tuple[Order, Line]:
    """Return an item of an order that may still be changed, under lock; raises as `change_item`."""
    order = changeable_order(number)
    return order, _line(order, item_id)


def _line(order: Order, item_id: UUID) -> Line:
    found = next((line for line in lines_of(order) if line.item.id == item_id), None)
    if found is None:
        raise OrderItemNotFound(item_id)
    return found


def price_order(order: Order, parties: Parties, at: datetime) -> None:
    """Bring all items to the payer's prices of today, or what was agreed on: no old price stands beside a new one.

    Raises Invalid `not_priced`.
    """
    lines = lines_of(order)
    cost = order_cost(lines, parties.payer, on=distributors_day(at))
    for line in lines:
        found = cost.by_item.get(line.item.id)
        if found is None:
            raise _not_priced(line.product, parties.payer)
        line.item.unit_price, line.item.line_total = found.unit_cost, found.line_cost
    order.net_total = cost.net_total
    write_costs(lines, parties, cost, {})


def _agree(
    order: Order, item: OrderItem, agreed: AgreedPrice, parties: Parties, rights: PricingRights, at: datetime
) -> None:
    """Price an order with what was agreed on for an item. Raises Invalid `below_cost`."""
    agree(item, agreed)
    price_order(order, parties, at)
    if agreed.is_anything:
        here = order.distributor_id
        vendor_cost = session.scalar(
            select(OrderItemVendorCost.unit_vendor_cost).where(
                OrderItemVendorCost.distributor_id == here, OrderItemVendorCost.item_id == item.id
            )
        )
        require_above_cost(item.unit_price, vendor_cost, rights)


def _words(agreed: AgreedPrice) -> dict[str, object]:
    """Return what the audit keeps of a price by hand."""
    if agreed.user_price is not None:
        return {"user_price": agreed.user_price}
    return {"discount_percent": agreed.discount_percent} if agreed.is_anything else {}


def _sellable(product_id: UUID) -> tuple[Product, ProductType]:
    found = products_with_types([product_id]).get(product_id)
    if found is None or not found[0].is_on_sale:
        raise Invalid.field("product", "not_available", "Choose a product that is on sale")
    return found


def _not_priced(product: Product, payer: Account) -> Invalid:
    words = f"{product.name} has no such price for {payer.name}: add it to a price list of the account first"
    return Invalid.field("product", "not_priced", words)


def _name(text: str | None) -> str | None:
    return (text or "").strip()[:100] or None
