"""What subscriptions are called at their vendors, and whether anything of them stands there. The distributor's scope only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionVendorLink
from tenants.context import current_scope


def find_link(subscription_id: UUID) -> SubscriptionVendorLink | None:
    """Return what a subscription is, or was, called at its vendor."""
    return session.scalar(
        select(SubscriptionVendorLink)
        .where(
            SubscriptionVendorLink.distributor_id == current_scope().distributor_id,
            SubscriptionVendorLink.subscription_id == subscription_id,
        )
        .execution_options(populate_existing=True)
    )


def stands_at_vendor(subscription_id: UUID) -> bool:
    """Whether a vendor has the service, as far as we were told."""
    link = find_link(subscription_id)
    return link is not None and link.ended_at is None


def link_vendor(subscription: Subscription, service_manager_id: UUID | None, vendor_reference: str) -> None:
    """Remember what a subscription is called at its vendor: it stands there."""
    link = find_link(subscription.id)
    if link is None:
        session.add(
            SubscriptionVendorLink(
                subscription_id=subscription.id,
                service_manager_id=service_manager_id,
                vendor_reference=vendor_reference,
            )
        )
    else:
        link.service_manager_id, link.vendor_reference = service_manager_id, vendor_reference
        link.ended_at = None


def end_link(subscription_id: UUID, *, at: datetime) -> None:
    """Remember that the vendor has ended the service. Its name there stays: what it was called can be asked for."""
    session.execute(
        update(SubscriptionVendorLink)
        .where(
            SubscriptionVendorLink.distributor_id == current_scope().distributor_id,
            SubscriptionVendorLink.subscription_id == subscription_id,
            SubscriptionVendorLink.ended_at.is_(None),
        )
        .values(ended_at=at)
        .execution_options(synchronize_session="fetch")
    )
