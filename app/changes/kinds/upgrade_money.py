"""What an upgrade gives back at the source and charges at the target (CB-25).

10 seats from 8.00 to 15.00 on 16 of 30 June: 80.00 x 15/30 = 40.00 back, 150.00 x 15/30 = 75.00 charged.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from app.billing.charges import charge_to_credit, charged_net
from app.billing.credit import available_credit, tax_on
from app.billing.models import ChargeKind
from app.billing.proration import cycle_amount, increase_amount, remaining_share
from app.billing.tax_codes import taxed_part
from app.catalogue.models import BillingType
from app.changes.arrears import used_days
from app.changes.charging import Amount, charge, current_period, whole_cycle
from app.changes.queries import cost_of
from app.changes.refunding import refund_of
from app.changes.targets import TargetPrice, is_resold
from app.core.errors import Conflict
from app.subscriptions.models import Subscription, SubscriptionChange
from app.subscriptions.periods import Period

ONE_DAY = timedelta(days=1)
NOTHING = Decimal(0)


def credit_source(
    source: Subscription,
    change: SubscriptionChange,
    moved: int,
    *,
    is_upgrade: bool,
    becomes: str = "another product",
    at: datetime,
) -> None:
    """Give back the days from the change on: all of them of an upgrade, by the refund policy of a downgrade.

    Never more than was charged. What is charged in arrears is billed for the days before instead: now where all of it
    moves, at the end of the period where some stays.
    """
    on = change.effective_on
    if source.billing_type is BillingType.ON_END:
        owed = used_days(source, last=on - ONE_DAY, part=f"arrears:{source.id}")
        if owed is not None and moved == source.quantity:
            charge(source, change, owed, at=at)
        return
    period, cycle, cost = current_period(source), whole_cycle(source), cost_of(source.id)
    if period is None or cycle is None or cost is None or on > period.last:
        return
    if is_upgrade:
        whole = cycle_amount(cost.unit_cost, moved, cost.currency)
        net = -min(remaining_share(whole, cycle, on, cost.currency), max(charged_net(source.id, period), NOTHING))
    else:
        net = -refund_of(source, moved, on=on - ONE_DAY, at=at)
    credited = charge_to_credit(source.id, period)
    charge(
        source,
        change,
        Amount(
            kind=ChargeKind.UPGRADE,
            description=f"{source.friendly_name}: {moved} to {becomes}",
            quantity=moved,
            unit_cost=cost.unit_cost,
            net=net,
            period=Period(max(on, period.first), period.last),
            credits_id=credited.id if credited is not None and net < NOTHING else None,
            part=f"credit:{source.id}",
        ),
        at=at,
    )


class NotCovered(Conflict):
    """What a customer asks for costs its payer more than its credit; the words say nothing of a reseller's account."""

    code = "not_covered"

    def __init__(self, subscription: Subscription) -> None:
        words = "" if is_resold(subscription) else ": the available credit does not cover it"
        super().__init__(f"{subscription.code} cannot be changed at present{words}")


def require_credit(source: Subscription, moved: int, product_id: UUID, price: TargetPrice, on: date) -> None:
    """Refuse an upgrade from a storefront that the payer's credit does not cover, as an order would be (SF-30)."""
    cycle, cost = whole_cycle(source), cost_of(source.id)
    if cycle is None or cost is None or source.billing_type is BillingType.ON_END:
        return
    due = cycle_amount(price.unit_cost, moved, cost.currency)
    if price.cycle is source.cycle:
        due = remaining_share(due, cycle, on, cost.currency)
    back = remaining_share(cycle_amount(cost.unit_cost, moved, cost.currency), cycle, on, cost.currency)
    tax = tax_on(taxed_part([(product_id, due), (source.product_id, -back)]), cost.currency)
    if available_credit(source.payer_id).missing_for(due - back + tax) > NOTHING:
        raise NotCovered(source)


def debit_target(
    source: Subscription,
    target: Subscription,
    change: SubscriptionChange,
    moved: int,
    price: TargetPrice | None,
    *,
    at: datetime,
) -> None:
    """Charge what has moved from the change on, to the end of the target's period.

    `price` None: the target has run before, and grows at its own price after this. What its next period covers is left
    to that.
    """
    period, cycle, cost = current_period(target), whole_cycle(target), cost_of(target.id)
    on = change.effective_on
    if period is None or cycle is None or cost is None or target.billing_type is BillingType.ON_END or on > period.last:
        return
    before = 0 if price is not None else target.quantity
    unit_cost = price.unit_cost if price is not None else cost.unit_cost
    old, new = (cycle_amount(unit_cost, each, cost.currency) for each in (before, before + moved))
    is_whole = on <= cycle.first
    charge(
        target,
        change,
        Amount(
            kind=ChargeKind.RECURRING if price is not None and is_whole else ChargeKind.UPGRADE,
            description=f"{target.friendly_name}: {moved} from {source.friendly_name}",
            quantity=moved,
            unit_cost=unit_cost,
            net=increase_amount(old, new, cycle, on, cost.currency),
            period=Period(max(on, period.first), period.last),
            part=f"debit:{source.id}",
        ),
        at=at,
    )
