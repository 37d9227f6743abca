"""Upgrading a reseller in one step: always an order, always a plan subscription (RS-06)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.queries import get_account_for_update
from app.audit.services import Actor
from app.catalogue.models import BillingCycle, Term
from app.orders.back_office import NewOrder, create_order
from app.orders.back_office_execution import execute
from app.orders.back_office_items import WantedItem, add_item
from app.orders.models import Order
from app.resellers.plans import live_plan


@dataclass(frozen=True, slots=True)
class PlanUpgrade:
    """The choice of the "Upgrade reseller" dialog (RS-06)."""

    product_id: UUID
    term: Term
    cycle: BillingCycle
    alias: str | None = None


def upgrade_reseller(account_id: UUID, upgrade: PlanUpgrade, *, actor: Actor, at: datetime) -> Order:
    """Create and execute the order of a plan in one step: one code path, and always a plan subscription (RS-06).

    A reseller with a live plan is switched to the other one and keeps its alias. Raises as `add_item` and `execute`.
    """
    get_account_for_update(account_id)  # a double click waits here and meets the first one's order
    current = live_plan(account_id)
    order = create_order(NewOrder(account_id), actor=actor, at=at)
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
