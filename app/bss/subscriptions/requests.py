"""Requests of customers and what staff decides on them (CB-29)."""

from __future__ import annotations

from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import export
from app.bss.subscriptions.blueprint import bp
from app.bss.subscriptions.detail import CHANGE_WORDS, back_to, crumbs_of, waits_for_us
from app.bss.subscriptions.forms import AcceptForm, RejectForm
from app.bss.subscriptions.views import words
from app.changes.back_office import RequestFilter, count_requests, list_requests
from app.changes.machine import ChangeStep, may
from app.changes.people import people_of
from app.changes.progress import stages_for_staff
from app.changes.queries import get_change
from app.changes.requests import accept_change, reject_change, withdraw_change
from app.changes.words import KIND_WORDS, STATUS_WORDS, TIMING_WORDS, day_of, withdrawal_words, words_of
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid, NotFound
from app.identity.permissions import Permission
from app.owner.change_forms import ActionForm
from app.owner.lists import chips, chosen, with_args
from app.provisioning.queries import find_task_of_change
from app.subscriptions.back_office import get_detail
from app.subscriptions.models import ChangeKind, ChangeStatus, ChangeTiming, SubscriptionChange
from app.subscriptions.problems import find_problem
from app.web.pages import page
from app.web.pagination import Page, requested_page
from themes.frames import Crumb

EXPORT_ROWS = 10_000
EXPORT_HEADER = ("Subscription", "Name", "Account", "Request", "Status", "When", "Effective on", "Requested by", "Asked on", "Comment")  # fmt: skip


@bp.get("/requests")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def requests() -> ResponseReturnValue:
    """List requests, or export what the filter finds."""
    wanted = RequestFilter(request.args.get("q", "")[:100], chosen(ChangeKind, "kind"), chosen(ChangeStatus, "status"))
    if request.args.get("export") == "csv":
        return _export(wanted)
    asked = requested_page()
    rows = list_requests(wanted, limit=asked.size, offset=asked.offset)
    return page(
        "bss/subscriptions/requests.html",
        title="Requests",
        breadcrumbs=[Crumb("Subscriptions", url_for(".index")), Crumb("Requests")],
        found=Page(rows, count_requests(wanted), asked.number, asked.size),
        people=people_of([row.change for row in rows]),
        wanted=wanted,
        filters=[
            {
                "name": "kind",
                "label": "Request",
                "options": [(each.value, KIND_WORDS[each]) for each in ChangeKind],
                "value": request.args.get("kind", ""),
            },
            {
                "name": "status",
                "label": "Status",
                "options": [(each.value, STATUS_WORDS[each]) for each in ChangeStatus],
                "value": request.args.get("status", ""),
            },
        ],
        chips=chips(
            {
                "kind": f"Request: {KIND_WORDS[wanted.kind]}" if wanted.kind else "",
                "status": f"Status: {STATUS_WORDS[wanted.status]}" if wanted.status else "",
            }
        ),
        with_args=with_args,
        may_set_up=signed_in_viewer().can(Permission.BSS_SETUP_EDIT),
        **CHANGE_WORDS,
    )


@bp.get("/<code>/requests/<uuid:change_id>")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def request_page(code: str, change_id: UUID) -> ResponseReturnValue:
    """Show who wants what, when and how."""
    return _show(code, _change_of(code, change_id), AcceptForm(formdata=None), RejectForm(formdata=None))


@bp.post("/<code>/requests/<uuid:change_id>/accept")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def accept(code: str, change_id: UUID) -> ResponseReturnValue:
    """Agree to a request."""
    change, form = _change_of(code, change_id), AcceptForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                accept_change(
                    change.id, mails_customer=form.mails_customer.data, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Accepted.", "success")
            return redirect(back_to(code), code=303)
    return _show(code, change, form, RejectForm(formdata=None))


@bp.post("/<code>/requests/<uuid:change_id>/reject")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def reject(code: str, change_id: UUID) -> ResponseReturnValue:
    """Decline a request, or give up what the vendor refused."""
    change, form = _change_of(code, change_id), RejectForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                reject_change(change.id, form.reason.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Rejected. The subscription goes on as it is.", "success")
            return redirect(back_to(code), code=303)
    return _show(code, change, AcceptForm(formdata=None), form)


@bp.post("/<code>/requests/<uuid:change_id>/withdraw")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def withdraw(code: str, change_id: UUID) -> ResponseReturnValue:
    """Take back what has not started yet."""
    change = _change_of(code, change_id)
    if ActionForm().validate_on_submit():
        with unit_of_work():
            taken_back = withdraw_change(change.id, actor=signed_in_viewer().actor, at=utc_now())
            words = withdrawal_words(taken_back, "Withdrawn. The subscription goes on as it is.")
        flash(words, "success")
    to_calendar = request.form.get("back") == "calendar"
    return redirect(url_for("bss_calendar.index") if to_calendar else back_to(code), code=303)


def _change_of(code: str, change_id: UUID) -> SubscriptionChange:
    found, change = get_detail(code), get_change(change_id)
    if change.subscription_id != found.id:
        raise NotFound("There is no such request")
    return change


def _show(code: str, change: SubscriptionChange, accepting: AcceptForm, rejecting: RejectForm) -> ResponseReturnValue:
    shown = get_detail(code)
    may_edit = signed_in_viewer().can(Permission.BSS_SUBSCRIPTIONS_EDIT)
    is_scheduled = change.timing is ChangeTiming.PERIOD_END
    has_errors = bool(accepting.errors or rejecting.errors)
    return page(
        "bss/subscriptions/request.html",
        title=words_of(change),
        breadcrumbs=crumbs_of(shown, "Request"),
        it=shown,
        change=change,
        people=people_of((change,))[change.id],
        stages=stages_for_staff(change, find_task_of_change(change.id), find_problem(shown.id)),
        accepting=accepting,
        rejecting=rejecting,
        may_accept=may_edit
        and waits_for_us(change)
        and may(change, ChangeStep.SCHEDULE if is_scheduled else ChangeStep.ACCEPT),
        may_reject=may_edit and waits_for_us(change) and may(change, ChangeStep.REJECT),
        may_withdraw=may_edit and may(change, ChangeStep.WITHDRAW),
        words=words,
        **CHANGE_WORDS,
    ), 422 if has_errors else 200


def _export(wanted: RequestFilter) -> ResponseReturnValue:
    found = list_requests(wanted, limit=EXPORT_ROWS)
    people = people_of([row.change for row in found])
    rows = [
        (
            row.subscription_code,
            row.subscription_name,
            row.account_name,
            words_of(row.change),
            STATUS_WORDS[row.change.status],
            TIMING_WORDS[row.change.timing],
            day_of(row.change),
            people[row.change.id].requested_by or "",
            row.change.created_at,
            row.change.comment,
        )
        for row in found
    ]
    return export("csv", "requests", EXPORT_HEADER, rows)
