"""What a storefront's programs do with orders that stand: another day, the end of a scheduled one, the owner's decision.

A decision on an order that waits for the reseller's approval is the owner's, so its programs may make it (SF-35, GO-18).
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Response

from app.api.blueprints import storefront_bp as bp
from app.api.bodies import read_body
from app.api.callers import acting, current_caller, needs
from app.api.once import Made, once
from app.api.operations import writes
from app.api.orders.schemas import OrderCancellationIn
from app.api.orders.storefront import shown_order
from app.api.orders.storefront_schemas import ApprovalIn, DeclineIn, OrderPatch, RetailOrderDetail
from app.core.clock import utc_now
from app.identity.api_clients.models import ApiScope
from app.orders.approval import approve_order, reject_order
from app.orders.retail_queries import get_retail_order
from app.orders.schedule import cancel_scheduled, reschedule

REFUSES = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@bp.patch("/orders/<number>")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, body=OrderPatch, refuses=REFUSES)
def patch_order(number: str) -> Response:
    """Choose another day for a scheduled order, until its execution has started."""
    new, at = read_body(OrderPatch), utc_now()

    def make() -> Made:
        _require_in_reach(number)
        if "execute_on" in new.sent:
            reschedule(number, new.execute_on, actor=acting(), at=at)
        return Made(shown_order(number, at=at))

    return once(new, make, at=at)


@bp.post("/orders/<number>/cancel")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, body=OrderCancellationIn, refuses=REFUSES)
def cancel_order(number: str) -> Response:
    """Cancel a scheduled order whose execution has not started; nothing is charged."""
    new, at = read_body(OrderCancellationIn), utc_now()

    def make() -> Made:
        _require_in_reach(number)
        cancel_scheduled(number, reason=new.reason, actor=acting(), at=at)
        return Made(shown_order(number, at=at))

    return once(new, make, at=at)


@bp.post("/orders/<number>/approve")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, body=ApprovalIn, refuses=REFUSES)
def approve(number: str) -> Response:
    """Approve an order that waits for the storefront's owner; workers execute it within seconds."""
    new, at = read_body(ApprovalIn), utc_now()

    def make() -> Made:
        _require_in_reach(number)
        approve_order(number, approver=acting(), at=at, confirm_below_cost=new.confirm_below_cost)
        return Made(shown_order(number, at=at))

    return once(new, make, at=at)


@bp.post("/orders/<number>/decline")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, body=DeclineIn, refuses=REFUSES)
def decline(number: str) -> Response:
    """Decline an order that waits for the storefront's owner; the customer reads the reason."""
    new, at = read_body(DeclineIn), utc_now()

    def make() -> Made:
        _require_in_reach(number)
        reject_order(number, new.reason, approver=acting(), at=at)
        return Made(shown_order(number, at=at))

    return once(new, make, at=at)


def _require_in_reach(number: str) -> None:
    """Refuse another program's draft, as if it were not there. Raises OrderNotFound."""
    get_retail_order(number, current_caller().id)
