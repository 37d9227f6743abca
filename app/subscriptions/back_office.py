"""All subscriptions for the distributor's staff, to look at: at the payer's price, never at a sell price (decisions section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.catalogue.models import BillingCycle, BillingType, Product, Term
from app.core.criteria import EVERYTHING, Criteria, Kind, Property, in_order, narrowed
from app.core.db import session
from app.core.money import line_amount
from app.subscriptions.custom_fields import holding
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.models import (
    PriceLabel,
    Subscription,
    SubscriptionCost,
    SubscriptionRole,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.wholesale import COLUMNS, WholesaleSubscription, joined

SHORTEST_SEARCH = 2
PAYER = aliased(Account)


DETAIL = (
    Subscription.id, Subscription.code, Subscription.friendly_name.label("name"), Subscription.product_id,
    Product.name.label("product_name"), Product.code.label("product_code"), Product.unit_of_measure,
    Subscription.account_id, Account.name.label("account_name"), Subscription.payer_id,
    PAYER.name.label("payer_name"), Subscription.order_item_id, Subscription.parent_id, Subscription.role,
    Subscription.quantity, Subscription.term, Subscription.cycle, Subscription.status, Subscription.sync_status,
    Subscription.billing_type, Subscription.starts_on, Subscription.period_from, Subscription.period_to,
    Subscription.renews_on, Subscription.trial_ends_on, Subscription.auto_renew,
    Subscription.is_suspended_with_account, Subscription.plan_edition, Subscription.characteristics,
    Subscription.created_at, Subscription.activated_at, Subscription.canceled_at, SubscriptionCost.unit_cost,
    SubscriptionCost.label.label("price_label"),
    func.coalesce(SubscriptionCost.currency, Subscription.currency).label("currency"),
    SubscriptionVendorLink.vendor_reference,
)  # fmt: skip


WHOLESALE_PROPERTIES = {
    "code": Property(Subscription.code),
    "name": Property(Subscription.friendly_name),
    "product_code": Property(Product.code),
    "product_name": Property(Product.name),
    "account_id": Property(Subscription.account_id, Kind.ID),
    "account_name": Property(Account.name),
    "payer_id": Property(Subscription.payer_id, Kind.ID),
    "payer_name": Property(PAYER.name),
    "quantity": Property(Subscription.quantity, Kind.NUMBER),
    "cycle": Property(Subscription.cycle, choices=BillingCycle),
    "status": Property(Subscription.status, choices=SubscriptionStatus),
    "sync_status": Property(Subscription.sync_status, choices=SyncStatus),
    "renews_on": Property(Subscription.renews_on, Kind.DAY),
    "unit_cost": Property(SubscriptionCost.unit_cost, Kind.AMOUNT),
    "created_at": Property(Subscription.created_at, Kind.INSTANT),
}  # what programs may name (BC-32)


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """What to list. A search under two characters is ignored; it looks into code, names, product and account."""

    search: str = ""
    status: SubscriptionStatus | None = None
    sync_status: SyncStatus | None = None
    account_id: UUID | None = None  # who has it, or pays for it
    product_type_id: UUID | None = None
    cycle: BillingCycle | None = None
    renews_from: date | None = None  # first and last day on which the term ends
    renews_to: date | None = None
    auto_renew: bool | None = None


@dataclass(frozen=True, slots=True)
class ListedSubscription:
    """A subscription in the list, with who pays for it."""

    subscription: WholesaleSubscription
    payer_name: str


def list_subscriptions(
    wanted: SubscriptionFilter, *, limit: int | None, offset: int = 0, criteria: Criteria = EVERYTHING
) -> Sequence[ListedSubscription]:
    """Return one page of all subscriptions in reach, the newest first unless a program's `criteria` say otherwise."""
    statement = _filtered(select(*COLUMNS, PAYER.name.label("payer_name")), wanted)
    statement = in_order(
        narrowed(statement, criteria, WHOLESALE_PROPERTIES),
        criteria,
        WHOLESALE_PROPERTIES,
        otherwise=(Subscription.created_at.desc(), Subscription.id.desc()),
    ).offset(offset)
    if limit is not None:
        statement = statement.limit(limit)
    found = []
    for row in session.execute(statement).mappings():
        values = dict(row)
        payer_name = values.pop("payer_name")
        found.append(ListedSubscription(WholesaleSubscription(**values), payer_name))
    return found


