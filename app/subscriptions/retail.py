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
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus, SyncStatus
from tenants.context import current_scope

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
    case((Subscription.bought_by_reseller.is_(False), Subscription.unit_price)).label("unit_price"),
    Subscription.currency,
)


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
    unit_price: Decimal | None
    currency: str


def list_retail(*, limit: int, offset: int = 0) -> Sequence[RetailSubscription]:
    """Return a page of all subscriptions in the scope's reach, the newest first."""
    rows = session.execute(
        _joined(select(*COLUMNS))
        .order_by(Subscription.created_at.desc(), Subscription.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [RetailSubscription(**row) for row in rows.mappings()]


def count_retail() -> int:
    """Return how many there are."""
    return session.scalar(_joined(select(func.count()).select_from(Subscription))) or 0


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
