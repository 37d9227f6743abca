"""Upgrades, and downgrades back along the path: wholly or in part, into a new subscription or an existing one (CB-25).

The source is credited from the day on, the target charged from it: two papers. A new target takes the source's place:
its owner, payer and period end; the source stays as a record that ended, or goes on with what is left of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from app.billing.charges import has_pending
from app.catalogue.models import BillingCycle, Product, ProductKind, Term
from app.catalogue.paths import downgrade_targets, exclusive_with, upgrade_targets
from app.catalogue.quantities import limits_of
from app.changes.add_on_units import lost_add_ons
from app.changes.charging import first_day_of
from app.changes.effects import Effect, NewChange
from app.changes.errors import InvoicePending, NotOffered
from app.changes.guards import require_free
from app.changes.kinds.upgrade_add_ons import move_add_ons
from app.changes.kinds.upgrade_money import credit_source, debit_target, require_credit
from app.changes.kinds.upgrade_records import end_source, find_target, made_target, open_target
from app.changes.mails import mail_done
from app.changes.parts import follow_linked
from app.changes.queries import cost_of
from app.changes.refunding import product_and_type
from app.changes.steps import VendorStep, undo_steps
from app.changes.targets import TargetPrice, target_price
from app.changes.words import actor_of
from app.core.db import session
from app.core.errors import Invalid
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.models import TaskKind
from app.provisioning.pictures import ResourcePicture
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.machine import Action
from app.subscriptions.models import (
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionRole,
    SubscriptionStatus,
    SyncStatus,
)
from app.subscriptions.queries import find_subscription_for_update, live_of_products
from app.subscriptions.services import add_event, change_quantity
from tenants.context import Reach, current_scope
from tenants.days import distributors_day

TERM, CYCLE, CANCELS_ADD_ONS = "term", "cycle", "cancels_add_ons"  # details of the change


class Upgrade(Effect):
    """What runs becomes another product. `quantity_to` is what stays of the source: 0 moves all of it."""

    action = Action.UPGRADE
    is_upgrade: ClassVar[bool] = True

    def concerned(self, change: NewChange | SubscriptionChange) -> frozenset[UUID]:
        """Between exclusive products, all that moves together."""
        source = session.get(Subscription, (current_scope().distributor_id, change.subscription_id))
        together = [] if source is None else moving_together(source, change.target_product_id)
        return super().concerned(change) | {each.id for each in together}

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse what is not on the path, more than there is, add-ons that would be lost, exclusive products in part."""
        target = self._target_product(subscription, new)
        moved = _moved(subscription, new.quantity_to)
        if new.timing is ChangeTiming.ON_DATE:
            raise Invalid.field("timing", "not_offered", "Choose now, or the end of the period")
        if has_pending(subscription.id, on=distributors_day(at)):
            raise InvoicePending(subscription.code)
        into = _existing_target(subscription, new, target)
        is_full = moved == subscription.quantity
        _require_limits(subscription, target, moved, into)
        _require_exclusive(subscription, target, is_full=is_full)
        on = new.effective_on or distributors_day(at)
        is_job = current_scope().reseller is Reach.ALL  # a storefront's request is priced by the job that looks at it
        price = _price(subscription, new.details, target, moved, on) if is_job else None
        if is_full and not new.details.get(CANCELS_ADD_ONS):
            unit = into or price
            _require_add_ons(subscription, target, (unit.term, unit.cycle) if is_job and unit is not None else None, on)
        if is_job and price is None:
            raise Invalid.field("target", "not_priced", f"{target.name} has no price for this subscription's billing")
        if price is not None and new.is_from_storefront and new.timing is ChangeTiming.NOW:
            require_credit(subscription, moved, target.id, price, on)

    def picture(self, subscription: Subscription, change: SubscriptionChange) -> ResourcePicture:
        """Return the source as it shall be at its vendor: the target's product, or what stays of its own."""
        return self.steps(subscription, change)[0].picture

    def needs_vendor(self, subscription: Subscription, change: SubscriptionChange) -> bool:
        """Whether source or target stand at a vendor."""
        into = find_target(change)
        return subscription.sync_status is not SyncStatus.NOT_REQUIRED or (
            into is not None and into.sync_status is not SyncStatus.NOT_REQUIRED
        )

    def steps(self, subscription: Subscription, change: SubscriptionChange) -> Sequence[VendorStep]:
        """Change the service where all of it becomes a new subscription; else what grows comes first, then what shrinks."""
        moved = _moved(subscription, change.quantity_to)
        is_full = moved == subscription.quantity
        target = find_target(change)
        if is_full and target is None:
            return [_becomes(each, change) for each in moving_together(subscription, change.target_product_id)]
        if target is None or target.status is SubscriptionStatus.PENDING_ACTIVATION:
            target = target or made_target(subscription, change, _price_of(subscription, change), moved)
            grows = VendorStep(TaskKind.CREATE, target, complete_picture(target, quantity=moved))
        else:
            add_ons = _merged_add_ons(subscription, target, change) if is_full else {}
            picture = complete_picture(target, quantity=target.quantity + moved, add_ons=add_ons)
            grows = VendorStep(TaskKind.UPDATE, target, picture)
        if is_full:
            return [grows, VendorStep(TaskKind.CANCEL, subscription, complete_picture(subscription))]
        rest = complete_picture(subscription, quantity=subscription.quantity - moved)
        return [grows, VendorStep(TaskKind.UPDATE, subscription, rest)]

    def withdrawn(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Put back at the vendors what was done before one of them refused."""
        undo_steps(subscription, change, at=at)

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Credit the source, charge the target, and let the target take its place (CB-F80, CB-F81)."""
        moved = _moved(subscription, change.quantity_to)
        together = (
            moving_together(subscription, change.target_product_id)
            if moved == subscription.quantity
            else [subscription]
        )
        change.quantity_from = subscription.quantity
        for source in together:
            self._move(source, change, moved if source is subscription else source.quantity, at=at)
        mail_done(subscription, change, at=at)

    def _move(self, source: Subscription, change: SubscriptionChange, moved: int, *, at: datetime) -> None:
        price = _price_of(source, change, moved)
        is_full = moved == source.quantity
        existing = find_target(change) if source.id == change.subscription_id else None
        credit_source(source, change, moved, is_upgrade=self.is_upgrade, at=at)
        if existing is not None and existing.status is not SubscriptionStatus.PENDING_ACTIVATION:
            target = existing
            debit_target(source, target, change, moved, None, at=at)
            change_quantity(target.id, target.quantity + moved, at=at, counts_from=first_day_of(change))
            follow_linked(target, change, at=at)
        else:
            target = existing or made_target(source, change, price, moved)
            open_target(source, target, change, takes_vendor_link=is_full and existing is None, at=at)
            debit_target(source, target, change, moved, price, at=at)
        words = "Upgraded" if self.is_upgrade else "Downgraded"
        if is_full:
            cancels_unsold = bool(change.details.get(CANCELS_ADD_ONS))
            move_add_ons(source, target, change, cancels_unsold=cancels_unsold, at=at)
            end_source(source, f"{words} to {target.friendly_name} ({target.code})", at=at)
        else:
            change_quantity(
                source.id, source.quantity - moved, at=at, is_moved_away=True, counts_from=first_day_of(change)
            )
            add_event(source, change.kind.value, f"{words} in part: {moved} to {target.code}", at=at)
        add_event(
            target, change.kind.value, f"{words} from {source.friendly_name} ({source.code})", at=at,
            quantity_change=moved, quantity_after=target.quantity, actor_name=actor_of(change),
        )  # fmt: skip
        if source.id == change.subscription_id:
            change.target_subscription_id = target.id
        session.flush()

    def _target_product(self, subscription: Subscription, new: NewChange) -> Product:
        product, product_type = product_and_type(subscription.product_id)
        _require_movable(subscription, product_type.kind)
        is_allowed = product_type.allows_upgrade if self.is_upgrade else product_type.allows_downgrade
        if not is_allowed:
            raise NotOffered(f"{product.name} is not {'upgraded' if self.is_upgrade else 'downgraded'}")
        targets = upgrade_targets(product.id) if self.is_upgrade else downgrade_targets(product.id)
        found = next((each for each in targets if each.id == new.target_product_id), None)
        if found is None:
            raise Invalid.field("target", "no_path", f"{product.name} does not become this product")
        return found


class Downgrade(Upgrade):
    """Back along the path; by default at the period's end, and by request where the type says so."""

    action = Action.DOWNGRADE
    is_upgrade: ClassVar[bool] = False

    def needs_decision(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> bool:
        """The type's switch decides (CB-25)."""
        _ = change, at
        return not product_and_type(subscription.product_id)[1].automatic_downgrade


def moving_together(subscription: Subscription, target_id: UUID | None) -> list[Subscription]:
    """Return what moves with a full upgrade: between exclusive products all of the account's, the asked one first."""
    if target_id is None or target_id not in exclusive_with(subscription.product_id):
        return [subscription]
    return [subscription, *_siblings(subscription)]


def _siblings(subscription: Subscription) -> list[Subscription]:
    found = live_of_products(subscription.account_id, {subscription.product_id}) if subscription.account_id else ()
    return [each for each in found if each.id != subscription.id and each.role is SubscriptionRole.MAIN]


def _becomes(source: Subscription, change: SubscriptionChange) -> VendorStep:
    price = _price_of(source, change, source.quantity)
    unit = (price.term, price.cycle) if change.details.get(CANCELS_ADD_ONS) else None
    ended = lost_add_ons(source, change.target_product_id, unit, on=change.effective_on)
    lost = {each.product_id: 0 for each in ended}
    picture = complete_picture(source, product_id=change.target_product_id, add_ons=lost)
    return VendorStep(TaskKind.UPDATE, source, replace(picture, term=price.term.value, billing_cycle=price.cycle.value))


def _merged_add_ons(source: Subscription, target: Subscription, change: SubscriptionChange) -> dict[UUID, int]:
    unit = (target.term, target.cycle) if change.details.get(CANCELS_ADD_ONS) else None
    lost = {each.id for each in lost_add_ons(source, target.product_id, unit, on=change.effective_on)}
    stands = {each.product_id: each.quantity for each in list_add_ons(target.id)}
    return {
        each.product_id: stands.get(each.product_id, 0) + each.quantity
        for each in list_add_ons(source.id)
        if each.id not in lost
    }


def _moved(subscription: Subscription, stays: int | None) -> int:
    moved = subscription.quantity - (stays or 0)
    if not 1 <= moved <= subscription.quantity:
        raise Invalid.field("quantity", "quantity_range", f"Enter a number from 1 to {subscription.quantity}")
    return moved


def _require_movable(subscription: Subscription, kind: ProductKind) -> None:
    if subscription.plan_edition is not None:
        raise NotOffered("A reseller plan is switched by ordering the other plan")
    if subscription.trial_ends_on is not None:
        raise NotOffered("A trial is upgraded to paid first")
    if kind is ProductKind.BUNDLE or subscription.role is not SubscriptionRole.MAIN:
        raise NotOffered("Bundles, their components and add-ons have no upgrades")


def _existing_target(subscription: Subscription, new: NewChange, target: Product) -> Subscription | None:
    if new.target_subscription_id is None:
        return None
    found = find_subscription_for_update(new.target_subscription_id)
    is_same_owner = found is not None and (found.account_id, found.payer_id, found.currency) == (
        subscription.account_id, subscription.payer_id, subscription.currency,
    )  # fmt: skip
    if found is None or not is_same_owner:
        raise SubscriptionNotFound(new.target_subscription_id)
    if found.product_id != target.id or found.role is not SubscriptionRole.MAIN or found.trial_ends_on is not None:
        raise Invalid.field("target_subscription", "other_product", f"{found.code} is not {target.name}")
    require_free(found, Action.QUANTITY)
    return found


def _require_limits(subscription: Subscription, target: Product, moved: int, into: Subscription | None) -> None:
    source, product_type = product_and_type(subscription.product_id)
    stays, total = subscription.quantity - moved, moved + (into.quantity if into is not None else 0)
    least, limits = limits_of(source, product_type).least, limits_of(target, product_type)  # a path stays in its type
    if 0 < stays < least:
        raise Invalid.field("quantity", "min", f"At least {least} have to stay, or none")
    if not limits.least <= total <= limits.most:
        raise Invalid.field("quantity", "target_range", f"{target.name} is sold for {limits.least} to {limits.most:,}")


def _require_exclusive(subscription: Subscription, target: Product, *, is_full: bool) -> None:
    """CB-10: no part of an exclusive product stays, all its subscriptions move together, no other one blocks."""
    excluded = exclusive_with(target.id)
    if subscription.product_id in excluded:
        if not is_full:
            raise Invalid.field("quantity", "full_only", f"Nobody has this beside {target.name}: move all of it")
        for each in _siblings(subscription):
            require_free(each, Action.UPGRADE)
    others = excluded - {subscription.product_id}
    if others and subscription.account_id is not None:
        for each in live_of_products(subscription.account_id, others):
            raise Invalid.field(
                "target", "exclusive", f"{target.name} cannot be had beside “{each.friendly_name}” ({each.code})"
            )


def _require_add_ons(
    subscription: Subscription, target: Product, unit: tuple[Term, BillingCycle] | None, on: date
) -> None:
    lost = lost_add_ons(subscription, target.id, unit, on=on)
    if lost:
        names = ", ".join(each.friendly_name for each in lost)
        raise Invalid.field("cancels_add_ons", "add_ons_lost", f"{target.name} has no {names}; tick to cancel them")


def _price_of(subscription: Subscription, change: SubscriptionChange, moved: int | None = None) -> TargetPrice:
    """Return today's price of the target; what is not sold any more when its vendor confirms goes at the source's."""
    target = session.get_one(Product, (subscription.distributor_id, change.target_product_id))
    quantity = moved or _moved(subscription, change.quantity_to)
    found = _price(subscription, change.details, target, quantity, change.effective_on)
    if found is not None:
        return found
    cost = cost_of(subscription.id)
    return TargetPrice(
        term=subscription.term,
        cycle=subscription.cycle,
        unit_cost=cost.unit_cost if cost is not None else Decimal(0),
        price_list_id=None,
        rule="former",
        markup_percent=None,
        unit_price=subscription.unit_price,
    )


def _price(
    subscription: Subscription, details: Mapping[str, Any], target: Product, moved: int, on: date
) -> TargetPrice | None:
    return target_price(
        subscription,
        target,
        moved,
        on=on,
        term=Term(details[TERM]) if details.get(TERM) else None,
        cycle=BillingCycle(details[CYCLE]) if details.get(CYCLE) else None,
    )
