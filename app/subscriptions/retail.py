"""Subscriptions at what their owners pay, for the owner of a storefront. No statement here reads a cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Product, Term
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
from app.core.db import session
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus, SyncStatus
from tenants.context import current_scope

PRICE = case((Subscription.bought_by_reseller.is_(False), Subscription.unit_price))
COLUMNS = (
    Subscription.code,
    Subscription.friendly_name.label("name"),
    Product.code.label("product_code"),
    Product.name.label("product_name"),
    Subscription.account_id,
    Account.name.label("account_name"),
    Subscription.quantity,
    Subscription.term,
    Subscription.cycle,
    Subscription.status,
    Subscription.sync_status,
    Subscription.starts_on,
    Subscription.renews_on,
    Subscription.auto_renew,
    PRICE.label("unit_price"),
    Subscription.currency,
)
RETAIL_PROPERTIES = {
    "code": Property(Subscription.code),
    "name": Property(Subscription.friendly_name),
    "product_code": Property(Product.code),
    "product_name": Property(Product.name),
    "customer_id": Property(Subscription.account_id, Kind.ID),
    "customer_name": Property(Account.name),
    "quantity": Property(Subscription.quantity, Kind.NUMBER),
    "cycle": Property(Subscription.cycle, choices=BillingCycle),
    "status": Property(Subscription.status, choices=SubscriptionStatus),
    "sync_status": Property(Subscription.sync_status, choices=SyncStatus),
    "starts_on": Property(Subscription.starts_on, Kind.DAY),
    "renews_on": Property(Subscription.renews_on, Kind.DAY),
    "unit_price": Property(PRICE, Kind.AMOUNT),
    "currency": Property(Subscription.currency),
}  # what programs may name (BC-32)


@dataclass(frozen=True, slots=True)
class RetailSubscription:
    """A subscription with its owner's price per unit and cycle; None where its owner sees "-"."""

    code: str
    name: str
    product_code: str
    product_name: str
    account_id: UUID
    account_name: str
    quantity: int
    term: Term
    cycle: BillingCycle
    status: SubscriptionStatus
    sync_status: SyncStatus
    starts_on: date | None
    renews_on: date | None
    auto_renew: bool
    unit_price: Decimal | None
    currency: str


def list_retail(*, limit: int, offset: int = 0, criteria: Criteria = EVERYTHING) -> Sequence[RetailSubscription]:
    """Return a page of all subscriptions in the scope's reach, the newest first unless said otherwise."""
    statement = in_order(
        narrowed(_joined(select(*COLUMNS)), criteria, RETAIL_PROPERTIES),
        criteria,
        RETAIL_PROPERTIES,
        otherwise=(Subscription.created_at.desc(), Subscription.id.desc()),
    )
    return [RetailSubscription(**row) for row in session.execute(statement.limit(limit).offset(offset)).mappings()]


def count_retail(*, criteria: Criteria = EVERYTHING) -> int:
    """Return how many there are."""
    statement = _joined(select(func.count()).select_from(Subscription))
    return session.scalar(narrowed(statement, criteria, RETAIL_PROPERTIES)) or 0


def get_retail(code: str) -> RetailSubscription:
    """Return one subscription by what people quote; raises SubscriptionNotFound."""
    row = session.execute(_joined(select(*COLUMNS)).where(Subscription.code == code)).mappings().one_or_none()
    if row is None:
        raise SubscriptionNotFound(code)
    return RetailSubscription(**row)


def _joined(statement: Any) -> Any:
    return (
        statement.join(
            Product, (Product.distributor_id == Subscription.distributor_id) & (Product.id == Subscription.product_id)
        )
        .join(
            Account, (Account.distributor_id == Subscription.distributor_id) & (Account.id == Subscription.account_id)
        )
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.role != SubscriptionRole.COMPONENT,  # they belong to their bundle
        )
    )
