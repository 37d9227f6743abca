"""Orders of the demo, in every status there is, placed through baskets and checkout as people would."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.models import Product
from app.core.clock import local_date, utc_now
from app.core.db import session, unit_of_work
from app.identity.models import User
from app.orders.approval import approve_order, reject_order
from app.orders.baskets import NewItem, Shopper, add_item, choose_recipient, open_basket, view_basket
from app.orders.checkout import Submission, place_order
from app.orders.models import Order, OrderStatus
from app.orders.terms import Evidence, terms_of
from app.pricing.catalogue_page import offered_ids
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import Buyer, PriceKey, alias_buyer, explain_products, root_buyer
from app.seed.cast import Customer, Reseller
from app.seed.companies import actor_of
from app.seed.stage import Stage, days_ago
from app.seed.work import bill_until_today, run_due_work, run_past_orders
from tenants.context import Scope, direct_customer_scope, end_customer_scope, reseller_scope, scope

SPREAD = (163, 88, 24)  # days ago, of a customer's first, second and third order
EVIDENCE = Evidence("http://demo/checkout/review", "127.0.0.1", "Demo")


@dataclass(frozen=True, slots=True)
class Shopping:
    """Somebody who buys somewhere: the scope of their requests, their basket, and how prices are found."""

    scope: Scope
    shopper: Shopper
    buyer: Buyer
    user_id: UUID


def play_sales(stage: Stage) -> None:
    """Place orders through half a year; approve, reject and leave some; run what workers would have run."""
    _direct_orders(stage)
    for reseller in stage.cast.resellers:
        for number, customer in enumerate(reseller.customers):
            if reseller.alias:
                _customer_orders(stage, reseller, customer, number)
            else:
                _reseller_order(stage, reseller, customer)
    run_past_orders(stage.distributor_id)
    for reseller in stage.cast.resellers:
        if reseller.alias:
            _decide(stage, reseller)
    run_past_orders(stage.distributor_id)
    run_due_work(stage.distributor_id)
    bill_until_today(stage.distributor_id)


def _named(found: Scope, payer_id: UUID) -> Scope:
    with scope(found):
        lists = price_list_ids_of(payer_id)
        session.rollback()
    return found.with_price_lists(lists)


def _root_shopping(stage: Stage, account_id: UUID, user_id: UUID, *, is_reseller: bool) -> Shopping:
    plain = (
        reseller_scope(stage.distributor_id, account_id)
        if is_reseller
        else direct_customer_scope(stage.distributor_id, account_id)
    )
    named = _named(plain, account_id)
    today = local_date(utc_now(), stage.cast.time_zone)
    with scope(named):
        buyer = root_buyer(session.get_one(Account, (stage.distributor_id, account_id)), today)
        session.rollback()
    shopper = Shopper(user_id, stage.root_id, account_id, account_id if is_reseller else None)
    return Shopping(named, shopper, buyer, user_id)


def _alias_shopping(stage: Stage, reseller: Reseller, customer: Customer) -> Shopping:
    reseller_id, customer_id = stage.accounts[reseller.name], stage.accounts[customer.name]
    named = _named(end_customer_scope(stage.distributor_id, reseller_id, customer_id), reseller_id)
    today = local_date(utc_now(), stage.cast.time_zone)
    with scope(named):
        buyer = alias_buyer(reseller_id, customer_id, today)
        session.rollback()
    user_id = stage.users[customer.person.email]
    return Shopping(named, Shopper(user_id, stage.storefronts[reseller.name], customer_id, reseller_id), buyer, user_id)


def _order(
    stage: Stage,
    shopping: Shopping,
    wanted: list[tuple[UUID, int]],
    *,
    end_customer_id: UUID | None = None,
    at: datetime,
) -> str | None:
    """Put products into the basket and check out; returns the order's number, None where nothing was offered."""
    with scope(shopping.scope):
        offered = offered_ids([product_id for product_id, _ in wanted], shopping.buyer)
        prices = explain_products(offered, shopping.buyer)
        session.rollback()
        keys: dict[UUID, PriceKey] = {}
        for key in sorted(prices, key=lambda each: (each.term.months, each.cycle.months), reverse=True):
            keys[key.product_id] = key
        if not keys:
            return None
        with unit_of_work():
            for product_id, quantity in wanted:
                if product_id in keys:
                    key = keys[product_id]
                    add_item(
                        shopping.shopper,
                        NewItem(product_id, key.term, key.cycle, quantity),
                        buyer=shopping.buyer,
                        at=at,
                    )
            choose_recipient(shopping.shopper, end_customer_id=end_customer_id, at=at)
        with unit_of_work():
            basket = open_basket(shopping.shopper, at=at)
            view = view_basket(shopping.shopper, shopping.buyer, at=at)
            accepted = frozenset(each.document.id for each in terms_of(view.lines))
            order = place_order(
                shopping.shopper,
                Submission(basket.checkout_key, accepted, EVIDENCE),
                buyer=shopping.buyer,
                placed_by=session.get_one(User, (stage.distributor_id, shopping.user_id)),
                at=at,
            )
            return order.number


