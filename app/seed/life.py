"""What happens to subscriptions of the demo after they were bought, and what sales is offering meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.models import Product
from app.changes.effects import NewChange
from app.changes.requests import submit_change
from app.changes.switches import set_auto_renew
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.ids import new_id
from app.orders.agreed import AgreedPrice
from app.orders.offers.lifecycle import mark, share
from app.orders.offers.machine import OfferMove
from app.orders.offers.rows import Staff
from app.orders.offers.services import OfferDetails, OfferedItem, add_item, create_offer
from app.pricing.quotes import explain_products, root_buyer
from app.seed.stage import Stage
from app.seed.work import run_due_work
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription, SubscriptionStatus
from tenants.context import scope
from tenants.days import distributors_day


def play_life(stage: Stage) -> None:
    """Change some running subscriptions, each in another way, and make three offers."""
    with scope(stage.scope):
        running = session.scalars(
            select(Subscription.id)
            .where(
                Subscription.distributor_id == stage.distributor_id,
                Subscription.status == SubscriptionStatus.ACTIVE,
                Subscription.plan_edition.is_(None),
            )
            .order_by(Subscription.code)
        ).all()
        session.rollback()
    ways: tuple[Callable[[Stage, UUID], None], ...] = (_more_seats, _fewer_later, _ends, _suspended, _not_renewed)
    for subscription_id, way in zip(running, ways, strict=False):
        way(stage, subscription_id)
    run_due_work(stage.distributor_id)
    _make_offers(stage)


def _new(subscription_id: UUID, kind: ChangeKind, **wanted: Any) -> NewChange:
    return NewChange(subscription_id=subscription_id, kind=kind, request_key=new_id(), **wanted)


def _submit(stage: Stage, new: NewChange) -> None:
    with scope(stage.scope), unit_of_work():
        submit_change(new, actor=stage.manager, at=utc_now())


def _quantity_of(stage: Stage, subscription_id: UUID) -> int:
    with scope(stage.scope):
        found = session.get_one(Subscription, (stage.distributor_id, subscription_id)).quantity
        session.rollback()
        return found


def _more_seats(stage: Stage, subscription_id: UUID) -> None:
    wanted = _quantity_of(stage, subscription_id) + 3
    _submit(stage, _new(subscription_id, ChangeKind.QUANTITY, quantity_to=wanted))


def _fewer_later(stage: Stage, subscription_id: UUID) -> None:
    wanted = max(1, _quantity_of(stage, subscription_id) - 2)
    _submit(
        stage,
        _new(subscription_id, ChangeKind.QUANTITY, timing=ChangeTiming.PERIOD_END, quantity_to=wanted),
    )


def _ends(stage: Stage, subscription_id: UUID) -> None:
    _submit(
        stage,
        _new(
            subscription_id,
            ChangeKind.CANCELLATION,
            timing=ChangeTiming.PERIOD_END,
            reason="Unused",
            comment="The office moves to another suite.",
        ),
    )


def _suspended(stage: Stage, subscription_id: UUID) -> None:
    _submit(stage, _new(subscription_id, ChangeKind.SUSPENSION))


def _not_renewed(stage: Stage, subscription_id: UUID) -> None:
    with scope(stage.scope), unit_of_work():
        set_auto_renew(subscription_id, is_on=False, actor=stage.manager, at=utc_now())


def _make_offers(stage: Stage) -> None:
    """One in the making, one shared, one accepted; all to the direct customer."""
    account_id, staff = stage.accounts[stage.cast.direct.name], Staff(stage.manager, is_administrator=True)
    with scope(stage.scope):
        offered = _items(stage, account_id)
        session.rollback()
    if not offered:
        return
    for name, is_shared, is_accepted in (
        ("New branch office", False, False),
        ("Project team", True, False),
        ("Warehouse", True, True),
    ):
        with scope(stage.scope), unit_of_work():
            at = utc_now()
            details = OfferDetails(
                name=name,
                valid_until=distributors_day(at) + timedelta(days=30),
                introduction="As discussed: everything your people need from the first day on.",
            )
            offer = create_offer(account_id, details, staff=staff, at=at)
            for item in offered:
                add_item(offer.number, item, staff=staff, at=at)
            if is_shared:
                share(offer.number, staff=staff, at=at)
            if is_accepted:
                mark(offer.number, OfferMove.ACCEPT, staff=staff, at=at)


def _items(stage: Stage, account_id: UUID) -> Sequence[OfferedItem]:
    account = session.get_one(Account, (stage.distributor_id, account_id))
    products = session.scalars(
        select(Product.id)
        .where(
            Product.distributor_id == stage.distributor_id,
            Product.is_published,
            Product.name.in_(("Microsoft 365 Business Premium", "Visio Plan 2")),
        )
        .order_by(Product.name)
    ).all()
    prices = explain_products(products, root_buyer(account, distributors_day(utc_now())))
    keys = {}
    for key in sorted(prices, key=lambda each: (each.term.months, each.cycle.months), reverse=True):
        keys[key.product_id] = key
    return [
        OfferedItem(key.product_id, key.term, key.cycle, 10, agreed=AgreedPrice(discount_percent=Decimal(5)))
        for key in keys.values()
    ]
