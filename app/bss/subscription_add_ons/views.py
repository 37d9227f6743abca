"""A subscription's add-ons: what it has, what it may have, and how many of each (CB-27)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.calendar import distributor_today
from app.changes.guards import require_free
from app.changes.offers import AddOnOffer, add_on_offers, get_add_on_offer
from app.changes.queries import cost_of
from app.changes.requests import submit_change
from app.changes.targets import target_prices
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.identity.permissions import Permission
from app.owner.change_forms import AddOnForm
from app.subscriptions.add_ons import require_active_parent
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeStatus, Subscription
from app.subscriptions.queries import get_subscription
from app.web.formats import money
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("subscription_add_ons", __name__, surface=Surface.BSS, path="/subscriptions")

DONE_WORDS = {
    ChangeStatus.COMPLETED: "Done.",
    ChangeStatus.SCHEDULED: "Scheduled for the end of the billing period.",
    ChangeStatus.PROCESSING: "The vendor is asked; it counts, and is charged, once that is confirmed.",
}


@bp.get("/<code>/add-ons")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def index(code: str) -> ResponseReturnValue:
    """List what a subscription has and may have."""
    subscription = get_subscription(code)
    offers = add_on_offers(subscription)
    return page(
        "bss/subscription_add_ons/index.html",
        title=f"Add-ons of {subscription.friendly_name}",
        breadcrumbs=[*_crumbs(subscription), Crumb("Add-ons")],
        subscription=subscription,
        offers=offers,
        prices=_prices(subscription, offers),
        problem=_problem(subscription),
        may_edit=signed_in_viewer().can(Permission.BSS_SUBSCRIPTIONS_EDIT),
    )


@bp.route("/<code>/add-ons/<uuid:product_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def change(code: str, product_id: UUID) -> ResponseReturnValue:
    """Buy an add-on, raise, lower or cancel it; now or with the next period."""
    subscription = get_subscription(code)
    offer = get_add_on_offer(add_on_offers(subscription), product_id)
    form = AddOnForm()
    if request.method == "GET":
        form.request_key.data = str(new_id())
        form.quantity.data = offer.quantity or (subscription.quantity if offer.is_quantity_linked else 1)
    elif form.validate_on_submit():
        try:
            with unit_of_work():
                made = submit_change(
                    form.to_change(subscription, product_id), actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(DONE_WORDS.get(made.status, "Recorded."), "success")
            return redirect(url_for(".index", code=code), code=303)
    return page(
        "bss/subscription_add_ons/change.html",
        title=offer.product.name,
        breadcrumbs=[
            *_crumbs(subscription),
            Crumb("Add-ons", url_for(".index", code=code)),
            Crumb(offer.product.name),
        ],
        subscription=subscription,
        offer=offer,
        price=_prices(subscription, [offer])[product_id],
        form=form,
        problem=_problem(subscription),
    ), form.status


def _crumbs(subscription: Subscription) -> list[Crumb]:
    return [
        Crumb("Subscriptions", url_for("bss_subscriptions.index")),
        Crumb(subscription.code, url_for("bss_subscriptions.detail", code=subscription.code)),
    ]


def _problem(subscription: Subscription) -> str | None:
    """Say why nothing can be asked for at present."""
    try:
        require_free(subscription, Action.ADD_ON)
        require_active_parent(subscription)
    except Conflict as refusal:
        return str(refusal)
    return None


def _prices(subscription: Subscription, offers: Sequence[AddOnOffer]) -> dict[UUID, str]:
    """Return what the payer pays, or would pay today, per unit and the subscription's cycle."""
    found = {}
    for offer in offers:
        cost = cost_of(offer.owned.id) if offer.owned is not None else None
        amount = cost.unit_cost if cost is not None else None
        if amount is None:
            ways = target_prices(subscription, offer.product, 1, on=distributor_today(), is_wholesale=True)
            own = (subscription.term, subscription.cycle)
            amount = next((each.unit_cost for each in ways if (each.term, each.cycle) == own), None)
        found[offer.product.id] = money(amount, subscription.currency, unit=True) if amount is not None else "-"
    return found
