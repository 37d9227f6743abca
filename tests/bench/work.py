"""Orders and provisioning tasks in the scale database, made and carried out in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from rq import Queue as RedisQueue
from rq import SimpleWorker
from sqlalchemy import Engine, delete, event, func, select, text

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Product, ProductType, Term
from app.core import db
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.queue import Nudge, Queue, redis_connection, send_nudges
from app.identity.models import User, UserKind
from app.orders.baskets import NewItem, Shopper, add_item, open_basket
from app.orders.checkout import Evidence, Submission, place_order
from app.orders.models import Order, OrderStatus
from app.pricing.queries import price_list_ids_of
from app.pricing.quotes import alias_buyer
from app.provisioning.jobs import PROVISION_BATCH, PROVISION_ORDER_ITEM
from app.provisioning.models import ProvisioningTask, ServiceManager, TaskStatus, VendorAccountLink
from tenants.context import distributor_scope, end_customer_scope, scope
from tenants.models import Address, Storefront
from tests.bench import jobs
from tests.bench.measuring import cpu_seconds
from tests.bench.scale import ALIAS, CUSTOMER
from tests.factories import execution
from tests.factories.execution import Wanted, make_order, use_service_manager
from tests.fakes.connector import FakeConnector
from workers.jobs import orders, provisioning
from workers.quiet import QuietWorker

MANAGER = "fake"
FIRST_NUMBER = 900_001


@dataclass(frozen=True)
class Buying:
    """Who orders, and where."""

    distributor_id: UUID
    reseller_id: UUID
    storefront_id: UUID
    customer_id: UUID
    user_id: UUID
    product_ids: Sequence[UUID]


@dataclass(frozen=True)
class OrderCost:
    """What one order took: our thread and the database's backend."""

    cpu_milliseconds: float
    seconds: float


def who_buys(distributor_id: str) -> Buying:
    """Find the measured customer's buyer and three products."""
    root = UUID(distributor_id)
    with scope(distributor_scope(root)):
        address = db.session.scalars(select(Address).where(Address.alias == ALIAS)).one()
        assert address.reseller_id is not None
        assert address.storefront_id is not None
        user = db.session.scalars(
            select(User)
            .where(User.kind == UserKind.END_CUSTOMER, User.reseller_id == address.reseller_id)
            .order_by(User.id)
        ).all()[CUSTOMER]
        assert user.account_id is not None
        products = db.session.scalars(
            select(Product.id).where(Product.name.like("Business service%")).order_by(Product.name).limit(3)
        ).all()
    return Buying(root, address.reseller_id, address.storefront_id, user.account_id, user.id, products)


def place_orders(buying: Buying, number: int) -> OrderCost:
    """Place orders of three products each; filling the baskets is not counted."""
    at, spent, taken = utc_now(), 0.0, 0.0
    shopper = Shopper(buying.user_id, buying.storefront_id, buying.customer_id, buying.reseller_id)
    with scope(end_customer_scope(buying.distributor_id, buying.reseller_id, buying.customer_id)):
        lists = price_list_ids_of(buying.reseller_id)
    evidence = Evidence(url="/checkout", address="127.0.0.1", browser="Bench")
    entered = end_customer_scope(buying.distributor_id, buying.reseller_id, buying.customer_id).with_price_lists(lists)
    for _ in range(number):
        with scope(entered):
            buyer = alias_buyer(buying.reseller_id, buying.customer_id, at.date())
            with unit_of_work():
                for product_id in buying.product_ids:
                    add_item(shopper, NewItem(product_id, Term.P1M, BillingCycle.MONTHLY, 2), buyer=buyer, at=at)
                key = open_basket(shopper, at=at).checkout_key
                backend = db.session.scalar(select(func.pg_backend_pid()))
            db.session.expunge_all()
            assert backend is not None
            cpu, began = time.thread_time() + cpu_seconds([backend]), time.perf_counter()
            with unit_of_work():
                user = db.session.get_one(User, (buying.distributor_id, buying.user_id))
                place_order(shopper, Submission(key, frozenset(), evidence), buyer=buyer, placed_by=user, at=at)
            taken += time.perf_counter() - began
            spent += time.thread_time() + cpu_seconds([backend]) - cpu
            db.session.expunge_all()
    return OrderCost(spent / number * 1000, taken / number)


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Collect what is sent to the database besides the scope and the transaction's ends."""
    seen: list[str] = []
    engine = db.BoundSession.bound_to
    assert isinstance(engine, Engine)

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        if not sql.startswith("SET LOCAL"):
            seen.append(sql)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def statements_of_an_order(buying: Buying) -> int:
    """How many statements one order takes, its filled basket not counted."""
    with counted_statements() as seen:
        place_orders(buying, 1)
        begins = max(position for position, sql in enumerate(seen) if "pg_backend_pid" in sql)
    return len(seen) - begins - 1


