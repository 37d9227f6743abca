"""What an order costs its payer, by the price lists of today (RS-25: the sell price stands, the cost is current)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.billing.credit import tax_on
from app.billing.purchases import due_now
from app.catalogue.models import ProductPrice, VendorCost
from app.core.db import session
from app.core.money import line_amount
from app.orders.execution_prices import running_costs
from app.orders.execution_rows import Line, Parties
from app.orders.models import OrderItem, OrderItemCost, OrderItemVendorCost
from app.pricing.lines import Asked, price_lines
from app.pricing.models import Promotion
from app.pricing.promotions.queries import promotions_by_id, reduction_of
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import PriceKey, explain_prices, root_buyer
from app.pricing.schemes import NOTHING_AGREED, Agreed, Priced, Step
from app.subscriptions.models import SubscriptionCost
from tenants.context import Reach, current_scope, scope

COST = "cost"


@dataclass(frozen=True, slots=True)
class ItemCost:
    """What the payer pays for one item today, net."""

    unit_cost: Decimal  # 4 decimals, per cycle and unit
    line_cost: Decimal  # rounded to the minor unit
    list_price: Decimal | None
    price_list_id: UUID | None
    currency: str
    setup_fee: Decimal  # once, with the first charge
    base_cost: Decimal | None = None  # before what staff agreed on, where it did


@dataclass(frozen=True, slots=True)
class OrderCost:
    """The costs of an order's items; an item that is not sold to the payer any more is missing."""

    by_item: Mapping[UUID, ItemCost]
    missing: tuple[OrderItem, ...]
    net_total: Decimal  # of whole cycles, without setup fees
    total: Decimal  # what is due now, with setup fees and tax: what the available credit must cover


def order_cost(lines: Sequence[Line], payer: Account, *, on: date) -> OrderCost:
    """Find what an order costs its payer on a day of the distributor. For staff and jobs: it is a cost.

    Works in the distributor's scope and in that of the payer's staff.
    """
    entered = current_scope()
    if entered.price_lists is not Reach.ALL:
        entered = entered.with_price_lists(price_list_ids_of(payer.id))
    buyer = root_buyer(payer, on)
    agreed = agreed_prices(lines)
    promotions = promotions_by_id({line.item.promotion_id for line in lines if line.item.promotion_id is not None})
    with scope(entered):
        prices = explain_prices({_key(line.item) for line in lines}, buyer)
        priced = price_lines([_asked(line, promotions, agreed) for line in lines], prices, buyer)
    found: dict[UUID, ItemCost] = {}
    missing: list[OrderItem] = []
    fees = _setup_fees(lines)
    running = running_costs(lines)
    due = taxed = Decimal(0)
    for line, each in zip(lines, priced, strict=True):
        if each is None:
            missing.append(line.item)
            continue
        found[line.item.id] = ItemCost(
            unit_cost=each.cost.unit_price,
            line_cost=each.cost.line,
            list_price=each.price.list_price,
            price_list_id=each.price.price_list_id,
            currency=each.price.currency,
            setup_fee=fees.get(_key(line.item), Decimal(0)) if line.item.subscription_id is None else Decimal(0),
            base_cost=_before_reduction(each.cost) if line.item.id in agreed or line.item.promotion_id else None,
        )
        if line.item.id in running and line.item.id not in agreed:
            found[line.item.id] = _at_running_price(found[line.item.id], running[line.item.id], line.item.quantity)
        now = _due(line, found[line.item.id], payer, on)
        due += now
        taxed += now if line.product.is_taxable else Decimal(0)
    net = sum((cost.line_cost for cost in found.values()), Decimal(0))
    return OrderCost(found, tuple(missing), net, due + tax_on(taxed, payer.currency))


def setup_fees_of(cost: OrderCost) -> dict[UUID, Decimal]:
    """Return the setup fees of an order's items, by item."""
    return {item_id: each.setup_fee for item_id, each in cost.by_item.items() if each.setup_fee}


def sold_below_cost(lines: Sequence[Line], cost: OrderCost) -> tuple[str, ...]:
    """Return the products whose submitted sell price no longer covers their cost."""
    return tuple(
        line.item.product_name
        for line in lines
        if line.item.id in cost.by_item and cost.by_item[line.item.id].line_cost > line.item.line_total
    )


