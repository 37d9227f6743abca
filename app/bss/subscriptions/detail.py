"""One subscription: what it is, what is under way, what may be done with it, what has happened (CB-23, GO-10)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.billing.charges import latest_charges
from app.billing.queries import papers_of
from app.billing.usage.rates import list_rates
from app.billing.usage.rating import usage_so_far
from app.bss.custom_fields import typed_fields, with_typed
from app.bss.subscriptions.blueprint import bp
from app.bss.subscriptions.views import words
from app.catalogue.characteristics import shown_value
from app.catalogue.words import CYCLE_WORDS, TERM_WORDS
from app.changes.guards import free_actions, is_free
from app.changes.kinds.characteristics import editable_of
from app.changes.machine import ChangeStep, may
from app.changes.offers import idle_actions
from app.changes.people import people_of
from app.changes.progress import Stage, stages_for_staff
from app.changes.queries import changes_of, open_change
from app.changes.words import KIND_WORDS, STATUS_WORDS, TIMING_WORDS, day_of, words_of
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.identity.permissions import Permission
from app.orders.execution_rows import find_order_of_item
from app.owner.change_forms import ActionForm
from app.provisioning.models import TaskStatus
from app.provisioning.queries import find_task_of_change, last_task_of
from app.subscriptions.add_ons import list_add_ons
from app.subscriptions.back_office import SubscriptionDetail, get_detail
from app.subscriptions.bundles import list_components
from app.subscriptions.custom_fields import answers_of, save_answers
from app.subscriptions.domains.services import contested_by
from app.subscriptions.machine import Action
from app.subscriptions.models import ChangeStatus, Subscription, SubscriptionChange, SubscriptionRole, SyncStatus
from app.subscriptions.problems import find_problem
from app.subscriptions.queries import find_subscription, get_subscription, list_history
from app.web.pages import page
from themes.frames import Crumb

LATEST_CHARGES = 12


@dataclass(frozen=True, slots=True)
class Want:
    """An entry of "I want to…": a page, or a button that asks for confirmation."""

    action: Action
    label: str
    endpoint: str
    confirm: str | None = None  # what happens; None: it has a page of its own
    is_danger: bool = False

    @property
    def id(self) -> str:
        """The id of its dialog."""
        return f"do-{self.action.value}"


WANTS = (
    Want(Action.QUANTITY, "Change the quantity", "bss_subscriptions.quantity"),
    Want(Action.UPGRADE, "Upgrade", "bss_subscription_upgrades.upgrade"),
    Want(Action.DOWNGRADE, "Downgrade", "bss_subscription_upgrades.downgrade"),
    Want(Action.ADD_ON, "Manage add-ons", "bss_subscription_add_ons.index"),
    Want(Action.PRICE, "Edit the pricing", "bss_subscription_prices.edit"),
    Want(Action.TRIAL, "Convert or extend the trial", "bss_trials.detail"),
    Want(Action.CHARACTERISTICS, "Edit details", "bss_subscriptions.details"),
    Want(Action.RENAME, "Rename", "bss_subscriptions.rename"),
    Want(
        Action.SUSPEND, "Suspend", "bss_subscriptions.suspend",
        "It is switched off at its vendor. The billing goes on, and nothing else is possible until it is active again.",
        is_danger=True,
    ),
    Want(
        Action.ACTIVATE, "Activate again", "bss_subscriptions.activate",
        "It is switched on again at its vendor.",
    ),
    Want(
        Action.RENEW, "Renew", "bss_subscriptions.renew",
        "A new term begins today at today's price, and is invoiced.",
    ),
    Want(Action.CANCEL, "Cancel", "bss_subscriptions.cancel", is_danger=True),
)  # fmt: skip


@bp.get("/<code>")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def detail(code: str) -> ResponseReturnValue:
    """Show one subscription."""
    return subscription_page(code)


def subscription_page(code: str, refusal: Invalid | None = None) -> ResponseReturnValue:
    """Render a subscription; `refusal` says which custom field was not taken."""
    shown, found = get_detail(code), get_subscription(code)
    current, changes = open_change(found.id), changes_of(found.id)
    task = find_task_of_change(current.id) if current is not None else None
    problem = find_problem(found.id)
    viewer = signed_in_viewer()
    may_edit = viewer.can(Permission.BSS_SUBSCRIPTIONS_EDIT)
    return page(
        "bss/subscriptions/detail.html",
        title=shown.name,
        breadcrumbs=[Crumb("Subscriptions", url_for(".index")), Crumb(shown.code)],
        it=shown,
        current=current,
        stages=stages_for_staff(current, task, problem) if current is not None else _without_request(found, problem),
        problem=problem,
        wants=wants_of(found) if may_edit else [],
        form=ActionForm(formdata=None),
        may_edit=may_edit,
        may_withdraw=may_edit and current is not None and may(current, ChangeStep.WITHDRAW),
        may_retry=may_edit and found.sync_status is SyncStatus.FAILED and _has_failed(found),
        may_switch=may_edit and shown.trial_ends_on is None and is_free(found, Action.AUTO_RENEW),
        waits_for_us=current is not None and waits_for_us(current),
        changes=changes,
        people=people_of([*changes, *([current] if current is not None else [])]),
        events=list_history(found.id),
        charges=latest_charges(found.id, LATEST_CHARGES) if viewer.can(Permission.BSS_BILLING_VIEW) else [],
        add_ons=list_add_ons(found.id),
        components=list_components(found.id),
        parent=find_subscription(found.parent_id) if found.parent_id else None,
        usage=usage_so_far(found) if list_rates(found.product_id) else None,
        details=_details(found),
        order_number=find_order_of_item(found.order_item_id) if viewer.can(Permission.BSS_ORDERS_VIEW) else None,
        papers=papers_of(found) if viewer.can(Permission.BSS_BILLING_VIEW) else [],
        contested=contested_by(found),
        answers=with_typed(answers_of(found), typed_fields() if refusal else {}),
        field_errors={error.field: error.message for error in refusal.errors} if refusal else {},
        words=words,
        cycles=CYCLE_WORDS,
        terms=TERM_WORDS,
        **CHANGE_WORDS,
    ), 422 if refusal else 200


@bp.post("/<code>/fields")
@permission_required(Permission.BSS_SUBSCRIPTIONS_EDIT)
def fields(code: str) -> ResponseReturnValue:
    """Save what a subscription's custom fields hold; also those of a canceled one (CB-23)."""
    try:
        with unit_of_work():
            save_answers(get_subscription(code), typed_fields(), actor=signed_in_viewer().actor, at=utc_now())
    except Invalid as refusal:
        return subscription_page(code, refusal)
    flash("The fields were saved.", "success")
    return redirect(back_to(code), code=303)


