"""Add-ons that staff puts on orders and offers: below another item, or for a subscription of the receiver (CB-18, CB-27)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import select

from app.catalogue.models import Product, ProductRelation, RelationKind
from app.catalogue.paths import allowed_by_product
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.orders.basket_add_ons import ONCE, add_on_errors, below_errors, held_add_on, is_linked
from app.orders.models import OrderItem
from app.orders.offers.models import OfferItem
from app.subscriptions.models import Subscription, SubscriptionRole, SubscriptionStatus
from app.subscriptions.queries import find_subscription
from tenants.context import current_scope

PARENT = "parent_id"  # the field of the form
TiedItem: TypeAlias = OrderItem | OfferItem
Tied = TypeVar("Tied", OrderItem, OfferItem)


@dataclass(frozen=True, slots=True)
class ParentChoice:
    """What an add-on can be added to: another item, or a running subscription of the receiver."""

    id: UUID
    name: str


def parent_choices(
    product: Product, items: Iterable[TiedItem], receiver_id: UUID | None, *, words: str
) -> Sequence[ParentChoice]:
    """Return what an add-on can be added to, the order's or offer's own items first; `words` say that they are."""
    if not product.is_add_on:
        return ()
    mains = set(
        session.scalars(
            select(ProductRelation.product_id).where(
                ProductRelation.distributor_id == current_scope().distributor_id,
                ProductRelation.kind == RelationKind.ADD_ON,
                ProductRelation.other_id == product.id,
            )
        )
    )
    if not mains:
        return ()
    running = session.scalars(
        select(Subscription)
        .where(
            Subscription.distributor_id == current_scope().distributor_id,
            Subscription.account_id == receiver_id,
            Subscription.product_id.in_(mains),
            Subscription.role == SubscriptionRole.MAIN,
            Subscription.status == SubscriptionStatus.ACTIVE,
            Subscription.trial_ends_on.is_(None),
        )
        .order_by(Subscription.code)
    )
    here = [item for item in items if _is_main(item) and item.product_id in mains]
    return [
        *(ParentChoice(item.id, f"{item.friendly_name or item.product_name} ({words})") for item in here),
        *(ParentChoice(each.id, f"{each.friendly_name} ({each.code})") for each in running),
    ]


def put_below(
    item: TiedItem, product: Product, parent_id: UUID | None, items: Iterable[TiedItem], receiver_id: UUID
) -> int:
    """Tie an item to what it is added to; returns how many of it are there already.

    Raises Invalid at `parent_id`: `add_on_alone`, `parent_unknown`, `add_on_term`; and what speaks against the add-on.
    """
    if parent_id is None:
        if product.is_add_on:
            raise Invalid.field(PARENT, "add_on_alone", f"{product.name} is an add-on: choose what it is added to")
        return 0
    main = next((each for each in items if each.id == parent_id and _is_main(each)), None)
    if main is not None:
        _require(_below_errors(main, product, item))
        item.parent_item_id = main.id
        return 0
    parent = find_subscription(parent_id)
    if parent is None or parent.account_id != receiver_id:
        raise Invalid.field(PARENT, "parent_unknown", "Choose one of the items here, or a subscription of the account")
    _require([*_term_errors(item, (parent.term, parent.cycle)), *add_on_errors(parent, product, item.quantity)])
    item.parent_subscription_id = parent.id
    return held_add_on(parent, product.id)


def require_below(item: TiedItem, product: Product, quantity: int, items: Iterable[TiedItem]) -> int:
    """Judge another quantity of an item that is there; returns how many of it are held beside. Raises Invalid."""
    if item.parent_item_id is not None:
        main = next(each for each in items if each.id == item.parent_item_id)
        allowed = allowed_by_product([main.product_id])[main.product_id]
        _require(below_errors(main, allowed, product, quantity))
    elif item.parent_subscription_id is not None:
        parent = find_subscription(item.parent_subscription_id)
        _require(add_on_errors(parent, product, quantity))
        return held_add_on(parent, product.id)
    return 0


def follow_quantity(main: TiedItem, items: Iterable[Tied]) -> list[Tied]:
    """Bring add-ons that go with the licences to their number; returns them."""
    children = below(main.id, items)
    allowed = allowed_by_product([main.product_id])[main.product_id] if children else {}
    followed = [each for each in children if is_linked(allowed, each.product_id)]
    for each in followed:
        each.quantity = main.quantity
    return followed


def below(item_id: UUID, items: Iterable[Tied]) -> list[Tied]:
    """Return the add-ons of an item."""
    return [each for each in items if each.parent_item_id == item_id]


def _below_errors(main: TiedItem, product: Product, item: TiedItem) -> list[FieldError]:
    allowed = allowed_by_product([main.product_id])[main.product_id]
    return [*_term_errors(item, (main.term, main.cycle)), *below_errors(main, allowed, product, item.quantity)]


def _term_errors(item: TiedItem, wanted: tuple[object, object]) -> list[FieldError]:
    if (item.term, item.cycle) in (wanted, ONCE):
        return []
    return [FieldError(PARENT, "add_on_term", "An add-on has the term and billing period of what it is added to")]


def _is_main(item: TiedItem) -> bool:
    adds_licences = isinstance(item, OrderItem) and item.subscription_id is not None
    return item.parent_item_id is None and item.parent_subscription_id is None and not adds_licences


def _require(errors: Iterable[FieldError]) -> None:
    found = [FieldError(PARENT if each.field == "product" else each.field, each.code, each.message) for each in errors]
    if found:
        raise Invalid(*found)
