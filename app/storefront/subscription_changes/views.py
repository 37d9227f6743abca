"""A customer's changes of a subscription: written down here, looked at by a job, decided on where the type says so."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.changes.charging import current_period
from app.changes.effects import NewChange
from app.changes.guards import require_free
from app.changes.queries import get_change
from app.changes.requests import submit_change, withdraw_change
from app.changes.switches import rename as rename_subscription
from app.changes.switches import set_auto_renew
from app.changes.words import withdrawal_words
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity.permissions import Permission
from app.owner.change_forms import ActionForm, NameForm
from app.storefront.billing.views import section_nav
from app.storefront.subscription_changes.forms import CancelForm, NumberForm
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeKind, Subscription
from app.subscriptions.queries import get_subscription
from app.web.forms import Form
from app.web.pages import page
from app.web.surfaces import Surface, surface_blueprint
from themes.frames import Crumb

bp = surface_blueprint("subscription_changes", __name__, surface=Surface.STOREFRONT, path="/billing/subscriptions")
SENT = "Your request was sent. Its progress is shown here."


@bp.route("/<code>/quantity", methods=["GET", "POST"])
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def quantity(code: str) -> ResponseReturnValue:
    """Ask for fewer licences, or for another number with the next period; more at once are bought (SF-26)."""
    found = get_subscription(code)
    form = NumberForm(quantity=found.quantity)
    if form.validate_on_submit() and _asked(
        form, found, ChangeKind.QUANTITY, timing=form.chosen_timing, quantity_to=form.quantity.data,
        comment=form.comment.data,
    ):  # fmt: skip
        return redirect(_back_to(code), code=303)
    require_free(found, Action.QUANTITY)
    return _page("quantity", "Change the number of licences", found, form)


@bp.route("/<code>/cancel", methods=["GET", "POST"])
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def cancel(code: str) -> ResponseReturnValue:
    """Ask to end it, at once or with its period."""
    found = get_subscription(code)
    form = CancelForm()
    if form.validate_on_submit() and _asked(
        form, found, ChangeKind.CANCELLATION, timing=form.chosen_timing, comment=form.comment.data
    ):
        return redirect(_back_to(code), code=303)
    require_free(found, Action.CANCEL)
    return _page("cancel", "Cancel", found, form)


@bp.post("/<code>/suspend")
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def suspend(code: str) -> ResponseReturnValue:
    """Switch it off."""
    return _at_once(code, ChangeKind.SUSPENSION)


@bp.post("/<code>/activate")
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def activate(code: str) -> ResponseReturnValue:
    """Switch it on again."""
    return _at_once(code, ChangeKind.ACTIVATION)


@bp.post("/<code>/auto-renew")
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def auto_renew(code: str) -> ResponseReturnValue:
    """Switch the automatic renewal on or off."""
    found = get_subscription(code)
    is_on = request.form.get("is_on") == "1"
    if ActionForm().validate_on_submit():
        _refuse_plans(found)
        with unit_of_work():
            set_auto_renew(found.id, is_on=is_on, actor=signed_in_viewer().actor, at=utc_now())
        flash(f"Automatic renewal is {'on' if is_on else 'off'}.", "success")
    return redirect(_back_to(code), code=303)


@bp.route("/<code>/name", methods=["GET", "POST"])
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def rename(code: str) -> ResponseReturnValue:
    """Give it a name of one's own."""
    found = get_subscription(code)
    form = NameForm(name=found.friendly_name)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                rename_subscription(found.id, form.name.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Renamed.", "success")
            return redirect(_back_to(code), code=303)
    return _page("rename", "Rename", found, form)


@bp.post("/<code>/requests/<uuid:change_id>/withdraw")
@permission_required(Permission.SUBSCRIPTIONS_MANAGE)
def withdraw(code: str, change_id: UUID) -> ResponseReturnValue:
    """Take back what has not started yet."""
    found, change = get_subscription(code), get_change(change_id)
    if change.subscription_id != found.id:
        raise NotFound("There is no such request")
    if ActionForm().validate_on_submit():
        with unit_of_work():
            taken_back = withdraw_change(change.id, actor=signed_in_viewer().actor, at=utc_now())
            gone = "Your request was withdrawn. The subscription goes on as it is."
            words = withdrawal_words(taken_back, gone)
        flash(words, "success")
    return redirect(_back_to(code), code=303)


def _at_once(code: str, kind: ChangeKind) -> ResponseReturnValue:
    found = get_subscription(code)
    form = ActionForm()
    if form.validate_on_submit() and not _asked(form, found, kind):
        flash("; ".join(str(message) for messages in form.errors.values() for message in messages), "danger")
    return redirect(_back_to(code), code=303)


def _asked(form: ActionForm, found: Subscription, kind: ChangeKind, **of: Any) -> bool:
    _refuse_plans(found)
    wanted = NewChange(subscription_id=found.id, kind=kind, request_key=form.key, is_from_storefront=True, **of)
    try:
        with unit_of_work():
            submit_change(wanted, actor=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        form.take(refusal)
        return False
    flash(SENT, "success")
    return True


def _refuse_plans(found: Subscription) -> None:
    """A reseller's plan is changed under Reseller plans."""
    if found.plan_edition is not None:
        raise NotFound("There is no such subscription to change here")


def _back_to(code: str) -> str:
    return url_for("storefront_billing.subscription", code=code)


def _page(name: str, label: str, found: Subscription, form: Form) -> ResponseReturnValue:
    return page(
        f"storefront/subscription_changes/{name}.html",
        title=f"{label}: {found.friendly_name}",
        breadcrumbs=[
            Crumb("Billing", url_for("storefront_billing.index")),
            Crumb("Subscriptions", url_for("storefront_billing.subscriptions")),
            Crumb(found.friendly_name, _back_to(found.code)),
            Crumb(label),
        ],
        side_nav=section_nav(),
        subscription=found,
        period=current_period(found),
        form=form,
        back=_back_to(found.code),
    ), form.status
