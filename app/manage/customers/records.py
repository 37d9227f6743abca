"""What one customer has bought: orders, subscriptions, assets, and what happened (RS-24)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.core.clock import utc_now
from app.identity.permissions import Permission
from app.manage.customers.blueprint import bp, customer_page, reseller_id
from app.orders.reseller_queries import StaffFilter, count_staff_orders, list_staff_orders, order_history
from app.orders.words import status_words
from app.owner.lists import with_args
from app.resellers.customer_services import list_customer_assets, list_customer_subscriptions, subscription_history
from app.web.pagination import Page, requested_page

HISTORY = 100


@bp.get("/<uuid:customer_id>/orders")
@permission_required(Permission.MANAGE_CUSTOMERS)
def orders(customer_id: UUID) -> ResponseReturnValue:
    """List a customer's orders with sell and cost totals."""
    asked, wanted = requested_page(), StaffFilter(account_id=customer_id)
    rows = list_staff_orders(reseller_id(), wanted, at=utc_now(), limit=asked.size, offset=asked.offset)
    total = count_staff_orders(reseller_id(), wanted)
    return customer_page(
        "orders",
        customer_id,
        found=Page(rows, total, asked.number, asked.size),
        status_words=status_words,
        with_args=with_args,
    )


@bp.get("/<uuid:customer_id>/subscriptions")
@permission_required(Permission.MANAGE_CUSTOMERS)
def subscriptions(customer_id: UUID) -> ResponseReturnValue:
    """List a customer's subscriptions with sell and cost unit prices."""
    asked = requested_page()
    rows, total = list_customer_subscriptions(customer_id, limit=asked.size, offset=asked.offset)
    return customer_page(
        "subscriptions", customer_id, found=Page(rows, total, asked.number, asked.size), with_args=with_args
    )


@bp.get("/<uuid:customer_id>/assets")
@permission_required(Permission.MANAGE_CUSTOMERS)
def assets(customer_id: UUID) -> ResponseReturnValue:
    """List a customer's one-off purchases."""
    asked = requested_page()
    rows, total = list_customer_assets(customer_id, limit=asked.size, offset=asked.offset)
    return customer_page("assets", customer_id, found=Page(rows, total, asked.number, asked.size), with_args=with_args)


@bp.get("/<uuid:customer_id>/activity")
@permission_required(Permission.MANAGE_CUSTOMERS)
def activity(customer_id: UUID) -> ResponseReturnValue:
    """Show what happened to a customer's orders and subscriptions, the newest first."""
    steps: list[dict[str, Any]] = [
        {"title": event.text, "state": "done", "at": event.at, "actor": event.actor_name, "cause": number}
        for event, number in order_history(customer_id, limit=HISTORY)
    ]
    steps += [
        {"title": event.text, "state": "done", "at": event.at, "actor": event.actor_name, "cause": f"{name} ({code})"}
        for event, name, code in subscription_history(customer_id, limit=HISTORY)
    ]
    steps.sort(key=lambda step: step["at"], reverse=True)
    return customer_page("activity", customer_id, steps=steps[:HISTORY])
