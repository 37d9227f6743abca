"""Rating usage and charging it when its cycle is over (CB-13, CB-F38): in arrears, late rows with the next invoice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, func, select

from app.accounts.models import Account
from app.billing.charges import NewCharge, add_charges
from app.billing.models import Charge, ChargeKind, ChargeState
from app.billing.usage.arithmetic import NOTHING, Level, Rate, allocated_amount, billable, metered_amount
from app.billing.usage.budgets import Spent, watch_budget
from app.billing.usage.mails import mail_usage_missing
from app.billing.usage.models import ResourceKind, UsageCharge, UsageRecord, UsageState
from app.catalogue.charging import tiers_of
from app.catalogue.models import BillingCycle, BillingType, Product, Term
from app.core.days import write_day
from app.core.db import session
from app.core.money import round_unit
from app.pricing.buyers import root_buyer
from app.pricing.quotes import ExplainedPrice, PriceKey, explain_prices
from app.pricing.schemes import tiers_in_force
from app.subscriptions.models import Subscription
from app.subscriptions.periods import ONE_DAY, Period
from tenants.context import current_scope

COUNTED = (UsageState.IMPORTED, UsageState.RATED, UsageState.BILLED)


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What one resource of a cycle comes to. `net` is what is not billed yet; None: there is no price."""

    charge_id: UUID
    product_id: UUID  # of the add-on that prices it, else the main product
    resource: str
    unit: str
    period: Period
    used: Decimal  # units; of an allocated resource its highest level
    included: Decimal
    billable: Decimal  # packs, or units
    unit_price: Decimal | None
    billed: Decimal
    net: Decimal | None
    times_billed: int


@dataclass(frozen=True, slots=True)
class UsageSoFar:
    """What a subscription has used and not been billed for yet."""

    lines: Sequence[UsageLine]
    total: Decimal
    currency: str


def rate_period(subscription: Subscription, period: Period, *, at: datetime) -> list[NewCharge]:
    """Return the charges for what was used until a period's end, and mark it billed: add them in the same transaction.

    Rows that came late for an earlier cycle are among them, labelled with their own days. A pay-per-use subscription
    nobody reported usage for is charged 0.00, and the distributor's billing people get a mail. Run twice it returns
    nothing the second time. A product without usage charges costs one small query.
    """
    rates = _rates_of(subscription.product_id)
    if not rates:
        return []
    payer = _payer(subscription)
    records = _records(subscription.id, until=period.last, is_locked=True)
    charges: list[NewCharge] = []
    for line in _lines(subscription, payer, rates, records):
        if line.net is None:  # the price is still missing: with the next period
            continue
        key = f"usage:{subscription.id}:{line.charge_id}:{line.period.first:%Y%m%d}:{line.times_billed + 1}"
        charges.append(_charge(subscription, payer, line, period, key))
        for record in records[line.charge_id, line.period]:
            if record.state is not UsageState.BILLED:
                record.state, record.charge_key = UsageState.BILLED, key
    _forget_estimate(subscription)
    if subscription.billing_type is BillingType.ON_END and not _is_reported(subscription, period):
        charges.append(_nothing_used(subscription, payer, period))
        mail_usage_missing(subscription, payer, period, at=at)
    session.flush()
    return charges


def usage_so_far(subscription: Subscription) -> UsageSoFar:
    """Return what has been used and is not on a paper yet, by cycle and resource."""
    payer = _payer(subscription)
    rates = _rates_of(subscription.product_id)
    records = _records(subscription.id) if rates else {}
    lines = [line for line in _lines(subscription, payer, rates, records) if line.net is None or line.net]
    total = sum((line.net for line in lines if line.net is not None), NOTHING)
    return UsageSoFar(lines, total, payer.currency)


def spent_in_cycle(subscription: Subscription) -> tuple[Spent, Account]:
    """Return what the usage of a subscription's present cycle comes to, and who pays it (CB-13, budgets)."""
    payer = _payer(subscription)
    rates = _rates_of(subscription.product_id)
    lines = _lines(subscription, payer, rates, _records(subscription.id)) if rates else []
    return _spent(subscription, payer, lines), payer


def _spent(subscription: Subscription, payer: Account, lines: Sequence[UsageLine]) -> Spent:
    present = [line for line in lines if line.net is not None and line.period.first == subscription.period_from]
    return Spent(sum((line.billed + (line.net or NOTHING) for line in present), NOTHING), payer.currency)


def rate_and_estimate(subscription: Subscription, *, at: datetime) -> UsageSoFar:
    """Rate what was imported, and let the running cost lower the payer's available credit (CB-39)."""
    payer = _payer(subscription)
    rates = _rates_of(subscription.product_id)
    records = _records(subscription.id, is_locked=True)
    lines = _lines(subscription, payer, rates, records)
    for line in lines:
        state = UsageState.IMPORTED if line.net is None else UsageState.RATED
        for record in records[line.charge_id, line.period]:
            if record.state is not UsageState.BILLED:
                record.state = state
                record.reason = f"There is no price in {payer.currency}" if line.net is None else ""
    total = sum((line.net for line in lines if line.net is not None), NOTHING)
    _estimate(subscription, payer, lines, at=at)
    session.flush()
    watch_budget(subscription, payer, _spent(subscription, payer, lines), at=at)
    return UsageSoFar([line for line in lines if line.net is None or line.net], total, payer.currency)


