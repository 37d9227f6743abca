"""Baskets: what a user gathers in one storefront. They hold no price; prices are found at each view (SF-26)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from app.catalogue.charging import chosen_options
from app.catalogue.models import BillingCycle, PriceScheme, Product, ProductType, Term
from app.catalogue.paths import allowed_by_product
from app.catalogue.quantities import quantity_errors, sale_errors
from app.catalogue.queries import products_with_types
from app.core.db import session
from app.core.errors import FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.orders.basket_add_ons import (
    TickedAddOn,
    add_on_errors,
    alone_errors,
    below,
    below_errors,
    follow_quantity,
    held_add_on,
    put_add_ons,
)
from app.orders.basket_lines import BasketView
from app.orders.basket_pricing import SoldItem, priced_basket
from app.orders.basket_promotions import Offered, checked_code
from app.orders.licences import held_of, subscriptions_of
from app.orders.models import Basket, BasketItem
from app.orders.requirements import ProductExcluded, judge
from app.pricing.catalogue_page import offered_ids
from app.pricing.lines import is_by_unit
from app.pricing.queries import has_tiers_of_lists
from app.pricing.quotes import Buyer, PriceKey, explain_products
from app.subscriptions.queries import find_subscription
from tenants.context import current_scope

KEPT = timedelta(days=30)
MOST_ITEMS = 50
LONGEST_NAME = 100


class BasketItemNotFound(NotFound):
    """The basket holds no such item."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """Whose basket: a user of an account, in one storefront."""

    user_id: UUID
    storefront_id: UUID
    account_id: UUID
    reseller_id: UUID | None


@dataclass(frozen=True, slots=True)
class NewItem:
    """What goes into a basket. `subscription_id` adds licences to a running subscription."""

    product_id: UUID
    term: Term
    cycle: BillingCycle
    quantity: int = 1
    friendly_name: str | None = None
    alias: str | None = None
    subscription_id: UUID | None = None
    parent_subscription_id: UUID | None = None  # the running subscription it is an add-on for
    characteristics: Mapping[str, Any] = field(default_factory=dict)  # answers, by characteristic id
    options: tuple[str, ...] = ()  # codes of chosen ones
    add_ons: tuple[TickedAddOn, ...] = ()  # bought with it


def open_basket(shopper: Shopper, *, at: datetime) -> Basket:
    """Return the shopper's basket, made on first use and emptied when it is older than 30 days; locked until commit."""
    basket = session.scalar(
        select(Basket)
        .where(
            Basket.distributor_id == current_scope().distributor_id,
            Basket.storefront_id == shopper.storefront_id,
            Basket.user_id == shopper.user_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if basket is None:
        basket = Basket(
            storefront_id=shopper.storefront_id,
            user_id=shopper.user_id,
            account_id=shopper.account_id,
            reseller_id=shopper.reseller_id,
            checkout_key=new_id(),
            updated_at=at,
        )
        session.add(basket)
        session.flush()
    elif at - basket.updated_at > KEPT:
        _empty(basket)
    basket.updated_at = at
    return basket


def add_item(shopper: Shopper, new: NewItem, *, buyer: Buyer, at: datetime) -> BasketItem:
    """Put a product into the basket; same product, term, cycle and no name of its own merge into one item.

    Raises Invalid `quantity_range`, `quantity_step`, `quantity_fixed`, `too_many`, `plan_already_active`, `option_unknown`;
    ProductExcluded beside what cannot be owned with it; ProductNotOffered (404) for what this buyer cannot have.
    """
    price = explain_products([new.product_id], buyer).get(PriceKey(new.product_id, new.term, new.cycle))
    product, product_type = _sold(new.product_id)
    if price is None or product.id not in offered_ids([product.id], buyer):
        raise ProductNotOffered
    name = _checked_name(new.friendly_name)
    basket = open_basket(shopper, at=at)
    items = list(_items(basket))
    same = next((item for item in items if _merges(item, new, name)), None)
    quantity = new.quantity + (same.quantity if same and not product.plan_edition else 0)
    bound = find_subscription(new.subscription_id) if new.subscription_id else None
    # Nothing, or less, is refused even where the sum would do.
    asked = quantity if new.quantity > 0 else new.quantity
    parent = find_subscription(new.parent_subscription_id) if new.parent_subscription_id else None
    held = held_add_on(parent, product.id) if new.parent_subscription_id else held_of(bound)
    errors = list(quantity_errors(product, product_type, asked, held=held))
    errors += sale_errors(product, is_more=bound is not None or held > 0)
    if new.parent_subscription_id is not None:
        errors += add_on_errors(parent, product, quantity)
    if len(items) + (same is None) + len(new.add_ons) > MOST_ITEMS:
        errors.append(FieldError("quantity", "too_many", f"A basket holds at most {MOST_ITEMS} items"))
    if product.plan_edition and any(
        item.product_id != product.id and _sold(item.product_id)[0].plan_edition for item in items
    ):
        errors.append(FieldError("quantity", "plan_already_active", "Your basket already holds a plan"))
    if errors:
        raise Invalid(*errors)
    _refuse_excluded(items, new, product, receiver_of(basket, shopper, buyer))
    chosen_options(product, new.options, buyer.currency)
    is_plain = is_by_unit(product, price) and not new.options
    seen = price.unit_price if is_plain else None  # else it is known once the line is priced
    if same is not None:
        same.quantity, same.seen_unit_price = quantity, seen
        follow_quantity(same, items)
        put_add_ons(same, new.add_ons, items, buyer=buyer)
        return same
    item = BasketItem(
        basket_id=basket.id,
        reseller_id=shopper.reseller_id,
        account_id=shopper.account_id,
        product_id=new.product_id,
        term=new.term,
        cycle=new.cycle,
        quantity=quantity,
        friendly_name=name,
        alias=new.alias,
        subscription_id=new.subscription_id,
        parent_subscription_id=new.parent_subscription_id,
        characteristics=dict(new.characteristics),
        price_options=list(new.options),
        seen_unit_price=seen,
        position=1 + max((item.position for item in items), default=0),
    )
    for error in alone_errors(product, item):
        raise Invalid(error)
    session.add(item)
    session.flush()
    put_add_ons(item, new.add_ons, [*items, item], buyer=buyer)
    return item


class ProductNotOffered(NotFound):
    """The product, or this term of it, is not sold to this buyer."""

    def __init__(self) -> None:
        super().__init__("This product is not available")


def require_item(shopper: Shopper, item_id: UUID, *, at: datetime) -> None:
    """Raise BasketItemNotFound for an item that does not stand in the shopper's own basket."""
    _item(open_basket(shopper, at=at), item_id)


def change_item(
    shopper: Shopper,
    item_id: UUID,
    *,
    quantity: int,
    friendly_name: str | None = None,
    at: datetime,
) -> BasketItem:
    """Change an item's quantity and name. Raises BasketItemNotFound, Invalid."""
    basket = open_basket(shopper, at=at)
    items = _items(basket)
    item = next((each for each in items if each.id == item_id), None)
    if item is None:
        raise BasketItemNotFound
    product, product_type = _sold(item.product_id)
    bound = subscriptions_of([item]).get(item.subscription_id or item.parent_subscription_id or item.id)
    if item.parent_subscription_id is not None:
        errors = [
            *quantity_errors(product, product_type, quantity, held=held_add_on(bound, product.id)),
            *add_on_errors(bound, product, quantity),
        ]
    else:
        errors = list(quantity_errors(product, product_type, quantity, held=held_of(bound)))
    if main := next((each for each in items if each.id == item.parent_item_id), None):
        errors += below_errors(main, allowed_by_product([main.product_id])[main.product_id], product, quantity)
    if errors:
        raise Invalid(*errors)
    if item.quantity != quantity and (
        product.price_scheme is not PriceScheme.PER_UNIT or has_tiers_of_lists(product.id, item.term, item.cycle)
    ):
        item.seen_unit_price = None  # another quantity has another price: nothing changed behind the buyer's back
    item.quantity = quantity
    item.friendly_name = _checked_name(friendly_name)
    follow_quantity(item, items)
    return item


def set_alias(shopper: Shopper, item_id: UUID, alias: str, *, at: datetime) -> BasketItem:
    """Remember the alias typed for a plan; it is checked at checkout. Raises BasketItemNotFound."""
    item = _item(open_basket(shopper, at=at), item_id)
    item.alias = alias.strip().lower()[:40] or None
    return item


def remove_item(shopper: Shopper, item_id: UUID, *, at: datetime) -> None:
    """Take an item out, and the add-ons below it. Raises BasketItemNotFound."""
    basket = open_basket(shopper, at=at)
    item = _item(basket, item_id)
    for each in below(_items(basket), item.id):
        session.delete(each)
    session.flush()
    session.delete(item)


def choose_recipient(shopper: Shopper, *, end_customer_id: UUID | None, at: datetime) -> Basket:
    """Say for whom a reseller orders: one of its customers, or itself where None (RS-03)."""
    basket = open_basket(shopper, at=at)
    basket.end_customer_id, basket.is_own_use = end_customer_id, end_customer_id is None
    return basket


def note_on_order(shopper: Shopper, *, po_number: str | None, comment: str | None, at: datetime) -> Basket:
    """Keep the buyer's own reference and comment for the order."""
    basket = open_basket(shopper, at=at)
    basket.po_number, basket.comment = po_number or None, comment or None
    return basket


def view_basket(shopper: Shopper, buyer: Buyer, *, at: datetime, is_shown: bool = False) -> BasketView:
    """Price the basket for its page: a handful of statements, whatever it holds.

    `is_shown`: the buyer sees these prices now, and what it submits next is at them.
    """
    view = view_opened(open_basket(shopper, at=at), shopper, buyer)
    if is_shown:
        for line in view.lines:
            line.item.seen_unit_price = line.unit_price if line.price else line.item.seen_unit_price
    return view


def view_opened(basket: Basket, shopper: Shopper, buyer: Buyer) -> BasketView:
    """Price a basket that is open already."""
    return priced_basket(basket, _items(basket), receiver_of(basket, shopper, buyer), buyer)


def receiver_of(basket: Basket, shopper: Shopper, buyer: Buyer) -> UUID | None:
    """Return who will receive what is in the basket; None while a reseller has not said for whom it orders."""
    if not buyer.buys_as_reseller or basket.is_own_use:
        return shopper.account_id
    return basket.end_customer_id


def answer_item(
    shopper: Shopper, item_id: UUID, *, answers: Mapping[str, Any], options: tuple[str, ...] | None, at: datetime
) -> BasketItem:
    """Keep what was answered about an item, and the options chosen where `options` are given. Raises BasketItemNotFound."""
    item = _item(open_basket(shopper, at=at), item_id)
    item.characteristics = {**item.characteristics, **answers}
    if options is not None and list(options) != item.price_options:
        item.price_options, item.seen_unit_price = list(options), None
    return item


def enter_code(shopper: Shopper, text: str, *, buyer: Buyer, at: datetime) -> Basket:
    """Give the basket a promotion's code. Raises Invalid at `code` with the reason (CB-16)."""
    basket = open_basket(shopper, at=at)
    offered = [Offered(item, item.seen_unit_price or Decimal(0)) for item in _items(basket)]
    basket.promotion_code = checked_code(text, offered, buyer)
    return basket


def remove_code(shopper: Shopper, *, at: datetime) -> Basket:
    """Take the basket's code away."""
    basket = open_basket(shopper, at=at)
    basket.promotion_code = None
    return basket


def after_checkout(basket: Basket, ordered: Iterable[BasketItem]) -> None:
    """Take what was ordered out of the basket and give it a new checkout key."""
    for each in ordered:
        session.delete(each)
    _forget_answers(basket)
    basket.checkout_key = new_id()


def _empty(basket: Basket) -> None:
    session.execute(
        delete(BasketItem)
        .where(BasketItem.distributor_id == basket.distributor_id, BasketItem.basket_id == basket.id)
        .execution_options(synchronize_session="fetch")
    )
    _forget_answers(basket)


def _forget_answers(basket: Basket) -> None:
    basket.end_customer_id = basket.is_own_use = basket.po_number = basket.comment = basket.execute_on = None
    basket.promotion_code = None
    basket.service_answers = {}


def _items(basket: Basket) -> Sequence[BasketItem]:
    return session.scalars(
        select(BasketItem)
        .where(BasketItem.distributor_id == basket.distributor_id, BasketItem.basket_id == basket.id)
        .order_by(BasketItem.position, BasketItem.id)
    ).all()


def _item(basket: Basket, item_id: UUID) -> BasketItem:
    found = session.scalar(
        select(BasketItem).where(
            BasketItem.distributor_id == basket.distributor_id,
            BasketItem.basket_id == basket.id,
            BasketItem.id == item_id,
        )
    )
    if found is None:
        raise BasketItemNotFound
    return found


def _sold(product_id: UUID) -> tuple[Product, ProductType]:
    """Return a product with its type; raises ProductNotOffered where there is none."""
    found = products_with_types([product_id]).get(product_id)
    if found is None:
        raise ProductNotOffered
    return found


def _merges(item: BasketItem, new: NewItem, name: str | None) -> bool:
    return (
        (item.product_id, item.term, item.cycle) == (new.product_id, new.term, new.cycle)
        and item.friendly_name is None
        and name is None
        and item.subscription_id == new.subscription_id
        and item.parent_subscription_id == new.parent_subscription_id
        and item.parent_item_id is None
        and item.price_options == list(new.options)
        and (not new.characteristics or item.characteristics == dict(new.characteristics))
    )


def _refuse_excluded(items: Sequence[BasketItem], new: NewItem, product: Product, account_id: UUID | None) -> None:
    """Raise ProductExcluded where the product excludes what is owned or in the basket already (CB-10)."""
    if new.subscription_id is not None:
        return
    wanted = BasketItem(id=new_id(), product_id=product.id, subscription_id=None)
    sold = products_with_types([product.id, *(item.product_id for item in items)])
    others = [item for item in items if item.product_id != product.id and item.product_id in sold]
    lines = [SoldItem(item, *sold[item.product_id]) for item in (*others, wanted)]
    if (blocking := judge(lines, account_id).blocked.get(wanted.id)) is not None:
        raise ProductExcluded(product, blocking)


def _checked_name(text: str | None) -> str | None:
    name = (text or "").strip()
    if len(name) > LONGEST_NAME:
        raise Invalid.field("friendly_name", "length", "Use at most 100 characters")
    if any(character in "<>" or not character.isprintable() for character in name):
        raise Invalid.field("friendly_name", "characters", "Leave out < and >")
    return name or None
