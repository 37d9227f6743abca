"""The operators' list of tasks, and one task: what was asked, what the vendor said, what to do (CB-22, GO-10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.bss.listing import asked_choice, asked_id, asked_text, chosen_ids, to_with_args, with_args
from app.bss.provisioning.blueprint import bp
from app.bss.provisioning.forms import ActionForm, DoneForm
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.execution_rows import find_order_number
from app.orders.queries import list_events
from app.orders.repairs import count_undelivered, list_still_orders, record_done, retry, retry_many
from app.provisioning.later import find_operation
from app.provisioning.models import ProvisioningTask, StuckKind, StuckWork, TaskKind, TaskStatus
from app.provisioning.pictures import from_json
from app.provisioning.queries import find_service_manager, get_task, list_calls, list_service_managers
from app.provisioning.worklist import (
    MustAct,
    Stage,
    TaskFilter,
    count_by_stage,
    count_tasks,
    is_overdue,
    list_tasks,
    stage_of,
    who_must_act,
)
from app.reporting.stuck_work import count_stuck, list_stuck
from app.subscriptions.queries import codes_of
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from themes.frames import Crumb

STAGE_WORDS = {
    Stage.STUCK: "Needs attention",
    Stage.AT_VENDOR: "In progress at the vendor",
    Stage.RETRYING: "Tried again by itself",
    Stage.WAITING: "Waiting or running",
    Stage.DONE: "Done",
}
STATUS_WORDS = {
    TaskStatus.PENDING: "Pending",
    TaskStatus.RUNNING: "Running",
    TaskStatus.AT_VENDOR: "In progress at the vendor",
    TaskStatus.WAITING: "Waits for a person",
    TaskStatus.SUCCEEDED: "Succeeded",
    TaskStatus.FAILED: "Failed",
    TaskStatus.CANCELED: "Canceled",
}
TONES = {
    TaskStatus.PENDING: "progress",
    TaskStatus.RUNNING: "progress",
    TaskStatus.AT_VENDOR: "progress",
    TaskStatus.WAITING: "warning",
    TaskStatus.SUCCEEDED: "success",
    TaskStatus.FAILED: "danger",
    TaskStatus.CANCELED: "neutral",
}
KIND_WORDS = {
    TaskKind.CREATE: "Create",
    TaskKind.UPDATE: "Change",
    TaskKind.CANCEL: "Cancel",
    TaskKind.SUSPEND: "Suspend",
    TaskKind.ACTIVATE: "End a suspension",
    TaskKind.SCHEDULE: "Announce a change",
    TaskKind.WITHDRAW: "Take an announcement back",
    TaskKind.OPEN_STOREFRONT: "Open storefront",
}
ACT_WORDS = {
    MustAct.NOBODY: "Nobody: it goes on by itself",
    MustAct.VENDOR: "The vendor: we look again by ourselves",
    MustAct.OPERATOR: "An operator",
    MustAct.ADMINISTRATOR: "An administrator: no worker takes it",
}
STUCK_WORDS = {
    StuckKind.TASK_OVERDUE: "Task nobody takes",
    StuckKind.TASK_FAILED: "Failed task",
    StuckKind.ORDER_EXECUTING: "Order that is still executing",
    StuckKind.ORDER_SCHEDULED: "Scheduled order that failed",
    StuckKind.MAIL: "Mail that is not sent",
}
WORDS: dict[str, Any] = {"status_words": STATUS_WORDS, "tones": TONES, "kind_words": KIND_WORDS, "act_words": ACT_WORDS}


def asked_filter() -> TaskFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return TaskFilter(asked_text(), asked_choice(Stage, "stage"), asked_id("manager"))


@bp.get("")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def index() -> ResponseReturnValue:
    """List tasks; what is stuck stands first, above all orders that stand still."""
    asked, at = requested_page(), utc_now()
    wanted = asked_filter()
    tasks = Page(
        list_tasks(wanted, offset=asked.offset, limit=asked.size), count_tasks(wanted), asked.number, asked.size
    )
    return page(
        "bss/provisioning/index.html",
        title="Provisioning",
        tasks=tasks,
        turns={row.task.id: who_must_act(row.task, at) for row in tasks.items},
        now=at,
        wanted=wanted,
        counts=count_by_stage(),
        stages=STAGE_WORDS,
        managers=[(str(each.id), each.name) for each in list_service_managers()],
        retry_url=to_with_args(".retry_tasks", page=""),
        still_orders=list_still_orders(at),
        stuck=count_stuck(),
        undelivered=count_undelivered(),
        may_edit=_may_edit(),
        sizes=SIZES,
        with_args=with_args,
        **WORDS,
    )


@bp.post("/retry")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def retry_tasks() -> ResponseReturnValue:
    """Start the ticked failed tasks again, or all failed ones the filter finds."""
    chosen = chosen_ids()
    if ActionForm().validate_on_submit() and (chosen is None or chosen):
        with unit_of_work():
            started = retry_many(chosen, asked_filter(), actor=signed_in_viewer().actor, at=utc_now())
        words = "1 task is tried again now." if started == 1 else f"{started} tasks are tried again now."
        flash(words if started else "None of these has failed: nothing was started.", "success" if started else "info")
    else:
        flash("Tick the tasks to be tried again.", "info")
    return redirect(to_with_args(".index"), code=303)


@bp.get("/stuck")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def stuck() -> ResponseReturnValue:
    """List what should have gone on by itself and did not, the longest standing first (GO-03)."""
    return page(
        "bss/provisioning/stuck.html",
        title="Work that stands still",
        breadcrumbs=[Crumb("Provisioning", url_for(".index")), Crumb("Work that stands still")],
        rows=[(row, _target_url(row)) for row in list_stuck()],
        kinds=STUCK_WORDS,
    )


def _target_url(row: StuckWork) -> str | None:
    if row.kind in (StuckKind.TASK_OVERDUE, StuckKind.TASK_FAILED):
        return url_for(".task", task_id=row.target_id)
    if row.kind is StuckKind.MAIL:
        return url_for("bss_mail.index") if signed_in_viewer().can(Permission.BSS_MAIL_VIEW) else None
    number = find_order_number(row.target_id)
    return url_for("bss_orders.detail", number=number) if number else None


@bp.get("/tasks/<uuid:task_id>")
@permission_required(Permission.BSS_PROVISIONING_VIEW)
def task(task_id: UUID) -> ResponseReturnValue:
    """Show one task: state and next step, request, calls to the vendor with masked secrets."""
    return _show(get_task(task_id), DoneForm(formdata=None))


def _show(shown: ProvisioningTask, form: DoneForm) -> ResponseReturnValue:
    picture = from_json(shown.request)
    return page(
        "bss/provisioning/task.html",
        title=f"{KIND_WORDS[shown.kind]}: {picture.product_name}",
        breadcrumbs=[Crumb("Provisioning", url_for(".index")), Crumb(picture.product_name)],
        task=shown,
        picture=picture,
        stage=stage_of(shown),
        is_overdue=is_overdue(shown, utc_now()),
        order_number=find_order_number(shown.order_id) if shown.order_id else None,
        subscription_code=codes_of([shown.subject_id]).get(shown.subject_id),
        events=[event for event in list_events(shown.order_id) if event.item_id == shown.order_item_id]
        if shown.order_id
        else [],
        manager=find_service_manager(shown.service_manager_id) if shown.service_manager_id else None,
        calls=list_calls(shown.id),
        operation=find_operation(shown.id),
        turn=who_must_act(shown, utc_now()),
        form=form,
        may_retry=shown.status is TaskStatus.FAILED and _may_edit(),
        may_finish=shown.status is TaskStatus.WAITING and _may_edit(),
        **WORDS,
    ), form.status


@bp.post("/tasks/<uuid:task_id>/retry")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def retry_task(task_id: UUID) -> ResponseReturnValue:
    """Start a failed task again."""
    if ActionForm().validate_on_submit():
        with unit_of_work():
            retry(task_id, actor=signed_in_viewer().actor, at=utc_now())
        flash("The task is tried again now.", "success")
    return redirect(_back_to(task_id), code=303)


@bp.post("/tasks/<uuid:task_id>/done")
@permission_required(Permission.BSS_PROVISIONING_EDIT)
def finish_task(task_id: UUID) -> ResponseReturnValue:
    """Record that a person did the work."""
    form = DoneForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                record_done(task_id, form.vendor_reference.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Recorded. The service is delivered.", "success")
            return redirect(url_for(".task", task_id=task_id), code=303)
    return _show(get_task(task_id), form)


def _back_to(task_id: UUID) -> str:
    """Return to the list where the button stood there, else to the task."""
    return url_for(".index") if request.form.get("back") == "list" else url_for(".task", task_id=task_id)


def _may_edit() -> bool:
    return signed_in_viewer().can(Permission.BSS_PROVISIONING_EDIT)
