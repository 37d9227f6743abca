"""What pages offer for a subscription: products it may become, and add-ons it has or may have (CB-25, CB-27, SF-45)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Product, SaleMode
from app.catalogue.paths import (
    add_ons_by_product,
    allowed_add_ons,
    downgrade_targets,
    exclusive_with,
    upgrade_targets,
)
from app.changes.refunding import product_and_type
from app.core.db import session
from app.core.errors import NotFound
from app.provisioning.models import TaskKind
from app.provisioning.queries import vendor_offers
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus
from app.subscriptions.queries import live_of_products
from tenants.context import current_scope


class AddOnNotFound(NotFound):
    """The subscription has no such add-on, and cannot have it."""

    def __init__(self) -> None:
        super().__init__("There is no such add-on")


@dataclass(frozen=True, slots=True)
class TargetOffer:
    """A product a subscription may become."""

    product: Product
    is_exclusive: bool  # with what runs now: all of it, and every other subscription of it, moves
    lost_add_ons: tuple[Subscription, ...]  # what the product has not
    existing: tuple[Subscription, ...]  # of the same owner and payer: it may go into one of them


@dataclass(frozen=True, slots=True)
class AddOnOffer:
    """An add-on of a subscription: owned, to be had, or both."""

    product: Product
    owned: Subscription | None
    is_allowed: bool  # more can be bought
    is_quantity_linked: bool

    @property
    def quantity(self) -> int:
        """How many there are."""
        return self.owned.quantity if self.owned is not None else 0


def target_offers(subscription: Subscription, *, is_upgrade: bool) -> Sequence[TargetOffer]:
    """Return what a subscription may become, nearest first; nothing where its type does not allow it."""
    _, product_type = product_and_type(subscription.product_id)
    if not (product_type.allows_upgrade if is_upgrade else product_type.allows_downgrade):
        return ()
    find = upgrade_targets if is_upgrade else downgrade_targets
    targets = find(subscription.product_id)
    if not targets:
        return ()
    allowed = add_ons_by_product([each.id for each in targets])
    add_ons = list_add_ons(subscription.id)
    excluded = exclusive_with(subscription.product_id)
    owned = live_of_products(subscription.account_id, {each.id for each in targets}) if subscription.account_id else ()
    return [
        TargetOffer(
            product=each,
            is_exclusive=each.id in excluded,
            lost_add_ons=tuple(add_on for add_on in add_ons if add_on.product_id not in allowed[each.id]),
            existing=tuple(
                other
                for other in owned
                if other.product_id == each.id
                and other.role is SubscriptionRole.MAIN
                and other.status is SubscriptionStatus.ACTIVE
                and other.payer_id == subscription.payer_id
                and other.trial_ends_on is None
            ),
        )
        for each in targets
    ]


def add_on_offers(
    subscription: Subscription, *, is_storefront: bool = False, offered: Collection[UUID] | None = None
) -> Sequence[AddOnOffer]:
    """Return a subscription's add-ons: those it has, and those its product allows.

    A storefront sells only what is published; `offered` narrows to what its viewer can be sold.
    """
    owned = {each.product_id: each for each in list_add_ons(subscription.id)}
    products = {
        each.id: each
        for each in session.scalars(
            select(Product).where(
                Product.distributor_id == current_scope().distributor_id, Product.id.in_(owned.keys())
            )
        )
    }
    found = [
        AddOnOffer(each.product, owned.pop(each.product.id, None), is_allowed=_is_sold(each.product, is_storefront, offered),
                   is_quantity_linked=each.is_quantity_linked)
        for each in allowed_add_ons(subscription.product_id)
    ]  # fmt: skip
    found += [
        AddOnOffer(
            products[product_id], each, is_allowed=False, is_quantity_linked=each.quantity_per_parent is not None
        )
        for product_id, each in owned.items()
    ]
    return [each for each in found if each.is_allowed or each.owned is not None]


def idle_actions(subscription: Subscription, *, is_storefront: bool = False) -> frozenset[Action]:
    """Return what has nothing to offer for a subscription: upgrades without a path, add-ons where there are none (CB-23)."""
    is_movable = subscription.plan_edition is None and subscription.trial_ends_on is None
    found = set()
    if not is_movable or not target_offers(subscription, is_upgrade=True):
        found.add(Action.UPGRADE)
    if not is_movable or not target_offers(subscription, is_upgrade=False):
        found.add(Action.DOWNGRADE)
    if subscription.trial_ends_on is not None or not add_on_offers(subscription, is_storefront=is_storefront):
        found.add(Action.ADD_ON)
    if not vendor_offers(subscription.id, TaskKind.SUSPEND):
        found.add(Action.SUSPEND)
    return frozenset(found)


def get_add_on_offer(offers: Sequence[AddOnOffer], product_id: UUID) -> AddOnOffer:
    """Return one of the offers; raises AddOnNotFound."""
    found = next((each for each in offers if each.product.id == product_id), None)
    if found is None:
        raise AddOnNotFound
    return found


def _is_sold(product: Product, is_storefront: bool, offered: Collection[UUID] | None) -> bool:  # noqa: FBT001 - a filter
    if is_storefront and not (product.is_published and product.sale is SaleMode.OPEN):
        return False
    return offered is None or product.id in offered
