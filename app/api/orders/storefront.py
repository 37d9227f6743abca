"""Orders of a storefront: drafts for its customers, filled and submitted; what became of all of them (RS-30, BC-33)."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from flask import Response, request, url_for

from app.access import current_address
from app.api.answers import answered
from app.api.blueprints import storefront_bp as bp
from app.api.bodies import no_body, read_body
from app.api.buyers import buyer_here, customer_here
from app.api.callers import acting, current_caller, needs, program_here
from app.api.lists import listed_by
from app.api.once import Made, once
from app.api.operations import answers, writes
from app.api.orders.storefront_schemas import (
    RetailItemIn,
    RetailOrderDetail,
    RetailOrderIn,
    RetailOrderOut,
    SubmitIn,
)
from app.api.schemas import Listed
from app.core.clock import utc_now
from app.identity.api_clients.models import ApiScope
from app.orders.drafts import (
    NewDraft,
    Submission,
    add_draft_item,
    buyer_account_of,
    create_draft,
    get_draft,
    remove_draft_item,
    submit_draft,
)
from app.orders.models import OrderStatus
from app.orders.retail_queries import (
    ORDER_PROPERTIES,
    count_retail_orders,
    get_retail_order,
    items_of_retail,
    list_retail_orders,
)
from app.orders.terms import Evidence
from app.pricing.buyers import Buyer

Orders = Listed[RetailOrderOut]
OF_DRAFTS = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)


@bp.get("/orders")
@needs(ApiScope.ORDERS_READ)
@answers(Orders, lists=ORDER_PROPERTIES)
def orders() -> Response:
    """List the orders of the storefront's owner and its customers, and the program's own drafts."""
    program_id = current_caller().id
    return listed_by(Orders, RetailOrderOut.of, ORDER_PROPERTIES, list_retail_orders, count_retail_orders, program_id)


@bp.get("/orders/<number>")
@needs(ApiScope.ORDERS_READ)
@answers(RetailOrderDetail, refuses=(HTTPStatus.NOT_FOUND, HTTPStatus.GONE))
def order(number: str) -> Response:
    """Return one order with its items; a draft at today's prices, with what it still needs."""
    return answered(shown_order(number, at=utc_now()))


@bp.post("/orders")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, HTTPStatus.CREATED, body=RetailOrderIn, refuses=(HTTPStatus.NOT_FOUND,))
def create_order() -> Response:
    """Start a draft for a customer; it expires after 7 days."""
    new, at, address = read_body(RetailOrderIn), utc_now(), current_address()
    assert address.storefront_id is not None, "the console has no API"
    storefront_id = address.storefront_id

    def make() -> Made:
        customer = customer_here(new.customer_id)
        buyer, program = buyer_here(customer.id, at=at), program_here()
        wanted = NewDraft(customer.id, storefront_id, new.po_number, new.comment)
        made = create_draft(wanted, buyer=buyer, program=program, actor=acting(), at=at)
        for each in new.items:
            add_draft_item(made.number, each.to_item(), buyer=buyer, program=program, at=at)
        location = url_for(".order", number=made.number)
        return Made(shown_order(made.number, at=at), HTTPStatus.CREATED, location, made.id)

    return once(new, make, at=at)


@bp.post("/orders/<number>/items")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, HTTPStatus.CREATED, body=RetailItemIn, refuses=OF_DRAFTS)
def add_item(number: str) -> Response:
    """Put a product on a draft."""
    new, at = read_body(RetailItemIn), utc_now()

    def make() -> Made:
        item = add_draft_item(number, new.to_item(), buyer=_buyer(number, at), program=program_here(), at=at)
        location = url_for(".remove_item", number=number, item_id=item.id)
        return Made(shown_order(number, at=at), HTTPStatus.CREATED, location, item.order_id)

    return once(new, make, at=at)


@bp.delete("/orders/<number>/items/<uuid:item_id>")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, refuses=OF_DRAFTS)
def remove_item(number: str, item_id: UUID) -> Response:
    """Take an item off a draft."""
    no_body()
    at = utc_now()

    def make() -> Made:
        draft = remove_draft_item(number, item_id, buyer=_buyer(number, at), program=program_here(), at=at)
        return Made(shown_order(number, at=at), order_id=draft.id)

    return once(None, make, at=at)


@bp.post("/orders/<number>/submit")
@needs(ApiScope.ORDERS_WRITE)
@writes(RetailOrderDetail, body=SubmitIn, refuses=OF_DRAFTS)
def submit(number: str) -> Response:
    """Order what a draft holds: it waits for nobody's approval, and workers execute it within seconds, or on its day."""
    sent, at = read_body(SubmitIn), utc_now()
    submission = Submission(
        net_total=sent.net_total,
        accepted=frozenset(sent.accepted_terms),
        accepted_by=sent.accepted_by,
        evidence=Evidence(request.url, request.remote_addr or "", current_caller().name),
        execute_on=sent.execute_on,
    )

    def make() -> Made:
        buyer = _buyer(number, at)
        submit_draft(number, submission, buyer=buyer, program=program_here(), actor=acting(), at=at)
        return Made(shown_order(number, at=at))

    return once(sent, make, at=at)


def _buyer(number: str, at: datetime) -> Buyer:
    return buyer_here(buyer_account_of(number, program_here()), at=at)


def shown_order(number: str, *, at: datetime) -> RetailOrderDetail:
    """Return an order as its owner's programs read it; raises OrderNotFound, also for another program's draft."""
    found = get_retail_order(number, current_caller().id)
    draft = None
    if found.status is OrderStatus.DRAFT:
        draft = get_draft(number, buyer=buyer_here(found.account_id, at=at), program=program_here(), at=at)
    return RetailOrderDetail.with_items(found, items_of_retail(found.id), draft)
