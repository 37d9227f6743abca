"""Add-ons in a basket: for a subscription that runs, or for what another item will make (SF-21, SF-45, CB-27)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.catalogue.models import BillingCycle, Product, Term
from app.catalogue.paths import AllowedAddOn, allowed_add_ons, allowed_by_product
from app.catalogue.quantities import quantity_errors, sale_errors
from app.catalogue.queries import products_with_types
from app.changes.guards import is_free
from app.core.db import session
from app.core.errors import FieldError, Invalid
from app.core.ids import new_id
from app.orders.models import BasketItem, OrderItem
from app.orders.offers.models import OfferItem
from app.pricing.catalogue_page import offered_ids
from app.pricing.lines import is_by_unit
from app.pricing.quotes import Buyer, PriceKey, explain_products
from app.subscriptions.add_ons import list_add_ons, takes_add_ons
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription, SyncStatus

ONCE = (Term.NONE, BillingCycle.ONE_TIME)


@dataclass(frozen=True, slots=True)
class TickedAddOn:
    """An add-on ticked on its product's page."""

    product_id: UUID
    quantity: int = 1  # of one that follows the licences, what is typed does not count

    @property
    def field(self) -> str:
        """What refusals of it stand at."""
        return f"add_on-{self.product_id}"


def add_on_key(product_id: UUID, main: BasketItem, prices: Collection[PriceKey]) -> PriceKey | None:
    """Return what an add-on is priced by beside its main product: the same term and cycle, or once; None: not sold so."""
    wanted = (PriceKey(product_id, main.term, main.cycle), PriceKey(product_id, *ONCE))
    return next((key for key in wanted if key in prices), None)


def put_add_ons(
    main: BasketItem, ticked: Sequence[TickedAddOn], items: Sequence[BasketItem], *, buyer: Buyer
) -> Sequence[BasketItem]:
    """Put ticked add-ons below an item of the basket; one that is there already gets more. Returns what was made.

    Raises Invalid at `add_on-<product id>`: `add_on_not_allowed`, `add_on_not_priced` and quantity codes.
    """
    ids = [each.product_id for each in ticked]
    allowed = allowed_by_product([main.product_id])[main.product_id]
    known, prices, offered = products_with_types(ids), explain_products(ids, buyer), offered_ids(ids, buyer)
    there = {item.product_id: item for item in items if item.parent_item_id == main.id}
    errors: list[FieldError] = []
    made: list[BasketItem] = []
    for each in {one.product_id: one for one in ticked}.values():
        if each.product_id not in allowed or each.product_id not in offered:
            errors.append(FieldError(each.field, "add_on_not_allowed", "This add-on is not sold with the product"))
            continue
        product, product_type = known[each.product_id]
        same, key = there.get(product.id), add_on_key(product.id, main, prices.keys())
        if key is None:
            words = f"{product.name} is not sold with this term and billing period"
            errors.append(FieldError(each.field, "add_on_not_priced", words))
            continue
        stands = same.quantity if same is not None else 0
        wanted = main.quantity if allowed[product.id].is_quantity_linked else stands + each.quantity
        asked = wanted if each.quantity > 0 else each.quantity
        errors += quantity_errors(product, product_type, asked, field=each.field)
        errors += sale_errors(product, is_more=False, field=each.field)
        if same is not None:
            same.quantity = wanted
            continue
        made.append(
            BasketItem(
                id=new_id(), basket_id=main.basket_id, reseller_id=main.reseller_id, account_id=main.account_id,
                product_id=product.id, term=key.term, cycle=key.cycle, quantity=wanted, parent_item_id=main.id,
                characteristics={}, price_options=[],
                seen_unit_price=prices[key].unit_price if is_by_unit(product, prices[key]) else None,
                position=1 + max((item.position for item in (*items, *made)), default=0),
            )
        )  # fmt: skip
    if errors:
        raise Invalid(*errors)
    session.add_all(made)
    session.flush()
    return made


def below(items: Sequence[BasketItem], main_id: UUID) -> Sequence[BasketItem]:
    """Return the add-ons of an item of the basket."""
    return [item for item in items if item.parent_item_id == main_id]


def follow_quantity(main: BasketItem, items: Sequence[BasketItem]) -> None:
    """Bring add-ons that go with the licences to their number."""
    children = below(items, main.id)
    allowed = allowed_by_product([main.product_id])[main.product_id] if children else {}
    for item in children:
        if is_linked(allowed, item.product_id):
            item.quantity = main.quantity


def in_place(items: Sequence[BasketItem]) -> Sequence[BasketItem]:
    """Return a basket's items with each add-on right below its main product."""
    mains = [item for item in items if item.parent_item_id is None]
    return [each for main in mains for each in (main, *below(items, main.id))]


def below_errors(
    main: BasketItem | OrderItem | OfferItem, allowed: Mapping[UUID, AllowedAddOn], product: Product, quantity: int
) -> Iterator[FieldError]:
    """Say what stands against an add-on below an item; `allowed` are the add-ons of the item's product, by id."""
    found = allowed.get(product.id)
    if found is None:
        yield FieldError("product", "add_on_not_allowed", f"{product.name} is not sold with this product; remove it")
    elif found.is_quantity_linked and quantity != main.quantity:
        yield FieldError("quantity", "quantity_linked", f"There are as many as of its product: {main.quantity}")


def alone_errors(product: Product, item: BasketItem) -> Iterator[FieldError]:
    """Refuse an add-on that stands by itself (CB-27)."""
    if product.is_add_on and {item.subscription_id, item.parent_subscription_id, item.parent_item_id} == {None}:
        yield FieldError(
            "product",
            "add_on_alone",
            f"{product.name} is an add-on: it is bought with its product, or for a subscription",
        )


def is_linked(allowed: Mapping[UUID, AllowedAddOn], product_id: UUID) -> bool:
    """Whether there are as many of an add-on as of its product."""
    return product_id in allowed and allowed[product_id].is_quantity_linked


def held_add_on(parent: Subscription | None, product_id: UUID) -> int:
    """Return how many of an add-on a subscription has: limits are about the sum."""
    if parent is None:
        return 0
    return next((each.quantity for each in list_add_ons(parent.id) if each.product_id == product_id), 0)


def add_on_errors(parent: Subscription | None, product: Product, quantity: int) -> Iterator[FieldError]:
    """Say why an add-on cannot be bought for its subscription now."""
    if parent is None or not takes_add_ons(parent):
        words = "Its subscription is not active any more, or not paid for yet; remove this item"
        yield FieldError("product", "parent_not_active", words)
        return
    allowed = next((each for each in allowed_add_ons(parent.product_id) if each.product.id == product.id), None)
    if allowed is None:
        yield FieldError("product", "add_on_not_allowed", f"{product.name} is no add-on of “{parent.friendly_name}”")
        return
    if parent.sync_status is SyncStatus.FAILED or not is_free(parent, Action.BUY):
        yield FieldError(
            "product",
            "subscription_busy",
            f"A request for “{parent.friendly_name}” comes first; withdraw it, or remove this item",
        )
    held = held_add_on(parent, product.id)
    if allowed.is_quantity_linked and (held or quantity != parent.quantity):
        words = f"There are as many as licences: {parent.quantity}" if not held else "It follows the number of licences"
        yield FieldError("quantity", "quantity_linked", words)
