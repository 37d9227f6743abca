"""Reseller plans on orders made by staff: their alias is held from the save of the item to its execution (RS-05, RS-08)."""

from __future__ import annotations

from datetime import datetime

from app.accounts.models import Account
from app.core.errors import Invalid
from app.orders.execution_rows import Line
from app.orders.models import OrderItem
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


def hold_for_item(item: OrderItem, alias: str | None, receiver: Account, at: datetime) -> str | None:
    """Check a plan item and hold its alias. An order may be saved without one: only its execution insists (RS-05)."""
    current = live_plan(receiver.id)
    if not receiver.is_reseller:
        raise Invalid.field("product", ResellerRequired.code, str(ResellerRequired()))
    if current is not None and item.subscription_id != current.id:
        raise Invalid.field("product", PlanAlreadyActive.code, str(PlanAlreadyActive(current.plan_edition or "")))
    if not needs_alias(receiver.id):
        return None
    if not (alias or "").strip():
        release_alias(item.id)
        return None
    return hold_alias(item.id, alias, reseller_id=receiver.id, at=at)


def check_plan_item(line: Line, receiver: Account, at: datetime) -> None:
    """Refuse a plan item that could not be executed, and prolong the hold of its alias; raises as `check_plan`."""
    check_plan(plan_request(line, receiver), at=at)
    if needs_alias(receiver.id):
        hold_alias(line.item.id, line.item.alias, reseller_id=receiver.id, at=at)
