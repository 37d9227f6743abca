"""The list of orders, and starting, showing, executing and canceling one (CB-18, CB-19, RS-05)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import AccountFilter, get_account, list_accounts
from app.bss.calendar import distributor_zone
from app.bss.orders.blueprint import bp
from app.bss.orders.forms import ActionForm, CancelForm, NewOrderForm
from app.catalogue.models import BillingCycle, Term
from app.core.clock import utc_now
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.permissions import Permission
from app.orders.back_office import CANCELABLE, CHANGEABLE, EXECUTABLE, cancel, create_order, execute
from app.orders.back_office_queries import (
    BackOfficeFilter,
    BackOfficeItem,
    BackOfficeOrder,
    count_found,
    find_orders,
    get_for_back_office,
    items_for_back_office,
    totals_of,
)
from app.orders.models import OrderChannel, OrderStatus
from app.orders.queries import list_events
from app.orders.words import STATUS_WORDS
from app.resellers.plans import needs_alias
from app.web.exports import csv_response, xlsx_response
from app.web.pages import page
from app.web.pagination import SIZES, Page, requested_page
from themes.frames import Crumb

CHANNEL_WORDS = {
    OrderChannel.ROOT: "Storefront",
    OrderChannel.ALIAS: "Reseller storefront",
    OrderChannel.BSS: "Back office",
}
TERM_WORDS = {Term.P1M: "1 month", Term.P1Y: "1 year", Term.P3Y: "3 years", Term.NONE: "No term"}
CYCLE_WORDS = {
    BillingCycle.MONTHLY: "monthly",
    BillingCycle.ANNUAL: "yearly",
    BillingCycle.TRIENNIAL: "every 3 years",
    BillingCycle.ONE_TIME: "once",
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


def with_args(**changes: Any) -> str:
    """Return this list's URL with some parameters changed; an empty value drops one."""
    args: dict[str, Any] = {**request.args.to_dict(), **changes}
    return url_for(".index", **{name: value for name, value in args.items() if value not in (None, "")})


def _export(wanted: BackOfficeFilter, zone: str, kind: str) -> ResponseReturnValue:
    rows = [
        (
            order.number,
            STATUS_WORDS[order.status],
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
    return (csv_response if kind == "csv" else xlsx_response)("orders", EXPORT_HEADER, rows)


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
    form = NewOrderForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                order = create_order(
                    account_id,
                    po_number=form.po_number.data,
                    comment=form.comment.data,
                    actor=signed_in_viewer().actor,
                    at=utc_now(),
                )
        except Invalid as refusal:
            form.take(refusal)
        else:
            return redirect(url_for(".products", number=order.number), code=303)
    payer = get_account(account.reseller_id) if account.reseller_id else account
    return page(
        "bss/orders/new.html",
        title=f"New order for {account.name}",
        breadcrumbs=[Crumb("Orders", url_for(".index")), Crumb("New order")],
        account=account,
        payer=payer,
        form=form,
    ), form.status


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
        status_words=STATUS_WORDS,
        channel_words=CHANNEL_WORDS[order.channel],
        terms=TERM_WORDS,
        cycles=CYCLE_WORDS,
        event_states=EVENT_STATES,
        problems=problems_of(order, items),
        refusal=refusal,
        may_change=is_changeable(order) and viewer.can(Permission.BSS_ORDERS_EDIT),
        may_execute=order.status in EXECUTABLE and viewer.can(Permission.BSS_ORDERS_EXECUTE),
        may_cancel=order.status in CANCELABLE and viewer.can(Permission.BSS_ORDERS_EDIT),
        sees_vendor_cost=viewer.can(Permission.BSS_COSTS_VIEW),
        form=ActionForm(),
    ), 422 if refusal else 200


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


@bp.post("/<number>/execute")
@permission_required(Permission.BSS_ORDERS_EXECUTE)
def execute_order(number: str) -> ResponseReturnValue:
    """Ask for the execution; what is missing is told on the order's page with 422, a second time is a conflict."""
    if ActionForm().validate_on_submit():
        try:
            with unit_of_work():
                execute(number, actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            return order_page(number, refusal)
        flash(f"{number} is being executed.", "success")
    return redirect(url_for(".detail", number=number), code=303)


@bp.route("/<number>/cancel", methods=["GET", "POST"])
@permission_required(Permission.BSS_ORDERS_EDIT)
def cancel_order(number: str) -> ResponseReturnValue:
    """Cancel an order that was not executed."""
    order = get_for_back_office(number)
    form = CancelForm()
    if form.validate_on_submit():
        try:
            with unit_of_work():
                cancel(number, reason=form.reason.data or "", actor=signed_in_viewer().actor, at=utc_now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            flash(f"{number} was canceled.", "success")
            return redirect(url_for(".detail", number=number), code=303)
    return page(
        "bss/orders/cancel.html",
        title=f"Cancel {order.number}",
        breadcrumbs=[
            Crumb("Orders", url_for(".index")),
            Crumb(order.number, url_for(".detail", number=number)),
            Crumb("Cancel"),
        ],
        order=order,
        form=form,
    ), form.status
