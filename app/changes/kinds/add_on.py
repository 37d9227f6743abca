"""Add-ons of a running subscription: buy, more, fewer, none; now or with the next period (CB-27).

The change is one of the subscription: `target_product_id` names the add-on, `quantity_to` is its new total, 0 ends it.
"""

from __future__ import annotations

from datetime import datetime

from app.billing.charges import has_pending
from app.catalogue.models import SaleMode
from app.catalogue.paths import AllowedAddOn, allowed_add_ons
from app.catalogue.quantities import MOST, require_quantity
from app.changes.charging import first_day_of
from app.changes.effects import Effect, NewChange
from app.changes.errors import InvoicePending
from app.changes.kinds.quantity import require_refundable
from app.changes.mails import mail_done
from app.changes.parts import charge_more_of_add_on, credit_add_on, settle_end_of_add_on
from app.changes.queries import cost_of
from app.changes.refunding import product_and_type
from app.changes.targets import target_price
from app.core.db import session
from app.core.errors import Invalid
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.pictures import ResourcePicture
from app.subscriptions.add_ons import NewAddOn, create_add_on, find_add_on, require_active_parent, take_over
from app.subscriptions.errors import WrongSyncState
from app.subscriptions.machine import Action
from app.subscriptions.models import (
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SyncStatus,
)
from tenants.context import Reach, current_scope
from tenants.days import distributors_day


class AddOn(Effect):
    """Another total of one add-on."""

    action = Action.ADD_ON

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse an add-on the product has not, an inactive parent, what would change nothing, a wrong number."""
        require_active_parent(subscription)
        if new.target_product_id is None:
            raise Invalid.field("add_on", "required", "Choose an add-on")
        if new.timing is ChangeTiming.ON_DATE:
            raise Invalid.field("timing", "not_offered", "Choose now, or the end of the period")
        owned = find_add_on(subscription.id, new.target_product_id)
        stands = owned.quantity if owned is not None else 0
        wanted = _wanted(new.quantity_to, stands)
        if wanted > stands:
            self._check_more(subscription, new, owned, wanted, at=at)
        elif owned is not None:
            _require_free(owned, new, at=at)
            _require_whole_if_linked(owned, wanted)
            if wanted:
                require_quantity(*product_and_type(owned.product_id), wanted)
            require_refundable(owned, stands - wanted, new.timing, at=at)

    def needs_decision(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> bool:
        """A customer's cancellation of add-ons follows a switch of its own (CB-27)."""
        _ = at
        owned = find_add_on(subscription.id, change.target_product_id) if change.target_product_id else None
        if owned is None or (change.quantity_to or 0) > owned.quantity:
            return False
        return not product_and_type(owned.product_id)[1].automatic_add_on_cancellation

    def picture(self, subscription: Subscription, change: SubscriptionChange) -> ResourcePicture:
        """Return the whole service with the add-on as it shall be."""
        totals = {change.target_product_id: change.quantity_to or 0} if change.target_product_id else {}
        return complete_picture(subscription, add_ons=totals)

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Take the total over, and charge or give back the rest of the period (CB-F84, CB-F85)."""
        product_id, wanted = change.target_product_id, change.quantity_to or 0
        if product_id is None:
            raise ValueError(f"Change {change.id} names no add-on")
        owned = find_add_on(subscription.id, product_id)
        before = owned.quantity if owned is not None else 0
        if owned is None:
            owned = _made(subscription, change, product_id, wanted, at=at)
        cost = cost_of(owned.id)
        if wanted > before and cost is not None and change.timing is not ChangeTiming.PERIOD_END:
            charge_more_of_add_on(subscription, owned, cost, change, before=before, after=wanted, at=at)
        elif wanted == 0:
            settle_end_of_add_on(owned, change, at=at)
        elif wanted < before:
            credit_add_on(owned, before - wanted, change, on=change.effective_on, at=at)
        take_over(subscription, {product_id: wanted}, at=at, counts_from=first_day_of(change))
        change.quantity_from = before
        session.flush()
        mail_done(subscription, change, at=at)

    def _check_more(
        self, subscription: Subscription, new: NewChange, owned: Subscription | None, wanted: int, *, at: datetime
    ) -> None:
        allowed = _allowed(subscription, new)
        if allowed is None:
            raise Invalid.field("add_on", "add_on_not_allowed", "This is no add-on of the subscription's product")
        if allowed.is_quantity_linked and wanted != subscription.quantity:
            raise Invalid.field(
                "quantity", "quantity_linked", f"There are as many as licences: {subscription.quantity}"
            )
        require_quantity(*product_and_type(allowed.product.id), wanted)
        if owned is not None:
            _require_free(owned, new, at=at)
            return
        on = new.effective_on or distributors_day(at)
        if current_scope().reseller is Reach.ALL and target_price(subscription, allowed.product, wanted, on=on) is None:
            raise Invalid.field("add_on", "not_priced", f"{allowed.product.name} has no price for this billing cycle")


def _wanted(quantity: int | None, stands: int) -> int:
    if quantity is None:
        raise Invalid.field("quantity", "required", "Enter how many there shall be")
    if quantity < 0 or quantity > MOST:
        raise Invalid.field("quantity", "quantity_range", f"Enter a number from 0 to {MOST:,}")
    if quantity == stands:
        raise Invalid.field("quantity", "unchanged", f"There are {stands} already" if stands else "There is none")
    return quantity


def _allowed(subscription: Subscription, new: NewChange) -> AllowedAddOn | None:
    found = next(
        (each for each in allowed_add_ons(subscription.product_id) if each.product.id == new.target_product_id), None
    )
    if found is None or not new.is_from_storefront:
        return found
    is_held = find_add_on(subscription.id, found.product.id) is not None
    is_sold = found.product.sale is SaleMode.OPEN or (is_held and found.product.sale is SaleMode.MORE_LICENCES)
    return found if found.product.is_published and is_sold else None


def _require_free(owned: Subscription, new: NewChange, *, at: datetime) -> None:
    if owned.sync_status in (SyncStatus.PENDING, SyncStatus.FAILED):
        raise WrongSyncState(owned.code, owned.sync_status, Action.ADD_ON.value)
    if new.timing is ChangeTiming.NOW and has_pending(owned.id, on=distributors_day(at)):
        raise InvoicePending(owned.code)


def _require_whole_if_linked(owned: Subscription, wanted: int) -> None:
    if owned.quantity_per_parent is not None and wanted:
        raise Invalid.field("quantity", "quantity_linked", "It follows the number of licences; cancel it as a whole")


def _made(
    subscription: Subscription, change: SubscriptionChange, product_id: object, wanted: int, *, at: datetime
) -> Subscription:
    product, _ = product_and_type(product_id)
    price = target_price(subscription, product, wanted, on=change.effective_on)
    if price is None:
        raise Invalid.field("add_on", "not_priced", f"{product.name} has no price for this billing cycle")
    is_linked = any(
        each.is_quantity_linked for each in allowed_add_ons(subscription.product_id) if each.product.id == product.id
    )
    payers_cost = cost_of(subscription.id)
    return create_add_on(
        subscription,
        NewAddOn(
            product_id=product.id,
            name=product.name,
            quantity=wanted,
            quantity_per_parent=1 if is_linked else None,
            unit_price=price.unit_price,
            unit_cost=price.unit_cost,
            price_list_id=price.price_list_id,
            rule=price.rule,
            markup_percent=price.markup_percent,
            order_item_id=None,
            payer_reseller_id=payers_cost.reseller_id if payers_cost is not None else None,
            starts_on=change.effective_on,
        ),
        at=at,
    )
