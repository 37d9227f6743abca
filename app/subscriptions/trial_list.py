"""Lists of trials, for staff and for those who try: with what each one is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select

from app.accounts.models import Account
from app.catalogue.models import Product
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.subscriptions.price_models import Trial
from app.subscriptions.trials import RUNNING, TrialNotFound
from tenants.context import current_scope

SHORTEST_SEARCH = 2


@dataclass(frozen=True, slots=True)
class TrialFilter:
    """What to list. `search` looks into names, codes, products and accounts."""

    search: str = ""
    code: str | None = None
    is_running: bool = False


EVERY_TRIAL = TrialFilter()


@dataclass(frozen=True, slots=True)
class ListedTrial:
    """A trial with what it is now; without a subscription it is still being opened."""

    trial: Trial
    subscription: Subscription | None
    product_name: str
    account_name: str

    @property
    def state(self) -> str:
        """What people call it: Starting, Running, Suspended, Expired, Upgraded, Canceled."""
        if self.subscription is None:
            return "Starting"
        if self.trial.converted_at is not None:
            return "Upgraded"
        return {
            SubscriptionStatus.PENDING_ACTIVATION: "Starting",
            SubscriptionStatus.ACTIVE: "Running",
            SubscriptionStatus.PENDING_CANCELLATION: "Running",
            SubscriptionStatus.SUSPENDED: "Suspended",
            SubscriptionStatus.EXPIRED: "Expired",
            SubscriptionStatus.CANCELED: "Canceled",
        }[self.subscription.status]

    @property
    def ends_on(self) -> date | None:
        """Its last day; None once it is paid."""
        return self.subscription.trial_ends_on if self.subscription is not None else None


def list_trials(wanted: TrialFilter = EVERY_TRIAL, *, limit: int, offset: int = 0) -> Sequence[ListedTrial]:
    """Return a page of trials in reach, the newest first."""
    statement = _filtered(
        select(Trial, Subscription, Product.name, Account.name).outerjoin(
            Subscription,
            (Subscription.distributor_id == Trial.distributor_id) & (Subscription.id == Trial.subscription_id),
        ),
        wanted,
    )
    rows = session.execute(statement.order_by(Trial.requested_at.desc(), Trial.id.desc()).offset(offset).limit(limit))
    return [ListedTrial(*row) for row in rows]


def count_trials(wanted: TrialFilter = EVERY_TRIAL) -> int:
    """Return how many trials are in reach."""
    statement = (
        select(func.count())
        .select_from(Trial)
        .outerjoin(
            Subscription,
            (Subscription.distributor_id == Trial.distributor_id) & (Subscription.id == Trial.subscription_id),
        )
    )
    return session.scalar(_filtered(statement, wanted)) or 0


def get_listed_trial(code: str) -> ListedTrial:
    """Return a trial by its subscription's code, such as SUB-000142; raises TrialNotFound."""
    found = list_trials(TrialFilter(code=code), limit=1)
    if not found:
        raise TrialNotFound(code)
    return found[0]


def _filtered(statement: Any, wanted: TrialFilter) -> Any:
    statement = (
        statement.join(Product, (Product.distributor_id == Trial.distributor_id) & (Product.id == Trial.product_id))
        .join(Account, (Account.distributor_id == Trial.distributor_id) & (Account.id == Trial.account_id))
        .where(Trial.distributor_id == current_scope().distributor_id)
    )
    if wanted.code is not None:
        statement = statement.where(Subscription.code == wanted.code)
    if wanted.is_running:
        statement = statement.where(Subscription.trial_ends_on.is_not(None), Subscription.status.in_(RUNNING))
    text = wanted.search.strip().lower()
    if len(text) >= SHORTEST_SEARCH:
        searched = (Subscription.code, Trial.friendly_name, Product.name, Account.name)
        statement = statement.where(or_(*(func.lower(column).contains(text, autoescape=True) for column in searched)))
    return statement
