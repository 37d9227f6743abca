"""Subscriptions as the distributor sees them: at the payer's price, never at a reseller's sell price (decisions section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, Product
from app.core.db import session
from app.core.money import line_amount
from app.subscriptions.models import Subscription, SubscriptionCost, SubscriptionRole, SubscriptionStatus, SyncStatus
from tenants.context import current_scope

COLUMNS = (
    Subscription.id,
    Subscription.code,
    Subscription.friendly_name.label("name"),
    Product.name.label("product_name"),
    Subscription.account_id,
    Account.name.label("account_name"),
    Subscription.quantity,
    Subscription.cycle,
    Subscription.status,
    Subscription.sync_status,
    Subscription.renews_on,
    Subscription.auto_renew,
    Subscription.plan_edition,
    SubscriptionCost.unit_cost,
    func.coalesce(SubscriptionCost.currency, Subscription.currency).label("currency"),
)


@dataclass(frozen=True, slots=True)
class WholesaleSubscription:
    """A subscription of an account, or one it pays for; `unit_cost` is what its payer pays per unit and cycle."""

    id: UUID
    code: str
    name: str
    product_name: str
    account_id: UUID
    account_name: str
    quantity: int
    cycle: BillingCycle
    status: SubscriptionStatus
    sync_status: SyncStatus
    renews_on: date | None
    auto_renew: bool
    plan_edition: str | None
    unit_cost: Decimal | None
    currency: str

    @property
    def line_cost(self) -> Decimal | None:
        """What the payer pays per cycle."""
        return None if self.unit_cost is None else line_amount(self.unit_cost, self.quantity, self.currency)


def joined(statement: Any) -> Any:
    """Add what `COLUMNS` are read from: product, owner and, where it is known, the cost."""
    return (
        statement.join(
            Product, (Product.distributor_id == Subscription.distributor_id) & (Product.id == Subscription.product_id)
        )
        .join(
            Account, (Account.distributor_id == Subscription.distributor_id) & (Account.id == Subscription.account_id)
        )
        .outerjoin(
            SubscriptionCost,
            (SubscriptionCost.distributor_id == Subscription.distributor_id)
            & (SubscriptionCost.subscription_id == Subscription.id),
        )
        .where(Subscription.distributor_id == current_scope().distributor_id)
    )


def list_wholesale(account_id: UUID, *, limit: int = 200) -> Sequence[WholesaleSubscription]:
    """Return what an account owns or pays for, live ones first."""
    rows = session.execute(
        joined(select(*COLUMNS))
        .where(
            or_(Subscription.account_id == account_id, Subscription.payer_id == account_id),
            Subscription.role != SubscriptionRole.COMPONENT,  # never charged; they stand on their bundle's page
        )
        .order_by(
            Subscription.status.in_((SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED)),
            Subscription.created_at.desc(),
        )
        .limit(limit)
    )
    return [WholesaleSubscription(**row) for row in rows.mappings()]
