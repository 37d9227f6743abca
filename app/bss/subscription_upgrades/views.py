"""Upgrading a subscription to another product of its path, and back (CB-25)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor_today
from app.catalogue.words import unit_words
from app.changes.guards import require_free
from app.changes.offers import TargetOffer, target_offers
from app.changes.queries import cost_of
from app.changes.requests import submit_change
from app.changes.targets import target_prices
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.identity.permissions import Permission
from app.owner.change_forms import NEW, UpgradeForm
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, Subscription
from app.subscriptions.queries import get_subscription
from app.web.formats import money
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("subscription_upgrades", __name__, surface=Surface.BSS, path="/subscriptions")

DONE_WORDS = {
    ChangeStatus.COMPLETED: "Done.",
    ChangeStatus.SCHEDULED: "Scheduled for the end of the billing period.",
    ChangeStatus.PROCESSING: "The vendor is asked; it counts, and is charged, once that is confirmed.",
}


@bp.route("/<code>/upgrade", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def upgrade(code: str) -> ResponseReturnValue:
    """Upgrade all or a part of a subscription; now, if nothing else is said."""
    return _change(code, ChangeKind.UPGRADE)


@bp.route("/<code>/downgrade", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def downgrade(code: str) -> ResponseReturnValue:
    """Downgrade all or a part of a subscription; with its next period, if nothing else is said."""
    return _change(code, ChangeKind.DOWNGRADE)


def _change(code: str, kind: ChangeKind) -> ResponseReturnValue:
    subscription = get_subscription(code)
    is_upgrade = kind is ChangeKind.UPGRADE
    offers = target_offers(subscription, is_upgrade=is_upgrade)
    form = UpgradeForm()
    form.target.choices = _choices(subscription, offers)
    form.target_subscription.choices = _existing(offers)
    if request.method == "GET":
        form.request_key.data = str(new_id())
        form.quantity.data = subscription.quantity
        form.timing.data = (ChangeTiming.NOW if is_upgrade else ChangeTiming.PERIOD_END).value
    elif form.validate_on_submit():
        try:
            with unit_of_work():
                change = submit_change(form.to_change(subscription, kind), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(DONE_WORDS.get(change.status, "Recorded."), "success")
            return redirect(url_for("bss_subscriptions.detail", code=code), code=303)
    cost = cost_of(subscription.id)
    words = "Upgrade" if is_upgrade else "Downgrade"
    return page(
        "bss/subscription_upgrades/change.html",
        title=f"{words} {subscription.friendly_name}",
        breadcrumbs=[
            Crumb("Subscriptions", url_for("bss_subscriptions.index")),
            Crumb(subscription.code, url_for("bss_subscriptions.detail", code=code)),
            Crumb(words),
        ],
        subscription=subscription,
        unit_cost=cost.unit_cost if cost is not None else None,
        plan=unit_words(subscription.term, subscription.cycle),
        form=form,
        offers=offers,
        lost=sorted({each.friendly_name for offer in offers for each in offer.lost_add_ons}),
        exclusive=[offer.product.name for offer in offers if offer.is_exclusive],
        words=words,
        problem=_problem(subscription, Action.UPGRADE if is_upgrade else Action.DOWNGRADE),
    ), form.status


def _problem(subscription: Subscription, action: Action) -> str | None:
    """Say why nothing can be asked for at present."""
    try:
        require_free(subscription, action)
    except Conflict as refusal:
        return str(refusal)
    return None


def _choices(subscription: Subscription, offers: Sequence[TargetOffer]) -> list[tuple[str, str]]:
    """Return every product, term and cycle it may become, with what its payer pays per unit."""
    return [
        (
            f"{offer.product.id}.{price.term.value}.{price.cycle.value}",
            f"{offer.product.name}: {money(price.unit_cost, subscription.currency)}, {unit_words(price.term, price.cycle)}",
        )
        for offer in offers
        for price in target_prices(
            subscription, offer.product, subscription.quantity, on=distributor_today(), is_wholesale=True
        )
    ]


def _existing(offers: Sequence[TargetOffer]) -> list[tuple[str, str]]:
    owned = [
        (str(each.id), f"{each.code}: {each.friendly_name}, {each.quantity}")
        for offer in offers
        for each in offer.existing
    ]
    return [(NEW, "A new subscription"), *owned]
