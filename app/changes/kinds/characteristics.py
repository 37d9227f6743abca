"""What a service was described by when it was ordered, put right afterwards (CB-22): also what makes a failed one work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.catalogue.characteristics import DOMAIN, Characteristic, asked_of, checked_value, domain_of
from app.changes.effects import Effect, NewChange
from app.changes.refunding import product_and_type
from app.changes.words import actor_of
from app.core.errors import FieldError, Invalid
from app.provisioning.complete_pictures import complete_picture
from app.provisioning.models import TaskStatus
from app.provisioning.pictures import ResourcePicture, from_json, to_json
from app.provisioning.queries import last_task_of
from app.subscriptions.domains.services import take_name, taken
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeTiming, Subscription, SubscriptionChange, SyncStatus
from app.subscriptions.services import add_event

VALUES = "values"  # detail: new values by characteristic id; None takes one away
PREFIX = "characteristic_"  # of the form's fields


class Characteristics(Effect):
    """New values. What stands at the vendor is told first; what has failed there, or never got there, is kept here."""

    action = Action.CHARACTERISTICS

    def check(self, subscription: Subscription, new: NewChange, *, at: datetime) -> None:
        """Refuse values the type does not take, and a required one that is empty."""
        if new.timing is not ChangeTiming.NOW:
            raise Invalid.field("timing", "not_offered", "This is done immediately")
        values: Mapping[str, Any] = new.details.get(VALUES) or {}
        editable = {each.id: each for each in editable_of(subscription)}
        errors = [
            FieldError(f"{PREFIX}{name}", "unknown", "This cannot be edited") for name in values if name not in editable
        ]
        for each in editable.values():
            if each.id in values:
                errors.extend(_value_errors(each, values[each.id]))
        if errors:
            raise Invalid(*errors)
        _require_name(subscription, values, at=at)
        if merged(subscription, values) == dict(subscription.characteristics):
            raise Invalid.field(VALUES, "unchanged", "Nothing was changed")

    def needs_vendor(self, subscription: Subscription, change: SubscriptionChange) -> bool:
        """Only what stands at the vendor is sent there again."""
        _ = change
        return subscription.sync_status is SyncStatus.SYNCHRONISED

    def picture(self, subscription: Subscription, change: SubscriptionChange) -> ResourcePicture:
        """Ask for the new values."""
        return complete_picture(subscription, characteristics=merged(subscription, change.details.get(VALUES) or {}))

    def apply(self, subscription: Subscription, change: SubscriptionChange, *, at: datetime) -> None:
        """Keep the values; what has failed will ask with them when it is tried again (CB-F70)."""
        subscription.characteristics = merged(subscription, change.details.get(VALUES) or {})
        add_event(subscription, "details_changed", "Details changed", at=at, actor_name=actor_of(change))
        failed = last_task_of(subscription.id)
        if failed is not None and failed.status is TaskStatus.FAILED:
            asked = from_json(failed.request)
            failed.request = to_json(replace(asked, characteristics=complete_picture(subscription).characteristics))


def _require_name(subscription: Subscription, values: Mapping[str, Any], *, at: datetime) -> None:
    """Refuse another domain name: that is another domain. One that has none yet takes it (CB-01)."""
    _, product_type = product_and_type(subscription.product_id)
    wanted, has = domain_of(product_type, values), domain_of(product_type, subscription.characteristics)
    if wanted is None or wanted == has:
        return
    field = f"{PREFIX}{DOMAIN}"
    if has is not None:
        raise Invalid.field(field, "domain_fixed", "A domain keeps its name; order the other one")
    if not take_name(wanted, subscription_id=subscription.id, at=at):
        raise Invalid(taken(wanted, field=field))


def editable_of(subscription: Subscription) -> tuple[Characteristic, ...]:
    """Return what may be edited: what was asked with the order."""
    _, product_type = product_and_type(subscription.product_id)
    return asked_of(product_type)


def merged(subscription: Subscription, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a subscription's values with new ones; None takes one away."""
    found = {**subscription.characteristics, **values}
    return {name: value for name, value in found.items() if value is not None}


def _value_errors(characteristic: Characteristic, value: object) -> list[FieldError]:
    field = f"{PREFIX}{characteristic.id}"
    if value is None:
        required = [FieldError(field, "required", f"{characteristic.name} is needed")]
        return required if characteristic.is_required else []
    try:
        checked_value(characteristic, str(value))
    except ValueError as error:
        return [FieldError(field, "characteristic_value", str(error))]
    return []
