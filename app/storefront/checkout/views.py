"""Checkout in steps: who it is for, details, review. A step opens once the earlier ones are complete (SF-27)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.access import permission_required, signed_in_viewer
from app.accounts.models import Account, AccountStatus
from app.accounts.services import create_end_customer
from app.core.clock import utc_now
from app.core.db import session, unit_of_work
from app.core.errors import Forbidden, Invalid
from app.core.ids import parse_id
from app.identity.models import UserKind
from app.identity.permissions import Permission
from app.orders.basket_lines import BasketView
from app.orders.basket_schedule import choose_day, is_offered, why_not
from app.orders.baskets import choose_recipient, note_on_order, open_basket, set_alias, view_basket
from app.orders.checkout import Submission, place_order, recipient_of
from app.orders.models import OrderStatus
from app.orders.prechecks.services import ask_about
from app.orders.queries import get_order, list_items
from app.orders.schedule import ONE_DAY, last_day
from app.orders.service_details import AskedService, answer_services, asked_services, unanswered
from app.orders.terms import Evidence, terms_of
from app.orders.words import status_words
from app.resellers.aliases import require_alias
from app.resellers.plans import needs_alias
from app.storefront.checkout.forms import DetailsForm, RecipientForm, ReviewForm, ServicesForm
from app.storefront.shopping import buyer_of_request, buying_user, price_unit, shopper_of_request
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from tenants.context import current_scope
from tenants.days import distributors_day
from tenants.settings import distributor_settings
from themes.frames import NavItem

bp = surface_blueprint("checkout", __name__, surface=Surface.STOREFRONT, path="/checkout")

MOST_CUSTOMERS = 500  # in the picker; a longer list is searched in the customer's own page


def _view(*, is_shown: bool = False) -> BasketView:
    """Return the basket; `is_shown` where its prices stand on the page."""
    with unit_of_work():
        return view_basket(shopper_of_request(), buyer_of_request(), at=utc_now(), is_shown=is_shown)


def _asks_recipient(view: BasketView) -> bool:
    return signed_in_viewer().kind is UserKind.RESELLER and not view.plan_lines


def _account() -> Account:
    return session.get_one(Account, (current_scope().distributor_id, shopper_of_request().account_id))


def _steps(view: BasketView) -> list[NavItem]:
    steps = [NavItem("Basket", url_for("storefront_basket.index"))]
    if _asks_recipient(view):
        steps.append(NavItem("Recipient", url_for(".recipient")))
    if _asked(view):
        steps.append(NavItem("Service details", url_for(".services")))
    return [*steps, NavItem("Details", url_for(".details")), NavItem("Review", url_for(".review"))]


def _asked(view: BasketView) -> Sequence[AskedService]:
    """Return the services that must know more of who receives them, answered or not (CB-22)."""
    return asked_services(view, _receiver_id(view))


def _receiver_id(view: BasketView) -> UUID | None:
    """Return whom the order is for; None while a reseller has not said."""
    if _asks_recipient(view) and view.basket.is_own_use is None:
        return None
    return view.basket.end_customer_id or shopper_of_request().account_id


def _asks_day() -> bool:
    """Whether the viewer may let the order wait for a day (SF-32)."""
    under_alias = buyer_of_request().reseller_id is not None
    return signed_in_viewer().can(Permission.ORDERS_SCHEDULE) and is_offered(under_alias=under_alias)


def _first_open(view: BasketView) -> str | None:
    """Return the first step that is not complete, before the review."""
    if view.is_blocked:
        return url_for("storefront_basket.index")
    if _asks_recipient(view) and view.basket.is_own_use is None:
        return url_for(".recipient")
    if any(unanswered(_asked(view))):
        return url_for(".services")
    if any(line.item.alias is None for line in view.plan_lines) and needs_alias(_account().id):
        return url_for(".details")
    return None


def _refuse_on_alias_for_staff() -> None:
    """Reseller staff order from /manage, at the root (decisions section 8)."""
    if signed_in_viewer().kind is UserKind.RESELLER and buyer_of_request().reseller_id is not None:
        raise Forbidden("Orders for your customers start from “New order for” in your customers' list")


@bp.get("")
@permission_required(Permission.CHECKOUT)
def index() -> ResponseReturnValue:
    """Go to the first step."""
    view = _view()
    first = url_for(".recipient") if _asks_recipient(view) else url_for(".details")
    return redirect(url_for("storefront_basket.index") if view.is_blocked else first, code=303)


def _customers() -> list[Account]:
    account_id = shopper_of_request().account_id
    return list(
        session.scalars(
            select(Account)
            .where(
                Account.distributor_id == current_scope().distributor_id,
                Account.reseller_id == account_id,
                Account.id != account_id,
                Account.status == AccountStatus.ACTIVE,
            )
            .order_by(Account.name)
            .limit(MOST_CUSTOMERS)
        )
    )


@bp.route("/recipient", methods=["GET", "POST"])
@permission_required(Permission.CHECKOUT)
def recipient() -> ResponseReturnValue:
    """Ask a reseller for whom it orders; a new customer is made in this step."""
    _refuse_on_alias_for_staff()
    view = _view()
    if not _asks_recipient(view):
        return redirect(url_for(".details"), code=303)
    form = RecipientForm()
    form.customer.choices = [("", "Choose a customer"), *((str(each.id), each.name) for each in _customers())]
    if form.validate_on_submit():
        try:
            with unit_of_work():
                _choose(form)
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".details"), code=303)
    elif not form.is_submitted():
        chosen = view.basket.end_customer_id
        form.customer.data = str(chosen) if chosen else ""
        form.recipient.data = "customer" if chosen else ("own" if view.basket.is_own_use else None)
        form.country.data = _account().country
    steps = _steps(view)
    return page(
        "storefront/checkout/recipient.html",
        title="Who is this order for?",
        view=view,
        form=form,
        steps=steps,
        step=2,
        needs_address=distributor_settings().require_customer_address,
    ), form.status


def _choose(form: RecipientForm) -> None:
    shopper, at = shopper_of_request(), utc_now()
    chosen: UUID | None = None
    if form.recipient.data == "customer":
        chosen = parse_id(form.customer.data or "")
        known = {each.id: each for each in _customers()}
        if chosen is None or chosen not in known:
            raise Invalid.field("customer", "choice", "Choose one of your customers")
        if distributor_settings().require_customer_address and not known[chosen].has_billing_address:
            raise Invalid.field(
                "customer", "billing_address_required", "Complete this customer's address before you order for it"
            )
    elif form.recipient.data == "new":
        needs_address = distributor_settings().require_customer_address
        made = create_end_customer(
            shopper.account_id,
            form.to_customer(needs_address=needs_address),
            actor=signed_in_viewer().actor,
            at=at,
        )
        chosen = made.id
    elif form.recipient.data != "own":
        raise Invalid.field("recipient", "choice", "Choose who the order is for")
    choose_recipient(shopper, end_customer_id=chosen, at=at)


@bp.route("/services", methods=["GET", "POST"])
@permission_required(Permission.CHECKOUT)
def services() -> ResponseReturnValue:
    """Ask what services must know of their receiver, or which account it has there already (SF-27, CB-22)."""
    _refuse_on_alias_for_staff()
    view = _view()
    asked = _asked(view)
    if (missing := _first_open(view)) and missing != url_for(".services"):
        return redirect(missing, code=303)
    if not asked:
        return redirect(url_for(".details"), code=303)
    form, refused = ServicesForm(), {}
    if form.validate_on_submit():
        shopper, at = shopper_of_request(), utc_now()
        try:
            with unit_of_work():
                receiver_id = _receiver_id(view)
                assert receiver_id is not None, "the step before has asked"
                answer_services(open_basket(shopper, at=at), asked, form.answers(asked), receiver_id)
        except Invalid as refusal:
            form.take(refusal)
            refused = {error.field: error.message for error in refusal.errors}
        else:
            return redirect(url_for(".details"), code=303)
    steps = _steps(view)
    return page(
        "storefront/checkout/services.html",
        title="Service details",
        view=view,
        form=form,
        services=[(each, form.shown(each)) for each in asked],
        refused=refused,
        steps=steps,
        step=len(steps) - 2,
    ), form.status


@bp.route("/details", methods=["GET", "POST"])
@permission_required(Permission.CHECKOUT)
def details() -> ResponseReturnValue:
    """Ask for a plan's alias, the buyer's reference and a comment."""
    _refuse_on_alias_for_staff()
    view = _view()
    if (missing := _first_open(view)) and missing != url_for(".details"):
        return redirect(missing, code=303)
    asks_alias = bool(view.plan_lines) and needs_alias(_account().id)
    asks_day = _asks_day()
    reason = why_not(view) if asks_day else None
    form = DetailsForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                shopper, at = shopper_of_request(), utc_now()
                note_on_order(shopper, po_number=form.po_number.data, comment=form.comment.data, at=at)
                day = form.execute_on.data if asks_day and reason is None else None
                choose_day(shopper, day, today=distributors_day(at), at=at)
                if asks_alias:
                    alias = require_alias(form.alias.data, reseller_id=shopper.account_id, at=at)
                    for line in view.plan_lines:
                        set_alias(shopper, line.item.id, alias, at=at)
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".review"), code=303)
    elif not form.is_submitted():
        form.po_number.data, form.comment.data = view.basket.po_number, view.basket.comment
        form.execute_on.data = view.basket.execute_on
        form.alias.data = next((line.item.alias for line in view.plan_lines if line.item.alias), "")
    steps = _steps(view)
    return page(
        "storefront/checkout/details.html",
        title="Details",
        view=view,
        form=form,
        asks_alias=asks_alias,
        asks_day=asks_day,
        why_at_once=reason,
        tomorrow=distributors_day(utc_now()) + ONE_DAY,
        last_day=last_day(distributors_day(utc_now())),
        alias_prefix=request.host_url.split("//", 1)[1],
        steps=steps,
        step=len(steps) - 1,
    ), form.status


@bp.route("/review", methods=["GET", "POST"])
@permission_required(Permission.CHECKOUT)
def review() -> ResponseReturnValue:
    """Show everything once more; submitting places one order, however often it is pressed."""
    _refuse_on_alias_for_staff()
    form = ReviewForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                order = place_order(
                    shopper_of_request(),
                    _submission(form),
                    buyer=buyer_of_request(),
                    placed_by=buying_user(),
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".done", number=order.number), code=303)
    view = _view(is_shown=True)
    if not form.is_submitted() and (missing := _first_open(view)):
        return redirect(missing, code=303)
    form.checkout_key.data = str(view.basket.checkout_key)
    with unit_of_work():
        receiver_id = _receiver_id(view) or shopper_of_request().account_id
        is_asking = ask_about(view.lines, receiver_id=receiver_id, currency=view.currency, at=utc_now())
    steps = _steps(view)
    return page(
        "storefront/checkout/review.html",
        title="Review your order",
        form=form,
        view=view,
        terms=terms_of(view.lines),
        accepted=set(form.terms.data or []),
        recipient=recipient_of(view.basket, _account()) if _asks_recipient(view) else None,
        price_unit=price_unit,
        is_asking=is_asking and not form.is_submitted(),
        steps=steps,
        step=len(steps),
    ), form.status


def _submission(form: ReviewForm) -> Submission:
    key = parse_id(form.checkout_key.data or "")
    if key is None:
        raise Invalid.field("checkout_key", "choice", "Reload the page and submit again")
    accepted = frozenset(found for text in form.terms.data or [] if (found := parse_id(text)) is not None)
    return Submission(
        key, accepted, Evidence(request.url, request.remote_addr or "", request.headers.get("User-Agent", ""))
    )


@bp.get("/done/<number>")
@permission_required(Permission.CHECKOUT)
def done(number: str) -> ResponseReturnValue:
    """Confirm the order: provisioning goes on in the background, the page may be left (SF-34)."""
    order = get_order(number)
    return page(
        "storefront/checkout/done.html",
        title="Thank you for your order",
        order=order,
        items=list_items(order.id),
        is_pending=order.status is OrderStatus.PENDING_RESELLER_APPROVAL,
        status_words=status_words,
    )
