"""Orders and trials: a bound item upgrades its trial to paid; beside a running trial its product is not sold (CB-12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from app.changes.trials import ask_for_access, convert
from app.core.errors import FieldError
from app.orders.basket_lines import BasketLine
from app.orders.execution_rows import Line
from app.orders.models import OrderItem, OrderItemCost
from app.provisioning.services import nudge_tasks
from app.subscriptions.errors import WrongSubscriptionState
from app.subscriptions.models import Subscription
from app.subscriptions.trials import PaidTerms, is_convertible, running_trials


def upgrade_trial(
    subscription: Subscription,
    item: OrderItem,
    cost: OrderItemCost,
    unit_price: Decimal | None,
    *,
    on: date,
    at: datetime,
) -> None:
    """Turn an item's trial into a paid subscription; the caller charges it, and asks its vendor for the quantity.

    Raises WrongSubscriptionState where it can no longer be converted.
    """
    if not is_convertible(subscription, on):
        raise WrongSubscriptionState(subscription.code, subscription.status, "trial")
    had_expired = convert(
        subscription,
        PaidTerms(
            quantity=item.quantity,
            friendly_name=item.friendly_name or "",
            term=item.term,
            cycle=item.cycle,
            unit_price=unit_price,
            unit_cost=cost.unit_cost,
            price_list_id=cost.price_list_id,
            rule=cost.rule,
            markup_percent=cost.markup_percent,
        ),
        on=on,
        at=at,
        actor_name=None,
    )
    task = ask_for_access(subscription, at=at) if had_expired else None
    nudge_tasks([task] if task is not None else [])


class RunningTrial(NamedTuple):
    """A trial that runs: whose, of what, and how its owner calls it."""

    account_id: UUID
    product_id: UUID
    friendly_name: str


def trial_errors(
    lines: Iterable[Line | BasketLine], account_id: UUID, known: Sequence[RunningTrial] | None = None
) -> Iterator[FieldError]:
    """Say which products cannot be bought beside a running trial of them (CB-F31).

    One statement, or none where the running trials of the lines' products were read already.
    """
    separately = [line.product.id for line in lines if line.item.subscription_id is None]
    if known is None:
        running: Iterable[RunningTrial | Subscription] = running_trials(account_id, separately).values()
    else:
        running = [each for each in known if each.account_id == account_id and each.product_id in separately]
    for trial in running:
        yield FieldError(
            "product",
            "trial_running",
            f"A trial of this product is running as “{trial.friendly_name}”: upgrade it to paid instead",
        )
