"""Reseller plans on orders made by staff: their alias is held from the save of the item to its execution (RS-05, RS-08)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.models import Product
from app.core.db import session
from app.core.errors import Invalid
from app.orders.execution_rows import Line
from app.orders.models import Order, OrderItem, OrderStatus
from app.resellers.aliases import hold_alias, release_alias
from app.resellers.errors import PlanAlreadyActive, ResellerRequired
from app.resellers.plans import PlanRequest, check_plan, live_plan, needs_alias


def plan_request(line: Line, account: Account) -> PlanRequest:
    """Return what a plan item asks for. A live plan of another edition is switched, in whichever way it was ordered."""
    current = live_plan(account.id)
    is_switch = current is not None and (
        line.item.subscription_id == current.id or current.plan_edition != line.product.plan_edition
    )
    switches_id = current.id if current is not None and is_switch else None
    return PlanRequest(account.id, line.product.id, line.item.quantity, line.item.alias, switches_id)


def refuse_while_executing(account: Account, *, apart_from: OrderItem) -> None:
    """Refuse a second plan while one of the account is being executed: a double click may not order twice."""
    found = session.scalar(
        select(Order.number)
        .join(OrderItem, (OrderItem.distributor_id == Order.distributor_id) & (OrderItem.order_id == Order.id))
        .join(Product, (Product.distributor_id == OrderItem.distributor_id) & (Product.id == OrderItem.product_id))
        .where(
            Order.distributor_id == account.distributor_id,
            Order.account_id == account.id,
            Order.status == OrderStatus.EXECUTING,
            Product.plan_edition.is_not(None),
            OrderItem.id != apart_from.id,
        )
        .limit(1)
    )
    if found is not None:
        raise Invalid.field("product", PlanAlreadyActive.code, f"{found} is being executed and brings a plan already")


def hold_for_item(item: OrderItem, alias: str | None, receiver: Account, at: datetime) -> str | None:
    """Check a plan item and hold its alias. An order may be saved without one: only its execution insists (RS-05)."""
    current = live_plan(receiver.id)
    if not receiver.is_reseller:
        raise Invalid.field("product", ResellerRequired.code, str(ResellerRequired()))
    if current is not None and item.subscription_id != current.id:
        raise Invalid.field("product", PlanAlreadyActive.code, str(PlanAlreadyActive(current.plan_edition or "")))
    refuse_while_executing(receiver, apart_from=item)
    if not needs_alias(receiver.id):
        return None
    if not (alias or "").strip():
        release_alias(item.id)
        return None
    return hold_alias(item.id, alias, reseller_id=receiver.id, at=at)


def check_plan_item(line: Line, receiver: Account, at: datetime) -> None:
    """Refuse a plan item that could not be executed, and prolong the hold of its alias; raises as `check_plan`."""
    refuse_while_executing(receiver, apart_from=line.item)
    check_plan(plan_request(line, receiver), at=at)
    if needs_alias(receiver.id):
        hold_alias(line.item.id, line.item.alias, reseller_id=receiver.id, at=at)
