"""Subscriptions that run, billed for their period, as an order's execution leaves them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from uuid import UUID

from app.accounts.models import Account
from app.billing.models import Charge, ChargeKind, ChargeState
from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import BoundSession
from app.core.ids import new_id
from app.subscriptions.models import (
    Subscription,
    SubscriptionCost,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.periods import add_months
from tenants.context import distributor_scope, scope
from tests.factories.world import World

_numbers = count(700_001)
JUNE = (date(2026, 6, 1), date(2026, 6, 30))
BOUGHT_AT = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Running:
    """What a test needs to know of a subscription."""

    id: UUID
    code: str


def make_running(
    session: BoundSession,
    world: World,
    account: Account,
    product: Product,
    *,
    quantity: int = 5,
    unit_cost: str = "10.00",
    unit_price: str | None = None,
    payer: Account | None = None,
    period: tuple[date, date] = JUNE,
    term: Term = Term.P1M,
    cycle: BillingCycle = BillingCycle.MONTHLY,
    bought_at: datetime = BOUGHT_AT,
    vendor_reference: str | None = None,
    service_manager_id: UUID | None = None,
    is_charged: bool = True,
    **columns: object,
) -> Running:
    """Insert an active subscription with its cost and the charge of its period, and commit.

    `vendor_reference` None: there is nobody to ask at a vendor.
    """
    paying = payer or account
    with scope(distributor_scope(world.id)):
        subscription = Subscription(
            **{
                "id": new_id(),
                "reseller_id": account.reseller_id,
                "account_id": account.id,
                "code": f"SUB-{next(_numbers)}",
                "payer_id": paying.id,
                "product_id": product.id,
                "friendly_name": product.name,
                "quantity": quantity,
                "term": term,
                "cycle": cycle,
                "unit_price": Decimal(unit_price or unit_cost),
                "currency": "EUR",
                "status": SubscriptionStatus.ACTIVE,
                "sync_status": SyncStatus.SYNCHRONISED if vendor_reference else SyncStatus.NOT_REQUIRED,
                "starts_on": period[0],
                "anchor_day": period[0].day,
                "period_from": period[0],
                "period_to": period[1],
                "renews_on": add_months(period[0], term.months) if term.months else None,
                "created_at": bought_at,
                "activated_at": bought_at,
                **columns,
            }
        )
        session.add(subscription)
        session.flush()
        session.add(
            SubscriptionCost(
                reseller_id=paying.reseller_id,
                account_id=paying.id,
                subscription_id=subscription.id,
                unit_cost=Decimal(unit_cost),
                currency="EUR",
                rule="list",
            )
        )
        if vendor_reference:
            session.add(
                SubscriptionVendorLink(
                    subscription_id=subscription.id,
                    service_manager_id=service_manager_id,
                    vendor_reference=vendor_reference,
                )
            )
        if is_charged:
            session.add(charge_of(subscription, paying, period, Decimal(unit_cost) * quantity, bought_at))
        session.commit()
        return Running(subscription.id, subscription.code)


def charge_of(
    subscription: Subscription, payer: Account, period: tuple[date, date], net: Decimal, at: datetime
) -> Charge:
    """Return the invoiced charge of a period."""
    return Charge(
        reseller_id=payer.reseller_id,
        account_id=payer.id,
        source_key=f"period:{subscription.id}:{period[0]}",
        kind=ChargeKind.RECURRING,
        state=ChargeState.INVOICED,
        subscription_id=subscription.id,
        product_id=subscription.product_id,
        is_taxed=True,
        end_customer_id=subscription.account_id if subscription.account_id != payer.id else None,
        description=subscription.friendly_name,
        quantity=subscription.quantity,
        unit_cost=net / subscription.quantity,
        net_amount=net,
        currency="EUR",
        period_from=period[0],
        period_to=period[1],
        created_at=at,
    )
