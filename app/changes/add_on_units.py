"""Add-ons whose subscription gets another term, billing cycle or period: they are billed with it (CB-25, CB-26, CB-27).

What is not used of their own period comes back, and they are charged to the end of the subscription's period at the
price of its term and cycle. An add-on that is not sold for these is in the way: it is canceled first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.billing.add_ons import whole_cycle
from app.billing.charges import charge_to_credit, charged_net
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, days_share
from app.catalogue.models import BillingCycle, BillingType, Product, Term
from app.catalogue.paths import add_ons_by_product
from app.changes.charging import Amount, current_period
from app.changes.prices import reduction_of, unit_after
from app.changes.queries import cost_of
from app.changes.targets import TargetPrice, target_price
from app.core.db import session
from app.core.money import round_unit
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.models import PriceLabel, Subscription, SubscriptionChange, SubscriptionCost
from app.subscriptions.periods import Period
from app.subscriptions.protection import lock_price


def unsold_add_ons(parent: Subscription, term: Term, cycle: BillingCycle, *, on: date) -> Sequence[Subscription]:
    """Return a subscription's add-ons that have no price for a term and cycle on a day. Needs the distributor's scope."""
    return [
        each
        for each in list_add_ons(parent.id)
        if (each.term, each.cycle) != (term, cycle) and _price(each, term, cycle, on) is None
    ]


def lost_add_ons(
    source: Subscription, product_id: UUID | None, unit: tuple[Term, BillingCycle] | None, *, on: date
) -> Sequence[Subscription]:
    """Return the add-ons that do not go along when a subscription becomes another product.

    Those the product has not, and those that are not sold for its `unit` of term and cycle; None: not looked at.
    """
    allowed = add_ons_by_product([product_id])[product_id] if product_id is not None else frozenset()
    unsold = {each.id for each in unsold_add_ons(source, *unit, on=on)} if unit is not None else set()
    return [each for each in list_add_ons(source.id) if each.product_id not in allowed or each.id in unsold]


def take_unit(add_on: Subscription, parent: Subscription, *, on: date) -> None:
    """Give an add-on its parent's term and cycle, and its price for these; a price by hand was for the former ones.

    Where it has none any more, since somebody asked, the former price counts by its months.
    """
    cost, former = cost_of(add_on.id), add_on.cycle
    if cost is None or (add_on.term, add_on.cycle) == (parent.term, parent.cycle):
        return
    price = _price(add_on, parent.term, parent.cycle, on)
    add_on.term, add_on.cycle = parent.term, parent.cycle
    cost.user_price = cost.protected_price = cost.protected_list_price = cost.protected_until = None
    cost.label = PriceLabel.USER_DISCOUNT if cost.discount_percent else PriceLabel.LIST
    if price is not None:
        cost.base_cost, cost.price_list_id = price.unit_cost, price.price_list_id
        cost.rule, cost.markup_percent = price.rule, price.markup_percent
    else:
        present = cost.base_cost if cost.base_cost is not None else cost.unit_cost
        cost.base_cost = round_unit(present * parent.cycle.months / max(former.months, 1))
    promotion = reduction_of(cost.promotion_id) if cost.promotion_id is not None else None
    cost.unit_cost = unit_after(cost.base_cost, cost, promotion)
    if add_on.unit_price is not None:
        is_own = add_on.account_id == add_on.payer_id
        add_on.unit_price = cost.unit_cost if is_own or price is None else price.unit_price
    lock_price(add_on, cost, on=on)
    session.flush()


def bill_longer_cycle(parent: Subscription, change: SubscriptionChange) -> Sequence[tuple[Subscription, Amount]]:
    """Bill add-ons by the longer cycle their subscription has just got, from the first day of the running one (CB-26).

    Returns what is given back and what is charged instead.
    """
    owed: list[tuple[Subscription, Amount]] = []
    for add_on in list_add_ons(parent.id):
        before, former = current_period(add_on), cost_of(add_on.id)
        former_unit = former.unit_cost if former is not None else None
        take_unit(add_on, parent, on=change.effective_on)
        add_on.period_to, add_on.renews_on = parent.period_to, parent.renews_on
        cost, period = cost_of(add_on.id), current_period(add_on)
        if before is None or period is None or cost is None or former_unit is None:
            continue
        if add_on.billing_type is BillingType.ON_START:
            owed += [(add_on, each) for each in _rebilled(add_on, parent, cost, former_unit, before, period)]
    return owed


def _rebilled(
    add_on: Subscription,
    parent: Subscription,
    cost: SubscriptionCost,
    former_unit_cost: Decimal,
    before: Period,
    period: Period,
) -> Sequence[Amount]:
    cycle = whole_cycle(parent) or period
    whole = cycle_amount(cost.unit_cost, add_on.quantity, cost.currency)
    credited = charge_to_credit(add_on.id, before)
    return (
        Amount(
            kind=ChargeKind.PRICE,
            description=f"{add_on.friendly_name}: price before the change",
            quantity=add_on.quantity,
            unit_cost=former_unit_cost,
            net=-charged_net(add_on.id, before),
            period=before,
            credits_id=credited.id if credited is not None else None,
            part=f"credit:{add_on.id}",
        ),
        Amount(
            kind=ChargeKind.PRICE,
            description=f"{add_on.friendly_name}: new price",
            quantity=add_on.quantity,
            unit_cost=cost.unit_cost,
            net=days_share(whole, min(period.days, cycle.days), cycle.days, cost.currency),
            period=period,
            part=f"debit:{add_on.id}",
        ),
    )


def _price(add_on: Subscription, term: Term, cycle: BillingCycle, on: date) -> TargetPrice | None:
    product = session.get_one(Product, (add_on.distributor_id, add_on.product_id))
    return target_price(add_on, product, add_on.quantity, on=on, term=term, cycle=cycle)