def prepare_tasks(distributor_id: str, number: int) -> list[UUID]:
    """Make orders of the direct customer and run their execution, so that each has a task waiting for its vendor."""
    root = UUID(distributor_id)
    session = db.session()
    with scope(distributor_scope(root)):
        kind = session.scalars(select(ProductType).where(ProductType.name == "Cloud service")).one()
        world = SimpleNamespace(id=root, root=None, product_type=kind)
        world.root = session.scalars(
            select(Storefront).where(Storefront.distributor_id == root, Storefront.reseller_id.is_(None))
        ).one()
        direct = session.scalars(select(Account).where(Account.name == "Direct Trading")).one()
        buyer = session.scalars(select(User).where(User.account_id == direct.id)).one()
        seats = session.scalars(select(Product).where(Product.name == "Contoso Mail")).one()
        if session.scalar(select(ServiceManager.id)) is None:
            use_service_manager(session, world, kind=MANAGER, has_precheck=False)  # type: ignore[arg-type]
        made = session.scalar(select(func.count()).select_from(Order).where(Order.number >= f"SO-2026-{FIRST_NUMBER}"))
    execution._numbers = count(FIRST_NUMBER + (made or 0))  # an earlier run may have made orders here
    known = _waiting(root)
    for _ in range(number):
        placed = make_order(
            session, world, direct, buyer, [Wanted(seats)], status=OrderStatus.EXECUTING,  # type: ignore[arg-type]
        )  # fmt: skip
        orders.process_order_work(str(placed.work.id), distributor_id=distributor_id)
        session = db.session()
        with scope(distributor_scope(root)):
            direct, buyer, seats = (session.merge(each, load=False) for each in (direct, buyer, seats))
    return [each for each in _waiting(root) if each not in set(known)]


def _waiting(distributor_id: UUID) -> list[UUID]:
    with scope(distributor_scope(distributor_id)):
        return list(
            db.session.scalars(
                select(ProvisioningTask.id)
                .where(ProvisioningTask.status == TaskStatus.PENDING)
                .order_by(ProvisioningTask.created_at, ProvisioningTask.id)
            )
        )


@contextmanager
def vendor_in_memory() -> Iterator[FakeConnector]:
    """A vendor that answers at once."""
    fake, before = FakeConnector(), provisioning.CONNECTORS
    provisioning.CONNECTORS = {**before, MANAGER: fake.as_factory}
    try:
        yield fake
    finally:
        provisioning.CONNECTORS = before


def forget_vendor(distributor_id: str) -> None:
    """Forget what an earlier run's vendor called our accounts: this run's has never heard of them."""
    with scope(distributor_scope(UUID(distributor_id))):
        db.session.execute(delete(VendorAccountLink))
        db.session.commit()


@dataclass(frozen=True)
class Rate:
    """How fast jobs went: by the clock, and by the processor time of worker, queue and database together."""

    per_second: float
    per_cpu_second: float


def empty_queue() -> RedisQueue:
    queue = RedisQueue(Queue.PROVISIONING.value, connection=redis_connection())
    queue.empty()
    return queue


def work_off(queue: RedisQueue, number: int, worker_class: type[SimpleWorker] = QuietWorker) -> Rate:
    """Run a worker without forks until the queue is empty, ours unless told otherwise."""
    connection = redis_connection()
    engine = db.BoundSession.bound_to
    assert isinstance(engine, Engine)
    with engine.connect() as probe:
        backends = probe.scalars(
            text("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user")
        ).all()
    db.session.remove()
    others = [*backends, int(connection.info("server")["process_id"])]
    marks: list[tuple[float, float]] = []

    def mark() -> None:
        marks.append((time.perf_counter(), cpu_seconds(others) + time.process_time()))

    class Timed(worker_class):  # type: ignore[misc,valid-type]
        """Counts from the first look at the queue to the last: a worker's birth and end are not a job's."""

        def check_for_suspension(self, burst: Any) -> None:
            if not marks:
                mark()
            super().check_for_suspension(burst)

        def teardown(self) -> None:
            mark()
            super().teardown()

    Timed([queue], connection=connection).work(burst=True, logging_level="ERROR", with_scheduler=False)
    (began, cpu_before), (ended, cpu_after) = marks
    return Rate(number / (ended - began), number / (cpu_after - cpu_before))


def nothings(number: int) -> Rate:
    """Jobs per second that do nothing, by RQ's own worker."""
    queue = empty_queue()
    for _ in range(number):
        queue.enqueue(jobs.nothing, result_ttl=0)
    return work_off(queue, number, SimpleWorker)


def one_by_one(distributor_id: str, tasks: Sequence[UUID]) -> Rate:
    """Tasks per second, a job for each."""
    queue = empty_queue()
    send_nudges([Nudge(PROVISION_ORDER_ITEM, each, UUID(distributor_id)) for each in tasks])
    return work_off(queue, len(tasks))


def in_batches(distributor_id: str, tasks: Sequence[UUID]) -> Rate:
    """Tasks per second, one job for up to fifty of them at a time."""
    queue = empty_queue()
    send_nudges([Nudge(PROVISION_BATCH, UUID(distributor_id), UUID(distributor_id))])
    return work_off(queue, len(tasks))


def left_over(distributor_id: str, tasks: Sequence[UUID]) -> int:
    """How many of the tasks did not succeed."""
    with scope(distributor_scope(UUID(distributor_id))):
        return len(tasks) - (
            db.session.scalar(
                select(func.count())
                .select_from(ProvisioningTask)
                .where(ProvisioningTask.id.in_(tasks), ProvisioningTask.status == TaskStatus.SUCCEEDED)
            )
            or 0
        )
