"""A basket priced line by line, with everything that stands in the way of its checkout (SF-26)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from app.catalogue.characteristics import Characteristic, asked_of, components_of, missing_errors
from app.catalogue.models import Product, ProductKind, ProductType
from app.catalogue.paths import AllowedAddOn, allowed_by_product
from app.catalogue.quantities import quantity_errors, sale_errors
from app.catalogue.queries import products_with_types
from app.catalogue.relations import Relation
from app.core.errors import FieldError
from app.orders.basket_add_ons import (
    add_on_errors,
    alone_errors,
    below_errors,
    held_add_on,
    in_place,
    is_linked,
)
from app.orders.basket_lines import BasketLine, BasketView
from app.orders.basket_promotions import Offered, Promoted, promotions_of
from app.orders.execution_prices import running_costs
from app.orders.licences import held_of, licence_errors, subscriptions_of
from app.orders.models import Basket, BasketItem
from app.orders.prechecks.models import CheckState
from app.orders.prechecks.services import answers_of, is_checked, refusal
from app.orders.requirements import Findings, judge
from app.pricing.catalogue_page import explain_offered
from app.pricing.lines import Asked, PricedLine, price_lines
from app.pricing.models import Promotion
from app.pricing.promotions.queries import reduction_of
from app.pricing.quotes import Buyer, ExplainedPrice, PriceKey
from app.pricing.schemes import Agreed
from app.subscriptions.models import Subscription, SubscriptionCost

NO_COSTS: Mapping[UUID, SubscriptionCost] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SoldItem:
    """An item with its product and type."""

    item: BasketItem
    product: Product
    product_type: ProductType

    @property
    def key(self) -> PriceKey:
        """What it is priced by."""
        return PriceKey(self.item.product_id, self.item.term, self.item.cycle)


@dataclass(frozen=True, slots=True)
class KnownItems:
    """What a statement has read of a basket's items and their products, beside the items themselves."""

    products: Mapping[UUID, tuple[Product, ProductType]]
    relations: tuple[Relation, ...]  # that may stand against an order


def priced_basket(
    basket: Basket,
    items: Sequence[BasketItem],
    receiver_id: UUID | None,
    buyer: Buyer,
    read: KnownItems | None = None,
) -> BasketView:
    """Price items for their buyer and judge them for their receiver, who may not be known yet."""
    if not items:
        return BasketView(basket, (), buyer.currency)
    items = in_place(items)
    known = read.products if read is not None else products_with_types([item.product_id for item in items])
    sold = [SoldItem(item, *known[item.product_id]) for item in items]
    prices = explain_offered(known, buyer)
    plain = _priced(sold, {}, prices, buyer)
    promoted = promotions_of(
        basket,
        [Offered(each.item, line.price.unit_price) for each, line in zip(sold, plain, strict=True) if line is not None],
        buyer,
    )
    running = running_costs(sold) if buyer.reseller_id is None else {}
    is_other = promoted.by_item or running
    priced = _priced(sold, promoted.by_item, prices, buyer, running) if is_other else plain
    bound = subscriptions_of(items)
    checks = answers_of([each.item for each in sold if is_checked(each.product_type, each.item.characteristics)])
    found = judge(sold, receiver_id, read.relations if read is not None else None)
    mains = {each.item.id: each for each in sold}
    allowed = allowed_by_product(
        {mains[item.parent_item_id].product.id for item in items if item.parent_item_id is not None}
    )
    lines = tuple(
        _line(
            each, before, line, promoted, found, checks,
            bound=bound.get(_bound_id(each.item, basket)),
            main=mains[each.item.parent_item_id] if each.item.parent_item_id is not None else None,
            allowed=allowed,
        )
        for each, before, line in zip(sold, plain, priced, strict=True)
    )  # fmt: skip
    return BasketView(basket, lines, buyer.currency, code_problem=promoted.problem)


def _priced(
    sold: Sequence[SoldItem],
    promotions: Mapping[UUID, Promotion],
    prices: Mapping[PriceKey, ExplainedPrice],
    buyer: Buyer,
    running: Mapping[UUID, SubscriptionCost] = NO_COSTS,
) -> list[PricedLine | None]:
    """Price items; licences for what runs cost who pays for it what it costs already, promotion included (CB-06)."""
    asked = [
        Asked(each.product, each.key, each.item.quantity, agreed=Agreed(running[each.item.id].unit_cost))
        if each.item.id in running
        else Asked(
            each.product,
            each.key,
            each.item.quantity,
            tuple(each.item.price_options),
            reduction_of(promotions[each.item.id]) if each.item.id in promotions else None,
        )
        for each in sold
    ]
    return price_lines(asked, prices, buyer)


def _line(
    sold: SoldItem,
    before: PricedLine | None,
    priced: PricedLine | None,
    promoted: Promoted,
    found: Findings,
    checks: Mapping[UUID, CheckState],
    *,
    bound: Subscription | None,
    main: SoldItem | None,
    allowed: Mapping[UUID, Mapping[UUID, AllowedAddOn]],
) -> BasketLine:
    item, product = sold.item, sold.product
    held = 0
    if main is not None:
        problems = list(quantity_errors(product, sold.product_type, item.quantity))
        problems += below_errors(main.item, allowed[main.product.id], product, item.quantity)
    elif item.parent_subscription_id is not None:
        held = held_add_on(bound, product.id)
        problems = list(quantity_errors(product, sold.product_type, item.quantity, held=held))
        problems += add_on_errors(bound, product, item.quantity)
    else:
        problems = list(quantity_errors(product, sold.product_type, item.quantity, held=held_of(bound)))
        problems += licence_errors(item, bound)
    problems += sale_errors(product, is_more=item.subscription_id is not None or held > 0)
    problems += [*alone_errors(product, item), *found.errors(sold)]
    if item.subscription_id is None:
        problems += missing_errors(sold.product_type, product, item.characteristics, is_storefront=True)
        problems += refusal(sold.product_type, item, checks, field="domain")
    if priced is None:
        problems.insert(0, FieldError("product", "not_available", f"{product.name} is no longer available; remove it"))
    return BasketLine(
        item=item,
        product=product,
        product_type=sold.product_type,
        price=priced.price if priced is not None else None,
        line_total=priced.line_total if priced is not None else None,
        problems=tuple(problems),
        subscription=bound,
        changed_from=_changed_from(item, before, priced),
        promotion=promoted.by_item.get(item.id),
        needed=found.needed.get(item.id, ()),
        blocking=found.blocked.get(item.id),
        part_questions=tuple(_part_questions(sold)),
        main=main.product if main is not None else None,
        is_quantity_linked=main is not None and is_linked(allowed[main.product.id], product.id),
    )


def _bound_id(item: BasketItem, basket: Basket) -> UUID:
    """Return the subscription an item is about; the basket's own id is nobody's."""
    return item.subscription_id or item.parent_subscription_id or basket.id


def _changed_from(item: BasketItem, before: PricedLine | None, priced: PricedLine | None) -> Decimal | None:
    """Return the price as last seen, where it is another one now; that a promotion lowers it is no surprise."""
    seen = item.seen_unit_price
    if seen is None or before is None or priced is None:
        return None
    return None if seen in (before.price.unit_price, priced.price.unit_price) else seen


def _part_questions(sold: SoldItem) -> list[tuple[Product, tuple[Characteristic, ...]]]:
    if sold.product_type.kind is not ProductKind.BUNDLE:
        return []
    found = [
        (part, tuple(each for each in asked_of(part_type) if each.is_visible))
        for part, part_type in components_of(sold.product.id)
    ]
    return [(part, questions) for part, questions in found if questions]
