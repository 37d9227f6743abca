"""Baskets: what a user gathers in one storefront. They hold no price; prices are found at each view (SF-26)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, select

from app.catalogue.models import BillingCycle, Product, Term
from app.core.db import session
from app.core.errors import FieldError, Invalid, NotFound
from app.core.ids import new_id
from app.core.money import line_amount
from app.orders.licences import held_of, licence_errors, subscriptions_of
from app.orders.models import Basket, BasketItem
from app.pricing.catalogue_page import offered_ids
from app.pricing.quotes import Buyer, ExplainedPrice, PriceKey, explain_products
from app.subscriptions.models import Subscription
from app.subscriptions.queries import find_subscription
from tenants.context import current_scope

KEPT = timedelta(days=30)
MOST_ITEMS = 50
MOST_QUANTITY = 1_000_000
LONGEST_NAME = 100
ONCE_LAST = 1_000  # one-off purchases have a cycle of 0 months


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


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One item with its product and today's price; `price` None: it cannot be bought any more."""

    item: BasketItem
    product: Product
    price: ExplainedPrice | None  # never handed to a customer's page: use `unit_price`
    problems: tuple[FieldError, ...] = ()
    subscription: Subscription | None = None  # the one it adds licences to
    changed_from: Decimal | None = None  # the price as last shown, where it is another one now

    @property
    def key(self) -> PriceKey:
        """What it is priced by."""
        return PriceKey(self.item.product_id, self.item.term, self.item.cycle)

    @property
    def unit_price(self) -> Decimal | None:
        """The buyer's price per unit and cycle."""
        return self.price.unit_price if self.price else None

    @property
    def line_total(self) -> Decimal | None:
        """Unit price x quantity, rounded once."""
        return line_amount(self.price.unit_price, self.item.quantity, self.price.currency) if self.price else None


@dataclass(frozen=True, slots=True)
class BasketView:
    """A basket as its page shows it."""

    basket: Basket
    lines: tuple[BasketLine, ...]
    currency: str
    problems: tuple[FieldError, ...] = field(default=())

    @property
    def net_total(self) -> Decimal:
        """The sum of rounded lines; what cannot be bought counts nothing."""
        return sum((line.line_total for line in self.lines if line.line_total is not None), Decimal(0))

    @property
    def cycle_totals(self) -> Sequence[tuple[BillingCycle, Decimal]]:
        """What is due per billing cycle, the shortest first, one-off last: a total of mixed cycles says little."""
        totals: dict[BillingCycle, Decimal] = {}
        for line in self.lines:
            if line.line_total is not None:
                totals[line.item.cycle] = totals.get(line.item.cycle, Decimal(0)) + line.line_total
        return sorted(totals.items(), key=lambda pair: pair[0].months or ONCE_LAST)

    @property
    def is_blocked(self) -> bool:
        """Whether something must be repaired before checkout."""
        return not self.lines or any(line.problems for line in self.lines)

    @property
    def plan_lines(self) -> Sequence[BasketLine]:
        """Lines that ask for a storefront alias."""
        return [line for line in self.lines if line.product.plan_edition]


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


def quantity_errors(product: Product, quantity: int, *, held: int = 0) -> Iterator[FieldError]:
    """Say what is wrong with a quantity of a product (SF-26). `held` are there already: limits are about the sum."""
    least, most = max(product.min_quantity - held, 1), (product.max_quantity or MOST_QUANTITY) - held
    if product.plan_edition and quantity != 1:
        yield FieldError("quantity", "quantity_fixed", "A plan is bought once")
    elif most < 1:
        yield FieldError("quantity", "quantity_range", "No more can be ordered")
    elif not least <= quantity <= most:
        words = f"Enter {least}" if most == least else f"Enter a quantity between {least:,} and {most:,}"
        yield FieldError("quantity", "quantity_range", words)
    elif quantity % product.step_quantity:
        yield FieldError("quantity", "quantity_step", f"Enter a multiple of {product.step_quantity}")


