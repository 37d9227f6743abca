"""What a customer may do with a subscription beside buying more of it: links to the pages for it (SF-40, SF-41, SF-45)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from app.access import signed_in_viewer
from app.changes.guards import is_free
from app.changes.offers import add_on_offers, target_offers
from app.identity.permissions import Permission
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription, SubscriptionRole


@dataclass(frozen=True, slots=True)
class ActionLink:
    """A way to a page."""

    label: str
    url: str
    icon: str


def links_of(subscription: Subscription) -> list[ActionLink]:
    """Return the pages that offer something for this subscription now; nothing without the right to manage it."""
    viewer = signed_in_viewer()
    is_plain = subscription.role is SubscriptionRole.MAIN and subscription.plan_edition is None
    if not is_plain or not viewer.can(Permission.SUBSCRIPTIONS_MANAGE):
        return []
    found = []
    if subscription.trial_ends_on is None:
        for action, label, endpoint in (
            (Action.UPGRADE, "Upgrade", "storefront_subscription_upgrades.upgrade"),
            (Action.DOWNGRADE, "Downgrade", "storefront_subscription_upgrades.downgrade"),
        ):
            if is_free(subscription, action) and target_offers(subscription, is_upgrade=action is Action.UPGRADE):
                found.append(ActionLink(label, url_for(endpoint, code=subscription.code), "repeat"))
    if add_on_offers(subscription, is_storefront=True):
        found.append(
            ActionLink("Add-ons", url_for("storefront_subscription_add_ons.index", code=subscription.code), "plus")
        )
    return found
