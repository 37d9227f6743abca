"""What staff does with a subscription: each asks once for one change (CB-23 ff.)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.subscriptions.blueprint import bp
from app.bss.subscriptions.detail import back_to, crumbs_of
from app.bss.subscriptions.forms import CancelForm
from app.catalogue.characteristics import checked_value
from app.changes.charging import current_period, following_period_day
from app.changes.dependants import dependants_of
from app.changes.effects import NewChange
from app.changes.exits import exit_of, termination
from app.changes.guards import require_free
from app.changes.kinds.cancellation import DESPITE_DEPENDANTS
from app.changes.kinds.characteristics import PREFIX, VALUES, editable_of
from app.changes.refunding import refund_of
from app.changes.requests import submit_change
from app.changes.switches import rename as rename_subscription
from app.changes.switches import set_auto_renew
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import FieldError, Invalid, NotFound
from app.identity.permissions import Permission
from app.orders.repairs import edit_details
from app.orders.repairs import retry as retry_task
from app.owner.change_forms import ActionForm, NameForm, QuantityForm
from app.provisioning.queries import last_task_of
from app.subscriptions.back_office import get_detail
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, Subscription, SubscriptionChange
from app.subscriptions.queries import get_subscription
from app.web.forms import Form
from app.web.pages import page
from tenants.days import distributors_day
from tenants.settings import distributor_settings

OUTCOMES = {
    ChangeStatus.COMPLETED: "Done.",
    ChangeStatus.SCHEDULED: "Scheduled. It can be withdrawn until its day.",
    ChangeStatus.PROCESSING: "The vendor is asked; it holds as soon as the vendor has confirmed it.",
}


@bp.route("/<code>/quantity", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def quantity(code: str) -> ResponseReturnValue:
    """Ask for a new total, now or with the next period."""
    found = get_subscription(code)
    form = QuantityForm(quantity=found.quantity)

    def ask() -> SubscriptionChange:
        return _submit(
            found, ChangeKind.QUANTITY, form, timing=form.chosen_timing, quantity_to=form.quantity.data,
            comment=form.comment.data,
        )  # fmt: skip

    if form.validate_on_submit() and _done(form, ask):
        return redirect(back_to(code), code=303)
    require_free(found, Action.QUANTITY)
    return _form_page("quantity", "Change the quantity", code, form, period=current_period(found))


@bp.route("/<code>/cancel", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def cancel(code: str) -> ResponseReturnValue:
    """Ask to end all of it: at once, on a day of the running period, or with the period."""
    found = get_subscription(code)
    form = CancelForm()
    form.offer(distributor_settings().cancellation_reasons)

    def ask() -> SubscriptionChange:
        details = _overrides(form)
        return _submit(
            found, ChangeKind.CANCELLATION, form, timing=form.chosen_timing, effective_on=form.effective_on.data,
            reason=form.reason.data, comment=form.comment.data, details=details,
        )  # fmt: skip

    if form.validate_on_submit() and _done(form, ask):
        return redirect(back_to(code), code=303)
    require_free(found, Action.CANCEL)
    at = utc_now()
    leaving = exit_of(found, found.quantity, ChangeTiming.NOW, at=at)
    charge = termination(found, found.quantity, leaving)
    return _form_page(
        "cancel",
        "Cancel",
        code,
        form,
        period=current_period(found),
        following=following_period_day(found),
        leaving=leaving,
        refund=refund_of(found, found.quantity, on=distributors_day(at), at=at) if leaving.percent is None else None,
        charge=charge.net if charge is not None else None,
        dependants=dependants_of(found),
        may_override=signed_in_viewer().is_admin,
    )


@bp.post("/<code>/suspend")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def suspend(code: str) -> ResponseReturnValue:
    """Switch it off."""
    return _at_once(code, ChangeKind.SUSPENSION)


@bp.post("/<code>/activate")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def activate(code: str) -> ResponseReturnValue:
    """Switch it on again."""
    return _at_once(code, ChangeKind.ACTIVATION)


@bp.post("/<code>/renew")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def renew(code: str) -> ResponseReturnValue:
    """Take an expired one up again."""
    return _at_once(code, ChangeKind.RENEWAL)


@bp.post("/<code>/retry")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def retry(code: str) -> ResponseReturnValue:
    """Ask the vendor again for what it has refused."""
    found = get_subscription(code)
    task = last_task_of(found.id)
    if task is None:
        raise NotFound("There is nothing to try again")
    if ActionForm().validate_on_submit():
        with unit_of_work():
            retry_task(task.id, actor=signed_in_viewer().actor, at=utc_now())
        flash("The vendor is asked again.", "success")
    return redirect(back_to(code), code=303)


@bp.post("/<code>/auto-renew")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def auto_renew(code: str) -> ResponseReturnValue:
    """Switch the renewal on or off."""
    found = get_subscription(code)
    is_on = request.form.get("is_on") == "1"
    if ActionForm().validate_on_submit():
        with unit_of_work():
            set_auto_renew(found.id, is_on=is_on, actor=signed_in_viewer().actor, at=utc_now())
        flash(f"Automatic renewal is {'on' if is_on else 'off'}.", "success")
    to_calendar = request.form.get("back") == "calendar"
    return redirect(url_for("bss_calendar.index") if to_calendar else back_to(code), code=303)


@bp.route("/<code>/name", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def rename(code: str) -> ResponseReturnValue:
    """Give it another name; the vendor is not told (CB-F73)."""
    found = get_subscription(code)
    form = NameForm(name=found.friendly_name)

    def ask() -> None:
        rename_subscription(found.id, form.name.data or "", actor=signed_in_viewer().actor, at=utc_now())

    if form.validate_on_submit() and _done(form, ask):
        return redirect(back_to(code), code=303)
    return _form_page("rename", "Rename", code, form)


@bp.route("/<code>/details", methods=["GET", "POST"])
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def details(code: str) -> ResponseReturnValue:
    """Put right what the vendor was told of it; what has failed is tried again with that (CB-F70)."""
    found = get_subscription(code)
    form = ActionForm()
    editable = editable_of(found)
    typed = {
        each.id: request.form.get(f"{PREFIX}{each.id}", str(found.characteristics.get(each.id, "")))[:2000]
        for each in editable
    }
    refused: dict[str, str] = {}
    if form.validate_on_submit():
        values: dict[str, Any] = {}
        for each in editable:
            try:
                values[each.id] = checked_value(each, typed[each.id].replace("\x00", ""))
            except ValueError as error:
                refused[f"{PREFIX}{each.id}"] = str(error)
        if not refused:
            wanted = NewChange(
                subscription_id=found.id,
                kind=ChangeKind.CHARACTERISTICS,
                request_key=form.key,
                details={VALUES: values},
            )
            try:
                with unit_of_work():
                    edit_details(wanted, actor=signed_in_viewer().actor, at=utc_now())
            except Invalid as refusal:
                refused = {error.field: error.message for error in refusal.errors}
            else:
                flash("Saved. What the vendor has to know is on its way.", "success")
                return redirect(back_to(code), code=303)
    require_free(found, Action.CHARACTERISTICS)
    shown = get_detail(code)
    return page(
        "bss/subscriptions/details.html",
        title=f"Details of {shown.name}",
        breadcrumbs=crumbs_of(shown, "Edit details"),
        it=shown,
        form=form,
        editable=editable,
        typed=typed,
        refused=refused,
        prefix=PREFIX,
    ), 422 if refused or form.errors else 200


def _at_once(code: str, kind: ChangeKind) -> ResponseReturnValue:
    found = get_subscription(code)
    form = ActionForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change = _submit(found, kind, form)
        except Invalid as refusal:
            flash(str(refusal), "danger")
        else:
            flash(OUTCOMES[change.status], "success")
    return redirect(back_to(code), code=303)


def _submit(found: Subscription, kind: ChangeKind, form: ActionForm, **of: Any) -> SubscriptionChange:
    wanted = NewChange(subscription_id=found.id, kind=kind, request_key=form.key, **of)
    return submit_change(wanted, actor=signed_in_viewer().actor, at=utc_now())


def _done(form: Form, ask: Callable[[], SubscriptionChange | None]) -> bool:
    try:
        with unit_of_work():
            change = ask()
    except Invalid as refusal:
        form.take(refusal)
        return False
    flash(OUTCOMES.get(change.status, "Saved.") if change is not None else "Saved.", "success")
    return True


def _overrides(form: CancelForm) -> dict[str, Any]:
    """An administrator may end what others need, and says why (CB-F24)."""
    if not (form.despite_dependants.data and signed_in_viewer().is_admin):
        return {}
    if not (form.comment.data or "").strip():
        raise Invalid(FieldError("comment", "required", "Say why it ends although others need it"))
    return {DESPITE_DEPENDANTS: True}


def _form_page(name: str, label: str, code: str, form: Form, **context: Any) -> ResponseReturnValue:
    shown = get_detail(code)
    return page(
        f"bss/subscriptions/{name}.html",
        title=f"{label}: {shown.name}",
        breadcrumbs=crumbs_of(shown, label),
        it=shown,
        form=form,
        back=back_to(code),
        **context,
    ), form.status
