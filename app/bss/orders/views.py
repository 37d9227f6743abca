"""The list of orders, and starting, showing, editing, copying and printing one (CB-18, RS-05)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import AccountFilter, get_account, list_accounts
from app.audit.services import Actor
from app.billing.papers import render
from app.bss.calendar import distributor_zone
from app.bss.listing import export, with_args
from app.bss.orders.blueprint import bp
from app.bss.orders.forms import ActionForm, DetailsForm, NewOrderForm
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import new_id, parse_id
from app.identity.permission_rules.models import RuledKind
from app.identity.permission_rules.records import begin_record
from app.identity.permissions import Permission
from app.orders.agreed import PricingRights
from app.orders.back_office import CHANGEABLE, NewOrder, change_details, create_order
from app.orders.back_office_execution import CANCELABLE, EXECUTABLE
from app.orders.back_office_queries import (
    BackOfficeFilter,
    BackOfficeItem,
    BackOfficeOrder,
    count_found,
    find_orders,
    get_for_back_office,
    items_for_back_office,
    missing_answers_of,
)
from app.orders.back_office_totals import totals_of
from app.orders.copies import copy_order
from app.orders.errors import OrderNotFound
from app.orders.execution_rows import find_order_number
from app.orders.idempotency import Submit, once
from app.orders.models import OrderChannel, OrderStatus
from app.orders.partial import DELIVERABLE, sub_orders_of
from app.orders.queries import list_events
from app.orders.removal import may_delete
from app.orders.shares.shown import shared
from app.orders.statuses import MOVABLE, choices_by_hand
from app.orders.words import STATUS_WORDS
from app.resellers.plans import needs_alias
from app.subscriptions.queries import codes_of
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from themes.frames import Crumb

CHANNEL_WORDS = {
    OrderChannel.ROOT: "Storefront",
    OrderChannel.ALIAS: "Reseller storefront",
    OrderChannel.BSS: "Back office",
    OrderChannel.API: "API",
}
EVENT_STATES = {
    "failed": "failed", "canceled": "danger", "delivered": "done", "executed": "done", "provisioning": "running",
    "retry": "waiting", "awaiting_approval": "waiting",
}  # fmt: skip
EXPORT_ROWS = 10_000
EXPORT_HEADER = ("Number", "Status", "Placed", "Account", "Billed to", "Channel", "PO number", "Net total", "Currency")
STATUSES = {status.value for status in OrderStatus} - {OrderStatus.DRAFT.value}


def requested_filter() -> BackOfficeFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    args = request.args
    return BackOfficeFilter(
        search=args.get("q", "")[:100],
        status=OrderStatus(args["status"]) if args.get("status") in STATUSES else None,
        channel=OrderChannel(args["channel"]) if args.get("channel") in {each.value for each in OrderChannel} else None,
        account_id=parse_id(args.get("account", "")),
        placed_from=_day("from"),
        placed_to=_day("to"),
        is_flagged=args.get("flagged") == "1",
    )


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


@bp.get("")
@permission_required(Permission.BSS_ORDERS_VIEW)
def index() -> ResponseReturnValue:
    """List orders, or export what the filter finds."""
    wanted, zone = requested_filter(), distributor_zone()
    if request.args.get("format") in ("csv", "xlsx"):
        return _export(wanted, zone, request.args["format"])
    asked = requested_page()
    return page(
        "bss/orders/index.html",
        title="Orders",
        orders=Page(
            find_orders(wanted, zone=zone, limit=asked.size, offset=asked.offset),
            count_found(wanted, zone=zone),
            asked.number,
            asked.size,
        ),
        wanted=wanted,
        sizes=SIZES,
        statuses={status: words for status, words in STATUS_WORDS.items() if status is not OrderStatus.DRAFT},
        channels=CHANNEL_WORDS,
        with_args=with_args,
        may_edit=signed_in_viewer().can(Permission.BSS_ORDERS_EDIT),
    )


def _export(wanted: BackOfficeFilter, zone: str, kind: str) -> ResponseReturnValue:
    rows = [
        (
            order.number,
            order.status_words,
            order.placed_at,
            order.account_name,
            order.payer_name,
            CHANNEL_WORDS[order.channel],
            order.po_number,
            order.net_total,
            order.currency,
        )
        for order in find_orders(wanted, zone=zone, limit=EXPORT_ROWS)
    ]
    return export(kind, "orders", EXPORT_HEADER, rows)


@bp.get("/new")
@permission_required(Permission.BSS_ORDERS_EDIT)
def choose_account() -> ResponseReturnValue:
    """Choose who an order is for."""
    search = request.args.get("q", "")[:100]
    return page(
        "bss/orders/choose_account.html",
        title="New order",
        breadcrumbs=[Crumb("Orders", url_for(".index")), Crumb("New order")],
        search=search,
        accounts=list_accounts(AccountFilter(search=search), limit=25) if search else [],
    )


@bp.route("/new/<uuid:account_id>", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def new(account_id: UUID) -> ResponseReturnValue:
    """Start an order for an account."""
    account = get_account(account_id)
    form, actor, at = NewOrderForm(), signed_in_viewer().actor, utc_now()
    form.choose_rule(RuledKind.ORDER, actor)
    if form.validate_on_submit():
        try:
            with unit_of_work():
                wanted = form.to_new(account_id)
                key = parse_id(form.request_key.data or "") or new_id()
                submit = Submit(str(actor.user_id), "order", key, (wanted,))
                made = once(submit, lambda: _begin(wanted, form.chosen_rule, actor, at), at=at)
                number = number_of(made)
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".products", number=number), code=303)
    elif not form.is_submitted():
        form.request_key.data = str(new_id())
    payer = get_account(account.reseller_id) if account.reseller_id else account
    return page(
        "bss/orders/new.html",
        title=f"New order for {account.name}",
        breadcrumbs=[Crumb("Orders", url_for(".index")), Crumb("New order")],
        account=account,
        payer=payer,
        form=form,
    ), form.status


def _begin(wanted: NewOrder, rule_id: UUID | None, actor: Actor, at: datetime) -> UUID:
    order_id = create_order(wanted, actor=actor, at=at).id
    begin_record(RuledKind.ORDER, order_id, rule_id, actor=actor, at=at)
    return order_id


@bp.route("/<number>/edit", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def edit(number: str) -> ResponseReturnValue:
    """Change an order's name, start, reference and note before it is executed."""
    order = get_for_back_office(number)
    form = DetailsForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                change_details(
                    number, form.to_details(), version=form.seen_version, actor=signed_in_viewer().actor, at=utc_now()
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash("Saved.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    elif not form.is_submitted():
        form.name.data, form.starts_on.data = order.name, order.execute_on
        form.contact_email.data = order.contact_email
        form.po_number.data, form.comment.data = order.po_number, order.comment
        form.show_version(order.version)
    return page(
        "bss/orders/edit.html",
        title=f"Edit {order.number}",
        breadcrumbs=[
            Crumb("Orders", url_for(".index")),
            Crumb(order.number, url_for(".detail", number=number)),
            Crumb("Edit"),
        ],
        order=order,
        form=form,
    ), form.status


@bp.post("/<number>/copy")
@permission_required(Permission.BSS_ORDERS_EDIT)
def copy(number: str) -> ResponseReturnValue:
    """Start an order like this one; the key of the button makes a double click harmless."""
    actor, at = signed_in_viewer().actor, utc_now()
    get_for_back_office(number)
    left_out: list[str] = []

    def make() -> UUID:
        made = copy_order(number, rights=pricing_rights(), actor=actor, at=at)
        left_out.extend(made.left_out)
        return made.order.id

    with unit_of_work():
        key = parse_id(request.args.get("request_key", "")) or new_id()
        new_number = number_of(once(Submit(str(actor.user_id), "order-copy", key, (number,)), make, at=at))
    flash(f"{new_number} is a copy of {number}.", "success")
    for words in left_out:
        flash(f"Left out – {words}", "warning")
    return redirect(url_for(".detail", number=new_number), code=303)


@bp.get("/<number>/pdf")
@permission_required(Permission.BSS_ORDERS_VIEW)
def pdf(number: str) -> ResponseReturnValue:
    """Return an order as PDF: what its payer pays."""
    order = get_for_back_office(number)
    paper = shared(order, items_for_back_office(order.id)).paper()
    answer = Response(render(paper), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{order.number}.pdf"'
    return answer


@bp.get("/<number>")
@permission_required(Permission.BSS_ORDERS_VIEW)
def detail(number: str) -> ResponseReturnValue:
    """Show one order: state and next step, items, statement, history."""
    return order_page(number)


def order_page(number: str, refusal: Invalid | None = None) -> ResponseReturnValue:
    """Render an order; `refusal` says why its execution was not accepted."""
    order = get_for_back_office(number)
    items = items_for_back_office(order.id)
    viewer = signed_in_viewer()
    return page(
        "bss/orders/detail.html",
        title=order.number,
        breadcrumbs=[Crumb("Orders", url_for(".index")), Crumb(order.number)],
        order=order,
        items=items,
        totals=totals_of(items, order.currency),
        events=list_events(order.id),
        parts=sub_orders_of(order.id),
        codes=codes_of(item.subscription_id for item in items),
        missing=missing_answers_of(items),
        more=_more(order),
        flagged=order.status is OrderStatus.SCHEDULED and order.run_failed_at is not None,
        status_words=STATUS_WORDS,
        channel_words=CHANNEL_WORDS[order.channel],
        event_states=EVENT_STATES,
        problems=problems_of(order, items),
        refusal=refusal,
        may_change=is_changeable(order) and viewer.can(Permission.BSS_ORDERS_EDIT),
        may_execute=order.status in EXECUTABLE and viewer.can(Permission.BSS_ORDERS_EXECUTE),
        may_deliver=order.status in DELIVERABLE and viewer.can(Permission.BSS_ORDERS_EXECUTE),
        may_abandon=viewer.can(Permission.BSS_PROVISIONING_EDIT),
        may_cancel=order.status in CANCELABLE and viewer.can(Permission.BSS_ORDERS_EDIT),
        sees_vendor_cost=viewer.can(Permission.BSS_COSTS_VIEW),
        form=ActionForm(),
    ), 422 if refusal else 200


def _more(order: BackOfficeOrder) -> list[dict[str, object]]:
    """Return the menu of an order."""
    viewer, number = signed_in_viewer(), order.number
    may_edit = viewer.can(Permission.BSS_ORDERS_EDIT)
    found: list[dict[str, object]] = [{"label": "Print", "url": url_for(".pdf", number=number), "icon": "file"}]
    if may_edit and order.status is not OrderStatus.CANCELED:
        found.append({"label": "Share", "url": url_for(".share", number=number), "icon": "mail"})
    if may_edit and is_changeable(order):
        found.append({"label": "Edit", "url": url_for(".edit", number=number), "icon": "edit"})
        found.append(
            {"label": "Assign to subscriptions", "url": url_for(".assign_items", number=number), "icon": "link"}
        )
    if may_edit and order.status in MOVABLE and choices_by_hand():
        found.append({"label": "Change status", "url": url_for(".move", number=number), "icon": "edit"})
    if viewer.can(Permission.BSS_SALES_APPROVE) and may_delete(order.status, order.channel):
        found.append({"label": "Delete", "url": url_for(".delete", number=number), "icon": "trash"})
    if may_edit:
        found.append({"label": "Copy", "url": url_for(".copy", number=number, request_key=new_id()), "post": True})
    return found


def pricing_rights() -> PricingRights:
    """Return what the viewer may do to prices."""
    viewer = signed_in_viewer()
    return PricingRights(
        may_agree=viewer.can(Permission.BSS_PRICES_OVERRIDE),
        may_go_below_cost=viewer.can(Permission.BSS_SALES_APPROVE),
    )


def number_of(order_id: UUID) -> str:
    """Return an order's number; it was made in this request, or by the one this one repeats."""
    found = find_order_number(order_id)
    if found is None:
        raise OrderNotFound(str(order_id))
    return found


def is_changeable(order: BackOfficeOrder) -> bool:
    """Whether staff may still change what is ordered: their own orders, before execution."""
    return order.status in CHANGEABLE and order.channel is OrderChannel.BSS


def problems_of(order: BackOfficeOrder, items: Sequence[BackOfficeItem]) -> list[str]:
    """Say what stands between an order and its execution."""
    if order.status not in EXECUTABLE:
        return []
    found = []
    if not items:
        found.append("The order has no items yet.")
    if any(item.plan_edition and not item.alias for item in items) and needs_alias(order.account_id):
        found.append("The plan needs a storefront alias.")
    return found