def add_item(shopper: Shopper, new: NewItem, *, buyer: Buyer, at: datetime) -> BasketItem:
    """Put a product into the basket; same product, term, cycle and no name of its own merge into one item.

    Raises Invalid `quantity_range`, `quantity_step`, `quantity_fixed`, `too_many`, `plan_already_active`; ProductNotOffered
    (404) for what this buyer cannot have.
    """
    price = explain_products([new.product_id], buyer).get(PriceKey(new.product_id, new.term, new.cycle))
    product = _product(new.product_id)
    if price is None or product is None or product.id not in offered_ids([product.id], buyer):
        raise ProductNotOffered
    name = _checked_name(new.friendly_name)
    basket = open_basket(shopper, at=at)
    items = list(_items(basket))
    same = next((item for item in items if _merges(item, new, name)), None)
    quantity = new.quantity + (same.quantity if same and not product.plan_edition else 0)
    bound = find_subscription(new.subscription_id) if new.subscription_id else None
    # Nothing, or less, is refused even where the sum would do.
    asked = quantity if new.quantity > 0 else new.quantity
    errors = list(quantity_errors(product, asked, held=held_of(bound)))
    if same is None and len(items) >= MOST_ITEMS:
        errors.append(FieldError("quantity", "too_many", f"A basket holds at most {MOST_ITEMS} items"))
    if product.plan_edition and any(
        item.product_id != product.id and (_product(item.product_id) or product).plan_edition for item in items
    ):
        errors.append(FieldError("quantity", "plan_already_active", "Your basket already holds a plan"))
    if errors:
        raise Invalid(*errors)
    if same is not None:
        same.quantity, same.seen_unit_price = quantity, price.unit_price
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
        seen_unit_price=price.unit_price,
        position=1 + max((item.position for item in items), default=0),
    )
    session.add(item)
    session.flush()
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
    item = _item(basket, item_id)
    product = _product(item.product_id)
    assert product is not None
    bound = subscriptions_of([item]).get(item.subscription_id) if item.subscription_id else None
    if errors := list(quantity_errors(product, quantity, held=held_of(bound))):
        raise Invalid(*errors)
    item.quantity = quantity
    item.friendly_name = _checked_name(friendly_name)
    return item


def set_alias(shopper: Shopper, item_id: UUID, alias: str, *, at: datetime) -> BasketItem:
    """Remember the alias typed for a plan; it is checked at checkout. Raises BasketItemNotFound."""
    item = _item(open_basket(shopper, at=at), item_id)
    item.alias = alias.strip().lower()[:40] or None
    return item


def remove_item(shopper: Shopper, item_id: UUID, *, at: datetime) -> None:
    """Take an item out. Raises BasketItemNotFound."""
    session.delete(_item(open_basket(shopper, at=at), item_id))


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
    basket = open_basket(shopper, at=at)
    items = list(_items(basket))
    products = {
        product.id: product
        for product in session.scalars(
            select(Product).where(
                Product.distributor_id == current_scope().distributor_id,
                Product.id.in_([item.product_id for item in items]),
            )
        )
    }
    prices = explain_products([item.product_id for item in items], buyer)
    offered = offered_ids(products, buyer)
    bound = subscriptions_of(items)
    lines = tuple(
        _line(
            item,
            products[item.product_id],
            prices.get(PriceKey(item.product_id, item.term, item.cycle)) if item.product_id in offered else None,
            bound.get(item.subscription_id) if item.subscription_id else None,
        )
        for item in items
    )
    if is_shown:
        for line in lines:
            line.item.seen_unit_price = line.unit_price if line.price else line.item.seen_unit_price
    return BasketView(basket, lines, buyer.currency)


def _line(item: BasketItem, product: Product, price: ExplainedPrice | None, bound: Subscription | None) -> BasketLine:
    problems = list(quantity_errors(product, item.quantity, held=held_of(bound)))
    problems += licence_errors(item, bound)
    if price is None:
        problems.insert(0, FieldError("product", "not_available", f"{product.name} is no longer available; remove it"))
    seen = item.seen_unit_price
    is_changed = price is not None and seen is not None and seen != price.unit_price
    return BasketLine(item, product, price, tuple(problems), bound, seen if is_changed else None)


def after_checkout(basket: Basket) -> None:
    """Empty the basket of an order just placed and give it a new checkout key."""
    _empty(basket)
    basket.checkout_key = new_id()


def _empty(basket: Basket) -> None:
    session.execute(
        delete(BasketItem)
        .where(BasketItem.distributor_id == basket.distributor_id, BasketItem.basket_id == basket.id)
        .execution_options(synchronize_session="fetch")
    )
    basket.end_customer_id = basket.is_own_use = basket.po_number = basket.comment = None


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


def _product(product_id: UUID) -> Product | None:
    return session.scalar(
        select(Product).where(Product.distributor_id == current_scope().distributor_id, Product.id == product_id)
    )


def _merges(item: BasketItem, new: NewItem, name: str | None) -> bool:
    return (
        (item.product_id, item.term, item.cycle) == (new.product_id, new.term, new.cycle)
        and item.friendly_name is None
        and name is None
        and item.subscription_id == new.subscription_id
    )


def _checked_name(text: str | None) -> str | None:
    name = (text or "").strip()
    if len(name) > LONGEST_NAME:
        raise Invalid.field("friendly_name", "length", "Use at most 100 characters")
    if any(character in "<>" or not character.isprintable() for character in name):
        raise Invalid.field("friendly_name", "characters", "Leave out < and >")
    return name or None
