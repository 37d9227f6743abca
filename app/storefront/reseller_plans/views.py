"""The page where a reseller chooses a plan, and the live check of an alias (RS-07, RS-08)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import current_address, permission_required, signed_in_viewer
from app.access.limits import Limit, require_within
from app.catalogue.words import CYCLE_RATES, CYCLE_WORDS
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Forbidden, Invalid, NotFound
from app.identity.permissions import Permission
from app.orders.baskets import NewItem, add_item
from app.resellers.aliases import check_alias
from app.resellers.offers import PlanStep, chosen_plan, plan_offers
from app.storefront.shopping import buyer_of_request, shopper_of_request
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.directory import AddressKind

bp = surface_blueprint("plans", __name__, surface=Surface.STOREFRONT, path="/reseller-plans")
ALIAS_CHECK = Limit("alias_check", 30, timedelta(minutes=1))


class ChooseForm(Form):
    """The button of a plan: nothing but its token; the plan stands in the button's value."""


class PlansNotOffered(Forbidden):
    """No plan is on sale for this reseller: the service is off, nothing is published, or nothing is priced (RS-07)."""

    code = "plans_not_offered"

    def __init__(self) -> None:
        super().__init__("Reseller plans are not offered to your company at present")


def _reseller_id() -> UUID:
    """Return the buying reseller; under an alias there are no plans (RS-04)."""
    viewer = signed_in_viewer()
    if current_address().kind is not AddressKind.ROOT:
        raise NotFound("There is no such page here")
    if viewer.account_id is None:
        raise PlansNotOffered
    return viewer.account_id


@bp.get("")
@permission_required(Permission.RESELLER_PLANS_BUY)
def index() -> ResponseReturnValue:
    """Show the plans with their prices, and what choosing each would mean."""
    offers = plan_offers(_reseller_id(), buyer_of_request())
    if not offers:
        raise PlansNotOffered
    return page(
        "storefront/reseller_plans/index.html",
        title="Reseller plans",
        offers=offers,
        cycles=CYCLE_RATES,
        adverbs=CYCLE_WORDS,
    )


@bp.post("")
@permission_required(Permission.RESELLER_PLANS_BUY)
def choose() -> ResponseReturnValue:
    """Put a plan into the basket; its alias is asked for at checkout."""
    account_id = _reseller_id()
    if not ChooseForm().validate_on_submit():
        return redirect(url_for(".index"), code=303)
    offer, price = chosen_plan(plan_offers(account_id, buyer_of_request()), request.form.get("plan", ""))
    if offer.step in (PlanStep.CURRENT, PlanStep.DOWNGRADE):
        flash(
            "This plan is active already." if offer.step is PlanStep.CURRENT else "Contact us to downgrade.", "warning"
        )
        return redirect(url_for(".index"), code=303)
    try:
        with unit_of_work():
            add_item(
                shopper_of_request(),
                NewItem(price.key.product_id, price.key.term, price.key.cycle),
                buyer=buyer_of_request(),
                at=utc_now(),
            )
    except Invalid as refusal:
        flash(str(refusal), "warning")
        return redirect(url_for("storefront_basket.index"), code=303)
    flash(f"{offer.product.name} is in your basket.", "success")
    return redirect(url_for("storefront_basket.index"), code=303)


@bp.get("/alias-check")
@permission_required(Permission.RESELLER_PLANS_BUY)
def alias_check() -> ResponseReturnValue:
    """Say whether the reseller could have an alias: {alias, available, reason}, never by whom it is taken (RS-08)."""
    account_id = _reseller_id()
    require_within(ALIAS_CHECK, str(signed_in_viewer().user_id))
    text = request.args.get("alias") or request.args.get("value") or ""
    answer = check_alias(text, reseller_id=account_id, at=utc_now())
    return jsonify(
        alias=answer.alias,
        available=answer.available,
        reason=answer.reason.value,
        state="free" if answer.available else answer.reason.value,
        message=answer.sentence or f"{current_address().host}/{answer.alias} is free",
    )