def _lines(
    subscription: Subscription,
    payer: Account,
    rates: Mapping[UUID, UsageCharge],
    records: Mapping[tuple[UUID, Period], Sequence[UsageRecord]],
) -> list[UsageLine]:
    """Work out each resource of each cycle that has something unbilled."""
    found = []
    billed = _billed_amounts(records)
    for (charge_id, cycle), some in sorted(records.items(), key=lambda each: (each[0][1].first, str(each[0][0]))):
        if all(record.state is UsageState.BILLED for record in some):
            continue
        charge = rates[charge_id]
        rate = _rate(charge, subscription, payer, cycle)
        keys = {record.charge_key for record in some if record.charge_key is not None}
        before = sum((billed.get(key, NOTHING) for key in keys), NOTHING)
        found.append(_line(charge, cycle, some, rate, before, len(keys)))
    return found


def _line(
    charge: UsageCharge, cycle: Period, records: Sequence[UsageRecord], rate: Rate | None, billed: Decimal, times: int
) -> UsageLine:
    if charge.kind is ResourceKind.METERED:
        used = sum((record.quantity or NOTHING for record in records), NOTHING)
        amount = metered_amount(used, rate) if rate else None
    else:
        levels = _levels(records)
        used = max((level.quantity for level in levels), default=NOTHING)
        amount = allocated_amount(levels, rate, cycle_days=cycle.days) if rate else None
    return UsageLine(
        charge_id=charge.id,
        product_id=_priced_product_id(charge),
        resource=charge.resource,
        unit=charge.unit,
        period=cycle,
        used=used,
        included=charge.included,
        billable=billable(used, rate) if rate else NOTHING,
        unit_price=rate.price if rate else None,
        billed=billed,
        net=amount - billed if amount is not None else None,
        times_billed=times,
    )


def _levels(records: Sequence[UsageRecord]) -> list[Level]:
    """Return the levels by their days; a correction changes the level of the days it names."""
    by_days: dict[Period, Decimal] = defaultdict(Decimal)
    for record in records:
        if record.first_day is not None and record.last_day is not None:
            by_days[Period(record.first_day, record.last_day)] += record.quantity or NOTHING
    return [Level(quantity, days.days) for days, quantity in by_days.items()]


def _rate(charge: UsageCharge, subscription: Subscription, payer: Account, cycle: Period) -> Rate | None:
    """Return what a resource costs a payer in a cycle: its own price, or the payer's price of the add-on; or None."""
    price, said = charge.price if charge.price is not None and charge.currency == payer.currency else None, None
    if charge.price is None and charge.add_on_id is not None:
        found = _add_on_price(charge.add_on_id, subscription, payer, cycle)
        if found is not None:
            base, said = found.counted_from
            price = said.price if said is not None else base
    if price is None:
        return None
    priced = session.get_one(Product, (subscription.distributor_id, _priced_product_id(charge)))
    scheme, tiers = tiers_in_force(priced.price_scheme, tiers_of(priced), said)
    return Rate(price, payer.currency, charge.included, charge.pack_size, scheme, tiers)


def _priced_product_id(charge: UsageCharge) -> UUID:
    """Return the product a resource is an amount of: it says by which tiers, and whether taxed."""
    return charge.add_on_id or charge.product_id


def _add_on_price(add_on_id: UUID, subscription: Subscription, payer: Account, cycle: Period) -> ExplainedPrice | None:
    keys = [
        PriceKey(add_on_id, subscription.term, subscription.cycle),
        PriceKey(add_on_id, Term.P1M, BillingCycle.MONTHLY),
        PriceKey(add_on_id, Term.NONE, BillingCycle.ONE_TIME),
    ]
    found = explain_prices(set(keys), root_buyer(payer, cycle.last))
    return next((found[key] for key in keys if key in found), None)


def _charge(subscription: Subscription, payer: Account, line: UsageLine, period: Period, source_key: str) -> NewCharge:
    net, price = line.net or NOTHING, line.unit_price or NOTHING
    is_plain = line.billable == line.billable.to_integral_value() and net == round_unit(line.billable * price)
    unit = f" {line.unit}" if line.unit else ""
    late = f", {write_day(line.period.first)} – {write_day(line.period.last)}" if line.period != period else ""
    return NewCharge(
        source_key=source_key,
        kind=ChargeKind.USAGE,
        description=f"{subscription.friendly_name}: {line.resource} {line.used.normalize():f}{unit}{late}",
        quantity=int(line.billable) if is_plain and line.billable else 1,
        unit_cost=price if is_plain and line.billable else net,
        net_amount=net,
        currency=payer.currency,
        period=line.period,
        subscription_id=subscription.id,
        product_id=line.product_id,
        end_customer_id=subscription.account_id if subscription.account_id != payer.id else None,
        bill_on=period.last + ONE_DAY,
    )


