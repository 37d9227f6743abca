"""The list of all accounts' subscriptions, at what their payers pay (decisions section 8)."""

from __future__ import annotations

import enum

from flask import request
from flask.typing import ResponseReturnValue

from app.access import permission_required
from app.bss.subscriptions.blueprint import bp
from app.catalogue.words import CYCLE_WORDS
from app.changes.back_office import count_undecided
from app.identity.permissions import Permission
from app.owner.lists import chips, chosen, with_args
from app.subscriptions.back_office import (
    SubscriptionFilter,
    count_subscriptions,
    list_subscriptions,
)
from app.subscriptions.models import SubscriptionStatus, SyncStatus
from app.web.exports import csv_response, xlsx_response
from app.web.pages import page
from app.web.pagination import Page, requested_page

EXPORT_ROWS = 10_000
EXPORT_HEADER = (
    "Code", "Name", "Product", "Account", "Payer", "Quantity", "Billed", "Status", "At the vendor", "Renews on",
    "Unit cost", "Currency",
)  # fmt: skip


def words(state: enum.Enum) -> str:
    """Return a state as the specification spells it."""
    return str(state.value).replace("_", " ").capitalize()


@bp.get("")
@permission_required(Permission.BSS_SUBSCRIPTIONS_VIEW)
def index() -> ResponseReturnValue:
    """List subscriptions, or export what the filter finds."""
    wanted = SubscriptionFilter(
        request.args.get("q", "")[:100], chosen(SubscriptionStatus, "status"), chosen(SyncStatus, "sync")
    )
    if request.args.get("export") in ("csv", "xlsx"):
        return _export(wanted)
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
        ],
        chips=chips(
            {
                "status": f"Status: {words(wanted.status)}" if wanted.status else "",
                "sync": f"At the vendor: {words(wanted.sync_status)}" if wanted.sync_status else "",
            }
        ),
        words=words,
        cycles=CYCLE_WORDS,
        with_args=with_args,
        undecided=count_undecided(),
    )


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
    answer = csv_response if request.args["export"] == "csv" else xlsx_response
    return answer("subscriptions", EXPORT_HEADER, rows)
