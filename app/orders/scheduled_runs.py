"""Executing scheduled orders on their day: at the prices of that day, by the workers (SF-33, CB-20)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.core.db import nudge_after_commit, session
from app.core.errors import DomainError
from app.core.queue import Nudge
from app.orders.errors import NoLongerOffered
from app.orders.execution import request_execution
from app.orders.execution_events import add_event
from app.orders.execution_rows import Line, lines_of, parties_of
from app.orders.jobs import RUN_SCHEDULED_ORDER
from app.orders.models import Order, OrderChannel, OrderStatus
from app.orders.schedule import note_failed_try
from app.pricing.lines import Asked, PricedLine, price_lines
from app.pricing.promotions.queries import promotions_by_id, reduction_of
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import Buyer, PriceKey, alias_buyer, explain_prices, root_buyer
from tenants.context import Scope, current_scope, reseller_scope, scope
from tenants.days import distributors_day

MOST = 200
REPRICED = "Prices have changed since the order was placed; those of today apply."


def nudge_due(at: datetime) -> None:
    """Tell the workers about scheduled orders whose time has come. Needs the distributor's scope."""
    here = current_scope().distributor_id
    due = session.scalars(
        select(Order.id)
        .where(Order.distributor_id == here, Order.status == OrderStatus.SCHEDULED, Order.run_at <= at)
        .order_by(Order.run_at, Order.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
    ).all()
    for order_id in due:
        nudge_after_commit(Nudge(RUN_SCHEDULED_ORDER, order_id, here))


def run_scheduled(order_id: UUID, *, at: datetime) -> bool:
    """Bring a due order to today's prices and ask for its execution; whose checks decide. Returns whether it was asked for.

    A second run finds it Executing, or moved to another day, and does nothing. Where a product is no longer sold the try
    has failed: tomorrow again, three times in all. Needs the distributor's scope.
    """
    order = session.scalar(
        select(Order)
        .where(
            Order.distributor_id == current_scope().distributor_id,
            Order.id == order_id,
            Order.status == OrderStatus.SCHEDULED,
            Order.run_at <= at,
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if order is None:
        return False
    try:
        with session.begin_nested():
            _reprice(order, at=at)
            request_execution(order, at=at)
    except DomainError as refusal:
        note_failed_try(order, refusal, at=at)
        session.flush()
        return False
    return True


def _reprice(order: Order, *, at: datetime) -> None:
    """Give the buyer's lines the prices of today; what staff agreed on stays. Raises NoLongerOffered."""
    lines = [line for line in lines_of(order) if not line.item.is_price_agreed]
    buyer, owner = _buyer(order, at)
    with scope(owner):
        prices = explain_prices({_key(line) for line in lines}, buyer)
        promotions = promotions_by_id({line.item.promotion_id for line in lines if line.item.promotion_id is not None})
        lowered = {promotion_id: reduction_of(promotion) for promotion_id, promotion in promotions.items()}
        asked = [
            Asked(
                line.product, _key(line), line.item.quantity, tuple(line.item.price_options),
                lowered.get(line.item.promotion_id) if line.item.promotion_id else None,
            )
            for line in lines
        ]  # fmt: skip
        priced = price_lines(asked, prices, buyer)
    _require_all(order, lines, priced)
    before = order.net_total
    for line, found in zip(lines, priced, strict=True):
        assert found is not None
        line.item.unit_price, line.item.line_total = found.price.unit_price, found.line_total
    session.flush()
    order.net_total = sum((line.item.line_total for line in lines_of(order)), Decimal(0))
    if order.net_total != before:
        add_event(order, "repriced", REPRICED, at=at)
    session.flush()


def _buyer(order: Order, at: datetime) -> tuple[Buyer, Scope]:
    """Return who buys, and the scope in which its prices are found: a reseller's markups are its own."""
    today, here = distributors_day(at), current_scope()
    if order.channel is OrderChannel.ALIAS and order.reseller_id is not None:
        owner = reseller_scope(here.distributor_id, order.reseller_id)
        return (
            alias_buyer(order.reseller_id, order.account_id, today, lists_on=today),
            owner.with_price_lists(price_list_ids_of(order.payer_id)),
        )
    return root_buyer(parties_of(order).payer, today), here


def _require_all(order: Order, lines: Sequence[Line], priced: Sequence[PricedLine | None]) -> None:
    missing = [
        line.item.product_name
        for line, found in zip(lines, priced, strict=True)
        if found is None or not line.product.is_on_sale
    ]
    if missing:
        raise NoLongerOffered(order.number, tuple(missing))


def _key(line: Line) -> PriceKey:
    return PriceKey(line.item.product_id, line.item.term, line.item.cycle)