def _nothing_used(subscription: Subscription, payer: Account, period: Period) -> NewCharge:
    return NewCharge(
        source_key=f"usage:{subscription.id}:none:{period.first:%Y%m%d}",
        kind=ChargeKind.USAGE,
        description=f"{subscription.friendly_name}: no usage reported",
        quantity=1,
        unit_cost=NOTHING,
        net_amount=NOTHING,
        currency=payer.currency,
        period=period,
        subscription_id=subscription.id,
        product_id=subscription.product_id,
        end_customer_id=subscription.account_id if subscription.account_id != payer.id else None,
        bill_on=period.last + ONE_DAY,
    )


def _estimate(subscription: Subscription, payer: Account, lines: Sequence[UsageLine], *, at: datetime) -> None:
    """Let what is not billed yet count, an amount a product: each says by itself whether it is taxed."""
    _forget_estimate(subscription)
    totals: dict[UUID, Decimal] = defaultdict(Decimal)
    for line in lines:
        totals[line.product_id] += line.net or NOTHING
    add_charges(
        payer,
        [_estimated(subscription, payer, product_id, total) for product_id, total in totals.items() if total],
        at=at,
    )


def _estimated(subscription: Subscription, payer: Account, product_id: UUID, total: Decimal) -> NewCharge:
    is_open = subscription.period_from is not None and subscription.period_to is not None
    return NewCharge(
        source_key=f"usage-estimate:{subscription.id}:{product_id}",
        kind=ChargeKind.USAGE,
        state=ChargeState.ESTIMATED,
        description=f"{subscription.friendly_name}: usage so far"[:300],
        quantity=1,
        unit_cost=total,
        net_amount=total,
        currency=payer.currency,
        period=Period(subscription.period_from, subscription.period_to) if is_open else None,  # type: ignore[arg-type]
        subscription_id=subscription.id,
        product_id=product_id,
    )


def _forget_estimate(subscription: Subscription) -> None:
    session.execute(
        delete(Charge).where(
            Charge.distributor_id == current_scope().distributor_id,
            Charge.subscription_id == subscription.id,
            Charge.state == ChargeState.ESTIMATED,
        )
    )


def _payer(subscription: Subscription) -> Account:
    return session.get_one(Account, (subscription.distributor_id, subscription.payer_id))


def _rates_of(product_id: UUID) -> dict[UUID, UsageCharge]:
    rows = session.scalars(
        select(UsageCharge).where(
            UsageCharge.distributor_id == current_scope().distributor_id, UsageCharge.product_id == product_id
        )
    )
    return {row.id: row for row in rows}


def _records(
    subscription_id: UUID, *, until: date | None = None, is_locked: bool = False
) -> dict[tuple[UUID, Period], list[UsageRecord]]:
    """Return the records that count, by resource and cycle; only of cycles that have something unbilled."""
    open_cycles = (
        select(UsageRecord.usage_charge_id, UsageRecord.cycle_from)
        .where(
            UsageRecord.distributor_id == current_scope().distributor_id,
            UsageRecord.subscription_id == subscription_id,
            UsageRecord.state.in_((UsageState.IMPORTED, UsageState.RATED)),
            func.coalesce(UsageRecord.cycle_to <= until, True) if until is not None else True,  # type: ignore[arg-type]
        )
        .subquery()
    )
    statement = (
        select(UsageRecord)
        .where(
            UsageRecord.distributor_id == current_scope().distributor_id,
            UsageRecord.subscription_id == subscription_id,
            UsageRecord.state.in_(COUNTED),
            UsageRecord.usage_charge_id.in_(select(open_cycles.c.usage_charge_id)),
            UsageRecord.cycle_from.in_(select(open_cycles.c.cycle_from)),
        )
        .order_by(UsageRecord.first_day, UsageRecord.id)
        .execution_options(populate_existing=True)
    )
    if until is not None:
        statement = statement.where(UsageRecord.cycle_to <= until)
    if is_locked:
        session.flush()
        statement = statement.with_for_update()
    found: dict[tuple[UUID, Period], list[UsageRecord]] = defaultdict(list)
    for record in session.scalars(statement):
        if record.usage_charge_id and record.cycle_from and record.cycle_to:
            found[record.usage_charge_id, Period(record.cycle_from, record.cycle_to)].append(record)
    return found


def _is_reported(subscription: Subscription, period: Period) -> bool:
    statement = select(UsageRecord.id).where(
        UsageRecord.distributor_id == current_scope().distributor_id,
        UsageRecord.subscription_id == subscription.id,
        UsageRecord.state.in_(COUNTED),
        UsageRecord.cycle_from == period.first,
    )
    return session.scalar(statement.limit(1)) is not None


def _billed_amounts(records: Mapping[tuple[UUID, Period], Sequence[UsageRecord]]) -> dict[str, Decimal]:
    keys = {record.charge_key for some in records.values() for record in some if record.charge_key is not None}
    if not keys:
        return {}
    rows = session.execute(
        select(Charge.source_key, Charge.net_amount).where(
            Charge.distributor_id == current_scope().distributor_id, Charge.source_key.in_(keys)
        )
    )
    return {row.source_key: row.net_amount for row in rows}
