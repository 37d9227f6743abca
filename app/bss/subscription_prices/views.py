"""A subscription's pricing: what it is made of, an edit now or for the next cycle; locking prices one by one or many."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import get_account
from app.bss.calendar import distributor_today
from app.bss.listing import chosen_ids
from app.bss.subscription_prices.forms import AS_IT_IS, ActionForm, PricingForm
from app.bss.subscriptions.views import words
from app.catalogue.models import ProductPrice
from app.catalogue.queries import get_product
from app.catalogue.words import CYCLE_WORDS
from app.changes.guards import is_free
from app.changes.price_edits import NewPriceEdit, edit_price, is_below_cost
from app.changes.price_quotes import list_price_of, lists_pricing
from app.changes.queries import cost_of, open_change
from app.changes.requests import withdraw_change
from app.changes.words import withdrawal_words
from app.core.clock import utc_now
from app.core.days import write_day
from app.core.db import session, unit_of_work
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id, parse_id
from app.identity.permissions import Permission
from app.pricing.models import PriceList, Promotion
from app.subscriptions.external_prices import find_external_price, follow_vendor, stop_following
from app.subscriptions.machine import Action
from app.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    ChangeTiming,
    Subscription,
    SubscriptionChange,
    SubscriptionCost,
)
from app.subscriptions.protection import activate_protection, list_protectable
from app.subscriptions.queries import get_subscription
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb

bp = surface_blueprint("subscription_prices", __name__, surface=Surface.BSS)


@bp.get("")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """List subscriptions whose price could be locked."""
    return _protectable(ActionForm(formdata=None), 200)


@bp.post("/protect")
@permission_required(Permission.BSS_PRICES_ASSIGN)
def protect_many() -> ResponseReturnValue:
    """Lock the prices of the ticked subscriptions; all of them, or none."""
    chosen = chosen_ids()
    on = distributor_today()
    if chosen is None:
        chosen = [each.subscription.id for each in list_protectable(on=on)]
    if not chosen:
        flash("Choose at least one subscription.", "warning")
        return redirect(url_for(".index"), code=303)
    try:
        with unit_of_work():
            locked = activate_protection(list(chosen), on=on, actor=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        form = ActionForm()
        form.take(refusal)
        return _protectable(form, 422)
    flash(f"{locked} prices are protected now.", "success")
    return redirect(url_for(".index"), code=303)


@bp.route("/<code>", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def edit(code: str) -> ResponseReturnValue:
    """Show what a price is made of; who may override prices edits it here."""
    subscription, form = get_subscription(code), PricingForm()
    cost = cost_of(subscription.id)
    if form.is_submitted() and not _may_override():
        return _detail(subscription, cost, form, 403)
    _offer(form, subscription)
    if form.validate_on_submit():
        viewer = signed_in_viewer()
        try:
            with unit_of_work():
                change = edit_price(
                    NewPriceEdit(
                        subscription_id=subscription.id,
                        wanted=form.to_wanted(),
                        timing=form.to_timing(),
                        request_key=parse_id(form.request_key.data or "") or new_id(),
                        comment=form.comment.data,
                        may_go_below_cost=viewer.can(Permission.BSS_SALES_APPROVE),
                    ),
                    actor=viewer.actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        except Conflict as refusal:  # locked: it says by what, and how to unlock it
            form.form_errors.append(str(refusal))
            return _detail(subscription, cost, form, 409)
        else:
            flash(_done_words(change), "success")
            return redirect(url_for(".edit", code=code), code=303)
    return _detail(subscription, cost, form, form.status)


@bp.post("/<code>/withdraw")
@permission_required(Permission.BSS_PRICES_OVERRIDE)
def withdraw(code: str) -> ResponseReturnValue:
    """Take back an edit that waits for the next cycle."""
    waiting = _waiting(get_subscription(code))
    if waiting is not None:
        with unit_of_work():
            taken_back = withdraw_change(waiting.id, actor=signed_in_viewer().actor, at=utc_now())
            words = withdrawal_words(taken_back, "The edit for the next cycle was withdrawn.")
        flash(words, "success")
    return redirect(url_for(".edit", code=code), code=303)


@bp.post("/<code>/protect")
@permission_required(Permission.BSS_PRICES_ASSIGN)
def protect(code: str) -> ResponseReturnValue:
    """Lock one subscription's present price, and its add-ons'."""
    subscription = get_subscription(code)
    try:
        with unit_of_work():
            activate_protection([subscription.id], on=distributor_today(), actor=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        flash(str(refusal), "warning")
    else:
        flash("The price is protected now.", "success")
    return redirect(url_for(".edit", code=code), code=303)


@bp.post("/<code>/vendor")
@permission_required(Permission.BSS_PRICES_OVERRIDE)
def vendor(code: str) -> ResponseReturnValue:
    """Take the price from the vendor at each renewal, or no longer."""
    subscription = get_subscription(code)
    follows = request.form.get("follow") == "1"
    with unit_of_work():
        if follows:
            follow_vendor(subscription, at=utc_now())
        else:
            stop_following(subscription.id)
    flash("The vendor is asked for its price." if follows else "The price comes from us again.", "success")
    return redirect(url_for(".edit", code=code), code=303)


def _protectable(form: ActionForm, status: int) -> ResponseReturnValue:
    return page(
        "bss/subscription_prices/index.html",
        title="Price protection",
        rows=list_protectable(on=distributor_today()),
        form=form,
        may_protect=signed_in_viewer().can(Permission.BSS_PRICES_ASSIGN),
    ), status


def _detail(
    subscription: Subscription, cost: SubscriptionCost | None, form: PricingForm, status: int
) -> ResponseReturnValue:
    today, viewer = distributor_today(), signed_in_viewer()
    row = list_price_of(subscription, subscription.cycle)
    waiting = _waiting(subscription)
    if not form.is_submitted() and cost is not None:
        form.user_price.data, form.discount_percent.data = cost.user_price, cost.discount_percent or None
    form.request_key.data = form.request_key.data or str(new_id())
    if not form.price_list.choices:
        _offer(form, subscription)
    external = find_external_price(subscription.id)
    is_protected = cost is not None and cost.protected_until is not None and cost.protected_until >= today
    may_override = _may_override() and cost is not None and subscription.trial_ends_on is None
    return page(
        "bss/subscription_prices/edit.html",
        title=f"Pricing of {subscription.friendly_name}",
        breadcrumbs=[
            Crumb("Subscriptions", url_for("bss_subscriptions.index")),
            Crumb(subscription.code, url_for("bss_subscriptions.detail", code=subscription.code)),
            Crumb("Pricing"),
        ],
        it=subscription,
        product=get_product(subscription.product_id),
        payer=get_account(subscription.payer_id),
        cost=cost,
        price_list=session.get(PriceList, (subscription.distributor_id, cost.price_list_id))
        if cost is not None and cost.price_list_id
        else None,
        promotion=session.get(Promotion, (subscription.distributor_id, cost.promotion_id))
        if cost is not None and cost.promotion_id
        else None,
        is_protected=is_protected,
        is_below_cost=cost is not None
        and viewer.can(Permission.BSS_COSTS_VIEW)
        and is_below_cost(subscription, cost.unit_cost),
        may_protect=viewer.can(Permission.BSS_PRICES_ASSIGN)
        and cost is not None
        and cost.user_price is None
        and not is_protected
        and row is not None
        and row.protection_months > 0,
        protection_months=row.protection_months if row is not None else 0,
        external=external,
        waiting=waiting,
        may_override=may_override,
        may_edit_now=may_override and (waiting is not None or is_free(subscription, Action.PRICE)),
        form=form,
        words=words,
        cycles=CYCLE_WORDS,
    ), status


def _waiting(subscription: Subscription) -> SubscriptionChange | None:
    """Return the price edit that waits for the next cycle."""
    found = open_change(subscription.id)
    if found is None or found.kind is not ChangeKind.PRICE or found.status is not ChangeStatus.SCHEDULED:
        return None
    return found


def _offer(form: PricingForm, subscription: Subscription) -> None:
    lists = lists_pricing(subscription.product_id, subscription.term, subscription.currency, on=distributor_today())
    form.price_list.choices = [AS_IT_IS, *((str(each.id), each.name) for each in lists)]
    cycles = session.scalars(
        select(ProductPrice.cycle).where(
            ProductPrice.distributor_id == current_scope().distributor_id,
            ProductPrice.product_id == subscription.product_id,
            ProductPrice.term == subscription.term,
            ProductPrice.currency == subscription.currency,
            ProductPrice.cycle != subscription.cycle,
        )
    ).all()
    form.cycle.choices = [
        ("", f"{CYCLE_WORDS[subscription.cycle].capitalize()}, as it is"),
        *((each.value, CYCLE_WORDS[each].capitalize()) for each in sorted(cycles, key=lambda cycle: cycle.months)),
    ]


def _done_words(change: SubscriptionChange) -> str:
    if change.timing is ChangeTiming.PERIOD_END:
        return f"The new price waits for {write_day(change.effective_on)}."
    if change.status is ChangeStatus.COMPLETED:
        return "The price was changed: what was charged is credited, and charged anew."
    return "The vendor is asked for the other billing cycle first."


def _may_override() -> bool:
    return signed_in_viewer().can(Permission.BSS_PRICES_OVERRIDE)
