"""A customer upgrades what it owns, or asks to downgrade it (SF-41, CB-25)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.catalogue.models import BillingCycle
from app.catalogue.words import CYCLE_UNITS, unit_words
from app.changes.guards import require_free
from app.changes.offers import TargetOffer, target_offers
from app.changes.requests import submit_change
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.identity.permissions import Permission
from app.owner.change_forms import NEW
from app.pricing.catalogue_page import offered_ids
from app.pricing.quotes import buyer_prices
from app.storefront.billing.views import section_nav, shown
from app.storefront.shopping import buyer_of_request, price_unit
from app.storefront.subscription_upgrades.forms import StorefrontUpgradeForm
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeKind, ChangeTiming, Subscription
from app.subscriptions.queries import get_subscription
from app.web.formats import money
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("subscription_upgrades", __name__, surface=Surface.STOREFRONT, path="/billing/subscriptions")


@bp.route("/<code>/upgrade", methods=["GET", "POST"])
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def upgrade(code: str) -> ResponseReturnValue:
    """Upgrade all or a part of a subscription."""
    return _change(code, ChangeKind.UPGRADE)


@bp.route("/<code>/downgrade", methods=["GET", "POST"])
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def downgrade(code: str) -> ResponseReturnValue:
    """Ask for a downgrade; with the next period, if nothing else is said."""
    return _change(code, ChangeKind.DOWNGRADE)


def _change(code: str, kind: ChangeKind) -> ResponseReturnValue:
    subscription = get_subscription(code)
    is_upgrade = kind is ChangeKind.UPGRADE
    offers = _sold(target_offers(subscription, is_upgrade=is_upgrade))
    form = StorefrontUpgradeForm()
    form.target.choices = _choices(subscription, offers)
    form.target_subscription.choices = [
        (NEW, "A new subscription"),
        *((str(each.id), f"{each.friendly_name} ({each.code})") for offer in offers for each in offer.existing),
    ]
    if request.method == "GET":
        form.request_key.data = str(new_id())
        form.quantity.data = subscription.quantity
        form.timing.data = (ChangeTiming.NOW if is_upgrade else ChangeTiming.PERIOD_END).value
    elif form.validate_on_submit():
        try:
            with unit_of_work():
                submit_change(form.to_change(subscription, kind), actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Your request is recorded; it shows here as soon as it is done.", "success")
            return redirect(url_for("storefront_billing.subscription", code=code), code=303)
    (it,) = shown([subscription])
    words = "Upgrade" if is_upgrade else "Downgrade"
    return page(
        "storefront/subscription_upgrades/change.html",
        title=f"{words} {subscription.friendly_name}",
        breadcrumbs=[
            Crumb("Billing", url_for("storefront_billing.index")),
            Crumb("Subscriptions", url_for("storefront_billing.subscriptions")),
            Crumb(subscription.friendly_name, url_for("storefront_billing.subscription", code=code)),
            Crumb(words),
        ],
        side_nav=section_nav(),
        shown=it,
        form=form,
        lost=sorted({each.friendly_name for offer in offers for each in offer.lost_add_ons}),
        exclusive=[offer.product.name for offer in offers if offer.is_exclusive],
        words=words,
        hides_prices=_hides_prices(),
        cycle=CYCLE_UNITS[subscription.cycle],
        problem=_problem(subscription, Action.UPGRADE if is_upgrade else Action.DOWNGRADE),
    ), form.status


def _hides_prices() -> bool:
    return not signed_in_viewer().can(Permission.SUBSCRIPTION_PRICES_VIEW)


def _problem(subscription: Subscription, action: Action) -> str | None:
    """Say why nothing can be asked for at present."""
    try:
        require_free(subscription, action)
    except Conflict as refusal:
        return str(refusal)
    return None


def _sold(offers: Sequence[TargetOffer]) -> Sequence[TargetOffer]:
    """Leave out what this storefront does not sell to the viewer; what it owns need not be listed (CB-25)."""
    sold = offered_ids([offer.product.id for offer in offers], buyer_of_request())
    return [offer for offer in offers if offer.product.id in sold]


def _choices(subscription: Subscription, offers: Sequence[TargetOffer]) -> list[tuple[str, str]]:
    """Return every product, term and cycle it may become, with what it costs the viewer; its own unit comes first."""
    names = {offer.product.id: offer.product for offer in offers}
    prices = buyer_prices(names, buyer_of_request())
    own = (subscription.term, subscription.cycle)
    keys = sorted(
        (key for key in prices if key.cycle is not BillingCycle.ONE_TIME),
        key=lambda key: (
            list(names).index(key.product_id), (key.term, key.cycle) != own, key.term.months, key.cycle.months,
        ),
    )  # fmt: skip
    hides = _hides_prices()
    found = []
    for key in keys:
        product = names[key.product_id]
        words = f"{product.name}, {unit_words(key.term, key.cycle)}"
        if not hides:
            amount = money(prices[key].unit_price, prices[key].currency)
            words = f"{words}: {amount} {price_unit(product.unit_of_measure, key.cycle)}"
        found.append((f"{product.id}.{key.term.value}.{key.cycle.value}", words))
    return found
