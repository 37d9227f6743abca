"""Budgets of pay-per-use subscriptions: people are told at 80 and 100 %, nothing is stopped (CB-13).

A budget is for the usage of one cycle, net, as its payer pays it. What people were told of a cycle stands on the budget,
in the transaction that queues the mails.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Select, select

from app.accounts.models import Account
from app.accounts.staff_mails import mail_people
from app.audit.services import Actor, record
from app.billing.usage.models import UsageBudget
from app.core.db import session
from app.core.errors import Invalid
from app.core.money import minor_unit, write_money
from app.identity.recipients import BILLS, people_with_right
from app.notifications.services import About, AboutKind, MailTemplate
from app.subscriptions.models import Subscription
from app.subscriptions.owner_mails import mail_payer
from app.subscriptions.queries import find_subscription_for_update
from tenants.context import current_scope

MAX_BUDGET = Decimal(10) ** 10
HUNDRED = Decimal(100)
TOLD_AT = (100, 80)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a subscription used in its present cycle, net, in its payer's currency."""

    amount: Decimal
    currency: str


def find_budget(subscription_id: UUID) -> UsageBudget | None:
    """Return a subscription's budget, or None."""
    return session.scalar(_budget(subscription_id))


def set_budget(
    subscription: Subscription, amount: Decimal | None, spent: Spent, payer: Account, *, actor: Actor, at: datetime
) -> None:
    """Set, change or take away (None) what a cycle may cost; who has passed it already is told at once.

    Raises Invalid `amount_range`, `decimals`.
    """
    _require_valid(amount, spent.currency)
    find_subscription_for_update(subscription.id)  # two who set the first one come one after the other
    budget = session.scalar(_budget(subscription.id).with_for_update())
    before = budget.amount if budget is not None else None
    if amount is None:
        if budget is not None:
            session.delete(budget)
    elif budget is None:
        session.add(UsageBudget(subscription_id=subscription.id, amount=amount, created_at=at, updated_at=at))
    elif budget.amount != amount:
        budget.amount, budget.updated_at, budget.told_for, budget.told_percent = amount, at, None, 0
    session.flush()
    if before != amount:
        record(
            "billing.budget_set", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
            before={"budget": before}, after={"budget": amount},
        )  # fmt: skip
        watch_budget(subscription, payer, spent, at=at)


def watch_budget(subscription: Subscription, payer: Account, spent: Spent, *, at: datetime) -> None:
    """Tell billing people and the payer's Admins where usage has reached 80 or 100 % of a budget, once for each cycle."""
    budget = session.scalar(_budget(subscription.id).with_for_update().execution_options(populate_existing=True))
    if budget is None or subscription.period_from is None:
        return
    if budget.told_for != subscription.period_from:
        budget.told_for, budget.told_percent = subscription.period_from, 0
    reached = reached_percent(spent.amount, budget.amount)
    if reached <= budget.told_percent:
        return
    budget.told_percent = reached
    fields = {
        "subscription_code": subscription.code,
        "friendly_name": subscription.friendly_name,
        "account_name": payer.name,
        "period": f"{subscription.period_from} – {subscription.period_to}",
        "spent": write_money(spent.amount, spent.currency),
        "budget": write_money(budget.amount, spent.currency),
        "percent": str(reached),
    }
    mail_people(
        MailTemplate.BUDGET_REACHED,
        people_with_right(BILLS),
        fields,
        link=("subscription_url", f"/usage/of/{subscription.code}"),
        about=About(AboutKind.SUBSCRIPTION, subscription.id),
        at=at,
    )
    mail_payer(MailTemplate.BUDGET_REACHED, subscription, fields, page=subscription.code, at=at)


def reached_percent(spent: Decimal, budget: Decimal) -> int:
    """Return the highest of 0, 80 and 100 % that an amount has reached of a budget."""
    return next((percent for percent in TOLD_AT if spent * HUNDRED >= budget * percent), 0)


def _require_valid(amount: Decimal | None, currency: str) -> None:
    if amount is None:
        return
    if not amount.is_finite() or not 0 < amount <= MAX_BUDGET:
        raise Invalid.field("amount", "amount_range", "Enter an amount above 0, or leave it empty for no budget")
    if amount % minor_unit(currency) != 0:
        raise Invalid.field("amount", "decimals", f"{currency} has fewer decimals")


def _budget(subscription_id: UUID) -> Select[UsageBudget]:
    return select(UsageBudget).where(
        UsageBudget.distributor_id == current_scope().distributor_id, UsageBudget.subscription_id == subscription_id
    )
