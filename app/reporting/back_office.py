"""What the back office shows first: how business stands, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.accounts.models import Account, AccountStatus
from app.core.db import session
from app.notifications.models import MailState, OutboundMail
from app.orders.figures import count_by_status, orders_per_day
from app.orders.models import OrderStatus
from app.pricing.models import PriceList, PriceListAssignment
from app.provisioning.models import ProvisioningTask, TaskStatus
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus
from tenants.context import current_scope

CHART_DAYS = 30


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of the distributor's whole business, and orders per day for 30 days."""

    accounts: int
    resellers: int
    storefronts: int
    subscriptions: int
    orders_today: int
    orders_submitted: int
    orders_in_progress: int
    orders_partial: int
    tasks_failed: int
    mails_failed: int
    accounts_pending: int
    resellers_without_prices: int
    per_day: tuple[tuple[date, int], ...]

    @property
    def orders_in_chart(self) -> int:
        """How many orders the chart shows."""
        return sum(count for _, count in self.per_day)


def overview(*, today: date, zone: str) -> Overview:
    """Count what BSS shows on its home page; needs the distributor's scope."""
    per_day = tuple(orders_per_day(first=today - timedelta(days=CHART_DAYS - 1), last=today, zone=zone))
    by_status = count_by_status()
    return Overview(
        accounts=_count(Account),
        resellers=_count(Account, Account.is_reseller.is_(True)),
        storefronts=_count(Account, Account.edition.in_(("free", "standard"))),
        subscriptions=_count(
            Subscription,
            Subscription.status == SubscriptionStatus.ACTIVE,
            Subscription.role == SubscriptionRole.MAIN,
        ),
        orders_today=per_day[-1][1],
        orders_submitted=by_status.get(OrderStatus.SUBMITTED, 0),
        orders_in_progress=by_status.get(OrderStatus.IN_PROGRESS, 0),
        orders_partial=by_status.get(OrderStatus.PARTIALLY_EXECUTED, 0),
        tasks_failed=_count(ProvisioningTask, ProvisioningTask.status == TaskStatus.FAILED),
        mails_failed=_count(OutboundMail, OutboundMail.state.in_((MailState.FAILED, MailState.NOT_SENT))),
        accounts_pending=_count(Account, Account.status == AccountStatus.PENDING_APPROVAL),
        resellers_without_prices=_resellers_without_prices(),
        per_day=per_day,
    )


def _count(model: Any, *conditions: ColumnElement[bool]) -> int:
    statement = select(func.count()).select_from(model)
    return session.scalar(statement.where(model.distributor_id == current_scope().distributor_id, *conditions)) or 0


def _resellers_without_prices() -> int:
    here = current_scope().distributor_id
    has_default = session.scalar(
        select(PriceList.id).where(PriceList.distributor_id == here, PriceList.is_default).limit(1)
    )
    if has_default is not None:
        return 0
    assigned = select(PriceListAssignment.payer_id).where(PriceListAssignment.distributor_id == here)
    return _count(Account, Account.is_reseller.is_(True), Account.id.not_in(assigned))
