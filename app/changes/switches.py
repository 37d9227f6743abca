"""What is changed of a subscription without anybody being asked: its name, whether it renews (CB-23, CB-28)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.audit.services import Actor, record
from app.audit.shown import shown_name
from app.changes.errors import NotOffered, RenewalDue
from app.changes.guards import require_free
from app.changes.renewals import catch_up, is_behind
from app.core.errors import Invalid
from app.subscriptions.errors import SubscriptionNotFound
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription, SubscriptionRole
from app.subscriptions.queries import find_subscription_for_update
from app.subscriptions.services import MAX_NAME, add_event
from tenants.context import Reach, current_scope
from tenants.days import distributors_day


def set_auto_renew(subscription_id: UUID, *, is_on: bool, actor: Actor, at: datetime) -> Subscription:
    """Switch the renewal; off, it expires the day after its term. A second call changes nothing.

    What was on when a term ended renews, whenever the billing run comes: a customer is asked to wait for it, for staff
    it is done first. Raises SubscriptionNotFound, WrongSubscriptionState, ChangePending while a request waits (CB-F78),
    RenewalDue, NotOffered.
    """
    if current_scope().reseller is Reach.ALL:
        catch_up([subscription_id], at=at)
    subscription = _locked(subscription_id)
    if subscription.auto_renew is is_on:
        return subscription
    require_free(subscription, Action.AUTO_RENEW)
    if subscription.role is not SubscriptionRole.MAIN:
        raise NotOffered("This renews with the subscription it belongs to")
    if subscription.trial_ends_on is not None:
        raise NotOffered("A trial does not renew; upgrade it to a paid subscription")
    if is_behind(subscription, distributors_day(at)):
        raise RenewalDue(subscription.code)
    subscription.auto_renew = is_on
    words = "Automatic renewal switched on" if is_on else "Automatic renewal switched off"
    add_event(subscription, "auto_renew", words, at=at, actor_name=shown_name(actor))
    record(
        "subscription.auto_renew", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        before={"auto_renew": not is_on}, after={"auto_renew": is_on},
    )  # fmt: skip
    return subscription


def rename(subscription_id: UUID, name: str, *, actor: Actor, at: datetime) -> Subscription:
    """Give a subscription a name of the customer's own; the vendor is never told (CB-F73).

    Raises SubscriptionNotFound, Invalid `required`, `length`.
    """
    wanted = " ".join(name.split())
    if not wanted:
        raise Invalid.field("name", "required", "Enter a name")
    if len(wanted) > MAX_NAME:
        raise Invalid.field("name", "length", f"Use at most {MAX_NAME} characters")
    subscription = _locked(subscription_id)
    if subscription.friendly_name == wanted:
        return subscription
    before, subscription.friendly_name = subscription.friendly_name, wanted
    add_event(subscription, "renamed", f"Renamed to {wanted}", at=at, actor_name=shown_name(actor))
    record(
        "subscription.renamed", actor=actor, at=at, target_kind="subscription", target_id=subscription.id,
        before={"name": before}, after={"name": wanted},
    )  # fmt: skip
    return subscription


def _locked(subscription_id: UUID) -> Subscription:
    found = find_subscription_for_update(subscription_id)
    if found is None:
        raise SubscriptionNotFound(subscription_id)
    return found
