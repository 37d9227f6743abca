"""Items of staff's orders that add licences to a running subscription, or let a trial of it go on as paid (CB-18).

Added licences cost what the subscription does, locked or set by hand, for what is left of its period; they count once
the vendor has confirmed them (CB-22, CB-24). A trial goes on at the price of what is ordered (CB-12).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.orders.agreed import AgreedPrice
from app.orders.licences import held_of, licence_errors
from app.orders.models import CoTerm, DeliveryStatus, OrderItem
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus
from app.subscriptions.queries import find_subscription
from tenants.context import current_scope

FIELD = "subscription_id"  # of the form, and of the API
MOST_SHOWN = 100
S = SubscriptionStatus


@dataclass(frozen=True, slots=True)
class SubscriptionChoice:
    """A subscription that an item can add to."""

    id: UUID
    name: str


class Bought(Protocol):
    """What an order holds, or is about to hold."""

    @property
    def product_id(self) -> UUID:
        """What of."""

    @property
    def term(self) -> Term:
        """For how long at least."""

    @property
    def cycle(self) -> BillingCycle:
        """How often it is billed."""


def running_of(
    account_id: UUID, *, product_ids: Collection[UUID] | None = None, search: str = "", limit: int = MOST_SHOWN
) -> Sequence[Subscription]:
    """Return an account's subscriptions that licences can be added to, and its trials; reseller plans are none.

    `search` looks into code and name.
    """
    statement = select(Subscription).where(
        Subscription.distributor_id == current_scope().distributor_id,
        Subscription.account_id == account_id,
        Subscription.role == SubscriptionRole.MAIN,
        Subscription.plan_edition.is_(None),
        or_(
            Subscription.status == S.ACTIVE,
            and_(Subscription.trial_ends_on.is_not(None), Subscription.status == S.EXPIRED),
        ),
    )
    if product_ids is not None:
        statement = statement.where(Subscription.product_id.in_(product_ids))
    if text := search.strip().lower():
        looked = func.lower(func.concat_ws(" ", Subscription.code, Subscription.friendly_name))
        statement = statement.where(looked.contains(text, autoescape=True))
    return session.scalars(statement.order_by(Subscription.code).limit(limit)).all()


def choices_for(bought: Bought, running: Iterable[Subscription]) -> Sequence[SubscriptionChoice]:
    """Return which of an account's subscriptions something can add to: its product, term and billing period; or trials."""
    return [SubscriptionChoice(each.id, _words(each)) for each in running if _fits(bought, each)]


def is_more_licences(item: OrderItem, product: Product) -> bool:
    """Whether an item that waits adds to a subscription; what was delivered, and a plan's switch, name theirs too."""
    waits = item.delivery_status in (None, DeliveryStatus.PENDING)
    return item.subscription_id is not None and product.plan_edition is None and waits


def add_to(
    item: OrderItem, product: Product, subscription_id: UUID, items: Iterable[OrderItem], *, agreed: AgreedPrice
) -> int:
    """Bind an item to a subscription of its receiver; returns how many that has already.

    Raises Invalid at `subscription_id`: `subscription_unknown`, `already_added`, `has_add_ons`, `subscription_not_active`,
    `subscription_busy`; at `user_price` `licence_price`.
    """
    subscription = find_subscription(subscription_id)
    if (
        subscription is None
        or product.plan_edition is not None
        or subscription.role is not SubscriptionRole.MAIN
        or subscription.account_id != item.account_id
        or not _fits(item, subscription)
    ):
        raise Invalid.field(FIELD, "subscription_unknown", "Choose a subscription of the account to this product")
    others = [each for each in items if each.id != item.id]
    if any(each.subscription_id == subscription_id for each in others):
        raise Invalid.field(
            FIELD, "already_added", f"Another item adds to {subscription.code}: change the quantity there"
        )
    if any(each.parent_item_id == item.id for each in others):
        raise Invalid.field(FIELD, "has_add_ons", "Its add-ons need a subscription of their own: remove them first")
    item.subscription_id = subscription_id
    item.co_term, item.co_term_subscription_id = CoTerm.OWN, None
    return require_addable(item, agreed)


def let_go(item: OrderItem) -> None:
    """Let an item make a subscription of its own again."""
    item.subscription_id = None


def require_addable(item: OrderItem, agreed: AgreedPrice) -> int:
    """Judge an item that adds to a subscription; returns how many that has already. Raises as `add_to`."""
    subscription = find_subscription(item.subscription_id) if item.subscription_id is not None else None
    if agreed.is_anything:
        raise Invalid.field(
            "user_price", "licence_price", "Added licences cost what the subscription does: change its price there"
        )
    errors = [FieldError(FIELD, each.code, each.message) for each in licence_errors(item, subscription)]
    if errors:
        raise Invalid(*errors)
    return held_of(subscription)


def _fits(bought: Bought, subscription: Subscription) -> bool:
    if subscription.product_id != bought.product_id:
        return False
    is_trial = subscription.trial_ends_on is not None
    return is_trial or (subscription.term, subscription.cycle) == (bought.term, bought.cycle)


def _words(subscription: Subscription) -> str:
    kind = "trial" if subscription.trial_ends_on is not None else f"{subscription.quantity} now"
    return f"{subscription.friendly_name} ({subscription.code}, {kind})"
