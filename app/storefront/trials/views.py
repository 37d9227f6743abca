"""Starting a trial, the list of one's trials, and the way from a trial to the basket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import current_address, permission_required, signed_in_viewer
from app.accounts.models import Account
from app.catalogue.characteristics import asked_of, shown_value
from app.catalogue.models import Product, ProductType
from app.catalogue.queries import get_product
from app.catalogue.trial_resources import asked_of_trial, initial_resources
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Conflict, Invalid, NotFound
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.baskets import NewItem, add_item, choose_recipient
from app.storefront.basket.answers import typed_answers
from app.storefront.billing.views import section_nav
from app.storefront.catalogue.product_page import choices_of
from app.storefront.shopping import buyer_of_request, buying_user, shopper_of_request, today
from app.storefront.trials.forms import StartForm, UpgradeForm
from app.subscriptions.trial_list import count_trials, get_listed_trial, list_trials
from app.subscriptions.trials import (
    NewTrial,
    NoTrial,
    TrialNotOffered,
    is_convertible,
    request_trial,
    require_free,
    trial_product,
)
from app.web.pages import page
from app.web.pagination import Page, requested_page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from themes.frames import Crumb

bp = surface_blueprint("trials", __name__, surface=Surface.STOREFRONT, path="/billing/trials")


@bp.get("")
@permission_required(Permission.SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """List trials: what runs, until when, and what became of the others."""
    asked = requested_page()
    rows = list_trials(limit=asked.size, offset=asked.offset)
    return page(
        "storefront/trials/index.html",
        title="Trials",
        breadcrumbs=[Crumb("Billing", url_for("storefront_billing.index")), Crumb("Trials")],
        side_nav=section_nav(),
        found=Page(rows, count_trials(), asked.number, asked.size),
        names_accounts=signed_in_viewer().kind is UserKind.RESELLER,
    )


@bp.route("/new/<slug>", methods=["GET", "POST"])
@permission_required(Permission.TRIAL_REQUEST)
def new(slug: str) -> ResponseReturnValue:
    """Start the trial of a product, or say why there is none."""
    _require_shop_of_its_own()
    buyer = buyer_of_request()
    product = trial_product(_product_id(slug), buyer)
    account = session.get_one(Account, (current_scope().distributor_id, shopper_of_request().account_id))
    form = StartForm()
    refused: dict[str, str] = {}
    product_type = session.get_one(ProductType, (product.distributor_id, product.product_type_id))
    initial = initial_resources(product, product_type)
    if not form.is_submitted():
        form.quantity.data = product.min_quantity
    if form.validate_on_submit():
        user, address = buying_user(), current_address()
        try:
            with unit_of_work():
                request_trial(
                    NewTrial(
                        account=account,
                        payer_id=buyer.payer_id or account.id,
                        product_id=product.id,
                        quantity=form.quantity.data or 0,
                        friendly_name=form.friendly_name.data or "",
                        storefront_id=address.storefront_id,
                        contact_email=user.email,
                        requested_by=signed_in_viewer().actor,
                        typed=typed_answers(),
                    ),
                    buyer=buyer,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
            refused = {error.field: error.message for error in refusal.errors}
        except Conflict as refusal:  # somebody of the company was faster
            flash(str(refusal), "warning")
            return redirect(url_for(".index"), code=303)
        else:
            flash(f"Your trial of {product.name} is being set up.", "success")
            return redirect(url_for(".index"), code=303)
    shown = page(
        "storefront/trials/new.html",
        title=f"Try {product.name}",
        breadcrumbs=[Crumb(product.name, url_for("storefront_catalogue.product", slug=slug)), Crumb("Trial")],
        product=product,
        form=form,
        asked=asked_of_trial(product, product_type, by_customer=True),
        typed=typed_answers() if form.is_submitted() else initial,
        refused=refused,
        begins_with=_begins_with(product, product_type, initial),
        refusal=None if form.errors else _why_not(account, product),
    )
    return shown, form.status


@bp.get("/<code>")
@permission_required(Permission.SUBSCRIPTIONS_VIEW)
def detail(code: str) -> ResponseReturnValue:
    """Show a trial, and where it can be upgraded, by which terms."""
    return _detail(code, UpgradeForm(formdata=None))


@bp.post("/<code>/upgrade")
@permission_required(Permission.ORDER_PLACE)
def upgrade(code: str) -> ResponseReturnValue:
    """Put the paid subscription that a trial shall become into the basket; checkout does the rest."""
    _require_shop_of_its_own()
    found = get_listed_trial(code)
    trial = found.subscription
    if trial is None or not is_convertible(trial, today()):
        raise NoTrial(code)
    form = UpgradeForm()
    form.offer.choices = []
    if not form.validate_on_submit():
        return _detail(code, form)
    shopper, at = shopper_of_request(), utc_now()
    try:
        term, cycle = form.to_key()
        with unit_of_work():
            add_item(
                shopper,
                NewItem(
                    trial.product_id, term, cycle, form.quantity.data or 0,
                    friendly_name=form.friendly_name.data or None, subscription_id=trial.id,
                    characteristics=trial.characteristics,
                ),
                buyer=buyer_of_request(),
                at=at,
            )  # fmt: skip
            if signed_in_viewer().kind is UserKind.RESELLER:
                is_own = trial.account_id == shopper.account_id
                choose_recipient(shopper, end_customer_id=None if is_own else trial.account_id, at=at)
    except Invalid as refusal:
        form.take(refusal)
        return _detail(code, form)
    flash("Added to your basket: check out to upgrade your trial.", "success")
    return redirect(url_for("storefront_basket.index"), code=303)


def _detail(code: str, form: UpgradeForm) -> ResponseReturnValue:
    found = get_listed_trial(code)
    trial = found.subscription
    product = get_product(found.trial.product_id)
    may_upgrade = (
        trial is not None
        and is_convertible(trial, today())
        and signed_in_viewer().can(Permission.ORDER_PLACE)
        and not _is_preview()
    )
    choices = choices_of(product) if may_upgrade else []
    form.offer.choices = [(choice.value, choice.label) for choice in choices]
    if not form.is_submitted():
        form.quantity.data, form.friendly_name.data = found.trial.quantity, found.trial.friendly_name
    shown = page(
        "storefront/trials/detail.html",
        title=found.trial.friendly_name,
        breadcrumbs=[
            Crumb("Billing", url_for("storefront_billing.index")),
            Crumb("Trials", url_for(".index")),
            Crumb(found.trial.friendly_name),
        ],
        side_nav=section_nav(),
        row=found,
        product=product,
        form=form,
        choices=choices,
        may_upgrade=may_upgrade and bool(choices),
    )
    return shown, form.status


def _begins_with(product: Product, product_type: ProductType, initial: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a trial begins with and its customer cannot alter, as people read it."""
    if product.trial_alters:
        return []
    return [
        (each.name, shown_value(each, initial[each.id]))
        for each in asked_of(product_type)
        if each.is_visible and each.id in initial
    ]


def _why_not(account: Account, product: Product) -> str | None:
    try:
        require_free(account.id, product)
    except Conflict as refusal:
        return str(refusal)
    return None


def _product_id(slug: str) -> UUID:
    found = session.scalar(
        select(Product.id).where(Product.distributor_id == current_scope().distributor_id, Product.slug == slug)
    )
    if found is None:
        raise TrialNotOffered
    return found


def _is_preview() -> bool:
    """Whether a reseller's staff looks at its own storefront: it buys at its supplier's (decisions section 8)."""
    return signed_in_viewer().kind is UserKind.RESELLER and buyer_of_request().reseller_id is not None


def _require_shop_of_its_own() -> None:
    if _is_preview():
        raise NotFound("Trials of your own are started in your supplier's storefront")
