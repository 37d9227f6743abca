"""What of a customer's needs a subscription: it is not canceled from under them (CB-09, CB-F24)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.catalogue.models import Product, ProductRelation, RelationKind, RequiredMode
from app.core.db import session
from app.core.errors import Conflict
from app.subscriptions.models import Subscription, SubscriptionStatus

LIVE = (
    SubscriptionStatus.PENDING_ACTIVATION,
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.SUSPENDED,
)


class NeededByOthers(Conflict):
    """Other subscriptions of the customer need this one."""

    code = "needed_by_others"

    def __init__(self, subscription_code: str, names: Sequence[str]) -> None:
        super().__init__(f"{subscription_code} is needed by {', '.join(names)}; cancel them first")
        self.names = tuple(names)


def dependants_of(subscription: Subscription) -> Sequence[Subscription]:
    """Return the account's subscriptions that would lose a product they require; by name."""
    others = _live_of(subscription)
    left = {each.product_id for each in others}
    if subscription.product_id in left:
        return []  # there is another one of the same product
    needing = {each.product_id for each in others}
    relation, product = aliased(ProductRelation), aliased(Product)
    rows = session.execute(
        select(relation.product_id, relation.other_id, product.required_mode)
        .join(product, (product.distributor_id == relation.distributor_id) & (product.id == relation.product_id))
        .where(
            relation.distributor_id == subscription.distributor_id,
            relation.kind == RelationKind.REQUIRED,
            relation.product_id.in_(needing),
        )
    ).all()
    losing = {row.product_id for row in rows if row.other_id == subscription.product_id}
    kept = {
        row.product_id
        for row in rows
        if row.product_id in losing and row.required_mode is RequiredMode.ANY and row.other_id in left
    }
    return sorted(
        (each for each in others if each.product_id in losing - kept), key=lambda each: (each.friendly_name, each.code)
    )


def require_not_needed(subscription: Subscription) -> None:
    """Refuse to end what others need, naming them: NeededByOthers."""
    found = dependants_of(subscription)
    if found:
        raise NeededByOthers(subscription.code, [f"{each.friendly_name} ({each.code})" for each in found])


def _live_of(subscription: Subscription) -> Sequence[Subscription]:
    return session.scalars(
        select(Subscription).where(
            Subscription.distributor_id == subscription.distributor_id,
            Subscription.account_id == subscription.account_id,
            Subscription.id != subscription.id,
            Subscription.parent_id.is_distinct_from(subscription.id),
            Subscription.status.in_(LIVE),
        )
    ).all()
