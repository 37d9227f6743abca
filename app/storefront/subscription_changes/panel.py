"""What a subscription's page says of its open request and offers to do: "I want to…" (CB-23, CB-24, CB-29)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app

from app.access import signed_in_viewer
from app.catalogue.models import ProductKind
from app.changes.guards import free_actions, may_withdraw
from app.changes.offers import idle_actions
from app.changes.progress import Stage, stages_for_customer
from app.changes.queries import open_change
from app.changes.refunding import product_and_type
from app.identity.permissions import Permission
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription, SubscriptionChange, SubscriptionRole


@dataclass(frozen=True, slots=True)
class Want:
    """An entry of "I want to…"; `confirm` says what a button without a page of its own does."""

    action: Action
    label: str
    endpoint: str
    confirm: str | None = None
    is_danger: bool = False

    @property
    def id(self) -> str:
        """The id of its dialog."""
        return f"do-{self.action.value}"


@dataclass(frozen=True, slots=True)
class Panel:
    """What may be done now, and what is under way."""

    wants: Sequence[Want]
    change: SubscriptionChange | None
    stages: Sequence[Stage]
    may_withdraw: bool
    may_switch: bool  # the automatic renewal


WANTS = (
    Want(Action.QUANTITY, "Change the number of licences", "storefront_subscription_changes.quantity"),
    Want(Action.UPGRADE, "Upgrade", "storefront_subscription_upgrades.upgrade"),
    Want(Action.DOWNGRADE, "Downgrade", "storefront_subscription_upgrades.downgrade"),
    Want(Action.ADD_ON, "Manage add-ons", "storefront_subscription_add_ons.index"),
    Want(Action.RENAME, "Rename", "storefront_subscription_changes.rename"),
    Want(
        Action.SUSPEND, "Suspend", "storefront_subscription_changes.suspend",
        "It cannot be used until it is activated again. It is still billed.", is_danger=True,
    ),
    Want(
        Action.ACTIVATE, "Activate again", "storefront_subscription_changes.activate", "It can be used again soon after."
    ),
    Want(Action.CANCEL, "Cancel", "storefront_subscription_changes.cancel", is_danger=True),
)  # fmt: skip


def panel_of(subscription: Subscription) -> Panel:
    """Return it for a viewer; without the right to manage subscriptions nothing can be done here."""
    manages = signed_in_viewer().can(Permission.SUBSCRIPTIONS_MANAGE)
    change = open_change(subscription.id)
    free = (free_actions(subscription) & _sold(subscription)) - idle_actions(subscription, is_storefront=True)
    return Panel(
        wants=[
            each for each in WANTS if manages and each.action in free and each.endpoint in current_app.view_functions
        ],
        change=change,
        stages=stages_for_customer(change) if change is not None else (),
        may_withdraw=manages and change is not None and may_withdraw(change),
        may_switch=manages and Action.AUTO_RENEW in free,
    )


def _sold(subscription: Subscription) -> frozenset[Action]:
    """Return what subscriptions of this kind are offered at all."""
    if subscription.plan_edition is not None or subscription.role is not SubscriptionRole.MAIN:
        return frozenset({Action.RENAME})
    _, product_type = product_and_type(subscription.product_id)
    found = set(Action)
    if not product_type.allows_suspension:
        found -= {Action.SUSPEND}
    if product_type.kind is ProductKind.PAY_PER_USE:
        found -= {Action.QUANTITY}
    if subscription.trial_ends_on is not None:
        found -= {Action.AUTO_RENEW, Action.QUANTITY}
    return frozenset(found)
