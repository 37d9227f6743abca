"""Orders as a checkout leaves them, service managers, and what the execution made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from uuid import UUID

from sqlalchemy import select

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import BoundSession
from app.core.ids import new_id
from app.identity.models import User
from app.orders.models import Order, OrderChannel, OrderItem, OrderStatus, OrderWork
from app.provisioning.models import ServiceManager
from tenants.context import distributor_scope, scope
from tests.factories.world import MONDAY_NOON, World

_numbers = count(900_001)


@dataclass(frozen=True)
class Wanted:
    """One line of an order to be made; `price` is the buyer's."""

    product: Product
    quantity: int = 1
    price: str = "12.00"
    term: Term = Term.P1M
    cycle: BillingCycle = BillingCycle.MONTHLY
    columns: dict[str, object] = field(default_factory=dict)


@dataclass
class Placed:
    """An order with its items and work row."""

    order: Order
    items: list[OrderItem]
    work: OrderWork

    @property
    def number(self) -> str:
        return self.order.number

    @property
    def id(self) -> UUID:
        return self.order.id


def make_order(
    session: BoundSession,
    world: World,
    receiver: Account,
    placed_by: User,
    wanted: Sequence[Wanted],
    *,
    payer: Account | None = None,
    channel: OrderChannel = OrderChannel.ROOT,
    storefront_id: UUID | None = None,
    status: OrderStatus = OrderStatus.EXECUTING,
    at: datetime = MONDAY_NOON,
    placed_by_reseller: bool = False,
) -> Placed:
    """Insert an order and its work row as checkout does, and commit."""
    with scope(distributor_scope(world.id)):
        lines = [Decimal(each.price) * each.quantity for each in wanted]
        order = Order(
            id=new_id(),
            reseller_id=receiver.reseller_id,
            account_id=receiver.id,
            number=f"SO-2026-{next(_numbers)}",
            status=status,
            channel=channel,
            storefront_id=storefront_id or world.root.id,
            payer_id=(payer or receiver).id,
            net_total=sum(lines, Decimal(0)),
            currency="EUR",
            contact_email=placed_by.email,
            placed_by_id=placed_by.id,
            placed_by_reseller=placed_by_reseller,
            placed_at=at,
        )
        session.add(order)
        session.flush()
        items = [
            OrderItem(
                id=new_id(),
                reseller_id=order.reseller_id,
                account_id=order.account_id,
                order_id=order.id,
                position=position,
                product_id=each.product.id,
                product_name=each.product.name,
                term=each.term,
                cycle=each.cycle,
                quantity=each.quantity,
                unit_price=Decimal(each.price),
                line_total=line,
                currency="EUR",
                **each.columns,
            )
            for position, (each, line) in enumerate(zip(wanted, lines, strict=True), start=1)
        ]
        session.add_all(items)
        work = OrderWork(
            id=new_id(), order_id=order.id, kind="submitted", payload={}, next_attempt_at=at, created_at=at
        )
        session.add(work)
        session.commit()
    return Placed(order, items, work)


def alias_order(
    session: BoundSession,
    world: World,
    wanted: Sequence[Wanted],
    *,
    status: OrderStatus = OrderStatus.PENDING_RESELLER_APPROVAL,
    customer: int = 0,
) -> Placed:
    """Insert an order of one of Tech Solutions' customers in its own storefront."""
    shop = world.tech
    assert shop.storefront is not None
    return make_order(
        session, world, shop.customers[customer], shop.buyers[customer], wanted,
        payer=shop.account, channel=OrderChannel.ALIAS, storefront_id=shop.storefront.id, status=status,
    )  # fmt: skip


def root_order(
    session: BoundSession,
    world: World,
    wanted: Sequence[Wanted],
    *,
    status: OrderStatus = OrderStatus.EXECUTING,
) -> Placed:
    """Insert an order of the direct customer in the distributor's storefront."""
    return make_order(session, world, world.direct, world.direct_buyer, wanted, status=status)


def use_service_manager(
    session: BoundSession, world: World, *, kind: str = "fake", has_precheck: bool = True, base_url: str | None = None
) -> ServiceManager:
    """Let products of the world's main type be provisioned by a new service manager."""
    with scope(distributor_scope(world.id)):
        manager = ServiceManager(
            name=f"Contoso cloud {kind}",
            kind=kind,
            base_url=base_url,
            has_precheck=has_precheck,
            timeout_seconds=30,
            created_at=MONDAY_NOON,
        )
        session.add(manager)
        session.flush()
        world.product_type = session.merge(world.product_type)
        world.product_type.service_manager_id = manager.id
        session.commit()
    return manager


def all_of(session: BoundSession, model: type) -> list:
    """Return every row of a model in reach, oldest first, as it stands in the database."""
    return list(session.scalars(select(model).order_by(model.id).execution_options(populate_existing=True)))
