"""Choosing at checkout that an order waits for a day (SF-32). Days are the distributor's, tomorrow to 90 days on."""

from __future__ import annotations

from datetime import date, datetime

from app.core.errors import Invalid
from app.orders.basket_lines import BasketView
from app.orders.baskets import Shopper, open_basket
from app.orders.schedule import require_day
from tenants.settings import distributor_settings


def is_offered(*, under_alias: bool) -> bool:
    """Whether a storefront lets its buyers schedule: the root does, aliases where the distributor switched it on."""
    return not under_alias or distributor_settings().scheduled_orders_on_aliases


def why_not(view: BasketView) -> str | None:
    """Say which item has to be ordered at once: licences and add-ons of a running subscription, plans. None: none has."""
    for line in view.lines:
        item = line.item
        if item.subscription_id is not None or item.parent_subscription_id is not None:
            return f"{line.product.name} changes a running subscription: that is ordered at once"
        if line.product.plan_edition:
            return f"{line.product.name} is ordered at once"
    return None


def require_schedulable(view: BasketView, *, under_alias: bool, today: date) -> None:
    """Refuse an order whose day cannot be kept: not here, not with these items, not that day any more. Raises Invalid."""
    day = view.basket.execute_on
    if day is None:
        return
    if not is_offered(under_alias=under_alias):
        raise Invalid.field(
            "execute_on", "not_offered", "Orders are executed at once here; take the day out of the details"
        )
    if reason := why_not(view):
        raise Invalid.field("execute_on", "not_schedulable", f"{reason}; take the day out of the details")
    require_day(day, today=today)


def choose_day(shopper: Shopper, day: date | None, *, today: date, at: datetime) -> None:
    """Remember the day of an order, or that it is executed at once. Raises Invalid `range`."""
    if day is not None:
        require_day(day, today=today)
    open_basket(shopper, at=at).execute_on = day
