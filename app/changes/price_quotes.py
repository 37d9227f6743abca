"""What an edited price comes to: a list, a price by hand or a discount, and perhaps a longer cycle (CB-04, CB-26)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from app.accounts.models import Account
from app.catalogue.charging import chosen_options, tiers_of
from app.catalogue.models import BillingCycle, Product, ProductPrice, Term, VendorCost
from app.changes.prices import is_protected, reduction_of
from app.core.db import session
from app.core.errors import Invalid
from app.pricing.models import PriceList, PriceListEntry
from app.pricing.quotes import PriceKey, explain_prices, root_buyer
from app.pricing.schemes import Agreed, ListRule, counted_from, line_price, rule_of
from app.subscriptions.external_prices import find_external_price
from app.subscriptions.models import PriceLabel, Subscription, SubscriptionCost
from app.subscriptions.price_models import PriceEdit
from tenants.context import current_scope

MOST = Decimal("99999999.9999")
HUNDRED = Decimal(100)
UNIT, CENT = Decimal("0.0001"), Decimal("0.01")
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPrice:
    """What somebody sets. None, and a discount of 0, leave a thing to where the price comes from."""

    price_list_id: UUID | None = None
    user_price: Decimal | None = None  # per unit and cycle; wins over the discount
    discount_percent: Decimal = NOTHING
    cycle: BillingCycle | None = None


@dataclass(frozen=True, slots=True)
class NewUnitCost:
    """What it comes to, per unit and cycle."""

    base: Decimal  # before hand and promotion
    unit_cost: Decimal
    label: PriceLabel
    price_list_id: UUID | None
    cycle: BillingCycle


def require_sane(wanted: WantedPrice) -> None:
    """Refuse what is no price: Invalid `amount_range`, `decimals_4`, `percent_range`, `decimals_2`."""
    price, discount = wanted.user_price, wanted.discount_percent
    if price is not None and not (price.is_finite() and NOTHING <= price <= MOST):
        raise Invalid.field("user_price", "amount_range", "Enter a price from 0 to 99,999,999.9999")
    if price is not None and price != price.quantize(UNIT):
        raise Invalid.field("user_price", "decimals_4", "Use at most 4 decimals")
    if not (discount.is_finite() and NOTHING <= discount <= HUNDRED):
        raise Invalid.field("discount_percent", "percent_range", "A discount is 0 to 100 %")
    if discount != discount.quantize(CENT):
        raise Invalid.field("discount_percent", "decimals_2", "Use at most 2 decimals")


def new_unit_cost(
    subscription: Subscription, cost: SubscriptionCost, payer: Account, wanted: WantedPrice, *, on: date
) -> NewUnitCost:
    """Work out the edited price. A chosen list gives today's price; else a price is counted from where it comes from:

    the locked price of a protected subscription, the vendor's last of an external one, else the present one.
    Raises Invalid `not_priced`, `cycle`, and what `require_sane` raises. In the distributor's scope.
    """
    require_sane(wanted)
    cycle = wanted.cycle or subscription.cycle
    base, list_id, label = _base(subscription, cost, payer, wanted, cycle, on)
    agreed = Agreed(wanted.user_price, wanted.discount_percent)
    if wanted.user_price is not None:
        label = PriceLabel.USER_PRICED
    elif wanted.discount_percent:
        label = PriceLabel.USER_DISCOUNT
    promotion = reduction_of(cost.promotion_id) if cost.promotion_id is not None else None
    unit = line_price(base, 1, cost.currency, agreed=agreed, promotion=promotion).unit_price
    return NewUnitCost(base, unit, label, list_id, cycle)


def wanted_of(edit: PriceEdit) -> WantedPrice:
    """Return what an edit said."""
    return WantedPrice(
        price_list_id=edit.price_list_id,
        user_price=edit.user_price,
        discount_percent=edit.discount_percent,
        cycle=edit.cycle,
    )


def take_over(subscription: Subscription, cost: SubscriptionCost, wanted: WantedPrice, found: NewUnitCost) -> None:
    """Write an edited price down. By hand it is never protected; where its owner pays, its own price follows."""
    cost.unit_cost, cost.base_cost, cost.label = found.unit_cost, found.base, found.label
    cost.price_list_id = found.price_list_id
    cost.user_price, cost.discount_percent = wanted.user_price, wanted.discount_percent
    if wanted.user_price is not None:
        cost.protected_price = cost.protected_list_price = cost.protected_until = None
    elif cost.protected_price is not None:
        cost.protected_price = found.base
    if subscription.account_id == subscription.payer_id and subscription.unit_price is not None:
        subscription.unit_price = found.unit_cost


def vendor_cost_of(subscription: Subscription, cycle: BillingCycle) -> Decimal | None:
    """Return what the distributor pays per unit and cycle."""
    return session.scalar(
        select(VendorCost.vendor_cost).where(
            VendorCost.distributor_id == current_scope().distributor_id,
            VendorCost.product_id == subscription.product_id,
            VendorCost.term == subscription.term,
            VendorCost.cycle == cycle,
            VendorCost.currency == subscription.currency,
        )
    )


def lists_pricing(product_id: UUID, term: Term, currency: str, *, on: date) -> Sequence[PriceList]:
    """Return the price lists somebody may choose for a product: active, valid on a day, and pricing it."""
    return session.scalars(
        select(PriceList)
        .where(
            PriceList.distributor_id == current_scope().distributor_id,
            *_valid(on, currency),
            PriceList.id.in_(
                select(PriceListEntry.price_list_id).where(
                    PriceListEntry.distributor_id == current_scope().distributor_id,
                    PriceListEntry.product_id == product_id,
                    PriceListEntry.term == term,
                )
            ),
        )
        .order_by(PriceList.name, PriceList.id)
    ).all()


def list_price_of(subscription: Subscription, cycle: BillingCycle) -> ProductPrice | None:
    """Return the row of the distributor's list price for a subscription's product, term, currency and a cycle."""
    return session.scalar(
        select(ProductPrice).where(
            ProductPrice.distributor_id == current_scope().distributor_id,
            ProductPrice.product_id == subscription.product_id,
            ProductPrice.term == subscription.term,
            ProductPrice.cycle == cycle,
            ProductPrice.currency == subscription.currency,
        )
    )


def list_rule(
    price_list_id: UUID, product_id: UUID, term: Term, cycle: BillingCycle, currency: str, on: date
) -> ListRule | None:
    """Return what a price list that is valid on a day says of a product."""
    entry = session.scalar(
        select(PriceListEntry)
        .join(
            PriceList,
            (PriceList.distributor_id == PriceListEntry.distributor_id)
            & (PriceList.id == PriceListEntry.price_list_id),
        )
        .where(
            PriceListEntry.distributor_id == current_scope().distributor_id,
            PriceListEntry.price_list_id == price_list_id,
            PriceListEntry.product_id == product_id,
            PriceListEntry.term == term,
            PriceListEntry.cycle == cycle,
            *_valid(on, currency),
        )
    )
    return None if entry is None else rule_of(entry)


def _base(
    subscription: Subscription,
    cost: SubscriptionCost,
    payer: Account,
    wanted: WantedPrice,
    cycle: BillingCycle,
    on: date,
) -> tuple[Decimal, UUID | None, PriceLabel]:
    if wanted.price_list_id is None and cycle is subscription.cycle:
        if is_protected(cost, on) and cost.protected_price is not None:
            return cost.protected_price, cost.price_list_id, PriceLabel.PROTECTED
        external = find_external_price(subscription.id)
        if external is not None and external.unit_price is not None:
            return external.unit_price, cost.price_list_id, PriceLabel.EXTERNAL
        if cost.user_price is None:
            present = cost.base_cost if cost.base_cost is not None else cost.unit_cost
            return present, cost.price_list_id, PriceLabel.LIST
    counted = _counted(subscription, payer, wanted.price_list_id, cost.price_list_id, cycle, on)
    if counted is None and wanted.user_price is None:
        raise Invalid.field("cycle", "not_priced", "The product has no price for this billing cycle")
    if counted is None:
        return wanted.user_price or NOTHING, None, PriceLabel.USER_PRICED
    start, rule, list_id = counted
    product = session.get_one(Product, (subscription.distributor_id, subscription.product_id))
    priced = line_price(
        start,
        max(subscription.quantity, 1),
        subscription.currency,
        scheme=product.price_scheme,
        tiers=tiers_of(product),
        options=chosen_options(product, tuple(subscription.price_options), subscription.currency),
        rule=rule,
    )
    return priced.unit_price, list_id if rule is not None else None, PriceLabel.LIST


def _counted(
    subscription: Subscription,
    payer: Account,
    wanted_id: UUID | None,
    own_id: UUID | None,
    cycle: BillingCycle,
    on: date,
) -> tuple[Decimal, ListRule | None, UUID | None] | None:
    """Return what a price is counted from on a day, by which rule of which list; None where nothing prices it.

    Raises Invalid `not_priced` where the wanted list does not.
    """
    list_id, row = wanted_id or own_id, list_price_of(subscription, cycle)
    list_price = row.list_price if row is not None else None
    if list_id is not None:
        rule = list_rule(list_id, subscription.product_id, subscription.term, cycle, subscription.currency, on)
        if rule is not None:
            return *counted_from(rule, list_price), list_id
        if wanted_id is not None:
            raise Invalid.field("price_list", "not_priced", "This price list does not price the product")
    if list_price is not None and not payer.restrict_to_price_lists:
        return list_price, None, None
    key = PriceKey(subscription.product_id, subscription.term, cycle)
    found = explain_prices({key}, root_buyer(payer, on)).get(key)
    return None if found is None else (*found.counted_from, found.price_list_id)


def _valid(on: date, currency: str) -> tuple[ColumnElement[bool], ...]:
    return (
        PriceList.is_active.is_(True),
        PriceList.currency == currency,
        PriceList.valid_from <= on,
        or_(PriceList.valid_to.is_(None), PriceList.valid_to >= on),
    )
