"""A customer's add-ons: what a subscription has and may have; more, fewer, none (SF-45, CB-27)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.catalogue.paths import allowed_add_ons
from app.changes.guards import require_free
from app.changes.offers import AddOnOffer, add_on_offers, get_add_on_offer
from app.changes.requests import submit_change
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.baskets import NewItem, add_item, choose_recipient
from app.pricing.quotes import PriceKey, buyer_prices
from app.storefront.billing.views import section_nav, shown
from app.storefront.shopping import buyer_of_request, price_unit, shopper_of_request
from app.storefront.subscription_add_ons.forms import StorefrontAddOnForm
from app.subscriptions.add_ons import require_active_parent
from app.subscriptions.machine import Action
from app.subscriptions.models import Subscription
from app.subscriptions.queries import get_subscription
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("subscription_add_ons", __name__, surface=Surface.STOREFRONT, path="/billing/subscriptions")


@bp.get("/<code>/add-ons")
@permission_required(Permission.SUBSCRIPTIONS_VIEW)
def index(code: str) -> ResponseReturnValue:
    """List what a subscription has and may have; a search finds parts of names (SF-45)."""
    subscription = get_subscription(code)
    query = request.args.get("q", "").strip()[:100]
    offers = [each for each in _offers(subscription) if query.lower() in each.product.name.lower()]
    return page(
        "storefront/subscription_add_ons/index.html",
        title=f"Add-ons of {subscription.friendly_name}",
        breadcrumbs=[*_crumbs(subscription), Crumb("Add-ons")],
        side_nav=section_nav(),
        subscription=subscription,
        offers=offers,
        query=query,
        prices=_prices(subscription, offers),
        units={each.product.id: price_unit(each.product.unit_of_measure, subscription.cycle) for each in offers},
        problem=_problem(subscription),
        may_change=signed_in_viewer().can(Permission.SUBSCRIPTIONS_MANAGE),
    )


@bp.route("/<code>/add-ons/<uuid:product_id>", methods=["GET", "POST"])
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def change(code: str, product_id: UUID) -> ResponseReturnValue:
    """Buy an add-on, raise, lower or cancel it; now or with the next period."""
    subscription = get_subscription(code)
    offer = get_add_on_offer(_offers(subscription), product_id)
    form = StorefrontAddOnForm()
    if request.method == "GET":
        form.request_key.data = str(new_id())
        form.quantity.data = offer.quantity or (subscription.quantity if offer.is_quantity_linked else 1)
    elif form.validate_on_submit():
        try:
            return (
                _ordered(subscription, offer, form) if form.buys_more_than(offer) else _asked(subscription, offer, form)
            )
        except Invalid as refusal:
            form.take(refusal)
    return page(
        "storefront/subscription_add_ons/change.html",
        title=offer.product.name,
        breadcrumbs=[*_crumbs(subscription), Crumb("Add-ons", url_for(".index", code=code)), Crumb(offer.product.name)],
        side_nav=section_nav(),
        subscription=subscription,
        offer=offer,
        price=_prices(subscription, [offer])[product_id],
        unit=price_unit(offer.product.unit_of_measure, subscription.cycle),
        form=form,
        problem=_problem(subscription),
    ), form.status


def _ordered(subscription: Subscription, offer: AddOnOffer, form: StorefrontAddOnForm) -> ResponseReturnValue:
    """Put what is more into the basket, for whom the subscription is: approval and credit are its order's (SF-45)."""
    shopper, at = shopper_of_request(), utc_now()
    new = NewItem(
        offer.product.id,
        subscription.term,
        subscription.cycle,
        (form.quantity.data or 0) - offer.quantity,
        parent_subscription_id=subscription.id,
    )
    with unit_of_work():
        add_item(shopper, new, buyer=buyer_of_request(), at=at)
        if signed_in_viewer().kind is UserKind.RESELLER:
            is_own = subscription.account_id == shopper.account_id
            choose_recipient(shopper, end_customer_id=None if is_own else subscription.account_id, at=at)
    flash("Added to your basket.", "success")
    return redirect(url_for("storefront_basket.index"), code=303)


def _asked(subscription: Subscription, offer: AddOnOffer, form: StorefrontAddOnForm) -> ResponseReturnValue:
    with unit_of_work():
        submit_change(form.to_change(subscription, offer.product.id), actor=signed_in_viewer().actor, at=utc_now())
    flash("Your request is recorded; it shows here as soon as it is done.", "success")
    return redirect(url_for(".index", code=subscription.code), code=303)


def _crumbs(subscription: Subscription) -> list[Crumb]:
    return [
        Crumb("Billing", url_for("storefront_billing.index")),
        Crumb("Subscriptions", url_for("storefront_billing.subscriptions")),
        Crumb(subscription.friendly_name, url_for("storefront_billing.subscription", code=subscription.code)),
    ]


def _problem(subscription: Subscription) -> str | None:
    """Say why nothing can be asked for at present."""
    try:
        require_free(subscription, Action.ADD_ON)
        require_active_parent(subscription)
    except Conflict as refusal:
        return str(refusal)
    return None


def _offers(subscription: Subscription) -> Sequence[AddOnOffer]:
    """Return what is owned, and what has a price for the viewer at the subscription's own term and cycle."""
    ids = [each.product.id for each in allowed_add_ons(subscription.product_id)]
    prices = buyer_prices(ids, buyer_of_request())
    sold = {key.product_id for key in prices if (key.term, key.cycle) == (subscription.term, subscription.cycle)}
    return add_on_offers(subscription, is_storefront=True, offered=sold)


def _prices(subscription: Subscription, offers: Sequence[AddOnOffer]) -> dict[UUID, Decimal | None]:
    """Return what the viewer pays, or would pay today, per unit; None: it may not see it."""
    if not signed_in_viewer().can(Permission.SUBSCRIPTION_PRICES_VIEW):
        return dict.fromkeys(each.product.id for each in offers)
    owned = shown([each.owned for each in offers if each.owned is not None])
    found: dict[UUID, Decimal | None] = {each.subscription.product_id: each.unit_price for each in owned}
    today = buyer_prices([each.product.id for each in offers if each.owned is None], buyer_of_request())
    for offer in offers:
        if offer.owned is None:
            price = today.get(PriceKey(offer.product.id, subscription.term, subscription.cycle))
            found[offer.product.id] = price.unit_price if price is not None else None
    return found
