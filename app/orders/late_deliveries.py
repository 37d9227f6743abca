"""Licences and add-ons that a vendor confirms in a later period than the one their order was charged for (CB-20, CB-24).

The billing run opens a period with what stands at the vendor. What comes later is charged the days that are left of it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from app.accounts.models import Account
from app.accounts.queries import get_account_for_update
from app.billing.charges import NewCharge, add_charge
from app.billing.documents import bill
from app.billing.models import Charge, ChargeKind
from app.billing.proration import cycle_amount, increase_amount
from app.catalogue.models import BillingType
from app.changes.charging import current_period, whole_cycle
from app.changes.queries import cost_of
from app.changes.renewals import catch_up
from app.core.db import session
from app.subscriptions.models import Subscription, SubscriptionStatus
from app.subscriptions.periods import Period
from tenants.context import current_scope
from tenants.days import distributors_day

ADDED = (ChargeKind.QUANTITY, ChargeKind.ADD_ON)


def before_delivery(subject_id: UUID, order_item_id: UUID | None, *, at: datetime) -> None:
    """Bill what is to be delivered up to today, and charge what an order added to an earlier period for the one that runs.

    Call it before quantities are taken over. A second call charges nothing more.
    """
    catch_up([subject_id], at=at)
    if order_item_id is None:
        return
    here = current_scope().distributor_id
    charges = session.scalars(
        select(Charge).where(
            Charge.distributor_id == here,
            Charge.subscription_id.in_(_family(subject_id)),  # by an index; by the item alone all charges would be read
            Charge.order_item_id == order_item_id,
            Charge.kind.in_(ADDED),
            Charge.period_to.is_not(None),
        )
    ).all()
    for charge in charges:
        part = session.get_one(Subscription, (here, charge.subscription_id), populate_existing=True)
        main = part if part.parent_id is None else session.get_one(Subscription, (here, part.parent_id))
        if main.period_from is not None and charge.period_to is not None and charge.period_to < main.period_from:
            _charge_rest(charge, part, main, get_account_for_update(main.payer_id), at=at)


def _family(subscription_id: UUID) -> Select[UUID]:
    """Select a subscription with all that it is a part of, and that are parts with it."""
    here = current_scope().distributor_id
    main_id = (
        select(func.coalesce(Subscription.parent_id, Subscription.id))
        .where(Subscription.distributor_id == here, Subscription.id == subscription_id)
        .scalar_subquery()
    )
    is_of_it = or_(Subscription.id == main_id, Subscription.parent_id == main_id)
    return select(Subscription.id).where(Subscription.distributor_id == here, is_of_it)


def _charge_rest(charge: Charge, part: Subscription, main: Subscription, payer: Account, *, at: datetime) -> None:
    period, cycle, cost, today = current_period(main), whole_cycle(main), cost_of(part.id), distributors_day(at)
    if period is None or cycle is None or cost is None or today > period.last:
        return
    is_new = part.status is SubscriptionStatus.PENDING_ACTIVATION  # it was made with its quantity
    if part is not main and is_new:  # nobody renewed it with its subscription
        part.period_from, part.period_to, part.renews_on = today, main.period_to, main.renews_on
    if main.billing_type is BillingType.ON_END:
        return
    before = 0 if is_new else part.quantity
    old, new = (cycle_amount(cost.unit_cost, each, cost.currency) for each in (before, before + charge.quantity))
    key = f"order-item:{charge.order_item_id}:late:{part.id}"
    add_charge(
        payer,
        NewCharge(
            source_key=key,
            kind=charge.kind,
            description=charge.description,
            quantity=charge.quantity,
            unit_cost=cost.unit_cost,
            net_amount=increase_amount(old, new, cycle, today, cost.currency),
            currency=cost.currency,
            period=Period(max(today, period.first), period.last),
            subscription_id=part.id,
            product_id=charge.product_id,
            order_item_id=charge.order_item_id,
            end_customer_id=charge.end_customer_id,
        ),
        at=at,
    )
    bill(payer, [key], on=today, at=at)