def write_costs(
    lines: Sequence[Line], parties: Parties, cost: OrderCost, explanation: Mapping[str, Mapping[str, Any]]
) -> None:
    """Keep cost, vendor cost and the rule of the sell price in side rows, out of an end customer's reach.

    `explanation` is what the submit found, by item id: rule, rule_id, markup_percent. Costs are written anew each time
    an order is worked on; what stands at its execution stays.
    """
    ids = [line.item.id for line in lines]
    known = _by_item(OrderItemCost, ids)
    for line in lines:
        item_cost = cost.by_item.get(line.item.id)
        if item_cost is None:
            continue
        row = known.get(line.item.id)
        if row is None:
            why = explanation.get(str(line.item.id), {})
            row = OrderItemCost(
                reseller_id=parties.payer.reseller_id,
                account_id=parties.payer.id,
                item_id=line.item.id,
                rule=str(why.get("rule") or COST),
                rule_id=UUID(why["rule_id"]) if why.get("rule_id") else None,
                markup_percent=Decimal(str(why["markup_percent"])) if why.get("markup_percent") is not None else None,
            )
            session.add(row)
        row.unit_cost, row.line_cost, row.base_cost = item_cost.unit_cost, item_cost.line_cost, item_cost.base_cost
        row.list_price, row.price_list_id, row.currency = (
            item_cost.list_price,
            item_cost.price_list_id,
            item_cost.currency,
        )
    _write_vendor_costs(lines, ids)
    session.flush()


def costs_by_item(lines: Sequence[Line]) -> Mapping[UUID, OrderItemCost]:
    """Return the written costs of an order's items."""
    return _by_item(OrderItemCost, [line.item.id for line in lines])


def _write_vendor_costs(lines: Sequence[Line], ids: Sequence[UUID]) -> None:
    distributor_id = current_scope().distributor_id
    prices = {
        (row.product_id, row.term, row.cycle, row.currency): row.vendor_cost
        for row in session.scalars(
            select(VendorCost).where(
                VendorCost.distributor_id == distributor_id,
                VendorCost.product_id.in_({line.product.id for line in lines}),
            )
        )
    }
    known = _by_item(OrderItemVendorCost, ids)
    for line in lines:
        item = line.item
        vendor_cost = prices.get((item.product_id, item.term, item.cycle, item.currency))
        row = known.get(item.id)
        if row is None:
            row = OrderItemVendorCost(item_id=item.id, currency=item.currency)
            session.add(row)
        row.unit_vendor_cost = vendor_cost


def _by_item(model: Any, ids: Sequence[UUID]) -> dict[UUID, Any]:
    rows = session.scalars(
        select(model).where(model.distributor_id == current_scope().distributor_id, model.item_id.in_(ids))
    )
    return {row.item_id: row for row in rows}


def _due(line: Line, cost: ItemCost, payer: Account, on: date) -> Decimal:
    kind, months = line.product_type.kind, line.item.cycle.months
    return cost.setup_fee + due_now(cost.line_cost, line.product, kind, months, payer, on)


def _setup_fees(lines: Sequence[Line]) -> dict[PriceKey, Decimal]:
    rows = session.execute(
        select(ProductPrice.product_id, ProductPrice.term, ProductPrice.cycle, ProductPrice.setup_fee).where(
            ProductPrice.distributor_id == current_scope().distributor_id,
            ProductPrice.product_id.in_({line.product.id for line in lines}),
            ProductPrice.currency.in_({line.item.currency for line in lines}),
            ProductPrice.setup_fee > 0,
        )
    )
    return {PriceKey(row.product_id, row.term, row.cycle): row.setup_fee for row in rows}


def agreed_prices(lines: Sequence[Line]) -> Mapping[UUID, Agreed]:
    """Return what staff agreed on for items, by item; no statement where it did for none (CB-F12)."""
    ids = [line.item.id for line in lines if line.item.is_price_agreed]
    if not ids:
        return {}
    rows: Mapping[UUID, OrderItemCost] = _by_item(OrderItemCost, ids)
    return {item_id: Agreed(row.user_price, row.discount_percent) for item_id, row in rows.items()}


def _at_running_price(today: ItemCost, running: SubscriptionCost, quantity: int) -> ItemCost:
    """Price added licences as the subscription they are added to (decisions section 8)."""
    line = line_amount(running.unit_cost, quantity, running.currency)
    return replace(today, unit_cost=running.unit_cost, line_cost=line, price_list_id=running.price_list_id)


def _before_reduction(priced: Priced) -> Decimal:
    """Return the unit price before what staff agreed on and before a promotion."""
    unit = priced.list_price
    for step in priced.steps:
        if step.step in (Step.USER_PRICE, Step.USER_DISCOUNT, Step.PROMOTION):
            break
        unit = step.unit_price
    return unit


def _asked(line: Line, promotions: Mapping[UUID, Promotion], agreed: Mapping[UUID, Agreed]) -> Asked:
    """Ask for a line at cost. A promotion that was accepted with the order holds, also if it has ended since."""
    item = line.item
    promotion = promotions.get(item.promotion_id) if item.promotion_id is not None else None
    return Asked(
        line.product,
        _key(item),
        item.quantity,
        tuple(item.price_options),
        reduction_of(promotion) if promotion is not None else None,
        agreed.get(item.id, NOTHING_AGREED),
    )


def _key(item: OrderItem) -> PriceKey:
    return PriceKey(item.product_id, item.term, item.cycle)
