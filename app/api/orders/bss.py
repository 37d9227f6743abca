"""Orders of the back office: drafted, filled, recorded and executed by programs, at wholesale (BC-32, CB-18)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from uuid import UUID

from flask import Response, url_for

from app.api.answers import answered
from app.api.blueprints import bss_bp as bp
from app.api.bodies import no_body, read_body, read_optional
from app.api.callers import acting, current_caller, needs, program_here
from app.api.criteria import asked_criteria
from app.api.lists import asked_page, listed
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.orders.bss_schemas import (
    ExecutionIn,
    WholesaleItemIn,
    WholesaleOrderDetail,
    WholesaleOrderIn,
    WholesaleOrderOut,
)
from app.api.orders.schemas import OrderCancellationIn
from app.api.schemas import Listed
from app.core.clock import utc_now
from app.core.errors import Forbidden
from app.identity.api_clients.models import ApiScope
from app.identity.permissions import Permission
from app.orders import back_office, back_office_items
from app.orders.answers import read_item_answers
from app.orders.back_office_drafts import record_draft
from app.orders.back_office_execution import Start
from app.orders.back_office_execution import cancel as cancel_in_full
from app.orders.back_office_execution import execute as execute_order
from app.orders.back_office_items import WantedItem
from app.orders.back_office_queries import (
    ORDER_PROPERTIES,
    BackOfficeFilter,
    count_found,
    find_orders,
    get_for_back_office,
    items_for_back_office,
)

Orders = Listed[WholesaleOrderOut]
NO_DAYS = "UTC"  # days of a zone are not asked for: criteria name instants
OF_DRAFTS = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)


@bp.get("/orders")
@needs(ApiScope.ORDERS_READ)
@answers(Orders, lists=ORDER_PROPERTIES)
def orders() -> Response:
    """List all orders, and the program's own drafts."""
    asked, criteria = asked_page(), asked_criteria(ORDER_PROPERTIES)
    wanted = BackOfficeFilter(drafts_of=current_caller().id)
    found = find_orders(wanted, zone=NO_DAYS, limit=asked.size, offset=asked.offset, criteria=criteria)
    total = count_found(wanted, zone=NO_DAYS, criteria=criteria)
    return listed(Orders, [WholesaleOrderOut.of(each) for each in found], asked, total)


@bp.get("/orders/<number>")
@needs(ApiScope.ORDERS_READ)
@answers(WholesaleOrderDetail, refuses=(HTTPStatus.NOT_FOUND,))
def order(number: str) -> Response:
    """Return one order with its items."""
    return answered(_order(number))


@bp.post("/orders")
@needs(ApiScope.ORDERS_WRITE)
@writes(WholesaleOrderDetail, HTTPStatus.CREATED, body=WholesaleOrderIn, refuses=(HTTPStatus.NOT_FOUND,))
def create_order() -> Response:
    """Start a draft for an account; it expires after 7 days."""
    new, at = read_body(WholesaleOrderIn), utc_now()

    def make() -> Made:
        program = program_here()
        made = back_office.create_order(new.to_order(), actor=acting(), at=at, program=program)
        for each in new.items:
            back_office_items.add_item(made.number, _wanted(each), actor=acting(), at=at, program=program)
        return Made(_order(made.number), HTTPStatus.CREATED, url_for(".order", number=made.number), made.id)

    return once(new, make, at=at)


@bp.post("/orders/<number>/items")
@needs(ApiScope.ORDERS_WRITE)
@writes(WholesaleOrderDetail, HTTPStatus.CREATED, body=WholesaleItemIn, refuses=OF_DRAFTS)
def add_item(number: str) -> Response:
    """Put a product on a draft."""
    new, at = read_body(WholesaleItemIn), utc_now()

    def make() -> Made:
        item = back_office_items.add_item(number, _wanted(new), actor=acting(), at=at, program=program_here())
        location = url_for(".remove_item", number=number, item_id=item.id)
        return Made(_order(number), HTTPStatus.CREATED, location, item.order_id)

    return once(new, make, at=at)


@bp.delete("/orders/<number>/items/<uuid:item_id>")
@needs(ApiScope.ORDERS_WRITE)
@writes(WholesaleOrderDetail, refuses=OF_DRAFTS)
def remove_item(number: str, item_id: UUID) -> Response:
    """Take an item off a draft."""
    no_body()
    at = utc_now()

    def make() -> Made:
        back_office_items.remove_item(number, item_id, actor=acting(), at=at, program=program_here())
        return Made(_order(number))

    return once(None, make, at=at)


@bp.post("/orders/<number>/submit")
@needs(ApiScope.ORDERS_WRITE)
@writes(WholesaleOrderDetail, refuses=OF_DRAFTS)
def submit(number: str) -> Response:
    """Record a draft as an order: Submitted, as one that staff has made."""
    no_body()
    at = utc_now()

    def make() -> Made:
        record_draft(number, program=program_here(), actor=acting(), at=at)
        return Made(_order(number))

    return once(None, make, at=at)


@bp.post("/orders/<number>/execute")
@needs(ApiScope.ORDERS_WRITE)
@writes(WholesaleOrderDetail, body=ExecutionIn, needs_body=False, refuses=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
def execute(number: str) -> Response:
    """Execute a submitted order: workers do it within seconds, or on the day that is named."""
    new, rights, at = read_optional(ExecutionIn), _rights(Permission.BSS_ORDERS_EXECUTE), utc_now()
    get_for_back_office(number)  # a draft, or another program's, is none that could be executed

    def make() -> Made:
        start = Start(new.starts_on, may_backdate=rights is None or Permission.BSS_BILLING_EDIT in rights)
        execute_order(number, start=start, actor=acting(), at=at)
        return Made(_order(number))

    return once(new, make, at=at)


@bp.post("/orders/<number>/cancel")
@needs(ApiScope.ORDERS_WRITE)
@writes(WholesaleOrderDetail, body=OrderCancellationIn, refuses=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
def cancel_order(number: str) -> Response:
    """Cancel an order that was not executed; the reason is for staff, and what was delivered stays."""
    new, at = read_body(OrderCancellationIn), utc_now()
    get_for_back_office(number)

    def make() -> Made:
        cancel_in_full(number, reason=new.reason, actor=acting(), at=at)
        return Made(_order(number))

    return once(new, make, at=at)


def _rights(needed: Permission) -> frozenset[Permission] | None:
    """Return the rights of whom the client acts for, None of nobody: all. Raises Forbidden without the one needed."""
    rights = current_caller().rights
    if rights is not None and needed not in rights:
        raise Forbidden("Who these credentials act for may not do this")
    return rights


def _wanted(new: WholesaleItemIn) -> WantedItem:
    return replace(new.to_item(), characteristics=read_item_answers(new.product_id, new.answers))


def _order(number: str) -> WholesaleOrderDetail:
    found = get_for_back_office(number, drafts_of=current_caller().id)
    return WholesaleOrderDetail.with_items(found, items_for_back_office(found.id))
