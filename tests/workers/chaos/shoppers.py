"""Buyers of several storefronts who order at once, submit twice, and submit again when the answer does not come."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Term
from app.core import db
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.identity.models import User
from app.orders.baskets import NewItem, Shopper, add_item, open_basket
from app.orders.checkout import Evidence, Submission, place_order
from app.orders.models import BasketItem
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import Buyer, alias_buyer, root_buyer
from tenants.context import Scope, direct_customer_scope, end_customer_scope, scope
from tests.factories.world import World

EVIDENCE = Evidence(url="/checkout", address="127.0.0.1", browser="Chaos")
MOST_TRIES = 200
PAUSE = 0.3  # seconds before somebody submits again


class NeverAnswered(RuntimeError):
    """A checkout was submitted many times and never answered."""


@dataclass(frozen=True)
class Customer:
    """A buyer with what it may see; everything by id, so that threads share no row."""

    shopper: Shopper
    scope: Scope
    product_ids: tuple[tuple[UUID, Term], ...]

    def buyer(self) -> Buyer:
        """What it pays by, found anew: sessions come and go."""
        today = utc_now().date()
        if self.shopper.reseller_id is not None:
            return alias_buyer(self.shopper.reseller_id, self.shopper.account_id, today)
        return root_buyer(db.session.get_one(Account, (self.scope.distributor_id, self.shopper.account_id)), today)


@dataclass
class Answers:
    """The order numbers each checkout was answered with, however often it was submitted."""

    numbers: dict[UUID, list[str]] = field(default_factory=dict)
    submits: int = 0
    broken: int = 0  # submits that got no answer, and were made again
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, key: UUID, number: str | None) -> None:
        with self._lock:
            self.submits += 1
            if number is None:
                self.broken += 1
            else:
                self.numbers.setdefault(key, []).append(number)


def customers_of(world: World) -> list[Customer]:
    """The direct customer, and the customers of two resellers in their own storefronts."""
    products = ((world.seats.id, Term.P1M), (world.suite.id, Term.P1Y))
    found = [_customer(world, world.direct, world.direct_buyer, None, world.root.id, products)]
    for shop in (world.tech, world.cloudia):
        assert shop.storefront is not None
        found += [
            _customer(world, account, user, shop.id, shop.storefront.id, products)
            for account, user in zip(shop.customers, shop.buyers, strict=True)
        ]
    return found


def _customer(
    world: World,
    account: Account,
    user: User,
    reseller_id: UUID | None,
    storefront_id: UUID,
    products: tuple[tuple[UUID, Term], ...],
) -> Customer:
    with scope(world.scope):
        lists = price_list_ids_of(reseller_id or account.id)
        db.session.rollback()
    entered = (
        end_customer_scope(world.id, reseller_id, account.id)
        if reseller_id is not None
        else direct_customer_scope(world.id, account.id)
    )
    return Customer(Shopper(user.id, storefront_id, account.id, reseller_id), entered.with_price_lists(lists), products)


def order_all(customers: list[Customer], number: int, *, seed: int, answers: Answers) -> None:
    """Let the customers place so many orders together, each one after the other; every fourth is submitted twice."""
    shares = [number // len(customers) + (position < number % len(customers)) for position in range(len(customers))]
    with ThreadPoolExecutor(len(customers)) as pool:
        runs = [
            pool.submit(contextvars.Context().run, _order_some, customer, share, Random(seed + position), answers)
            for position, (customer, share) in enumerate(zip(customers, shares, strict=True))
        ]
        for run in runs:
            run.result()


def _order_some(customer: Customer, number: int, random: Random, answers: Answers) -> None:
    for _ in range(number):
        product_id, term = random.choice(customer.product_ids)
        wanted = NewItem(product_id, term, BillingCycle.MONTHLY, random.randint(1, 5))
        key = _until_answered(lambda wanted=wanted: _fill(customer, wanted))
        if random.random() < 0.25:
            twin = threading.Thread(target=contextvars.Context().run, args=(_submit, customer, key, answers))
            twin.start()
            _submit(customer, key, answers)
            twin.join()
        else:
            _submit(customer, key, answers)


def _fill(customer: Customer, wanted: NewItem) -> UUID:
    at = utc_now()
    with _session(customer):
        basket = open_basket(customer.shopper, at=at)
        if not db.session.scalar(select(func.count()).select_from(BasketItem).where(BasketItem.basket_id == basket.id)):
            add_item(customer.shopper, wanted, buyer=customer.buyer(), at=at)
        return basket.checkout_key


def _submit(customer: Customer, key: UUID, answers: Answers) -> None:
    def once() -> str:
        try:
            with _session(customer) as session:
                user = session.get_one(User, (customer.scope.distributor_id, customer.shopper.user_id))
                submission = Submission(key, frozenset(), EVIDENCE)
                order = place_order(customer.shopper, submission, buyer=customer.buyer(), placed_by=user, at=utc_now())
                number = order.number
        except SQLAlchemyError:
            answers.note(key, None)
            raise
        answers.note(key, number)
        return number

    _until_answered(once)


@contextmanager
def _session(customer: Customer) -> Iterator[db.BoundSession]:
    try:
        with scope(customer.scope), unit_of_work() as session:
            yield session
    finally:
        db.session.remove()


def _until_answered(ask):  # type: ignore[no-untyped-def]
    """Ask again, as a person does, until there is an answer; the database may be away."""
    for _ in range(MOST_TRIES):
        try:
            return ask()
        except SQLAlchemyError:
            time.sleep(PAUSE)
    raise NeverAnswered