def count_subscriptions(wanted: SubscriptionFilter, *, criteria: Criteria = EVERYTHING) -> int:
    """Return how many subscriptions the filter finds."""
    statement = _filtered(select(func.count()).select_from(Subscription), wanted)
    return session.scalar(narrowed(statement, criteria, WHOLESALE_PROPERTIES)) or 0


@dataclass(frozen=True, slots=True)
class SubscriptionDetail:
    """One subscription as its page in the back office shows it; amounts are the payer's, per unit and cycle."""

    id: UUID
    code: str
    name: str
    product_id: UUID
    product_name: str
    product_code: str
    unit_of_measure: str
    account_id: UUID
    account_name: str
    payer_id: UUID
    payer_name: str
    order_item_id: UUID | None
    parent_id: UUID | None
    role: SubscriptionRole
    quantity: int
    term: Term
    cycle: BillingCycle
    status: SubscriptionStatus
    sync_status: SyncStatus
    billing_type: BillingType
    starts_on: date | None
    period_from: date | None
    period_to: date | None
    renews_on: date | None
    trial_ends_on: date | None
    auto_renew: bool
    is_suspended_with_account: bool
    plan_edition: str | None
    characteristics: dict[str, Any]
    created_at: datetime
    activated_at: datetime | None
    canceled_at: datetime | None
    unit_cost: Decimal | None
    price_label: PriceLabel | None
    currency: str
    vendor_reference: str | None

    @property
    def line_cost(self) -> Decimal | None:
        """What the payer pays per cycle."""
        return None if self.unit_cost is None else line_amount(self.unit_cost, self.quantity, self.currency)


def get_detail(code: str) -> SubscriptionDetail:
    """Return a subscription by what people quote; raises SubscriptionNotFound."""
    statement = (
        joined(select(*DETAIL))
        .join(PAYER, (PAYER.distributor_id == Subscription.distributor_id) & (PAYER.id == Subscription.payer_id))
        .outerjoin(
            SubscriptionVendorLink,
            (SubscriptionVendorLink.distributor_id == Subscription.distributor_id)
            & (SubscriptionVendorLink.subscription_id == Subscription.id),
        )
        .where(Subscription.code == code)
    )
    row = session.execute(statement).mappings().one_or_none()
    if row is None:
        raise SubscriptionNotFound(code)
    return SubscriptionDetail(**row)


def _filtered(statement: Any, wanted: SubscriptionFilter) -> Any:
    statement = joined(statement).join(
        PAYER, (PAYER.distributor_id == Subscription.distributor_id) & (PAYER.id == Subscription.payer_id)
    )
    statement = statement.where(Subscription.role != SubscriptionRole.COMPONENT)  # they stand on their bundle's page
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        searched = (Subscription.code, Subscription.friendly_name, Product.name, Account.name)
        statement = statement.where(
            or_(
                *(func.lower(column).contains(text, autoescape=True) for column in searched),
                Subscription.id.in_(holding(text, Subscription)),
            )
        )
    if wanted.status is not None:
        statement = statement.where(Subscription.status == wanted.status)
    if wanted.sync_status is not None:
        statement = statement.where(Subscription.sync_status == wanted.sync_status)
    if wanted.account_id is not None:
        statement = statement.where(
            or_(Subscription.account_id == wanted.account_id, Subscription.payer_id == wanted.account_id)
        )
    if wanted.product_type_id is not None:
        statement = statement.where(Product.product_type_id == wanted.product_type_id)
    if wanted.cycle is not None:
        statement = statement.where(Subscription.cycle == wanted.cycle)
    if wanted.renews_from is not None:
        statement = statement.where(Subscription.renews_on >= wanted.renews_from)
    if wanted.renews_to is not None:
        statement = statement.where(Subscription.renews_on <= wanted.renews_to)
    if wanted.auto_renew is not None:
        statement = statement.where(Subscription.auto_renew.is_(wanted.auto_renew))
    return statement
