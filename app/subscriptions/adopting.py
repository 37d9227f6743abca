"""Taking over a service that runs at a vendor already: a subscription without an order, billed from its next period (GO-06)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.audit.shown import PROVIDER
from app.catalogue.models import BillingCycle, BillingType, Term
from app.core.db import session
from app.subscriptions.models import (
    SUBSCRIPTION_NUMBERS,
    PriceLabel,
    Subscription,
    SubscriptionCost,
    SubscriptionStatus,
    SubscriptionVendorLink,
    SyncStatus,
)
from app.subscriptions.services import MAX_NAME, Owner, add_event

ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class AdoptedService:
    """A vendor's service and what it shall be here. `unit_price` None: the customer sees "-" until one is set."""

    owner: Owner
    service_manager_id: UUID
    vendor_reference: str
    is_active: bool  # else suspended at the vendor
    product_id: UUID
    name: str
    quantity: int
    term: Term
    cycle: BillingCycle
    billing_type: BillingType
    unit_price: Decimal | None
    unit_cost: Decimal
    currency: str
    price_list_id: UUID | None
    is_agreed: bool  # the cost was said by hand: it stays when terms begin, as a price that staff has agreed on
    billed_from: date  # first day that is billed here, and the day that periods begin on


def adopt_service(new: AdoptedService, *, at: datetime) -> Subscription:
    """Make a running subscription of a service; no vendor is called and nothing is charged for the time before.

    Its current period has an end and no first day: that is how the renewal knows that there is nothing to charge for it.
    """
    number = session.scalar(select(SUBSCRIPTION_NUMBERS.next_value())) or 0
    subscription = Subscription(
        reseller_id=new.owner.reseller_id,
        account_id=new.owner.account_id,
        code=f"SUB-{number:06d}",
        payer_id=new.owner.payer_id,
        product_id=new.product_id,
        friendly_name=new.name[:MAX_NAME],
        quantity=new.quantity,
        term=new.term,
        cycle=new.cycle,
        unit_price=new.unit_price,
        currency=new.currency,
        bought_by_reseller=new.owner.bought_by_reseller,
        status=SubscriptionStatus.ACTIVE if new.is_active else SubscriptionStatus.SUSPENDED,
        sync_status=SyncStatus.SYNCHRONISED,
        billing_type=new.billing_type,
        starts_on=new.billed_from,
        anchor_day=new.billed_from.day,
        period_to=new.billed_from - timedelta(days=1),
        renews_on=new.billed_from,
        created_at=at,
        activated_at=at,
    )
    session.add(subscription)
    session.flush()
    session.add_all(
        [
            SubscriptionCost(
                reseller_id=new.owner.payer_reseller_id,
                account_id=new.owner.payer_id,
                subscription_id=subscription.id,
                unit_cost=new.unit_cost,
                currency=new.currency,
                price_list_id=new.price_list_id,
                rule=ADOPTED,
                base_cost=new.unit_cost,
                label=PriceLabel.USER_PRICED if new.is_agreed else PriceLabel.LIST,
                user_price=new.unit_cost if new.is_agreed else None,
            ),
            SubscriptionVendorLink(
                subscription_id=subscription.id,
                service_manager_id=new.service_manager_id,
                vendor_reference=new.vendor_reference,
            ),
        ]
    )
    add_event(
        subscription,
        ADOPTED,
        f"Taken over from the provider: {new.quantity} x {new.name}"[:300],
        at=at,
        quantity_change=new.quantity,
        quantity_after=new.quantity,
        actor_name=PROVIDER,
    )
    session.flush()
    return subscription
