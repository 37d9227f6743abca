"""The list of all accounts' subscriptions, at what their payers pay (decisions section 8)."""

from __future__ import annotations

import enum
from datetime import date
from uuid import UUID

from flask import redirect, request
from flask.typing import ResponseReturnValue

from app.access import permission_required, signed_in_viewer
from app.accounts.queries import find_account
from app.bss.listing import export, to_with_args
from app.bss.subscriptions.blueprint import bp
from app.catalogue.models import BillingCycle
from app.catalogue.queries import list_product_types
from app.catalogue.words import CYCLE_WORDS
from app.changes.back_office import count_undecided
from app.core.days import write_day
from app.core.db import unit_of_work
from app.core.errors import Invalid
from app.core.ids import parse_id
from app.identity.chosen_columns import choose_columns, chosen_columns
from app.identity.permissions import Permission
from app.owner.lists import chips, chosen, with_args
from app.subscriptions.back_office import (
    SubscriptionFilter,
    count_subscriptions,
    list_subscriptions,
)
from app.subscriptions.models import SubscriptionStatus, SyncStatus
from app.web.pages import page
from app.web.pagination import Page, requested_page

EXPORT_ROWS = 10_000
EXPORT_HEADER = (
    "Code", "Name", "Product", "Account", "Payer", "Quantity", "Billed", "Status", "At the vendor", "Renews on",
    "Unit cost", "Currency",
)  # fmt: skip


LIST = "bss_subscriptions"
LABELS = {
    "product": "Product", "account": "Account", "quantity": "Quantity", "unit_cost": "Unit cost",
    "line_cost": "Net per cycle", "billed": "Billed", "status": "Status", "sync": "At the vendor", "renews": "Renews",
    "auto_renew": "Automatic renewal",
}  # fmt: skip
USUAL = ("account", "quantity", "unit_cost", "billed", "status", "sync", "renews")
NUMBERS = ("quantity", "unit_cost", "line_cost")


def words(state: enum.Enum) -> str:
    """Return a state as the specification spells it."""
    return str(state.value).replace("_", " ").capitalize()


@bp.get("")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """List subscriptions, or export what the filter finds."""
    return _list()


@bp.post("/columns")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def columns() -> ResponseReturnValue:
    """Remember which columns the viewer looks at; the list comes back as it was filtered."""
    viewer = signed_in_viewer()
    try:
        with unit_of_work():
            choose_columns(viewer.user_id, LIST, request.form.getlist("column"), known=tuple(LABELS))
    except Invalid as refusal:
        return _list(refusal)
    return redirect(to_with_args(".index"), code=303)


def _list(refusal: Invalid | None = None) -> ResponseReturnValue:
    wanted, types = _wanted(), [each.product_type for each in list_product_types()]
    if request.args.get("export") in ("csv", "xlsx"):
        return _export(wanted)
    chosen_before = chosen_columns(signed_in_viewer().user_id, LIST)
    shown = USUAL if chosen_before is None else tuple(name for name in LABELS if name in chosen_before)
    asked = requested_page()
    rows = list_subscriptions(wanted, limit=asked.size, offset=asked.offset)
    return page(
        "bss/subscriptions/index.html",
        title="Subscriptions",
        found=Page(rows, count_subscriptions(wanted), asked.number, asked.size),
        wanted=wanted,
        filters=[
            _select("status", "Status", SubscriptionStatus),
            _select("sync", "At the vendor", SyncStatus),
            {
                "name": "type",
                "label": "Product type",
                "options": [(str(each.id), each.name) for each in types],
                "value": str(wanted.product_type_id or ""),
            },
            {
                "name": "billed",
                "label": "Billed",
                "options": [(each.value, CYCLE_WORDS[each].capitalize()) for each in BillingCycle],
                "value": wanted.cycle.value if wanted.cycle else "",
            },
            {
                "name": "renewal",
                "label": "Automatic renewal",
                "options": [("on", "On"), ("off", "Off")],
                "value": request.args.get("renewal", ""),
            },
        ],
        chips=chips(
            {
                "status": f"Status: {words(wanted.status)}" if wanted.status else "",
                "sync": f"At the vendor: {words(wanted.sync_status)}" if wanted.sync_status else "",
                "type": next((each.name for each in types if each.id == wanted.product_type_id), ""),
                "billed": CYCLE_WORDS[wanted.cycle].capitalize() if wanted.cycle else "",
                "renewal": _renewal_words(wanted),
                "account": _account_words(wanted.account_id),
                "from": f"Renews from {write_day(wanted.renews_from)}" if wanted.renews_from else "",
                "to": f"Renews until {write_day(wanted.renews_to)}" if wanted.renews_to else "",
            }
        ),
        words=words,
        cycles=CYCLE_WORDS,
        with_args=with_args,
        undecided=count_undecided(),
        shown=shown,
        columns=[{"name": name, "label": label, "is_shown": name in shown} for name, label in LABELS.items()],
        heads=[{"label": LABELS[name], "kind": "num" if name in NUMBERS else ""} for name in shown],
        columns_url=to_with_args(".columns"),
        refusal=refusal,
    ), 422 if refusal else 200


def _wanted() -> SubscriptionFilter:
    """Read the list's filter from the query string; what is no choice is no filter."""
    return SubscriptionFilter(
        search=request.args.get("q", "")[:100],
        status=chosen(SubscriptionStatus, "status"),
        sync_status=chosen(SyncStatus, "sync"),
        account_id=parse_id(request.args.get("account", "")),
        product_type_id=parse_id(request.args.get("type", "")),
        cycle=chosen(BillingCycle, "billed"),
        renews_from=_asked_day("from"),
        renews_to=_asked_day("to"),
        auto_renew={"on": True, "off": False}.get(request.args.get("renewal", "")),
    )


def _asked_day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _renewal_words(wanted: SubscriptionFilter) -> str:
    if wanted.auto_renew is None:
        return ""
    return "Renews by itself" if wanted.auto_renew else "Does not renew"


def _account_words(account_id: UUID | None) -> str:
    account = find_account(account_id) if account_id is not None else None
    return account.name if account is not None else ""


def _select(name: str, label: str, kind: type[enum.Enum]) -> dict[str, object]:
    return {
        "name": name,
        "label": label,
        "options": [(each.value, words(each)) for each in kind],
        "value": request.args.get(name, ""),
    }


def _export(wanted: SubscriptionFilter) -> ResponseReturnValue:
    rows = [
        (
            row.subscription.code,
            row.subscription.name,
            row.subscription.product_name,
            row.subscription.account_name,
            row.payer_name,
            row.subscription.quantity,
            CYCLE_WORDS[row.subscription.cycle].capitalize(),
            words(row.subscription.status),
            words(row.subscription.sync_status),
            row.subscription.renews_on,
            row.subscription.unit_cost,
            row.subscription.currency,
        )
        for row in list_subscriptions(wanted, limit=EXPORT_ROWS)
    ]
    return export(request.args["export"], "subscriptions", EXPORT_HEADER, rows)