CHANGE_WORDS = {
    "kind_words": KIND_WORDS,
    "status_words": STATUS_WORDS,
    "timing_words": TIMING_WORDS,
    "words_of": words_of,
    "day_of": day_of,
}


def wants_of(subscription: Subscription) -> list[Want]:
    """Return what may be done now, where the page for it exists."""
    free = free_actions(subscription)
    if subscription.plan_edition is not None:
        free &= {Action.RENAME}
    if subscription.trial_ends_on is None:
        free -= {Action.TRIAL}
    if Action.CHARACTERISTICS in free and not editable_of(subscription):
        free -= {Action.CHARACTERISTICS}
    free -= idle_actions(subscription)
    if subscription.role is not SubscriptionRole.MAIN:  # the rest is done with what it belongs to
        free &= {Action.RENAME, Action.CHARACTERISTICS}
    return [each for each in WANTS if each.action in free and each.endpoint in current_app.view_functions]


def waits_for_us(change: SubscriptionChange) -> bool:
    """Whether somebody of the distributor has to decide: on a customer's request, or on what the vendor refused."""
    return (
        change.status is ChangeStatus.SUBMITTED and change.examined_at is not None
    ) or change.status is ChangeStatus.FAILED


def back_to(code: str) -> str:
    """Return the address of a subscription's page."""
    return url_for("bss_subscriptions.detail", code=code)


def crumbs_of(shown: SubscriptionDetail, label: str) -> list[Crumb]:
    """Return the way to a page below a subscription's."""
    return [Crumb("Subscriptions", url_for(".index")), Crumb(shown.code, back_to(shown.code)), Crumb(label)]


def _has_failed(subscription: Subscription) -> bool:
    task = last_task_of(subscription.id)
    return task is not None and task.status is TaskStatus.FAILED


def _details(subscription: Subscription) -> list[tuple[str, str]]:
    return [
        (each.name, shown_value(each, subscription.characteristics.get(each.id))) for each in editable_of(subscription)
    ]


def _without_request(subscription: Subscription, problem: str | None) -> list[Stage]:
    """Return how the vendor stands where no request is open: the order's own task, under way or failed."""
    if subscription.sync_status not in (SyncStatus.PENDING, SyncStatus.FAILED):
        return []
    task = last_task_of(subscription.id)
    if task is None:
        return []
    is_failed = subscription.sync_status is SyncStatus.FAILED
    return [
        Stage(
            "At the vendor",
            "failed" if is_failed else "running",
            task.finished_at or task.created_at,
            problem if is_failed else task.message,
            next_retry_at=task.next_attempt_at if task.attempts and not is_failed else None,
            acts_next="Operations: put its details right, or try the task again" if is_failed else None,
            task_id=task.id,
        )
    ]
