"""The BSS API: `/bss/api/v1/` on the distributor's host, over all its business, on the wholesale side."""

from __future__ import annotations

from flask import Response, jsonify

from app.api.callers import api_blueprint, current_caller, needs
from app.api.lists import amount, asked_page, listed
from app.api.tokens import token_endpoint
from app.identity.api_clients.models import ApiScope
from app.subscriptions.back_office import (
    ListedSubscription,
    SubscriptionFilter,
    count_subscriptions,
    list_subscriptions,
)
from app.web.surfaces import Surface

bp = api_blueprint(Surface.BSS)
token_endpoint(bp, Surface.BSS)


@bp.get("/me")
@needs()
def me() -> Response:
    """Tell a program who it is here."""
    caller = current_caller()
    return jsonify(
        client={"id": caller.public_id, "name": caller.name, "expires_at": caller.expires_at},
        storefront=None,
        scopes=sorted(each.value for each in caller.scopes),
    )


@bp.get("/subscriptions")
@needs(ApiScope.SUBSCRIPTIONS_READ)
def subscriptions() -> Response:
    """List all subscriptions at what their payers pay."""
    asked, wanted = asked_page(), SubscriptionFilter()
    rows = list_subscriptions(wanted, limit=asked.size, offset=asked.offset)
    return listed([_subscription(each) for each in rows], asked, count_subscriptions(wanted))


def _subscription(found: ListedSubscription) -> dict[str, object]:
    it = found.subscription
    return {
        "code": it.code,
        "name": it.name,
        "product": {"name": it.product_name},
        "account": {"id": it.account_id, "name": it.account_name},
        "payer": {"name": found.payer_name},
        "quantity": it.quantity,
        "cycle": it.cycle.value,
        "status": it.status.value,
        "sync_status": it.sync_status.value,
        "renews_on": it.renews_on and it.renews_on.isoformat(),
        "unit_cost": amount(it.unit_cost),
        "currency": it.currency,
    }