def _products(stage: Stage, names: tuple[str, ...]) -> list[UUID]:
    with scope(stage.scope):
        found = session.scalars(
            select(Product.id)
            .where(
                Product.distributor_id == stage.distributor_id,
                Product.is_published,
                Product.name.in_(names) | Product.code.in_(names),
            )
            .order_by(Product.name)
        ).all()
        session.rollback()
    return list(found)


def _direct_orders(stage: Stage) -> None:
    direct = stage.cast.direct
    shopping = _root_shopping(stage, stage.accounts[direct.name], stage.users[direct.person.email], is_reseller=False)
    for days, names, quantity in (
        (172, ("Microsoft 365 Business Standard", "Power BI Pro"), 12),
        (121, ("SCAN-PRO",), 2),
        (64, ("Visio Plan 2",), 4),
        (9, ("MIG-DAY",), 3),  # people deliver it: the order stays In Progress
        (2, ("Microsoft 365 E5",), 900),  # more than the credit limit: stays Submitted
    ):
        _order(stage, shopping, [(found, quantity) for found in _products(stage, names)], at=days_ago(days))


def _customer_orders(stage: Stage, reseller: Reseller, customer: Customer, number: int) -> None:
    shopping = _alias_shopping(stage, reseller, customer)
    choices = (
        ("Microsoft 365 Business Basic", "Microsoft 365 Business Standard"),
        ("Microsoft 365 Business Premium", "Visio Plan 2"),
        ("Microsoft 365 Apps for business", "Power BI Pro"),
    )
    for turn in range(3):
        names = choices[(number + turn) % len(choices)]
        wanted = [(found, 3 + 4 * turn + number) for found in _products(stage, names)]
        _order(stage, shopping, wanted, at=days_ago(SPREAD[turn] - 11 * number))


def _reseller_order(stage: Stage, reseller: Reseller, customer: Customer) -> None:
    shopping = _root_shopping(stage, stage.accounts[reseller.name], stage.users[reseller.admin.email], is_reseller=True)
    wanted = [(found, 5) for found in _products(stage, ("Microsoft 365 Business Basic",))]
    _order(stage, shopping, wanted, end_customer_id=stage.accounts[customer.name], at=days_ago(97))
    _order(stage, shopping, [(found, 200) for found, _ in wanted], at=days_ago(5))  # beyond its credit: stays Submitted


def _decide(stage: Stage, reseller: Reseller) -> None:
    """Reject the second waiting order; approve what is older than a month, each a day later, and leave the rest."""
    reseller_id = stage.accounts[reseller.name]
    named = _named(reseller_scope(stage.distributor_id, reseller_id), reseller_id)
    with scope(named):
        waiting = session.execute(
            select(Order.number, Order.placed_at)
            .where(
                Order.distributor_id == stage.distributor_id,
                Order.reseller_id == reseller_id,
                Order.status == OrderStatus.PENDING_RESELLER_APPROVAL,
            )
            .order_by(Order.placed_at)
        ).all()
        actor = actor_of(stage, reseller.admin)
        session.rollback()
        for turn, (number, placed_at) in enumerate(waiting):
            at = placed_at + timedelta(days=1)
            with unit_of_work():
                if turn == 1:
                    words = "We have a better fitting plan for you; let us talk."
                    reject_order(number, words, approver=actor, at=at)
                elif at < utc_now() - timedelta(days=30):
                    approve_order(number, approver=actor, at=at)
